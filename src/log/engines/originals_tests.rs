//! Originals that go with an erasure while a block that names them is on its way.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use domain::record::Hash;
use parking_lot::{Condvar, Mutex};

use super::conformance::Node;
use super::fake::FakeLog;
use super::{BlockAppender, BlockOutcome, ClosedLog, Connected, SharedLog, SharedLogError, SideLog};
use crate::log::blobs;
use crate::log::frame::Frame;
use crate::log::testing::draft;
use crate::testing::until;

/// An engine whose writers can be held up.
pub struct Gated {
    engine: Arc<dyn SharedLog>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    /// Whether it is closed, and how many stand before it.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gated {
    pub fn new(engine: Arc<dyn SharedLog>) -> Self {
        Self { engine, gate: Arc::default() }
    }

    pub fn close(&self, is_closed: bool) {
        self.gate.state.lock().0 = is_closed;
        self.gate.changed.notify_all();
    }

    pub fn waiting(&self) -> usize {
        self.gate.state.lock().1
    }
}

struct GatedAppender {
    appender: Box<dyn BlockAppender>,
    gate: Arc<Gate>,
}

impl SharedLog for Gated {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn connect(&self, is_new: bool) -> Result<Connected, SharedLogError> {
        let connected = self.engine.connect(is_new)?;
        let appender = Box::new(GatedAppender { appender: connected.appender, gate: Arc::clone(&self.gate) });
        Ok(Connected { appender, ..connected })
    }

    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError> {
        self.engine.side_log()
    }

    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError> {
        self.engine.meet(word, wait)
    }

    fn close(&self, node: &str) -> Result<Box<dyn ClosedLog>, SharedLogError> {
        self.engine.close(node)
    }

    fn wipe(&self) -> Result<(), SharedLogError> {
        self.engine.wipe()
    }
}

impl BlockAppender for GatedAppender {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        let mut state = self.gate.state.lock();
        state.1 += 1;
        while state.0 {
            self.gate.changed.wait(&mut state);
        }
        state.1 -= 1;
        drop(state);
        self.appender.append(cursor, frame)
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.appender.put_blob(digest, bytes)
    }
}

#[test]
fn an_original_that_goes_before_its_block_is_taken_in_is_fetched_again() {
    let engine: Arc<dyn SharedLog> = Arc::new(FakeLog::new());
    let gated = Arc::new(Gated::new(Arc::clone(&engine)));
    let (one, other) = (Node::new(&engine), Node::new(&(Arc::clone(&gated) as Arc<dyn SharedLog>)));
    let append = |node: &Node, n| node.log.append(vec![draft(n, 40_000)]).unwrap();
    append(&one, 7).wait().unwrap();
    until("it has it", || other.log.head().position == 1);
    gated.close(true);
    let held_up = append(&other, 1);
    until("its writer is held up", || gated.waiting() == 1);
    // The same original, which is on the other's disk when the block comes, and not when it is taken in.
    append(&one, 7 + 256).wait().unwrap();
    thread::sleep(Duration::from_millis(800));
    let (digest, _) = draft(7, 40_000).blob().unwrap().clone();
    std::fs::remove_file(other.dir.path().join(blobs::path(&digest))).unwrap();
    gated.close(false);
    drop(held_up.wait());
    until("it has both", || other.log.head().position >= 2);
    let record = other.log.read(2).unwrap().unwrap();
    assert_eq!(other.log.original(&record.view().unwrap()).unwrap().len(), 40_000);
    one.log.close();
    other.log.close();
}
