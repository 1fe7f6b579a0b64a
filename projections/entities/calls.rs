//! All calls of one tenant: rows, the index by id, and their order by start.

use domain::facts::call::CallFact;
use domain::rules::configuration::Timeline;

use crate::Recorded;
use crate::entities::call::Call;
use crate::figures::Cells;
use crate::store::{Buckets, Index, Pages, Strings, Texts};

/// Calls of one tenant, without the figures that a configuration makes of them.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    rows: Pages<Call>,
    index: Index,
    strings: Strings,
    order: Buckets,
}

impl Calls {
    /// Folds a fact into its row and leaves figures and order for [`Calls::settle`].
    pub fn fold(&mut self, recorded: &Recorded<'_>, fact: &CallFact) {
        let row = self.row_of(fact);
        self.rows.get_mut(row).fold(recorded, fact, &mut self.strings);
    }

    /// Folds a fact and moves figures and order by what it changed.
    pub fn apply(
        &mut self,
        recorded: &Recorded<'_>,
        fact: &CallFact,
        timeline: &Timeline,
        cells: &mut Cells,
    ) {
        let at = self.row_of(fact);
        let row = self.rows.get_mut(at);
        let known = row.facts().next().is_some();
        let (before, begun) = (row.contribution(timeline), known.then(|| row.begun()));
        row.fold(recorded, fact, &mut self.strings);
        let after = row.contribution(timeline);
        if before != after {
            before.iter().for_each(|share| cells.add(share, -1));
            after.iter().for_each(|share| cells.add(share, 1));
        }
        self.order.place(at, begun, Some(row.begun()));
    }

    fn row_of(&mut self, fact: &CallFact) -> u32 {
        let id = fact.call_id().as_str();
        let hash = Index::hash(id);
        self.find(id, hash).unwrap_or_else(|| {
            let row = self.rows.push(Call::new(self.strings.intern(id)));
            self.index.insert(hash, row);
            row
        })
    }

    fn find(&self, id: &str, hash: u64) -> Option<u32> {
        let texts = self.strings.texts();
        self.index.find(hash, |row| texts.get(self.rows.get(row).id) == id)
    }

    /// Takes over the rows of a shard whose calls are others than these.
    pub fn absorb(&mut self, shard: Self) {
        if self.rows.is_empty() {
            *self = shard;
            return;
        }
        let Self { rows, strings, .. } = shard;
        for mut call in rows {
            call.translate(|symbol| self.strings.intern(strings.texts().get(symbol)));
            let hash = Index::hash(self.strings.texts().get(call.id));
            let row = self.rows.push(call);
            self.index.insert(hash, row);
        }
    }

    /// Puts the rows in order after they were folded.
    pub fn settle(&mut self) {
        self.order = Buckets::default();
        for (at, row) in self.rows.iter().enumerate() {
            self.order.place(at as u32, None, Some(row.begun()));
        }
    }

    /// The figures that `timeline` makes of the rows.
    pub fn cells(&self, timeline: &Timeline) -> Cells {
        let mut cells = Cells::default();
        for row in self.rows.iter() {
            row.contribution(timeline).iter().for_each(|share| cells.add(share, 1));
        }
        cells
    }

    /// The call of that id.
    pub fn get(&self, id: &str) -> Option<&Call> {
        self.find(id, Index::hash(id)).map(|row| self.rows.get(row))
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }

    /// The interner, to look up what a filter names.
    pub fn strings(&self) -> &Strings {
        &self.strings
    }

    /// The rows.
    pub fn rows(&self) -> &Pages<Call> {
        &self.rows
    }

    /// The rows by start.
    pub fn order(&self) -> &Buckets {
        &self.order
    }
}
