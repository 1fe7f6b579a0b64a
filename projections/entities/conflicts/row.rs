//! One conflict: its evidence and what was decided of it.

use domain::keys::{ContentDigest, Position};
use domain::members::Instant;
use domain::words;

use crate::store::{Chain, Symbol, heap_size};

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
pub(super) struct DecisionMade {
    pub(super) state: ConflictState,
    pub(super) position: Position,
    pub(super) at: Instant,
    pub(super) by: Option<Symbol>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    pub(super) position: Position,
    pub(super) at: Instant,
    pub(super) kind: &'static str,
    pub(super) first_digest: ContentDigest,
    pub(super) occurred_at: Instant,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) first: Position,
    pub(super) second: ContentDigest,
    pub(super) seen: Option<Evidence>,
    pub(super) decided: Option<DecisionMade>,
    pub(super) facts: Chain,
}

heap_size!(Row { facts; first, second, seen, decided });

impl Row {
    pub(super) fn state(&self) -> ConflictState {
        self.decided.map_or(ConflictState::Open, |decided| decided.state)
    }

    pub(super) fn is_open(&self) -> bool {
        self.seen.is_some() && self.decided.is_none()
    }
}
