//! Puts a whole journal into an engine that has nothing of it, or only its beginning: a migration, or a stream made anew.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;

use super::session::locate;
use super::{BlockOutcome, BlockSink, Connected, SharedLog, SharedLogError};
use crate::log::blobs;
use crate::log::frame::{BYTES_MAX, FACTS_MAX, Frame, FrameWriter};
use crate::log::merkle::{Frontier, Head};
use crate::log::snapshot::LogSnapshot;
use crate::log::writer::random_u64;

/// Tries of one block; each waits as long as an answer may take.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Publishes every fact of `log` that the engine does not have. What it has must be the beginning of `log`, so that a
/// seed that was cut off goes on. `told` hears how far it is.
///
/// # Errors
/// What the engine refuses, or the log cannot read.
pub fn seed(
    log: &LogSnapshot,
    engine: &dyn SharedLog,
    told: &mut dyn FnMut(Position),
) -> Result<Head, SharedLogError> {
    let mut connected = engine.connect(true)?;
    let tip = connected.follower.tip()?;
    if tip > log.head().position {
        let why = format!("the engine has facts up to {tip}, and this node up to {}", log.head().position);
        return Err(SharedLogError::Refused(why));
    }
    let at = Head { position: tip, root: log.root_at(tip).map_err(unread)? };
    let cursor = locate(log, &mut *connected.follower, at, tip)?.cursor;
    copy(log, &mut connected, at.position, cursor, told)?;
    let head = log.head();
    let tip = connected.follower.tip()?;
    locate(log, &mut *connected.follower, head, tip)?;
    Ok(head)
}

/// Puts every fact of `log` behind `after`, where `to` ends at `cursor`, in blocks that are as large as a block may be.
pub(super) fn copy(
    log: &LogSnapshot,
    to: &mut dyn BlockSink,
    after: Position,
    cursor: u64,
    told: &mut dyn FnMut(Position),
) -> Result<(), SharedLogError> {
    let mut seed =
        Seed { log, to, cursor, first: after + 1, before: Hash::default(), records: Vec::new(), told };
    let mut tree = Frontier::new();
    let mut outcome = Ok(());
    let walked = log.in_order(1, Position::MAX, true, &mut |position, record| {
        if position > after {
            let mut stored = Vec::new();
            record.write(&mut stored);
            outcome = seed.add(position, &tree, stored);
        }
        tree.push(record.leaf());
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    walked.map_err(unread)?;
    outcome?;
    seed.put()
}

pub(super) fn unread(error: impl std::fmt::Display) -> SharedLogError {
    SharedLogError::Unavailable(error.to_string())
}

/// A seed under way, with the records of the next block.
struct Seed<'s> {
    log: &'s LogSnapshot,
    to: &'s mut dyn BlockSink,
    cursor: u64,
    first: Position,
    /// Root of the tree before `first`.
    before: Hash,
    records: Vec<Vec<u8>>,
    told: &'s mut dyn FnMut(Position),
}

impl Seed<'_> {
    fn add(&mut self, position: Position, tree: &Frontier, stored: Vec<u8>) -> Result<(), SharedLogError> {
        let bytes: usize = self.records.iter().map(|record| record.len() + 4).sum();
        let is_full = self.records.len() == FACTS_MAX || bytes + stored.len() + 4 > BYTES_MAX;
        if is_full && !self.records.is_empty() {
            self.put()?;
        }
        if self.records.is_empty() {
            (self.first, self.before) = (position, tree.root());
        }
        self.records.push(stored);
        Ok(())
    }

    /// Puts the block, with the originals that it names.
    fn put(&mut self) -> Result<(), SharedLogError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::begin(&mut bytes);
        for stored in self.records.drain(..) {
            writer.push_stored(&stored);
        }
        let random = || random_u64().map(u128::from).map_err(unread);
        let (header, span) = writer.finish(self.first, random()? << 64 | random()?, self.before);
        let frame = Frame::built(header, bytes[span].to_vec().into());
        for (digest, len) in frame.blobs() {
            let original = blobs::get(&*self.log.disk, &digest, len).map_err(unread)?;
            self.to.put_original(&digest, &original)?;
        }
        self.cursor = self.to.put(self.cursor, &frame)?;
        (self.told)(frame.last());
        Ok(())
    }
}

impl BlockSink for Connected {
    fn put(&mut self, cursor: u64, frame: &Frame) -> Result<u64, SharedLogError> {
        let mut last = unread("no try was made");
        for _ in 0..TRIES {
            match self.appender.append(cursor, frame) {
                Ok(BlockOutcome::Committed(cursor)) => return Ok(cursor),
                // The block of a try whose answer was lost, or another node's: then nobody may seed.
                Ok(BlockOutcome::Behind) => {
                    let there = self.follower.find(frame.header.first)?;
                    let ours = there.filter(|there| there.frame.header.id == frame.header.id);
                    let other = "another node writes to the engine: stop it first";
                    return ours.map(|ours| ours.cursor).ok_or_else(|| SharedLogError::Refused(other.into()));
                }
                Err(error @ (SharedLogError::Unknown(_) | SharedLogError::Unavailable(_))) => last = error,
                Err(error) => return Err(error),
            }
            thread::sleep(PAUSE);
        }
        Err(last)
    }

    fn put_original(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.appender.put_blob(digest, bytes)
    }
}
