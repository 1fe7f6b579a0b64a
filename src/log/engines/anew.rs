//! The engine's log made anew from a node's journal while nodes run.
//!
//! ```text
//! close     no node's block is taken any more: what the engine has is all that any node was told to be recorded
//! complete  this node's journal has all of it
//! empty     the log goes, with whatever was erased
//! copy      the journal's facts, in blocks of its own
//! open      nodes go on where their heads are, after comparing them
//! ```
//! A log that is missing takes no blocks by itself: then what is recorded beyond this journal is in journals alone.

use std::thread;
use std::time::Duration;

use domain::keys::Position;

use super::seed::{copy, unread};
use super::session::{is_of_engine, is_same};
use super::{LogBlock, SharedLog, SharedLogError};
use crate::log::merkle::Head;
use crate::log::snapshot::LogSnapshot;

/// Tries to compare what was made with the journal.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Makes the log anew. `complete` gives this node's journal once it has all up to a block; `told` hears how far the copy is.
///
/// # Errors
/// The engine's, or that of `complete`. The log may be closed then, or made in part: making it anew again goes on.
pub fn make_anew(
    engine: &dyn SharedLog,
    node: &str,
    complete: &mut dyn FnMut(Position) -> Result<LogSnapshot, SharedLogError>,
    told: &mut dyn FnMut(Position),
) -> Result<Head, SharedLogError> {
    let mut closed = engine.close(node)?;
    let last = closed.last().cloned();
    let log = complete(last.as_ref().map_or(0, |block| block.frame.last()))?;
    if let Some(block) = last {
        continues(&log, &block)?;
    }
    copy(&log, closed.empty(log.head().position)?, 0, 0, told)?;
    closed.open()?;
    drop(closed);
    let mut tries = TRIES;
    loop {
        match is_of_engine(&log, engine) {
            Err(SharedLogError::Unavailable(_) | SharedLogError::Unknown(_)) if tries > 0 => {
                tries -= 1;
                thread::sleep(PAUSE);
            }
            compared => return compared.map(|_| log.head()),
        }
    }
}

/// Whether `log` has the block, and may have more: it is what the block ended.
fn continues(log: &LogSnapshot, block: &LogBlock) -> Result<(), SharedLogError> {
    let (head, last) = (log.head().position, block.frame.last());
    if head >= last && is_same(log, &block.frame, last).map_err(unread)? {
        return Ok(());
    }
    Err(SharedLogError::Refused(format!(
        "the engine's log ends at position {last} with other facts than this node has up to {head}"
    )))
}
