//! Voids of one tenant: which facts count as if they had never come (E13).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::{ContentDigest, Position};

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::store::{Chain, Index, Pages, Strings, Symbol, heap_size};

/// What happened last at a fact's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Voided,
    Restored,
    /// A conflict was accepted: the correction stands there and counts, also where the fact was voided before.
    Corrected,
}

/// A void of a fact.
#[derive(Debug, Clone, Copy)]
struct Void {
    position: Position,
    content: ContentDigest,
    request: Option<Symbol>,
}

/// A fact of which something was decided.
#[derive(Debug, Clone)]
struct Row {
    fact: Position,
    last: (Position, Last),
    voids: u64,
    latest: Option<Void>,
    restored: Option<Position>,
    facts: Chain,
}

heap_size!(Row { facts; fact, last, voids, latest, restored });

/// What commands and readers ask of one fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoidState<'v> {
    /// Position of the `fact_voided` by which the fact counts nowhere; none where it counts.
    pub voided_by: Option<Position>,
    /// How often it was voided.
    pub voids: u64,
    /// The last `fact_voided`: where it stands, the digest of its content and the idempotency key of its request.
    pub latest: Option<(Position, ContentDigest, Option<&'v str>)>,
    /// The last `fact_restored`.
    pub restored: Option<Position>,
}

/// Voids of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Voids {
    rows: Pages<Row>,
    index: Index,
    strings: Strings,
    requests: Arc<BTreeMap<Symbol, Position>>,
    voided: usize,
}

heap_size!(Voids { rows, index, strings, requests; voided });

impl Entity for Voids {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "voids";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[ControlFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Control(fact) = recorded.fact else { return };
        let here = recorded.position;
        match fact {
            ControlFact::FactVoided(body) => {
                let request = body.request.as_ref().map(|request| self.strings.intern(request.as_str()));
                if let Some(request) = request {
                    let first = Arc::make_mut(&mut self.requests).entry(request).or_insert(here);
                    *first = here.min(*first);
                }
                let void = Void { position: here, content: recorded.content, request };
                self.change(body.voided_position, here, Last::Voided, |row| {
                    row.voids += 1;
                    row.latest = row.latest.filter(|known| known.position > here).or(Some(void));
                });
            }
            ControlFact::FactRestored(body) => {
                self.change(body.voided_position, here, Last::Restored, |row| {
                    row.restored = row.restored.max(Some(here));
                });
            }
            ControlFact::ConflictAccepted(body) => {
                self.change(body.first_position, here, Last::Corrected, |_| {});
            }
            ControlFact::Quarantined(_)
            | ControlFact::QuarantineResolved(_)
            | ControlFact::ConflictObserved(_)
            | ControlFact::ConflictRejected(_)
            | ControlFact::PersonErased(_) => {}
        }
    }

    paged_rows!();

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut out) = (Digest::default(), Canonical::default());
        for row in self.rows.iter().filter(|row| row.voids > 0) {
            out.start(tenant);
            out.number(row.fact as i64);
            out.number(row.voids as i64);
            out.number(i64::from(row.is_voided()));
            out.positions(&row.facts);
            digest.add(out.bytes());
        }
        digest
    }
}

impl Row {
    fn is_voided(&self) -> bool {
        self.last.1 == Last::Voided
    }
}

impl Voids {
    fn change(&mut self, fact: Position, here: Position, what: Last, change: impl FnOnce(&mut Row)) {
        let hash = Index::hash(fact);
        let at = self.index.find(hash, |at| self.rows.get(at).fact == fact).unwrap_or_else(|| {
            let (last, facts) = ((here, what), Chain::default());
            let at = self.rows.push(Row { fact, last, voids: 0, latest: None, restored: None, facts });
            self.index.insert(hash, at);
            // It is counted below, as it becomes.
            self.voided += usize::from(what == Last::Voided);
            at
        });
        let row = self.rows.get_mut(at);
        let before = row.is_voided();
        row.facts.push(here);
        if here >= row.last.0 {
            row.last = (here, what);
        }
        change(row);
        self.voided = self.voided + usize::from(row.is_voided()) - usize::from(before);
    }

    /// What was decided of the fact at a position; nothing of most.
    pub fn of(&self, fact: Position) -> VoidState<'_> {
        let at = self.index.find(Index::hash(fact), |at| self.rows.get(at).fact == fact);
        let row = at.map(|at| self.rows.get(at));
        let latest = row.and_then(|row| row.latest);
        VoidState {
            voided_by: latest.filter(|_| row.is_some_and(Row::is_voided)).map(|void| void.position),
            voids: row.map_or(0, |row| row.voids),
            latest: latest
                .map(|void| (void.position, void.content, self.strings.texts().maybe(void.request))),
            restored: row.and_then(|row| row.restored),
        }
    }

    /// The first `fact_voided` that was recorded under an idempotency key.
    pub fn requested(&self, request: &str) -> Option<Position> {
        self.requests.get(&self.strings.find(request)?).copied()
    }

    /// Every fact that counts nowhere, with the `fact_voided` that says so; in no order.
    pub fn voided_facts(&self) -> impl Iterator<Item = (Position, Position)> + '_ {
        let voided = self.rows.iter().filter(|row| row.is_voided());
        voided.filter_map(|row| Some((row.fact, row.latest?.position)))
    }

    /// How many facts are voided.
    pub fn voided(&self) -> usize {
        self.voided
    }
}
