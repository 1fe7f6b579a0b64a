//! Two commands meet before either appends, so that both have decided on one state.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How long one of two waits for the other; a longer wait fails the test.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two commands meet here, each with a decision and neither with a fact.
#[derive(Default)]
pub struct Meeting {
    arrived: Mutex<usize>,
    both: Condvar,
}

thread_local! {
    /// The meeting that the next append of this thread waits for.
    static MEETING: RefCell<Option<Arc<Meeting>>> = const { RefCell::new(None) };
}

/// Waits for the other of two commands, once per command.
pub fn meet() {
    let Some(meeting) = MEETING.with_borrow_mut(Option::take) else { return };
    let mut arrived = meeting.arrived.lock();
    *arrived += 1;
    meeting.both.notify_all();
    let waited = meeting.both.wait_while_for(&mut arrived, |arrived| *arrived < 2, PATIENCE);
    assert!(!waited.timed_out(), "the other command did not decide on the same state");
}

impl Meeting {
    /// Waits until one of the two has decided.
    pub fn wait_for_first(&self) {
        let waited = self.both.wait_while_for(&mut self.arrived.lock(), |arrived| *arrived < 1, PATIENCE);
        assert!(!waited.timed_out(), "the first command did not decide");
    }
}

/// The next append of this thread waits at `meeting`.
pub fn attend(meeting: Option<Arc<Meeting>>) {
    MEETING.set(meeting);
}
