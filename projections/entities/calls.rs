//! All calls of one tenant: rows, the index by id, and their order by start.

use domain::facts::Fact;
use domain::facts::call::CallFact;
use domain::keys::Position;
use domain::rules::configuration::Timeline;

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entities::call::{Call, Recording};
use crate::entity::Entity;
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

impl Entity for Calls {
    type Figures = Cells;

    const NAME: &'static str = "calls";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[CallFact::GROUP];
    const SHARDED: bool = true;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Call(fact) = recorded.fact else { return };
        let row = self.row_of(fact);
        self.rows.get_mut(row).fold(recorded, fact, &mut self.strings);
    }

    fn absorb(&mut self, shard: Self) {
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

    fn settle(&mut self) {
        self.order = Buckets::default();
        for (at, row) in self.rows.iter().enumerate() {
            self.order.place(at as u32, None, Some(row.begun()));
        }
    }

    fn figures(&self, timeline: &Timeline) -> Cells {
        let mut cells = Cells::default();
        for row in self.rows.iter() {
            row.contribution(timeline).iter().for_each(|share| cells.add(share, 1));
        }
        cells
    }

    fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline, cells: &mut Cells) {
        let Fact::Call(fact) = recorded.fact else { return };
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

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for call in self.rows.iter() {
            row.start(tenant);
            self.lay_down(call, &mut row);
            digest.add(row.bytes());
        }
        digest
    }

    fn digest_figures(&self, tenant: &str, cells: &Cells) -> Digest {
        cells.digest(tenant, self.texts())
    }
}

impl Calls {
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

    fn lay_down(&self, call: &Call, row: &mut Canonical) {
        let texts = self.texts();
        row.text(Some(texts.get(call.id)));
        row.number(call.begun().0);
        row.number(i64::from(call.exists()));
        row.number(i64::from(call.answered()));
        row.maybe(call.duration_seconds().map(i64::from));
        row.text(call.status().map(|status| status.as_str()));
        row.text(call.direction().map(|direction| direction.as_str()));
        row.text(call.outcome().map(|outcome| outcome.as_str()));
        for symbol in [call.agent(), call.lead(), call.session()] {
            row.text(texts.maybe(symbol));
        }
        call.moments().iter().for_each(|moment| row.maybe(moment.map(|at| at.0)));
        let recording = |r: &Recording| (r.id, r.position, r.duration_seconds());
        let mut recordings: Vec<_> = call.recordings().iter().map(recording).collect();
        recordings.sort_unstable_by_key(|(id, _, _)| texts.get(*id));
        for (id, position, duration) in recordings {
            row.text(Some(texts.get(id)));
            row.number(position as i64);
            row.maybe(duration.map(i64::from));
        }
        let mut facts: Vec<Position> = call.facts().collect();
        facts.sort_unstable();
        facts.iter().for_each(|position| row.number(*position as i64));
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
