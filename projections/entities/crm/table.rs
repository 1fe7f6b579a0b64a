//! The records of one resource of one source, each as it was last observed.
//!
//! The newest observation of a record stands, be it the record or its removal. A whole snapshot also says that whatever
//! it does not hold is gone: it raises the low watermark, below which no observation counts. Both only ever rise, so
//! parts and runs may come in any order.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::sync::Resource;
use domain::members::{Currency, Instant};

use crate::canonical::{Canonical, stable_hash};
use crate::entities::crm::row::{Origins, RecordRow, Seen};
use crate::store::{Buckets, Index, Pages, Symbol, Texts, heap_free, heap_size};

/// What records are counted by. Texts keep their spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Lead source.
    pub source: Option<Symbol>,
    /// Stage.
    pub stage: Option<Symbol>,
    /// Contact type.
    pub contact_type: Option<Symbol>,
    /// Currency of the value.
    pub currency: Option<Currency>,
}

heap_free!(Kind);

/// Sums of the records of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many.
    pub count: i64,
    /// How many of them with a value.
    pub valued: i64,
    /// The values, minor units.
    pub value_minor: i128,
}

heap_free!(Sums);

/// The records of one contact: snapshots of notes are of one contact each.
#[derive(Debug, Clone, Default)]
struct Scope {
    low_watermark: Seen,
    rows: Vec<u32>,
}

heap_size!(Scope { rows; low_watermark });

/// The records.
#[derive(Debug, Clone, Default)]
pub struct ResourceTable {
    rows: Pages<RecordRow>,
    index: Index,
    low_watermark: Seen,
    newest: Seen,
    scopes: Arc<BTreeMap<Symbol, Scope>>,
    tally: Arc<BTreeMap<Kind, Sums>>,
    live: u64,
    fingerprint: u64,
    /// Notes and activities only.
    by_date: Option<Buckets>,
}

heap_size!(ResourceTable { rows, index, scopes, tally, by_date; low_watermark, newest, live, fingerprint });

impl RecordRow {
    /// The deal size above zero: a blank or zero one is none (RULINGS, CRM).
    pub fn value(&self) -> Option<i64> {
        self.value_minor.filter(|value| *value > 0)
    }

    /// What the record adds: it counts once among those of its kind, with its value. Nothing once it is gone.
    pub fn share(&self) -> Option<(Kind, Option<i64>)> {
        let Self { source, stage, contact_type, currency, .. } = *self;
        (!self.gone).then(|| (Kind { source, stage, contact_type, currency }, self.value()))
    }

    /// Where it stands in a list by date; records without one are the oldest.
    pub fn dated(&self) -> Instant {
        self.at.unwrap_or(Instant(0))
    }
}

impl ResourceTable {
    /// An empty table.
    pub fn new(resource: Resource) -> Self {
        let by_date = matches!(resource, Resource::Notes | Resource::Activities).then(Buckets::default);
        Self { by_date, ..Self::default() }
    }

    /// Takes an observation, unless a newer one is known or a whole snapshot has overtaken it.
    pub fn put(&mut self, row: RecordRow, origins: &Origins, texts: &Texts) {
        let seen = origins.seen(&row);
        let low = match row.scope {
            Some(scope) => self.scopes.get(&scope).map_or(Seen::default(), |scope| scope.low_watermark),
            None => self.low_watermark,
        };
        if seen < low {
            return;
        }
        self.newest = self.newest.max(seen);
        match self.find(row.scope, row.id) {
            Some(at) => {
                let known = self.rows.get(at).clone();
                // The same word under two keys: the fact recorded first holds it.
                let fact = |row| Reverse(origins.of(row).fact);
                if (origins.seen(&known), fact(&known)) < (seen, fact(&row)) {
                    self.count(&known, texts, false);
                    self.count(&row, texts, true);
                    self.place(at, Some(&known), Some(&row));
                    *self.rows.get_mut(at) = row;
                }
            }
            None => {
                let at = self.rows.len() as u32;
                self.count(&row, texts, true);
                self.place(at, None, Some(&row));
                self.index.insert(Index::hash((row.scope, row.id)), at);
                if let Some(scope) = row.scope {
                    Arc::make_mut(&mut self.scopes).entry(scope).or_default().rows.push(at);
                }
                self.rows.push(row);
            }
        }
    }

    /// Takes the records of a snapshot that only changes another one. It may be empty: the source was read even so.
    pub fn change(&mut self, changes: Self, read: Seen, origins: &Origins, texts: &Texts) {
        self.newest = self.newest.max(read);
        changes.rows.into_iter().for_each(|row| self.put(row, origins, texts));
    }

    /// Takes a whole snapshot, of one contact's records or of all. Records that neither it nor anything newer holds are
    /// dropped. A snapshot older than the one that stands changes only records without a newer observation.
    pub fn replace(
        &mut self,
        mut whole: Self,
        scope: Option<Symbol>,
        low: Seen,
        origins: &Origins,
        texts: &Texts,
    ) {
        // The usual case: nothing here is newer and no contact has a snapshot of its own. Then the tables are swapped,
        // sums and all, in one step, however many records there are.
        if scope.is_none() && self.newest.max(self.low_watermark) < low && self.scopes.is_empty() {
            whole.low_watermark = low;
            *self = whole;
            return;
        }
        self.change(whole, low, origins, texts);
        self.raise(scope, low, origins, texts);
    }

    /// Raises the low watermark and drops the records below it.
    fn raise(&mut self, scope: Option<Symbol>, low: Seen, origins: &Origins, texts: &Texts) {
        let rows = match scope {
            Some(scope) => {
                let scope = Arc::make_mut(&mut self.scopes).entry(scope).or_default();
                scope.low_watermark = scope.low_watermark.max(low);
                scope.rows.clone()
            }
            None => {
                self.low_watermark = self.low_watermark.max(low);
                (0..self.rows.len() as u32).filter(|at| self.rows.get(*at).scope.is_none()).collect()
            }
        };
        for at in rows {
            let row = self.rows.get(at);
            if !row.gone && origins.seen(row) < low {
                let row = row.clone();
                self.count(&row, texts, false);
                self.place(at, Some(&row), None);
                self.rows.get_mut(at).gone = true;
            }
        }
    }

    fn find(&self, scope: Option<Symbol>, id: Symbol) -> Option<u32> {
        let is = |at: u32| {
            let row = self.rows.get(at);
            row.id == id && row.scope == scope
        };
        self.index.find(Index::hash((scope, id)), is)
    }

    fn place(&mut self, at: u32, from: Option<&RecordRow>, to: Option<&RecordRow>) {
        if let Some(by_date) = &mut self.by_date {
            let [from, to] = [from, to].map(|row| row.filter(|row| !row.gone).map(RecordRow::dated));
            by_date.place(at, from, to);
        }
    }

    /// Adds a row to what is counted, or takes it out.
    fn count(&mut self, row: &RecordRow, texts: &Texts, there: bool) {
        let Some((kind, value)) = row.share() else { return };
        let (sign, fingerprint) = (if there { 1 } else { -1 }, fingerprint(row, texts));
        self.live = self.live.wrapping_add_signed(sign);
        self.fingerprint = if there {
            self.fingerprint.wrapping_add(fingerprint)
        } else {
            self.fingerprint.wrapping_sub(fingerprint)
        };
        let tally = Arc::make_mut(&mut self.tally);
        let sums = tally.entry(kind).or_default();
        sums.count += sign;
        if let Some(value) = value {
            sums.valued += sign;
            sums.value_minor += i128::from(sign) * i128::from(value);
        }
        if sums.count == 0 {
            tally.remove(&kind);
        }
    }

    /// The record of that id in an unlimited snapshot.
    pub fn get(&self, id: Symbol) -> Option<&RecordRow> {
        self.find(None, id).map(|at| self.rows.get(at)).filter(|row| !row.gone)
    }

    /// Row `at`, as [`ResourceTable::by_date`] names it.
    pub fn row(&self, at: u32) -> &RecordRow {
        self.rows.get(at)
    }

    /// The rows, also of records that are gone.
    pub fn rows(&self) -> &Pages<RecordRow> {
        &self.rows
    }

    /// The records that are there.
    pub fn records(&self) -> impl Iterator<Item = &RecordRow> {
        self.rows.iter().filter(|row| !row.gone)
    }

    /// Whether a snapshot of this contact's records alone counts.
    pub fn was_read_of(&self, contact: Symbol) -> bool {
        self.scopes.get(&contact).is_some_and(|scope| scope.low_watermark > Seen::default())
    }

    /// The records that are there of the snapshots of this contact.
    pub fn records_of(&self, contact: Symbol) -> impl Iterator<Item = &RecordRow> {
        let rows = self.scopes.get(&contact).map_or(&[][..], |scope| &scope.rows);
        rows.iter().map(|at| self.rows.get(*at)).filter(|row| !row.gone)
    }

    /// Sums by kind.
    pub fn tally(&self) -> &BTreeMap<Kind, Sums> {
        &self.tally
    }

    /// The rows that are there by date; none of resources that are not listed by date.
    pub fn by_date(&self) -> Option<&Buckets> {
        self.by_date.as_ref()
    }

    /// When the source was last read; none before its first snapshot counts.
    pub fn observed_at(&self) -> Option<Instant> {
        let at = self.newest.max(self.low_watermark).observed_at;
        (at > 0).then_some(Instant(at))
    }

    /// The number of records and a hash over all of them: equal where two tables hold the same records (B13).
    pub fn fingerprint(&self) -> (u64, u64) {
        (self.live, self.fingerprint)
    }
}

/// When the source that was read last was read; none before the first snapshot counts.
pub fn last_observed(tables: &[ResourceTable]) -> Option<Instant> {
    tables.iter().filter_map(ResourceTable::observed_at).max()
}

/// A hash of the record's public members, the same for equal records of different tenants: without times and amounts,
/// which are read in the tenant's zone and currency.
fn fingerprint(row: &RecordRow, texts: &Texts) -> u64 {
    let mut canonical = Canonical::default();
    canonical.start("");
    let mut bare = row.clone();
    (bare.at, bare.value_minor, bare.currency) = (None, None, None);
    bare.write_canonical(texts, &mut canonical);
    stable_hash(canonical.bytes())
}
