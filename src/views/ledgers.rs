//! Restatement ledgers kept up while nobody asks, so that the first look at one folds only what came just now.
//!
//! A round folds each tenant's ledger on to the head, one after the other, and rests twenty times as long as it took. Ledgers
//! that are kept go on; others are begun while half of the budget is free, so that a thousand tenants do not drive each
//! other, and what was asked for, out.

use std::time::{Duration, Instant};

use domain::keys::TenantId;

use super::kept::Extent;
use super::time_travel::FOLD_TIME_MAX;
use super::{FoldError, Views};
use crate::worker::{StopSignal, Worker};

/// Between two rounds at least.
const PAUSE: Duration = Duration::from_secs(5);
/// Rests so many times as long as the last round took: at most one part in twenty of a core.
const REST: u32 = 20;

impl Views {
    /// Keeps ledgers up on a thread of its own, from when the models are folded on.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn keep_ledgers(&self) -> std::io::Result<Worker> {
        let views = self.clone();
        let mut next = Instant::now() + PAUSE;
        Worker::ticking("ledgers", Duration::from_secs(1), move |stop| {
            if views.is_folded() && Instant::now() >= next {
                let began = Instant::now();
                views.keep_ledgers_once(stop);
                next = Instant::now() + PAUSE.max(began.elapsed() * REST);
            }
        })
    }

    /// One round.
    pub(super) fn keep_ledgers_once(&self, stop: &StopSignal) {
        for (id, view) in self.tenants() {
            let Ok(tenant) = TenantId::stored(&id) else { continue };
            let extent = Extent { tenant, up_to: None, occurred_until: None };
            if stop.is_set() || !self.inner.kept.may_begin(&extent) {
                continue;
            }
            let deadline = Instant::now() + FOLD_TIME_MAX;
            match self.ledger(&view, (&extent, self.position()), deadline, |_| ()) {
                // Where it was late, the next round goes on.
                Ok(()) | Err(FoldError::Late) => {}
                Err(error) => tracing::debug!(tenant = %extent.tenant, %error, "a ledger was not kept up"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{self, Harness, T0, TestClock};

    #[test]
    fn a_ledger_that_nobody_asked_for_is_at_the_head_and_stands_as_folded_anew() {
        let harness = Harness::new(TestClock::standing(T0));
        let month = 31 * 24 * 3_600 * 1_000_000;
        let call = |n: i64, at: i64| {
            let body = json!({"call_id": format!("CA{n}"), "status": "completed", "answered": true,
                "duration_seconds": 60, "started_at": domain::members::Instant(at).to_string()});
            testing::draft("acme", &format!("CA{n}:completed"), at, "call_reported", body)
        };
        harness.append((0..20).map(|n| call(n, T0 - 2 * month)).collect());
        let views = harness.views();
        let extent =
            Extent { tenant: TenantId::new("acme").expect("tenant"), up_to: None, occurred_until: None };
        let held = || views.inner.kept.of(&extent).restatements.lock().tracker.position();
        assert_eq!(held(), 0, "null control: nobody has folded it");
        views.keep_ledgers_once(&StopSignal::default());
        assert_eq!(held(), views.position());
        harness.append((20..25).map(|n| call(n, T0 - 2 * month)).collect());
        testing::until("they are folded", || views.position() > held());
        views.keep_ledgers_once(&StopSignal::default());
        assert_eq!(held(), views.position());
        views.close();
        harness.log.close();
    }
}
