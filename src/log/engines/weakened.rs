//! An engine with a protection taken out, which tests of several nodes must notice. In debug builds alone.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;

use super::{
    BlockAppender, BlockFollower, BlockOutcome, BlockSink, ClosedLog, Connected, LogBlock, SharedLog,
    SharedLogError, SideLog,
};
use crate::log::frame::Frame;

/// How long after its answer a block is published.
const LATE: Duration = Duration::from_millis(300);
/// How long other nodes go on before the log is removed under them.
const UNFENCED: Duration = Duration::from_secs(1);

/// What is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// A block is appended wherever the log ends, whatever it was to follow.
    WithoutCompare,
    /// A block is told as recorded before the engine has it.
    WithoutQuorum,
    /// Other nodes append while the log is made anew.
    WithoutFence,
}

/// The engine.
pub struct Weakened {
    engine: Arc<dyn SharedLog>,
    weakness: Weakness,
}

impl Weakened {
    /// `engine` without the protection.
    pub fn new(engine: Arc<dyn SharedLog>, weakness: Weakness) -> Self {
        Self { engine, weakness }
    }
}

impl SharedLog for Weakened {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn connect(&self, is_new: bool) -> Result<Connected, SharedLogError> {
        let connected = self.engine.connect(is_new)?;
        let appender: Box<dyn BlockAppender> = match self.weakness {
            Weakness::WithoutCompare => {
                let seeing = self.engine.connect(false)?.follower;
                Box::new(Anywhere { appender: connected.appender, seeing })
            }
            Weakness::WithoutFence => connected.appender,
            Weakness::WithoutQuorum => Box::new(Early::new(connected.appender, self.engine.connect(false)?)),
        };
        Ok(Connected { appender, ..connected })
    }

    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError> {
        self.engine.side_log()
    }

    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError> {
        self.engine.meet(word, wait)
    }

    fn close(&self, node: &str) -> Result<Box<dyn ClosedLog>, SharedLogError> {
        if self.weakness != Weakness::WithoutFence {
            return self.engine.close(node);
        }
        let mut follower = self.engine.connect(false)?.follower;
        let tip = follower.tip()?;
        let last = follower.find(tip)?;
        Ok(Box::new(Unfenced { engine: Arc::clone(&self.engine), node: node.to_owned(), last, closed: None }))
    }

    fn wipe(&self) -> Result<(), SharedLogError> {
        self.engine.wipe()
    }
}

/// Appends at the end.
struct Anywhere {
    appender: Box<dyn BlockAppender>,
    seeing: Box<dyn BlockFollower>,
}

impl BlockAppender for Anywhere {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        let mut at = cursor;
        loop {
            match self.appender.append(at, frame)? {
                BlockOutcome::Behind => {
                    while let Some(block) = self.seeing.next(at, Duration::from_millis(20))?.last() {
                        at = block.cursor;
                    }
                }
                committed @ BlockOutcome::Committed(_) => return Ok(committed),
            }
        }
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.appender.put_blob(digest, bytes)
    }
}

/// Answers first.
struct Early {
    blobs: Box<dyn BlockAppender>,
    later: Sender<(u64, Frame)>,
}

impl Early {
    fn new(blobs: Box<dyn BlockAppender>, mut connected: Connected) -> Self {
        let (later, blocks) = channel::<(u64, Frame)>();
        thread::spawn(move || {
            for (cursor, frame) in blocks {
                thread::sleep(LATE);
                // Whatever comes of it: it was answered.
                let _ = connected.appender.append(cursor, &frame);
            }
        });
        Self { blobs, later }
    }
}

impl BlockAppender for Early {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        let gone = |_| SharedLogError::Unavailable("the thread is gone".into());
        self.later.send((cursor, frame.clone())).map_err(gone)?;
        Ok(BlockOutcome::Committed(cursor + 1))
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.blobs.put_blob(digest, bytes)
    }
}

/// A log that is said to be closed.
struct Unfenced {
    engine: Arc<dyn SharedLog>,
    node: String,
    last: Option<LogBlock>,
    closed: Option<Box<dyn ClosedLog>>,
}

impl ClosedLog for Unfenced {
    fn last(&self) -> Option<&LogBlock> {
        self.last.as_ref()
    }

    fn empty(&mut self, up_to: Position) -> Result<&mut dyn BlockSink, SharedLogError> {
        thread::sleep(UNFENCED);
        self.engine.wipe()?;
        let closed = self.engine.close(&self.node)?;
        self.closed.insert(closed).empty(up_to)
    }

    fn open(&mut self) -> Result<(), SharedLogError> {
        self.closed.as_mut().map_or(Ok(()), |closed| closed.open())
    }
}
