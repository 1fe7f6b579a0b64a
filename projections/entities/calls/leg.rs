//! Legs of a call, and the moments from which a duration follows.

use domain::members::Instant;

use crate::Order;
use crate::store::{Latest, Symbol, heap_size};

/// A leg: a call with a parent, of which it tells whether and how long somebody was spoken to.
#[derive(Debug, Clone)]
pub struct CallLeg {
    /// Its id.
    pub id: Symbol,
    /// Whether somebody answered.
    pub answered: bool,
    /// Whole seconds, by the latest fact that gives them.
    pub duration: Option<(Order, u32)>,
    /// When it was answered and when it ended.
    pub moments: Moments,
}

heap_size!(CallLeg { moments; id, answered, duration });

/// Answered and ended, µs and one more.
pub type Moments = Option<Box<Latest<u64, 2>>>;

/// When it was answered and when it ended, as far as that is known.
pub fn known(moments: &Moments) -> [Option<Instant>; 2] {
    [0, 1].map(|at| {
        let moment = moments.as_ref()?.get(at);
        moment.checked_sub(1).map(|micros| Instant(micros as i64))
    })
}

/// Whole seconds from answer to end: how long somebody was spoken to, where nobody says so.
pub fn spoken([answered, ended]: [Option<Instant>; 2]) -> Option<u32> {
    u32::try_from((ended?.0 - answered?.0).div_euclid(1_000_000)).ok()
}
