//! A log that is made anew while its nodes write: none of what they were told goes, and none stands twice.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use domain::record::Draft;

use super::conformance::{Node, close, faults, race, settled};
use super::fake::FakeLog;
use super::{SharedLog, SharedLogError, make_anew};
#[cfg(debug_assertions)]
use super::{Weakened, Weakness};
#[cfg(debug_assertions)]
use crate::log::LogState;
use crate::log::testing::{draft, fact};
use crate::log::{Appended, LogError};
use crate::testing::until;

const WAIT: Duration = Duration::from_secs(20);

/// Makes the log anew from the journal of a node that runs.
fn anew(engine: &dyn SharedLog, node: &Node) -> Result<u64, SharedLogError> {
    let log = &node.log;
    let made = make_anew(
        engine,
        "n0",
        &mut |position| {
            assert!(log.wait_past(position.saturating_sub(1), WAIT), "{:?}", log.state());
            Ok(log.snapshot())
        },
        &mut |_| {},
    );
    made.map(|head| head.position)
}

/// What a node tells once it is connected to the log that was made anew.
fn recorded(node: &Node, fact: &Draft) -> Vec<Appended> {
    let begun = Instant::now();
    loop {
        match node.log.append(vec![fact.clone()]).unwrap().wait() {
            Err(LogError::Unavailable(_)) if begun.elapsed() < WAIT => {
                thread::sleep(Duration::from_millis(20))
            }
            answers => return answers.unwrap(),
        }
    }
}

/// Nodes race while the log is made anew three times by one of them.
pub fn nodes_race_while_the_log_is_made_anew(engine: &Arc<dyn SharedLog>, keys: u64) {
    let nodes: Vec<Node> = (0..3).map(|_| Node::new(engine)).collect();
    let told = thread::scope(|scope| {
        let racing = scope.spawn(|| race(&nodes, 1..keys + 1));
        for (node, nth) in nodes.iter().zip(0..) {
            until("it goes on", || node.log.head().position > keys * nth / 8);
            let made = anew(&**engine, node).unwrap();
            assert!(made > 0);
        }
        racing.join().unwrap()
    });
    settled(&nodes);
    assert_eq!(faults(&nodes, &told, keys), Vec::<String>::new());
    // An original is in the engine again, and comes to who is new.
    let big = draft(keys + 1, 700_000);
    assert_eq!(recorded(&nodes[1], &big), [Appended::Recorded(keys + 1)]);
    settled(&nodes);
    anew(&**engine, &nodes[2]).unwrap();
    let joined = Node::new(engine);
    assert_eq!(joined.log.head(), nodes[2].log.head());
    let record = joined.log.read(keys + 1).unwrap().unwrap();
    let original = joined.log.original(&record.view().unwrap()).unwrap();
    assert_eq!(Some(&original), big.blob().map(|(_, bytes)| bytes));
    assert_eq!(recorded(&nodes[0], &fact(keys + 2, 0, 9)), [Appended::Recorded(keys + 2)]);
    joined.log.close();
    close(nodes);
}

#[test]
fn nodes_race_while_the_fake_engine_is_made_anew() {
    let engine: Arc<dyn SharedLog> = Arc::new(FakeLog::new());
    nodes_race_while_the_log_is_made_anew(&engine, 400);
}

/// Null control: where nodes go on appending to what is about to be removed, one of them has what the new log has not.
#[cfg(debug_assertions)]
#[test]
fn a_log_that_is_not_closed_first_loses_what_was_told() {
    let engine: Arc<dyn SharedLog> = Arc::new(FakeLog::new());
    let nodes: Vec<Node> = (0..2).map(|_| Node::new(&engine)).collect();
    for n in 1..20 {
        nodes[0].log.append(vec![draft(n, 9)]).unwrap().wait().unwrap();
    }
    settled(&nodes);
    let unfenced = Weakened::new(Arc::clone(&engine), Weakness::WithoutFence);
    let recorded = thread::scope(|scope| {
        let making = scope.spawn(|| anew(&unfenced, &nodes[0]));
        thread::sleep(Duration::from_millis(300));
        let recorded = nodes[1].log.append(vec![draft(20, 9)]).unwrap().wait();
        assert_eq!(making.join().unwrap().unwrap(), 19);
        recorded
    });
    assert_eq!(recorded.unwrap(), [Appended::Recorded(20)], "it was told");
    until("the node that has it stops", || matches!(nodes[1].log.state(), LogState::Stopped(_)));
    close(nodes);
}
