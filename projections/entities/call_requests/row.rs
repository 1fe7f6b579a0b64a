//! One request to place a call, folded from its facts in any order.

use std::sync::Arc;

use domain::facts::call_request::{CallDoubt, CallFailure};
use domain::keys::Position;
use domain::members::Instant;
use domain::words;

use crate::Order;
use crate::store::{Chain, HeapSize, heap_free, heap_size};

words! {
    /// Where a request to place a call stands (C7).
    CallRequestState {
        /// It is durable, and nothing is known of what came of it.
        Requested = "requested",
        /// The provider took it and named the call.
        Accepted = "accepted",
        /// The provider told of the call by itself.
        Confirmed = "confirmed",
        /// It may have rung; a callback or the provider's list settles it.
        Unknown = "unknown",
        /// It is certain that nobody was rung.
        Failed = "failed",
    }
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) position: Position,
    /// Where its numbers are read: personal, so not kept here.
    pub(super) content_at: Position,
    pub(super) at: Instant,
    pub(super) agent: Box<str>,
    pub(super) lead_id: Option<Box<str>>,
    pub(super) session_id: Option<Box<str>>,
    pub(super) recording: bool,
}

heap_size!(Wish { agent, lead_id, session_id; position, content_at, at, recording });

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: CallFailure,
    pub(super) status: Option<u32>,
    pub(super) code: Option<u32>,
}

heap_free!(Refusal, CallDoubt);

/// The latest that facts of one kind say.
#[derive(Debug, Clone)]
pub(super) struct Said<T>(Option<(Order, T)>);

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: HeapSize> HeapSize for Said<T> {
    fn heap_bytes(&self) -> usize {
        self.get().map_or(0, T::heap_bytes)
    }
}

impl<T> Said<T> {
    pub(super) fn say(&mut self, order: Order, value: T) {
        if self.0.as_ref().is_none_or(|(known, _)| order > *known) {
            self.0 = Some((order, value));
        }
    }

    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    pub(super) fn at(&self) -> Option<Instant> {
        self.0.as_ref().map(|(order, _)| order.occurred_at())
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) id: Box<str>,
    pub(super) wish: Said<Arc<Wish>>,
    pub(super) sent: Said<()>,
    pub(super) accepted: Said<Box<str>>,
    pub(super) confirmed: Said<Box<str>>,
    pub(super) failed: Said<Refusal>,
    pub(super) doubt: Said<CallDoubt>,
    pub(super) facts: Chain,
}

heap_size!(Row { id, wish, sent, accepted, confirmed, failed, doubt, facts });

impl Row {
    /// The call that it became: as the provider named it, else as it told of it by itself.
    pub(super) fn call_id(&self) -> Option<&str> {
        self.accepted.get().or(self.confirmed.get()).map(AsRef::as_ref)
    }

    /// Where it stands; `is_reported`: the provider told of its call.
    pub(super) fn state(&self, is_reported: bool) -> CallRequestState {
        if is_reported || self.confirmed.get().is_some() {
            CallRequestState::Confirmed
        } else if self.accepted.get().is_some() {
            CallRequestState::Accepted
        } else if self.failed.get().is_some() {
            CallRequestState::Failed
        } else if self.doubt.get().is_some() {
            CallRequestState::Unknown
        } else {
            CallRequestState::Requested
        }
    }

    /// Whether something is still to be done or to be learned about it.
    pub(super) fn is_open(&self) -> bool {
        self.wish.get().is_some() && self.accepted.get().is_none() && self.failed.get().is_none()
    }
}
