//! The CRM of one tenant: its records as of the last successful sync runs, and the runs (B4, B6 to B10, B13).

pub mod coverage;
pub mod hot_list;
pub mod note_list;
pub mod row;
pub mod run_list;
pub mod runs;
pub mod schedule;
mod snapshots;
pub mod table;
pub mod untold;

use std::collections::BTreeMap;

use domain::facts::sync::{Resource, SnapshotTaken, SyncFact};
use domain::facts::{Fact, part};
use domain::keys::Position;
use domain::rules::configuration::Timeline;

use crate::canonical::{Canonical, Digest};
use crate::entities::crm::row::{Origins, RecordRow};
use crate::entities::crm::runs::{SyncRuns, family};
use crate::entities::crm::snapshots::{Key, Snapshots};
use crate::entities::crm::table::{Kind, ResourceTable};
use crate::entity::Entity;
use crate::store::{Strings, Symbol, Texts, heap_size};
use crate::{Recorded, halves};

/// A row of [`Crm`] that can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrmId {
    /// A run.
    Run(u32),
    /// A record, or the word that it is gone.
    Record {
        /// Of what.
        resource: Resource,
        /// Whose data.
        source: Symbol,
        /// Its number in their table.
        row: u32,
    },
}

/// What one record adds to the sums of its resource and source: it counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordShare {
    /// Of what.
    pub resource: Resource,
    /// Whose data.
    pub source: Symbol,
    /// What it is counted by.
    pub kind: Kind,
    /// Its value, minor units; none where it has none above zero.
    pub value_minor: Option<i64>,
}

/// All records and runs of one tenant. Nothing of a run is served before the run has succeeded.
#[derive(Debug, Clone, Default)]
pub struct Crm {
    strings: Strings,
    origins: Origins,
    tables: BTreeMap<(Resource, Symbol), ResourceTable>,
    snapshots: Snapshots,
    runs: SyncRuns,
}

heap_size!(Crm { strings, origins, tables, snapshots, runs });

impl Crm {
    fn snapshot(&mut self, recorded: &Recorded<'_>, body: &SnapshotTaken) {
        let key = Key::of(body, &mut self.strings);
        if self.runs.success(key.source, key.run) == Some(false) {
            return;
        }
        let [content, _] = halves(&recorded.content);
        let origin = self.origins.push(recorded.position, body.observed_at, body.run_id.as_str(), content);
        let of = (key.resource, key.scope);
        let strings = &mut self.strings;
        let ids: Vec<Symbol> = body.removed.iter().map(|id| strings.intern(id.as_str())).collect();
        let removed = ids.into_iter().map(|id| RecordRow::removed(id, key.scope, origin));
        let records = body.records.iter().enumerate();
        let rows: Vec<RecordRow> = records
            .map(|(index, record)| RecordRow::of(record, of, (origin, index), strings))
            .chain(removed)
            .collect();
        let table = (key.resource, data_of(key.source, strings));
        let counted = self.tables.entry(table).or_insert_with(|| ResourceTable::new(key.resource));
        let (table, is_waiting) = match self.snapshots.part(key, body) {
            Some(waiting) => (waiting, true),
            None => (counted, false),
        };
        rows.into_iter().for_each(|row| table.put(row, &self.origins, self.strings.texts()));
        if is_waiting {
            self.count(vec![key]);
        }
    }

    /// Counts the snapshots of `keys` that may count, then those that were waiting for them as their base.
    fn count(&mut self, mut keys: Vec<Key>) {
        while let Some(key) = keys.pop() {
            if !self.may_count(&key) {
                continue;
            }
            let Some(waiting) = self.snapshots.count(&key) else { continue };
            let (origins, texts) = (&self.origins, self.strings.texts());
            let low = waiting.low_watermark(texts.get(key.run));
            let family = data_of(key.source, &mut self.strings);
            let texts = self.strings.texts();
            let table =
                self.tables.entry((key.resource, family)).or_insert_with(|| ResourceTable::new(key.resource));
            match key.base {
                Some(_) => table.change(waiting.records, low, origins, texts),
                None => table.replace(waiting.records, key.scope, low, origins, texts),
            }
            keys.extend(self.snapshots.upon(key.run));
        }
    }

    fn may_count(&mut self, key: &Key) -> bool {
        let is_read = self.snapshots.is_complete(key) && self.runs.success(key.source, key.run) == Some(true);
        let Some(base) = key.base.filter(|_| is_read) else { return is_read };
        // The base may be of the first pass over notes, whose data are the same source's.
        let texts = self.strings.texts();
        let family = family(texts.get(key.source)).to_owned();
        let pass = self.strings.find(&format!("{family}_notes"));
        let sources = [self.strings.find(&family), pass];
        sources.into_iter().flatten().any(|source| self.snapshots.counts(key, source, base))
    }

    fn ended(&mut self, source: &str, run: &str) {
        let (source, run) = (self.strings.intern(source), self.strings.intern(run));
        match self.runs.success(source, run) {
            Some(true) => self.count(self.snapshots.of_run(source, run)),
            Some(false) => self.snapshots.forget(source, run),
            None => {}
        }
    }

    /// The tables of a resource with their sources, by the source's name.
    pub fn tables(&self, resource: Resource) -> Vec<(&str, &ResourceTable)> {
        let of = self.tables.iter().filter(|((of, _), _)| *of == resource);
        let mut tables: Vec<_> =
            of.map(|((_, source), table)| (self.strings.texts().get(*source), table)).collect();
        tables.sort_unstable_by_key(|(source, _)| *source);
        tables
    }

    /// A record, or the word that it is gone; none of a run.
    pub fn record(&self, id: CrmId) -> Option<&RecordRow> {
        let CrmId::Record { resource, source, row } = id else { return None };
        self.tables.get(&(resource, source)).map(|table| table.row(row))
    }

    /// What a row is counted as.
    pub fn subject(&self, id: CrmId) -> String {
        let texts = self.strings.texts();
        match (id, self.record(id)) {
            (CrmId::Record { resource, source, .. }, Some(record)) => {
                let (source, id) = (part(texts.get(source)), texts.get(record.id));
                format!("record/{}/{source}/{id}", resource.as_str())
            }
            _ => "run".to_owned(),
        }
    }

    /// Whether any snapshot counts yet.
    pub fn was_read(&self) -> bool {
        self.tables.values().any(|table| table.observed_at().is_some())
    }

    /// The run of the newest snapshot that counts of a resource whose data `source` reads: what a snapshot of changes
    /// may name as its base.
    pub fn base(&self, source: &str, resource: Resource) -> Option<&str> {
        let texts = self.strings.texts();
        let counted = self.snapshots.counted(resource);
        let of_source = counted.filter(|(of, _)| family(texts.get(*of)) == source);
        let newest = of_source.max_by_key(|(of, run)| (self.runs.ended_at(*of, *run), texts.get(*run)));
        newest.map(|(_, run)| texts.get(run))
    }

    /// The symbol of a text that some row has.
    pub fn symbol(&self, text: &str) -> Option<Symbol> {
        self.strings.find(text)
    }

    /// The runs.
    pub fn runs(&self) -> &SyncRuns {
        &self.runs
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }

    /// The parts that rows were read from.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Where the names of a source's contacts are: each lead's row by the CRM's id of the contact.
    pub fn contact(&self, source: &str, id: Symbol) -> Option<&RecordRow> {
        let source = self.strings.find(source)?;
        self.tables.get(&(Resource::Leads, source))?.get(id)
    }

    /// Of each source and resource with records: how many, and a fingerprint of their public members that no zone or
    /// currency changes. Equal fingerprints of two tenants mean the same records (B13, L12).
    pub fn fingerprints(&self) -> impl Iterator<Item = (Resource, &str, (u64, u64))> {
        let fingerprint = |((resource, source), table): (&(Resource, Symbol), &ResourceTable)| {
            (*resource, self.strings.texts().get(*source), table.fingerprint())
        };
        // The keys' sources live in the strings.
        self.tables.iter().map(fingerprint).filter(|(_, _, (count, _))| *count > 0)
    }
}

/// The source whose data a run of `source` reads.
fn data_of(source: Symbol, strings: &mut Strings) -> Symbol {
    let name = strings.texts().get(source);
    match family(name) {
        data if data == name => source,
        data => {
            let data = data.to_owned();
            strings.intern(&data)
        }
    }
}

impl Entity for Crm {
    type RowId = CrmId;
    type Share = RecordShare;
    type Figures = ();

    const NAME: &'static str = "crm";
    const VERSION: u32 = 4;
    const GROUPS: &'static [u8] = &[SyncFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Sync(fact) = recorded.fact else { return };
        match fact {
            SyncFact::Started(body) => {
                self.runs.started(recorded, body, &mut self.strings);
                self.ended(body.source.as_str(), body.run_id.as_str());
            }
            SyncFact::Finished(body) => {
                self.runs.finished(recorded, body, &mut self.strings);
                self.ended(body.source.as_str(), body.run_id.as_str());
            }
            SyncFact::Snapshot(body) => self.snapshot(recorded, body),
            SyncFact::Difference(body) => {
                let (source, run) = (body.source.as_str(), body.run_id.as_str());
                self.runs.told(recorded, (source, run), (body.from, body.to), &mut self.strings);
            }
            SyncFact::Coverage(body) => {
                let (source, run) = (body.source.as_str(), body.run_id.as_str());
                let span = (body.complete_from, body.complete_through);
                self.runs.told(recorded, (source, run), span, &mut self.strings);
                self.runs.covered(body, &mut self.strings);
            }
        }
    }

    /// A run's facts have one subject, but its records meet those of other runs: one shard holds all.
    fn absorb(&mut self, shard: Self) {
        *self = shard;
    }

    fn row_ids(&self) -> impl Iterator<Item = CrmId> {
        let runs = self.runs.rows().ids().map(CrmId::Run);
        let records = self.tables.iter().flat_map(|(&(resource, source), table)| {
            table.rows().ids().map(move |row| CrmId::Record { resource, source, row })
        });
        runs.chain(records)
    }

    /// Of a record the part of a snapshot whose word stands: the newest, not those before it.
    fn facts_of(&self, row: CrmId) -> Vec<Position> {
        match row {
            CrmId::Run(at) => self.runs.rows().get(at).facts().sorted(),
            CrmId::Record { resource, source, row } => {
                let table = self.tables.get(&(resource, source));
                table.map(|table| self.origins.of(table.row(row)).fact).into_iter().collect()
            }
        }
    }

    /// What each record is counted by. The tables keep the sums as parts come in, so that a whole snapshot counts in
    /// one step; stages and contact types are looked up under a timeline when somebody asks.
    fn contributions(&self, row: CrmId, _timeline: &Timeline, out: &mut impl FnMut(RecordShare)) {
        let CrmId::Record { resource, source, row } = row else { return };
        let share = self.tables.get(&(resource, source)).and_then(|table| table.row(row).share());
        if let Some((kind, value_minor)) = share {
            out(RecordShare { resource, source, kind, value_minor });
        }
    }

    fn digest(&self, tenant: &str) -> Digest {
        let texts = self.strings.texts();
        let (mut digest, mut row) = (self.runs.digest(tenant, texts), Canonical::default());
        for ((resource, source), table) in &self.tables {
            for record in table.records() {
                row.start(tenant);
                row.text(Some(resource.as_str()));
                row.text(Some(texts.get(*source)));
                record.write_canonical(texts, &mut row);
                row.number(self.origins.of(record).fact as i64);
                row.number(record.index() as i64);
                digest.add(row.bytes());
            }
        }
        digest
    }
}
