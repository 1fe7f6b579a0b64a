//! Quarantine of one tenant: deliveries of which no fact could be made, and those that were mapped since (R3).

pub mod list;
pub mod row;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::Position;
use domain::members::Instant;

use self::row::{Delivery, Resolution, Row};
use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::store::{Buckets, Chain, Index, Pages, Strings, Symbol, heap_size};

/// Quarantined deliveries of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Quarantine {
    rows: Pages<Row>,
    index: Index,
    strings: Strings,
    order: Buckets,
    open: Arc<BTreeMap<Symbol, usize>>,
}

heap_size!(Quarantine { rows, index, strings, order, open });

impl Entity for Quarantine {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "quarantine";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[ControlFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Control(fact) = recorded.fact else { return };
        match fact {
            ControlFact::Quarantined(body) => {
                let mut symbol = |text: &domain::members::Text| self.strings.intern(text.as_str());
                let kept = Delivery {
                    position: recorded.position,
                    received_at: recorded.occurred_at,
                    reason: symbol(&body.reason),
                    provider: symbol(&body.provider),
                    endpoint: symbol(&body.endpoint),
                };
                let at =
                    self.change(body.quarantine_id.as_str(), recorded.position, |row| row.kept = Some(kept));
                self.order.place(at, None, Some(kept.received_at));
            }
            ControlFact::QuarantineResolved(body) => {
                let mut symbol = |text: &domain::members::Text| self.strings.intern(text.as_str());
                let resolved = Resolution {
                    position: recorded.position,
                    at: recorded.occurred_at,
                    outcome: symbol(&body.outcome),
                    tenant: body.tenant.as_ref().map(&mut symbol),
                    facts: body.facts.as_slice().into(),
                    by: body.by.as_ref().map(&mut symbol),
                };
                self.change(body.quarantine_id.as_str(), recorded.position, |row| {
                    row.resolved = Some(resolved)
                });
            }
            ControlFact::ConflictObserved(_)
            | ControlFact::ConflictAccepted(_)
            | ControlFact::ConflictRejected(_)
            | ControlFact::FactVoided(_)
            | ControlFact::FactRestored(_)
            | ControlFact::PersonErased(_) => {}
        }
    }

    paged_rows!();

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut out) = (Digest::default(), Canonical::default());
        let texts = self.strings.texts();
        for row in self.rows.iter() {
            out.start(tenant);
            out.text(Some(texts.get(row.id)));
            out.maybe(row.kept.map(|kept| kept.position as i64));
            out.text(texts.maybe(row.kept.map(|kept| kept.reason)));
            if let Some(resolved) = &row.resolved {
                out.number(resolved.position as i64);
                out.text(Some(texts.get(resolved.outcome)));
                resolved.facts.iter().for_each(|fact| out.number(*fact as i64));
            }
            digest.add(out.bytes());
        }
        digest
    }
}

impl Quarantine {
    fn change(&mut self, id: &str, fact: Position, change: impl FnOnce(&mut Row)) -> u32 {
        let at = self.find(id).unwrap_or_else(|| {
            let id_symbol = self.strings.intern(id);
            let facts = Chain::default();
            let at = self.rows.push(Row { id: id_symbol, kept: None, resolved: None, facts });
            self.index.insert(Index::hash(id), at);
            at
        });
        let row = self.rows.get_mut(at);
        let before = row.open();
        change(row);
        row.facts.push(fact);
        let after = row.open();
        if before != after {
            let open = Arc::make_mut(&mut self.open);
            if let Some(count) = before.and_then(|reason| open.get_mut(&reason)) {
                *count -= 1;
            }
            if let Some(reason) = after {
                *open.entry(reason).or_default() += 1;
            }
        }
        at
    }

    fn find(&self, id: &str) -> Option<u32> {
        self.index.find(Index::hash(id), |row| self.strings.texts().get(self.rows.get(row).id) == id)
    }

    /// How many are open, by reason in words.
    pub fn open(&self) -> impl Iterator<Item = (&str, usize)> {
        let counts = self.open.iter().filter(|(_, count)| **count > 0);
        counts.map(|(reason, count)| (self.strings.texts().get(*reason), *count))
    }

    /// The first of those that are open for this reason: its place and when it came.
    pub fn oldest_open(&self, reason: &str) -> Option<(Position, Instant)> {
        let reason = self.strings.find(reason)?;
        let open = self.rows.iter().filter(|row| row.open() == Some(reason)).filter_map(|row| row.kept);
        open.map(|kept| (kept.position, kept.received_at)).min()
    }

    /// Positions of those that are open behind `after`, oldest first, at most `limit`; of one reason or of all.
    pub fn open_positions(&self, reason: Option<&str>, after: Position, limit: usize) -> Vec<Position> {
        let wanted = reason.map(|reason| self.strings.find(reason));
        let open = self.rows.iter().filter(|row| match (row.open(), wanted) {
            (None, _) | (_, Some(None)) => false,
            (Some(_), None) => true,
            (Some(is), Some(Some(wanted))) => is == wanted,
        });
        let mut positions: Vec<Position> =
            open.filter_map(|row| row.kept).map(|kept| kept.position).filter(|at| *at > after).collect();
        positions.sort_unstable();
        positions.truncate(limit);
        positions
    }
}
