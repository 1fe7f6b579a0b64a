//! What every engine must do, asked of each: several nodes race, lose answers, restart, join, and keep one log.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::fake::{FakeLog, Lossy};
use super::{BlockOutcome, SharedLog};
use crate::log::disk::RealDisk;
use crate::log::frame::FrameWriter;
use crate::log::testing::{draft, fact, options};
use crate::log::{Appended, Log, LogError, LogOptions, LogState, Protections};
use crate::testing::until;

const WAIT: Duration = Duration::from_secs(20);

/// A node: a log of its own in a folder of its own, on an engine.
pub struct Node {
    pub dir: tempfile::TempDir,
    pub log: Log,
}

impl Node {
    pub fn new(engine: &Arc<dyn SharedLog>) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), engine)
    }

    fn in_folder(dir: tempfile::TempDir, engine: &Arc<dyn SharedLog>) -> Self {
        let options = LogOptions { engine: Some(Arc::clone(engine)), ..options(Protections::default()) };
        let (log, _) = Log::open(Arc::new(RealDisk::new(dir.path())), &options).unwrap();
        assert!(log.wait_caught_up(WAIT), "{:?}", log.state());
        Self { dir, log }
    }

    fn restarted(self, engine: &Arc<dyn SharedLog>) -> Self {
        self.log.close();
        Self::in_folder(self.dir, engine)
    }
}

/// What a writer was told: which fact in which content, and the answer.
pub type Told = (u64, u64, Appended);

/// Has each node post the same keys at once, some with a content of their own; each fact until it is answered.
pub fn race(nodes: &[Node], keys: std::ops::Range<u64>) -> Vec<Told> {
    let writers = nodes.iter().zip(0..).map(|(node, nth)| {
        let (log, keys) = (node.log.clone(), keys.clone());
        thread::spawn(move || {
            let mut told = Vec::new();
            let keys: Vec<u64> = keys.collect();
            for (batch, keys) in keys.chunks(7).enumerate() {
                let contents: Vec<u64> = keys.iter().map(|key| if key % 10 == 3 { nth } else { 0 }).collect();
                let drafts = || keys.iter().zip(&contents).map(|(key, content)| fact(*key, *content, 20));
                let answers = loop {
                    match log.append(drafts().collect()).and_then(|pending| pending.wait()) {
                        Ok(answers) => break answers,
                        Err(LogError::Unavailable(_)) => {}
                        Err(error) => panic!("node {nth}, batch {batch}: {error}"),
                    }
                };
                told.extend(
                    keys.iter()
                        .zip(&contents)
                        .zip(answers)
                        .map(|((key, content), answer)| (*key, *content, answer)),
                );
            }
            told
        })
    });
    let writers: Vec<_> = writers.collect();
    writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
}

/// What is wrong with what the nodes hold and told.
pub fn faults(nodes: &[Node], told: &[Told], keys: u64) -> Vec<String> {
    let mut faults = Vec::new();
    let head = nodes[0].log.head();
    if head.position != keys {
        faults.push(format!("{} facts of {keys} keys", head.position));
    }
    for (nth, node) in nodes.iter().enumerate() {
        if node.log.head() != head {
            faults.push(format!("node {nth} has {:?}, node 0 {head:?}", node.log.head()));
        }
        let mut due = 1;
        let read = node.log.snapshot().in_order(1, u64::MAX, true, &mut |position, _| {
            if position != due {
                faults.push(format!("node {nth} has position {position} where {due} is due"));
            }
            due = position + 1;
            std::ops::ControlFlow::Continue(())
        });
        if let Err(error) = read {
            faults.push(format!("node {nth}: {error}"));
        }
    }
    let mut recorded = vec![0; keys as usize + 1];
    for (key, content, answer) in told {
        let wanted = fact(*key, *content, 20);
        let there = nodes[0].log.read(answer.position()).ok().flatten();
        let Some(record) = there.as_ref().and_then(|record| record.view().ok()) else {
            faults.push(format!("{answer:?} of fact {key} is not there"));
            continue;
        };
        let same_key = record.header.external_id == format!("fact/{key}");
        let same = record.header.content == wanted.content;
        let fits = match answer {
            Appended::Recorded(_) | Appended::Duplicate(_) => same_key && same,
            Appended::Differs(_) => same_key && !same,
        };
        if !fits {
            faults.push(format!("{answer:?} of fact {key} in content {content} is not true"));
        }
        recorded[*key as usize] += u64::from(matches!(answer, Appended::Recorded(_)));
    }
    faults.extend(
        recorded
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 1)
            .map(|(key, count)| format!("fact {key} was told as recorded {count} times")),
    );
    faults
}

pub fn settled(nodes: &[Node]) {
    let furthest = nodes.iter().map(|node| node.log.head().position).max().unwrap();
    until("all nodes have all", || nodes.iter().all(|node| node.log.head().position >= furthest));
}

pub fn close(nodes: Vec<Node>) {
    for node in nodes {
        node.log.close();
    }
}

/// Several nodes race over the same keys: each stands once, and all nodes have the same log.
pub fn nodes_race(engine: &Arc<dyn SharedLog>, keys: u64) {
    let nodes: Vec<Node> = (0..4).map(|_| Node::new(engine)).collect();
    let told = race(&nodes, 1..keys + 1);
    settled(&nodes);
    assert_eq!(faults(&nodes, &told, keys), Vec::<String>::new());
    close(nodes);
}

/// The same while requests and answers are lost: what is unknown is settled before anyone is answered.
pub fn nodes_race_with_lost_answers(engine: &Arc<dyn SharedLog>, keys: u64) {
    let lossy = |seed| Arc::new(Lossy::new(Arc::clone(engine), seed)) as Arc<dyn SharedLog>;
    let nodes: Vec<Node> = (0..3).map(|seed| Node::new(&lossy(seed))).collect();
    let told = race(&nodes, 1..keys + 1);
    settled(&nodes);
    assert_eq!(faults(&nodes, &told, keys), Vec::<String>::new());
    close(nodes);
}

/// Nodes go on after a restart, one that was away catches up, a new one joins, and large originals are on all of them.
pub fn nodes_restart_and_join(engine: &Arc<dyn SharedLog>) {
    let (first, second) = (Node::new(engine), Node::new(engine));
    let big = draft(1, 700_000);
    assert_eq!(first.log.append(vec![big.clone(), draft(2, 9)]).unwrap().wait().unwrap().len(), 2);
    until("the second has it", || second.log.head() == first.log.head());
    let second = second.restarted(engine);
    assert_eq!(second.log.append(vec![draft(1, 700_000)]).unwrap().wait().unwrap(), [Appended::Duplicate(1)]);
    let first_folder = {
        let Node { dir, log } = first;
        log.close();
        dir
    };
    for n in 3..200 {
        assert_eq!(second.log.append(vec![draft(n, 9)]).unwrap().wait().unwrap(), [Appended::Recorded(n)]);
    }
    let nodes = vec![second, Node::in_folder(first_folder, engine), Node::new(engine)];
    for node in &nodes {
        assert_eq!(node.log.head(), nodes[0].log.head());
        let record = node.log.read(1).unwrap().unwrap();
        let original = node.log.original(&record.view().unwrap()).unwrap();
        assert_eq!(Some(&original), big.blob().map(|(_, bytes)| bytes));
    }
    assert_eq!(nodes[2].log.append(vec![fact(9, 1, 9)]).unwrap().wait().unwrap(), [Appended::Differs(9)]);
    close(nodes);
}

/// A block that does not continue the log stops every node that meets it; what they have is read on.
pub fn a_broken_chain_stops_every_node(engine: &Arc<dyn SharedLog>) {
    let nodes: Vec<Node> = (0..2).map(|_| Node::new(engine)).collect();
    nodes[0].log.append(vec![draft(1, 9)]).unwrap().wait().unwrap();
    settled(&nodes);
    let mut raw = engine.connect(false).unwrap();
    let cursor = raw.follower.find(1).unwrap().unwrap().cursor;
    let mut bytes = Vec::new();
    let mut frame = FrameWriter::begin(&mut bytes);
    frame.push(&draft(2, 9), 5);
    let (header, span) = frame.finish(2, 77, [9; 32]);
    let frame = crate::log::frame::Frame::built(header, bytes[span].to_vec().into());
    assert!(matches!(raw.appender.append(cursor, &frame), Ok(BlockOutcome::Committed(_))));
    for node in &nodes {
        until("it stops", || matches!(node.log.state(), LogState::Stopped(_)));
        assert_eq!(node.log.head().position, 1);
        assert!(node.log.read(1).unwrap().is_some());
        let LogState::Stopped(why) = node.log.state() else { panic!("it goes on") };
        assert!(why.contains("broken chain"), "{why}");
    }
    close(nodes);
}

/// A log that is made anew from the journal that goes furthest stands in other blocks than before, and a node whose head lies
/// within one of them follows it.
pub fn a_log_made_anew_is_followed_by_a_node_that_lags(engine: &Arc<dyn SharedLog>) {
    let (far, lags) = (Node::new(engine), Node::new(engine));
    let append = |n| far.log.append(vec![draft(n, 9)]).unwrap().wait().unwrap();
    (1..8).for_each(|n| drop(append(n)));
    until("it has them", || lags.log.head().position == 7);
    let Node { dir, log } = lags;
    log.close();
    (8..20).for_each(|n| drop(append(n)));
    let Node { dir: furthest, log } = far;
    let journal = log.snapshot();
    log.close();
    engine.wipe().unwrap();
    super::seed(&journal, &**engine, &mut |_| {}).unwrap();
    let raw = engine.connect(false).unwrap().follower.find(7).unwrap().unwrap();
    assert!(raw.frame.header.first < 7 && raw.frame.last() > 7, "it stands within a block");
    let nodes = vec![Node::in_folder(furthest, engine), Node::in_folder(dir, engine)];
    assert_eq!(nodes[0].log.head(), nodes[1].log.head());
    assert_eq!(nodes[1].log.append(vec![draft(20, 9)]).unwrap().wait().unwrap(), [Appended::Recorded(20)]);
    settled(&nodes);
    assert_eq!(nodes[0].log.head(), nodes[1].log.head());
    close(nodes);
}

/// Nodes hear of each other where there is no log to connect to.
pub fn nodes_meet_without_a_log(engine: &Arc<dyn SharedLog>) {
    // On a busy machine one may be connected long before the other.
    let wait = Duration::from_secs(5);
    let heard = thread::scope(|scope| {
        ["one", "two"]
            .map(|word| scope.spawn(move || engine.meet(word.as_bytes(), wait).unwrap()))
            .map(|meeting| meeting.join().unwrap())
    });
    for (words, word) in heard.iter().zip(["two", "one"]) {
        assert!(words.iter().any(|heard| heard == word), "{words:?}");
    }
}

/// What is told beside the log, all nodes hear once and in one order; a node that was away hears the rest.
pub fn messages_beside_the_log_reach_all(engine: &Arc<dyn SharedLog>) {
    let tell = |nth: u8| {
        let mut side = engine.side_log().unwrap();
        for n in 0..20 {
            side.publish(&[nth, n]).unwrap();
        }
    };
    thread::scope(|scope| {
        for nth in 0..3 {
            scope.spawn(move || tell(nth));
        }
    });
    let heard = |after: u64| {
        let mut side = engine.side_log().unwrap();
        let (end, mut at, mut heard) = (side.end().unwrap(), after, Vec::new());
        while at < end {
            for (cursor, message) in side.after(at).unwrap() {
                assert!(cursor > at);
                at = cursor;
                heard.push((cursor, message.to_vec()));
            }
        }
        assert!(side.after(end).unwrap().is_empty());
        heard
    };
    let all = heard(0);
    assert_eq!(all, heard(0));
    for nth in 0..3 {
        let of_one: Vec<u8> =
            all.iter().filter(|(_, message)| message[0] == nth).map(|(_, message)| message[1]).collect();
        assert_eq!(of_one, (0..20).collect::<Vec<u8>>());
    }
    assert_eq!(heard(all[39].0), all[40..]);
}

fn fake() -> (FakeLog, Arc<dyn SharedLog>) {
    let fake = FakeLog::new();
    (fake.clone(), Arc::new(fake))
}

#[test]
fn the_fake_engine_keeps_one_log_of_racing_nodes() {
    nodes_race(&fake().1, 400);
}

#[test]
fn the_fake_engine_keeps_one_log_when_answers_are_lost() {
    nodes_race_with_lost_answers(&fake().1, 200);
}

#[test]
fn nodes_on_the_fake_engine_restart_and_join() {
    nodes_restart_and_join(&fake().1);
}

#[test]
fn nodes_on_the_fake_engine_stop_at_a_broken_chain() {
    a_broken_chain_stops_every_node(&fake().1);
}

#[test]
fn a_log_made_anew_on_the_fake_engine_is_followed() {
    a_log_made_anew_is_followed_by_a_node_that_lags(&fake().1);
}

#[test]
fn nodes_on_the_fake_engine_meet() {
    nodes_meet_without_a_log(&fake().1);
}

#[test]
fn the_fake_engine_brings_messages_beside_the_log() {
    messages_beside_the_log_reach_all(&fake().1);
}

#[test]
fn an_engine_that_ignores_the_compare_and_set_is_noticed() {
    let engine: Arc<dyn SharedLog> = Arc::new(FakeLog::without_compare_and_set());
    let nodes: Vec<Node> = (0..2).map(|_| Node::new(&engine)).collect();
    let append = |node: &Node, n| node.log.append(vec![draft(n, 9)]).and_then(|pending| pending.wait());
    for n in 1..2_000 {
        thread::scope(|scope| {
            for (node, other) in nodes.iter().zip([0, 10_000]) {
                scope.spawn(move || drop(append(node, n + other)));
            }
        });
        if nodes.iter().any(|node| matches!(node.log.state(), LogState::Stopped(_))) {
            close(nodes);
            return;
        }
    }
    panic!("two nodes wrote at one place, and nobody noticed");
}

#[test]
fn a_full_and_an_unreachable_engine_refuse_and_go_on_afterwards() {
    let (fake, engine) = fake();
    let node = Node::new(&engine);
    let append = |n| node.log.append(vec![draft(n, 9)]).unwrap().wait();
    assert_eq!(append(1).unwrap(), [Appended::Recorded(1)]);
    fake.fill(true);
    assert!(matches!(append(2), Err(LogError::Unavailable(_))));
    assert!(matches!(node.log.state(), LogState::Unavailable(_)));
    assert_eq!(append(1).unwrap(), [Appended::Duplicate(1)], "what is known is answered all the same");
    fake.fill(false);
    assert_eq!(append(2).unwrap(), [Appended::Recorded(2)]);
    assert_eq!(node.log.state(), LogState::Writable);
    fake.cut_off(true);
    assert!(matches!(append(3), Err(LogError::Unavailable(_))));
    assert!(node.log.read(2).unwrap().is_some());
    fake.cut_off(false);
    until("it is reached again", || node.log.state() == LogState::Writable);
    assert_eq!(append(3).unwrap(), [Appended::Recorded(3)]);
    node.log.close();
}

#[test]
fn an_engine_that_lost_what_it_acknowledged_stops_the_node_that_has_it() {
    let (fake, engine) = fake();
    let node = Node::new(&engine);
    for n in 1..5 {
        node.log.append(vec![draft(n, 9)]).unwrap().wait().unwrap();
    }
    let Node { dir, log } = node;
    log.close();
    fake.lose_last(2);
    let options = LogOptions { engine: Some(engine), ..options(Protections::default()) };
    let (log, _) = Log::open(Arc::new(RealDisk::new(dir.path())), &options).unwrap();
    until("it stops", || matches!(log.state(), LogState::Stopped(_)));
    assert_eq!(log.head().position, 4, "and it keeps what it has");
    log.close();
}
