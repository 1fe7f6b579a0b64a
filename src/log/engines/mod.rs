//! The log of several nodes: an engine that exists already orders the blocks, every node keeps all of them.
//!
//! ```text
//! append ─► the node's queue ─► its writer: plan against its own key index, as on one machine
//!   publish   one block (a frame) at the node's head, by compare-and-set; one in flight     jetstream, postgres
//!               committed ─► its own journal, synced ─► answers
//!               behind    ─► take in what others recorded, plan again
//!               unknown   ─► the same block again, or its id in what follows: settled before anyone is answered
//! follow  ─► blocks of other nodes ─► chain checked ─► journal, synced ─► head, index, folds
//! ```
//! The frame is the same bytes in a file, a message and a row. What is decided, indexed, folded and read stands above,
//! once, and is the code of one machine. The engine orders; it is never the only copy: what is answered is in this
//! node's own journal too. A block that does not continue the node's log, by position or by root, stops the node.

mod anew;
#[cfg(test)]
mod anew_tests;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fake;
mod inbox;
pub mod jetstream;
mod nodes;
mod ordered;
#[cfg(test)]
mod originals_tests;
pub mod postgres;
#[cfg(test)]
mod real;
mod seed;
mod session;
mod unerased;
#[cfg(debug_assertions)]
mod weakened;

use std::time::Duration;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;

pub use self::anew::make_anew;
pub use self::inbox::{EngineStatus, Inbox};
pub use self::nodes::{NodeHead, NodeSeen};
pub use self::ordered::Ordered;
pub use self::seed::seed;
pub use self::session::{is_of_engine, run};
#[cfg(debug_assertions)]
pub use self::weakened::{Weakened, Weakness};
use super::frame::Frame;

/// How often a node says its word before it listens to the end: two that begin at one moment may miss each other's first.
const MEET_WORDS: u32 = 4;

/// Why the engine did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SharedLogError {
    /// The block may or may not be recorded.
    #[error("no answer: {0}")]
    Unknown(String),
    /// Nothing was recorded; it passes by itself.
    #[error("{0}")]
    Unavailable(String),
    /// The engine takes no more bytes; nothing was recorded.
    #[error("the engine is full: {0}")]
    Full(String),
    /// The engine has not this log, though the node has: an operator must say what is true.
    #[error("{0}")]
    Missing(String),
    /// The engine is not as it must be, or what it holds is another log: this node goes no further.
    #[error("{0}")]
    Refused(String),
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockOutcome {
    /// Durable in the engine, at this cursor.
    Committed(u64),
    /// The log does not end where the block was to follow. This copy of it was not recorded.
    Behind,
}

/// A block as the engine holds it.
#[derive(Debug, Clone)]
pub struct LogBlock {
    /// The facts.
    pub frame: Frame,
    /// Its place, in the engine's own count.
    pub cursor: u64,
}

/// Appends blocks. It belongs to the writer's thread, and blocks it.
pub trait BlockAppender: Send {
    /// Records `frame` if the log ends at `cursor`. After [`SharedLogError::Unknown`] the same call is safe: at most one
    /// copy can ever be recorded.
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError>;

    /// Whether a block that the follower gives is durable for certain. Where it is not, only an answer settles a doubt.
    fn sight_is_proof(&self) -> bool {
        true
    }

    /// Makes an original durable in the engine, before the block that names it; again is harmless.
    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError>;
}

/// Gives blocks in order. It belongs to the following thread, and blocks it.
pub trait BlockFollower: Send {
    /// The block that holds `position`; none past the end.
    fn find(&mut self, position: Position) -> Result<Option<LogBlock>, SharedLogError>;

    /// Blocks behind `cursor` in order and without a gap; none where nothing came within `wait`.
    fn next(&mut self, cursor: u64, wait: Duration) -> Result<Vec<LogBlock>, SharedLogError>;

    /// Last position of the log in the engine.
    fn tip(&mut self) -> Result<Position, SharedLogError>;

    /// An original that a block names.
    fn blob(&mut self, digest: &Hash, len: u64) -> Result<Bytes, SharedLogError>;

    /// Says a word to all nodes that are there now, this one included. It may be lost.
    fn tell(&mut self, word: &[u8]) -> Result<(), SharedLogError>;

    /// The words that were said since this was last asked.
    fn heard(&mut self) -> Vec<Bytes>;
}

/// Messages that an engine keeps beside the log for 30 days. All nodes read them; they can be done without.
pub trait SideLog: Send {
    /// Adds a message. After an error it may be there.
    fn publish(&mut self, message: &[u8]) -> Result<(), SharedLogError>;

    /// Messages behind `cursor` with their cursors, oldest first, some at once; none where there are none now.
    fn after(&mut self, cursor: u64) -> Result<Vec<(u64, Bytes)>, SharedLogError>;

    /// Cursor of the last message; 0 before the first.
    fn end(&mut self) -> Result<u64, SharedLogError>;
}

/// A connection, checked.
pub struct Connected {
    /// For the writer.
    pub appender: Box<dyn BlockAppender>,
    /// For the following thread.
    pub follower: Box<dyn BlockFollower>,
    /// In which way it is weaker than it should be, for the operator.
    pub warnings: Vec<String>,
    /// Why it takes no blocks, where it is about to be made anew; what it has can be read.
    pub closed: Option<String>,
}

/// Takes the blocks of a journal, one behind the other.
pub trait BlockSink {
    /// Records `frame` where the log ends at `cursor`; where it ends then.
    fn put(&mut self, cursor: u64, frame: &Frame) -> Result<u64, SharedLogError>;

    /// Makes an original durable, before the block that names it.
    fn put_original(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError>;
}

/// A log that takes no node's blocks while it is made anew. Where this is dropped before [`ClosedLog::open`], PostgreSQL has the
/// log as it was, and JetStream has it closed until it is made anew after all.
pub trait ClosedLog {
    /// Its last block; none where it is missing, or a log that was not made to its end.
    fn last(&self) -> Option<&LogBlock>;

    /// Removes what it has. What is put into what this gives is the log, which ends at `up_to`.
    fn empty(&mut self, up_to: Position) -> Result<&mut dyn BlockSink, SharedLogError>;

    /// Lets the nodes append again.
    fn open(&mut self) -> Result<(), SharedLogError>;
}

/// An engine that is configured.
pub trait SharedLog: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &'static str;

    /// Connects and checks that what is promised can be kept. `is_new` is true where the node has no facts: only then
    /// may the log be made in the engine where it is not there.
    fn connect(&self, is_new: bool) -> Result<Connected, SharedLogError>;

    /// Connects to the messages beside the log, whose place is made where it is not there.
    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError>;

    /// Says a word to all nodes and hears what they say within `wait`, also where the engine has no log to connect to.
    ///
    /// # Errors
    /// Its servers do not answer.
    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError>;

    /// Closes the log to the blocks of every node, so that it can be made anew: what it has when this returns is all that any
    /// node was ever told to be recorded. `node` is who does it.
    fn close(&self, node: &str) -> Result<Box<dyn ClosedLog>, SharedLogError>;

    /// Removes the log from the engine, for good: before it is made anew from a journal while no node runs.
    fn wipe(&self) -> Result<(), SharedLogError>;
}

/// The runtime of an engine's client: its owners block on it from threads of their own, never from another runtime.
fn runtime(name: &str) -> Result<tokio::runtime::Runtime, SharedLogError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build();
    runtime.map_err(|error| SharedLogError::Unavailable(error.to_string()))
}
