//! One quarantined delivery, and what became of it.

use std::sync::Arc;

use domain::keys::Position;
use domain::members::Instant;
use domain::words;

use crate::store::{Chain, Symbol, heap_size};

words! {
    /// Where a quarantined delivery stands.
    QuarantineState {
        /// No facts were made of it yet.
        Open = "open",
        /// It was mapped again with success.
        Resolved = "resolved",
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    pub(super) position: Position,
    pub(super) received_at: Instant,
    pub(super) reason: Symbol,
    pub(super) provider: Symbol,
    pub(super) endpoint: Symbol,
}

#[derive(Debug, Clone)]
pub(super) struct Resolution {
    pub(super) position: Position,
    pub(super) at: Instant,
    pub(super) outcome: Symbol,
    pub(super) tenant: Option<Symbol>,
    pub(super) facts: Arc<[Position]>,
    pub(super) by: Option<Symbol>,
}

heap_size!(Resolution { facts; position, at, outcome, tenant, by });

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: Symbol,
    pub(super) kept: Option<Delivery>,
    pub(super) resolved: Option<Resolution>,
    pub(super) facts: Chain,
}

heap_size!(Row { resolved, facts; id, kept });

impl Row {
    pub(super) fn state(&self) -> QuarantineState {
        if self.resolved.is_some() { QuarantineState::Resolved } else { QuarantineState::Open }
    }

    /// The reason of one that is open.
    pub(super) fn open(&self) -> Option<Symbol> {
        self.kept.filter(|_| self.resolved.is_none()).map(|kept| kept.reason)
    }
}
