//! Conflicts of one tenant: what came under a known key with other content, and what was decided of it (R1, E1).

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::{ContentDigest, Position};
use domain::members::Instant;
use domain::words;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entity::Entity;
use crate::store::{Buckets, Chain, Cursor, Index, Page, Pages, Strings, Symbol};

words! {
    /// Where a conflict stands.
    ConflictState {
        /// Nobody has decided.
        Open = "open",
        /// The second content replaces the first.
        Accepted = "accepted",
        /// The first stands.
        Rejected = "rejected",
    }
}

#[derive(Debug, Clone, Copy)]
struct DecisionMade {
    state: ConflictState,
    position: Position,
    at: Instant,
    by: Option<Symbol>,
}

#[derive(Debug, Clone, Copy)]
struct Evidence {
    position: Position,
    at: Instant,
    kind: &'static str,
    first_digest: ContentDigest,
    occurred_at: Instant,
}

#[derive(Debug, Clone)]
struct Row {
    first: Position,
    second: ContentDigest,
    seen: Option<Evidence>,
    decided: Option<DecisionMade>,
    facts: Chain,
}

impl Row {
    fn state(&self) -> ConflictState {
        self.decided.map_or(ConflictState::Open, |decided| decided.state)
    }

    fn is_open(&self) -> bool {
        self.seen.is_some() && self.decided.is_none()
    }
}

/// A conflict as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConflictItem {
    /// Position of the evidence, a `conflict_observed`: the conflict's id.
    pub conflict_id: Position,
    /// `open`, `accepted` or `rejected`.
    pub state: &'static str,
    /// Kind of the content that came.
    pub kind: &'static str,
    /// The fact that was there first.
    pub first_position: Position,
    /// Digest of its content, hexadecimal.
    pub first_digest: String,
    /// Digest of the content that came.
    pub second_digest: String,
    /// When what came says it happened.
    pub occurred_at: String,
    /// When it came for the first time.
    pub observed_at: String,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Where the decision stands: of an accepted conflict the correction.
    pub decision_position: Option<Position>,
    #[serde(skip)]
    second: ContentDigest,
}

impl ConflictItem {
    /// The content that came.
    pub fn second(&self) -> ContentDigest {
        self.second
    }
}

/// Conflicts of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Conflicts {
    rows: Pages<Row>,
    index: Index,
    strings: Strings,
    order: Buckets,
    open: usize,
}

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
                let key = (body.first_position, body.second_digest);
                self.change(key, recorded.position, |row| row.decided = Some(decided));
            }
            ControlFact::ConflictRejected(body) => {
                let decided = decided(ConflictState::Rejected, &body.by, &mut self.strings);
                let key = (body.first_position, body.second_digest);
                self.change(key, recorded.position, |row| row.decided = Some(decided));
            }
            ControlFact::Quarantined(_) | ControlFact::QuarantineResolved(_) => {}
        }
    }

    fn row_ids(&self) -> impl Iterator<Item = u32> {
        self.rows.ids()
    }

    fn facts_of(&self, row: u32) -> Vec<Position> {
        self.rows.get(row).facts.sorted()
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut out) = (Digest::default(), Canonical::default());
        for row in self.rows.iter() {
            out.start(tenant);
            out.number(row.first as i64);
            out.text(Some(&hex(&row.second)));
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

    /// How many nobody has decided.
    pub fn open(&self) -> usize {
        self.open
    }

    /// The one that came first of those that nobody has decided: its place and time.
    pub fn oldest_open(&self) -> Option<(Position, Instant)> {
        let open = self.rows.iter().filter(|row| row.is_open()).filter_map(|row| row.seen);
        open.map(|seen| (seen.position, seen.at)).min()
    }

    /// One page, newest first; all states where none is asked for.
    pub fn page(
        &self,
        position: Position,
        state: Option<ConflictState>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<ConflictItem> {
        let place = |at| {
            let row = self.rows.get(at);
            let seen = row.seen.filter(|_| state.is_none_or(|state| row.state() == state))?;
            Some((seen.at, name(row)))
        };
        self.order.page(position, (after, limit), place, |at| self.item(self.rows.get(at)))
    }

    /// The conflict whose evidence stands at `evidence`.
    pub fn get(&self, evidence: Position) -> Option<ConflictItem> {
        let is = |row: &&Row| row.seen.is_some_and(|seen| seen.position == evidence);
        self.rows.iter().find(is).and_then(|row| self.item(row))
    }

    fn item(&self, row: &Row) -> Option<ConflictItem> {
        let seen = row.seen?;
        Some(ConflictItem {
            conflict_id: seen.position,
            state: row.state().as_str(),
            kind: seen.kind,
            first_position: row.first,
            first_digest: hex(&seen.first_digest),
            second_digest: hex(&row.second),
            occurred_at: seen.occurred_at.to_string(),
            observed_at: seen.at.to_string(),
            decided_at: row.decided.map(|decided| decided.at.to_string()),
            decided_by: self
                .strings
                .texts()
                .maybe(row.decided.and_then(|decided| decided.by))
                .map(str::to_owned),
            decision_position: row.decided.map(|decided| decided.position),
            second: row.second,
        })
    }
}

/// Its place among conflicts of the same instant.
fn name(row: &Row) -> String {
    format!("{:016x}{}", row.first, hex(&row.second))
}

fn hex(digest: &ContentDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
