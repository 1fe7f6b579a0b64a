//! Conflicts of one tenant: what came under a known key with other content, and what was decided of it (R1, E1).

pub mod list;
pub mod row;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::{ContentDigest, Position};
use domain::members::Instant;

use self::row::{ConflictState, DecisionMade, Evidence, Row};
use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::store::{Buckets, Chain, Index, Pages, Strings, heap_size};

/// The accepted conflicts over each fact, by its position: the last one's content stands in its place.
pub type Replacements = BTreeMap<Position, Vec<Position>>;

/// Conflicts of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Conflicts {
    rows: Pages<Row>,
    index: Index,
    strings: Strings,
    order: Buckets,
    open: usize,
    replacements: Arc<Replacements>,
}

heap_size!(Conflicts { rows, index, strings, order, replacements; open });

impl Entity for Conflicts {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "conflicts";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[ControlFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Control(fact) = recorded.fact else { return };
        let decided = |state, by: &Option<_>, strings: &mut Strings| DecisionMade {
            state,
            position: recorded.position,
            at: recorded.occurred_at,
            by: by.as_ref().map(|by: &domain::members::Text| strings.intern(by.as_str())),
        };
        match fact {
            ControlFact::ConflictObserved(body) => {
                let seen = Evidence {
                    position: recorded.position,
                    at: recorded.occurred_at,
                    kind: body.brought.0.kind(),
                    first_digest: body.first_digest,
                    occurred_at: body.occurred_at,
                };
                let key = (body.first_position, body.second_digest);
                let at = self.change(key, recorded.position, |row| row.seen = Some(seen));
                self.order.place(at, None, Some(seen.at));
            }
            ControlFact::ConflictAccepted(body) => {
                let decided = decided(ConflictState::Accepted, &body.by, &mut self.strings);
                let over = Arc::make_mut(&mut self.replacements).entry(body.first_position).or_default();
                over.push(recorded.position);
                let key = (body.first_position, body.second_digest);
                self.change(key, recorded.position, |row| row.decided = Some(decided));
            }
            ControlFact::ConflictRejected(body) => {
                let decided = decided(ConflictState::Rejected, &body.by, &mut self.strings);
                let key = (body.first_position, body.second_digest);
                self.change(key, recorded.position, |row| row.decided = Some(decided));
            }
            ControlFact::Quarantined(_)
            | ControlFact::QuarantineResolved(_)
            | ControlFact::FactVoided(_)
            | ControlFact::FactRestored(_)
            | ControlFact::PersonErased(_) => {}
        }
    }

    paged_rows!();

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut out) = (Digest::default(), Canonical::default());
        for row in self.rows.iter() {
            out.start(tenant);
            out.number(row.first as i64);
            out.text(Some(&hex::encode(row.second)));
            out.maybe(row.seen.map(|seen| seen.position as i64));
            out.maybe(row.seen.map(|seen| seen.occurred_at.0));
            out.text(Some(row.state().as_str()));
            out.maybe(row.decided.map(|decided| decided.position as i64));
            out.text(self.strings.texts().maybe(row.decided.and_then(|decided| decided.by)));
            digest.add(out.bytes());
        }
        digest
    }
}

impl Conflicts {
    fn change(
        &mut self,
        (first, second): (Position, ContentDigest),
        fact: Position,
        change: impl FnOnce(&mut Row),
    ) -> u32 {
        let hash = Index::hash((first, second));
        let is = |row: u32| {
            let row = self.rows.get(row);
            (row.first, row.second) == (first, second)
        };
        let at = self.index.find(hash, is).unwrap_or_else(|| {
            let at =
                self.rows.push(Row { first, second, seen: None, decided: None, facts: Chain::default() });
            self.index.insert(hash, at);
            at
        });
        let row = self.rows.get_mut(at);
        let before = row.is_open();
        change(row);
        row.facts.push(fact);
        self.open = self.open + usize::from(row.is_open()) - usize::from(before);
        at
    }

    /// The accepted conflicts over each fact.
    pub fn replacements(&self) -> Arc<Replacements> {
        Arc::clone(&self.replacements)
    }

    /// How many nobody has decided.
    pub fn open(&self) -> usize {
        self.open
    }

    /// The one that came first of those that nobody has decided: its place and time.
    pub fn oldest_open(&self) -> Option<(Position, Instant)> {
        let open = self.rows.iter().filter(|row| row.is_open()).filter_map(|row| row.seen);
        open.map(|seen| (seen.position, seen.at)).min()
    }
}
