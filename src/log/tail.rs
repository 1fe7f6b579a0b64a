//! The frames of an open segment, held in memory, shared by the writer and every reader.

use domain::keys::Position;
use domain::record::{Hash, Record};
use parking_lot::RwLock;

use super::frame::Frame;
use super::merkle::Frontier;

/// A durable frame of a tail, with the leaves of its facts.
#[derive(Debug, Clone)]
pub struct TailFrame {
    /// The frame.
    pub frame: Frame,
    /// One leaf per fact.
    pub leaves: std::sync::Arc<[Hash]>,
}

/// The frames of one open segment. It only grows, so a reader is a tail and a last position.
#[derive(Debug)]
pub struct Tail {
    /// The tree before its first fact.
    pub before: Frontier,
    frames: RwLock<Vec<TailFrame>>,
}

/// Frames copied out under one hold of the lock: pushing waits no longer than that.
const FRAMES_AT_ONCE: usize = 64;

impl Tail {
    /// A tail that begins after `before`.
    pub fn new(before: Frontier, frames: Vec<TailFrame>) -> Self {
        Self { before, frames: RwLock::new(frames) }
    }

    /// Position of its first fact, there or not.
    pub fn first(&self) -> Position {
        self.before.len() + 1
    }

    /// Adds frames that are durable.
    pub fn push(&self, frames: impl IntoIterator<Item = TailFrame>) {
        self.frames.write().extend(frames);
    }

    /// Up to 64 frames, beginning with the one that holds `position`, or the next one of a log of a few facts (`sparse`);
    /// empty behind the last.
    pub fn frames_from(&self, position: Position) -> Vec<TailFrame> {
        let frames = self.frames.read();
        let at = frames.partition_point(|committed| committed.frame.last() < position);
        frames[at..frames.len().min(at + FRAMES_AT_ONCE)].to_vec()
    }

    /// The record at `position`.
    pub fn read(&self, position: Position) -> Option<Record> {
        let frame = {
            let frames = self.frames.read();
            let at = frames.partition_point(|committed| committed.frame.last() < position);
            frames.get(at)?.frame.clone()
        };
        frame.records(position).next().filter(|record| record.position == position)
    }

    /// Every record and every leaf, in order: what sealing takes.
    pub fn all(&self) -> (Vec<Record>, Vec<Hash>) {
        let frames = self.frames.read().clone();
        let records = frames.iter().flat_map(|c| c.frame.records(0)).collect();
        let leaves = frames.iter().flat_map(|c| c.leaves.iter().copied()).collect();
        (records, leaves)
    }
}
