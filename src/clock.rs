//! The clock: the one source of the current time. Tests inject their own.

use std::sync::Arc;

/// Returns the current time in µs since 1970-01-01 UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The wall clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| chrono::Utc::now().timestamp_micros())
}
