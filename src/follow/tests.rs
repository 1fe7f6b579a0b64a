//! Followers over a real log: folds ahead of others, and folds that fail.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::facts::call::CallFact;
use domain::facts::outreach::OutreachFact;
use domain::keys::Position;
use domain::record::{Draft, Header, KindTag};
use parking_lot::Mutex;
use serde_json::json;

use super::{Ahead, Batch, Checkpoint, Fold, FoldError, Follower, fold_history};
use crate::log::select::GroupSet;
use crate::testing::{Harness, T0, TestClock, draft};

const WAIT: Duration = Duration::from_secs(30);
/// Long enough for a fold that nothing holds back.
const SHORT: Duration = Duration::from_millis(200);
const CALLS: u8 = CallFact::GROUP;
const OUTREACH: u8 = OutreachFact::GROUP;

/// Writes down which facts it was given; held while its lock is.
#[derive(Default)]
struct Recorder {
    groups: Mutex<Vec<u8>>,
    given: Mutex<Vec<Position>>,
    held: Mutex<()>,
    checkpoint: Checkpoint,
}

impl Recorder {
    fn of(group: u8) -> Arc<Self> {
        Arc::new(Self { groups: Mutex::new(vec![group]), ..Self::default() })
    }

    fn fold(self: &Arc<Self>) -> Arc<dyn Fold> {
        Arc::clone(self) as _
    }
}

impl Fold for Recorder {
    fn groups(&self) -> GroupSet {
        self.groups.lock().iter().fold(GroupSet::NONE, |set, group| set.with(*group))
    }

    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError> {
        let _held = self.held.lock();
        let needed = self.groups();
        let given = batch.entries.iter().filter(|entry| needed.contains(entry.kind.group));
        self.given.lock().extend(given.map(|entry| entry.position));
        self.checkpoint.advance(batch.last);
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

fn call(id: &str) -> Draft {
    draft("acme", id, T0, "call_disposed", json!({"call_id": id, "outcome": "busy"}))
}

fn email(id: &str) -> Draft {
    draft("acme", id, T0, "email_sent", json!({"lead": {"id": "1"}}))
}

/// An outreach fact of a newer release.
fn unreadable() -> Draft {
    let header = Header {
        recorded_at: 0,
        occurred_at: T0,
        time_received: false,
        kind: KindTag { group: OUTREACH, tag: 99 },
        version: 1,
        mapping: 1,
        content: [1; 16],
        subject: 1,
        tenant: "acme",
        provider: "test",
        external_id: "newer",
    };
    Draft::new([7; 11], &header, b"?", [1; 16], b"", &Bytes::new())
}

#[test]
fn given_a_history_and_new_facts_then_a_fold_is_given_each_of_its_groups_once_and_in_order() {
    let house = Harness::new(TestClock::standing(T0));
    house.append(vec![call("a"), email("b")]);
    let calls = Recorder::of(CALLS);
    fold_history(&house.log.snapshot(), &[calls.fold()]).expect("folded");
    assert_eq!(calls.checkpoint.position(), 2, "facts of other groups count as folded");
    let follower = Follower::start("test", &house.log, 2, vec![calls.fold()], None).expect("started");
    house.append(vec![email("c"), call("d")]);
    house.append(vec![call("e")]);
    assert!(calls.checkpoint.wait(5, WAIT));
    assert_eq!(*calls.given.lock(), [1, 4, 5]);
    follower.close();
    house.log.close();
}

#[test]
fn given_a_fact_that_does_not_decode_then_only_the_fold_that_needs_it_stops() {
    let house = Harness::new(TestClock::standing(T0));
    let (calls, outreach) = (Recorder::of(CALLS), Recorder::of(OUTREACH));
    let folds = vec![calls.fold(), outreach.fold()];
    let follower = Follower::start("test", &house.log, 0, folds, None).expect("started");
    house.append(vec![call("a"), unreadable()]);
    house.append(vec![call("b"), email("c")]);
    assert!(calls.checkpoint.wait(4, WAIT) && calls.checkpoint.failure().is_none());
    assert!(!outreach.checkpoint.wait(4, WAIT), "a fold that failed is not waited for");
    assert!(matches!(outreach.checkpoint.failure(), Some(FoldError::Fact { position: 2, .. })));
    assert_eq!((calls.given.lock().as_slice(), outreach.given.lock().len()), ([1, 3].as_slice(), 0));
    follower.close();
    house.log.close();
}

/// Whether the second of two followers has folded a fact that the first is still held at.
fn second_is_past_the_first(has_first_ahead: bool) -> bool {
    let house = Harness::new(TestClock::standing(T0));
    let (first, second) = (Recorder::of(CALLS), Recorder::of(CALLS));
    let ahead = Arc::new(Ahead::new(&house.log, 0, vec![first.fold()]));
    let own = Follower::start_ahead("first", &house.log, Arc::clone(&ahead));
    let ahead = has_first_ahead.then_some(ahead);
    let followers = [
        own.expect("started"),
        Follower::start("second", &house.log, 0, vec![second.fold()], ahead).expect("started"),
    ];
    let held = first.held.lock();
    house.append(vec![call("a")]);
    let is_past = second.checkpoint.wait(1, SHORT);
    drop(held);
    assert!(first.checkpoint.wait(1, WAIT) && second.checkpoint.wait(1, WAIT));
    followers.iter().for_each(Follower::close);
    house.log.close();
    is_past
}

#[test]
fn a_fold_takes_no_batch_before_the_folds_ahead_of_it_and_null_control_it_does_without_them() {
    assert!(!second_is_past_the_first(true));
    assert!(second_is_past_the_first(false), "null control");
}

#[test]
fn a_slow_fold_delays_none_ahead_of_it_and_a_failed_one_ahead_delays_none_behind_it() {
    let house = Harness::new(TestClock::standing(T0));
    let (first, second) = (Recorder::of(OUTREACH), Recorder::of(CALLS));
    let ahead = Arc::new(Ahead::new(&house.log, 0, vec![first.fold()]));
    let own = Follower::start_ahead("first", &house.log, Arc::clone(&ahead));
    let followers = [
        own.expect("started"),
        Follower::start("second", &house.log, 0, vec![second.fold()], Some(ahead)).expect("started"),
    ];
    let held = second.held.lock();
    house.append(vec![email("a")]);
    house.append(vec![email("b")]);
    assert!(first.checkpoint.wait(2, WAIT), "the second is held at position 1 meanwhile");
    drop(held);
    house.append(vec![unreadable(), call("c")]);
    assert!(second.checkpoint.wait(4, WAIT), "the first has failed at position 3");
    assert_eq!(first.checkpoint.position(), 2);
    followers.iter().for_each(Follower::close);
    house.log.close();
}
