//! A recording of a call, from all the facts that speak of it.

use domain::keys::Position;

use crate::Order;
use crate::store::{Symbol, heap_free};

/// A recording of a call; its URL is personal and long, and is read from the fact at `position`.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The provider's id.
    pub id: Symbol,
    /// Where the latest fact that speaks of it has its content.
    pub position: Position,
    pub(super) order: Order,
    pub(super) duration: Option<(Order, u32)>,
}

heap_free!(Recording);

impl Recording {
    /// What orders that fact among those of the call.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Whole seconds.
    pub fn duration_seconds(&self) -> Option<u32> {
        self.duration.map(|(_, seconds)| seconds)
    }
}
