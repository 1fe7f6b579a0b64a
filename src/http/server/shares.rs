//! What one caller may hold of what is scarce, so that he cannot take it from all others (G23).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Gives each caller so many places at once, and a bounded queue for them.
pub struct Shares {
    at_once: usize,
    waiting_max: usize,
    callers: Mutex<HashMap<Box<str>, Queue>>,
}

struct Queue {
    places: Arc<Semaphore>,
    /// Those who have a place or wait for one.
    held: usize,
}

/// A place, given back when it is dropped.
pub struct HeldPlace {
    _place: OwnedSemaphorePermit,
    _queued: Queued,
}

/// Somebody who has a place or waits for one.
struct Queued {
    of: Arc<Shares>,
    caller: Box<str>,
}

impl Shares {
    /// `at_once` places a caller, and `waiting_max` who wait for one.
    pub fn new(at_once: usize, waiting_max: usize) -> Arc<Self> {
        Arc::new(Self { at_once, waiting_max, callers: Mutex::default() })
    }

    /// A place of the caller's, waited for at most for `patience`; none where the queue is full or it took longer.
    pub async fn take(self: &Arc<Self>, caller: &str, patience: Duration) -> Option<HeldPlace> {
        let (places, queued) = self.queue(caller)?;
        let place = timeout(patience, places.acquire_owned()).await.ok()?.ok()?;
        Some(HeldPlace { _place: place, _queued: queued })
    }

    fn queue(self: &Arc<Self>, caller: &str) -> Option<(Arc<Semaphore>, Queued)> {
        let mut callers = self.callers.lock();
        let new = || Queue { places: Arc::new(Semaphore::new(self.at_once)), held: 0 };
        let queue = callers.entry(caller.into()).or_insert_with(new);
        if queue.held == self.at_once + self.waiting_max {
            return None;
        }
        queue.held += 1;
        Some((Arc::clone(&queue.places), Queued { of: Arc::clone(self), caller: caller.into() }))
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut callers = self.of.callers.lock();
        if let Some(queue) = callers.get_mut(&self.caller) {
            queue.held -= 1;
            if queue.held == 0 {
                callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_caller_has_his_places_and_no_others_and_leaves_nothing_behind() {
        let shares = Shares::new(2, 1);
        let (first, second) = (shares.take("a", LONG).await, shares.take("a", LONG).await);
        assert!(first.is_some() && second.is_some());
        assert!(shares.take("b", LONG).await.is_some(), "another caller has his own");
        assert!(shares.take("a", SHORT).await.is_none(), "no place within the time");
        let waiting = shares.take("a", LONG);
        let full = async {
            tokio::task::yield_now().await;
            let refused = shares.take("a", LONG).await.is_none();
            drop(first);
            refused
        };
        let (waited, refused) = tokio::join!(waiting, full);
        assert!(waited.is_some() && refused, "one waits, a second is refused at once");
        drop((waited, second));
        assert!(shares.callers.lock().is_empty());
    }
}
