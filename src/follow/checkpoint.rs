//! The position of a fold: readers wait for it, and learn why it stays where it is.

use std::time::{Duration, Instant};

use domain::keys::Position;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::FoldError;

/// The last position that a fold has folded, of whatever tenant.
#[derive(Debug)]
pub struct Checkpoint {
    position: watch::Sender<Position>,
    failure: Mutex<Option<FoldError>>,
    /// Notified under the lock of `failure`.
    moved: Condvar,
}

impl Checkpoint {
    /// A fold that has folded up to `position`.
    pub fn at(position: Position) -> Self {
        Self { position: watch::Sender::new(position), failure: Mutex::new(None), moved: Condvar::new() }
    }

    /// The last folded position.
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Tells async readers of folded positions; some may be passed over.
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    /// Sets the position and wakes who waits.
    pub fn advance(&self, position: Position) {
        self.position.send_replace(position);
        // Nobody stands between looking and waiting: both are done under this lock.
        drop(self.failure.lock());
        self.moved.notify_all();
    }

    /// Waits until `position` is folded; whether it was within `timeout`.
    pub async fn reached(&self, position: Position, timeout: Duration) -> bool {
        let mut folded = self.position.subscribe();
        let reached = folded.wait_for(|folded| *folded >= position);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// As [`Checkpoint::reached`], on a thread that may block. A fold that failed is not waited for.
    pub fn wait(&self, position: Position, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut failure = self.failure.lock();
        while self.position() < position {
            if failure.is_some() || self.moved.wait_until(&mut failure, deadline).timed_out() {
                return self.position() >= position;
            }
        }
        true
    }

    /// Why folding stopped, if it did; the position stays where it is then.
    pub fn failure(&self) -> Option<FoldError> {
        self.failure.lock().clone()
    }

    /// Leaves the position where it is for good.
    pub fn fail(&self, error: FoldError) {
        tracing::error!(%error, "folding stopped");
        *self.failure.lock() = Some(error);
        self.moved.notify_all();
    }
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self::at(0)
    }
}
