//! The hash tree of a log as a client of a transparency log asks for it: nodes, tiles, proofs (RFC 6962, C2SP tlog-tiles).
//!
//! Indexes count leaves from 0, as the specifications do: the fact at position p is leaf p − 1. Leaves of the tail lie in
//! memory; of sealed facts only the nodes over 64 leaves are kept, so their leaves are hashed again from the records. Nodes
//! over 4,096 leaves and more never change, and are remembered.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use domain::record::Hash;

use super::error::LogError;
use super::merkle::{Frontier, SUBTREE_LEAVES, SUBTREE_LEVEL, interior};
use super::sealed_segment::SealedSegment;
use super::snapshot::LogSnapshot;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree in a tile.
const TILE_HEIGHT: u32 = 8;
/// Largest tree of which proofs are made or checked.
pub const SIZE_MAX: u64 = 1 << 48;
/// The largest power of two below `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// Reads nodes of one tree, and holds the last stretch of leaves that it read.
pub struct TreeReader<'s> {
    log: &'s LogSnapshot,
    /// The tree has so many leaves.
    size: u64,
    leaves: (Range<u64>, Vec<Hash>),
    /// Read the leaves of a whole sealed segment at once: many of them are asked for.
    by_segment: bool,
}

impl<'s> TreeReader<'s> {
    /// The tree over the first `size` facts of `log`, which must have them. `many` leaves are read a segment at a time.
    pub fn new(log: &'s LogSnapshot, size: u64, many: bool) -> Self {
        Self { log, size, leaves: (0..0, Vec::new()), by_segment: many }
    }

    /// The leaf at `index`.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn leaf(&mut self, index: u64) -> Result<Hash, LogError> {
        if !self.leaves.0.contains(&index) {
            let aligned = index / SUBTREE_LEAVES * SUBTREE_LEAVES;
            let segment = self.log.segment_of(index).filter(|_| self.by_segment);
            let stretch = match segment {
                Some(segment) => segment.base() - 1..segment.last(),
                None => aligned..(aligned + SUBTREE_LEAVES).min(self.log.head.position),
            };
            self.leaves = (stretch.clone(), self.log.leaves(stretch)?);
        }
        let at = (index - self.leaves.0.start) as usize;
        self.leaves.1.get(at).copied().ok_or_else(|| missing(index))
    }

    /// The root of the tree over the leaves of `of`, which is not empty and begins at a multiple of a power of two that is
    /// not smaller than its length.
    fn range(&mut self, of: Range<u64>) -> Result<Hash, LogError> {
        let len = of.end - of.start;
        if len.is_power_of_two() {
            let level = len.trailing_zeros();
            return self.node(level, of.start >> level);
        }
        let middle = of.start + split(len);
        let (left, right) = (self.range(of.start..middle)?, self.range(middle..of.end)?);
        Ok(interior(&left, &right))
    }

    /// The root of the perfect subtree `index` of its level: over the leaves from `index << level` on, `1 << level` of them.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn node(&mut self, level: u32, index: u64) -> Result<Hash, LogError> {
        if level == 0 {
            return self.leaf(index);
        }
        if level == SUBTREE_LEVEL
            && let Some(kept) = self.log.kept_node(index)
        {
            return Ok(kept);
        }
        if let Some(known) = self.log.nodes.get(level, index) {
            return Ok(known);
        }
        let (left, right) = (self.node(level - 1, 2 * index)?, self.node(level - 1, 2 * index + 1)?);
        let node = interior(&left, &right);
        self.log.nodes.put(level, index, node);
        Ok(node)
    }

    /// The root.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn root(&mut self) -> Result<Hash, LogError> {
        if self.size == 0 { Ok(Frontier::new().root()) } else { self.range(0..self.size) }
    }

    /// The audit path of the leaf at `index`, from the leaf's sibling up (RFC 6962, 2.1.1).
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, LogError> {
        let (mut within, mut path) = (0..self.size, Vec::new());
        while within.end - within.start > 1 {
            let middle = within.start + split(within.end - within.start);
            let (left, right) = (within.start..middle, middle..within.end);
            let (inner, other) = if index < middle { (left, right) } else { (right, left) };
            path.push(self.range(other)?);
            within = inner;
        }
        path.reverse();
        Ok(path)
    }

    /// The proof that the tree of the first `from` leaves, at least one, is a prefix of this one (RFC 6962, 2.1.2).
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn consistency(&mut self, from: u64) -> Result<Vec<Hash>, LogError> {
        let (mut within, mut proof) = (0..self.size, Vec::new());
        while from < within.end {
            let middle = within.start + split(within.end - within.start);
            if from <= middle {
                proof.push(self.range(middle..within.end)?);
                within.end = middle;
            } else {
                proof.push(self.range(within.start..middle)?);
                within.start = middle;
            }
        }
        if within.start > 0 {
            proof.push(self.range(within)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// What proves all of `indexes`, ascending, at once: the roots of the largest subtrees without any of them, from left
    /// to right. With the leaves they give the root.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn many(&mut self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        let mut proof = Vec::new();
        if self.size > 0 {
            self.many_within(0..self.size, indexes, &mut proof)?;
        }
        Ok(proof)
    }

    fn many_within(
        &mut self,
        of: Range<u64>,
        indexes: &[u64],
        proof: &mut Vec<Hash>,
    ) -> Result<(), LogError> {
        if indexes.is_empty() {
            proof.push(self.range(of)?);
            return Ok(());
        }
        if of.end - of.start == 1 {
            return Ok(());
        }
        let middle = of.start + split(of.end - of.start);
        let (left, right) = indexes.split_at(indexes.partition_point(|index| *index < middle));
        self.many_within(of.start..middle, left, proof)?;
        self.many_within(middle..of.end, right, proof)
    }
}

/// The root that leaves, ascending by index, and the proof of [`TreeReader::many`] give for a tree of `size`; none where the
/// two do not fit each other.
pub fn root_of_many(size: u64, leaves: &[(u64, Hash)], proof: &[Hash]) -> Option<Hash> {
    let ascends = leaves.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if size == 0 || size > SIZE_MAX || !ascends || leaves.last().is_some_and(|(last, _)| *last >= size) {
        return None;
    }
    let mut rest = proof.iter();
    let root = root_within(0..size, leaves, &mut rest)?;
    rest.next().is_none().then_some(root)
}

fn root_within(
    of: Range<u64>,
    leaves: &[(u64, Hash)],
    proof: &mut std::slice::Iter<'_, Hash>,
) -> Option<Hash> {
    if leaves.is_empty() {
        return proof.next().copied();
    }
    if of.end - of.start == 1 {
        return leaves.first().map(|(_, leaf)| *leaf);
    }
    let middle = of.start + split(of.end - of.start);
    let (left, right) = leaves.split_at(leaves.partition_point(|(index, _)| *index < middle));
    let left = root_within(of.start..middle, left, proof)?;
    Some(interior(&left, &root_within(middle..of.end, right, proof)?))
}

fn missing(index: u64) -> LogError {
    LogError::damaged("journal", 0, format!("the leaf of position {} is not there", index + 1))
}

impl LogSnapshot {
    /// The first `width` hashes of a tile; none where the tree does not have them.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn tile(&self, level: u32, index: u64, width: u64) -> Result<Option<Vec<u8>>, LogError> {
        let shift = level.saturating_mul(TILE_HEIGHT);
        let there = self.head.position.checked_shr(shift).unwrap_or(0);
        let first = index.checked_mul(TILE_WIDTH).filter(|first| first + width <= there);
        let Some(first) = first.filter(|_| (1..=TILE_WIDTH).contains(&width)) else { return Ok(None) };
        let mut tree = TreeReader::new(self, self.head.position, false);
        let mut bytes = Vec::with_capacity(width as usize * size_of::<Hash>());
        for node in first..first + width {
            bytes.extend_from_slice(&tree.node(shift, node)?);
        }
        Ok(Some(bytes))
    }

    /// The sealed segment that holds the leaf at `index`.
    fn segment_of(&self, index: u64) -> Option<&Arc<SealedSegment>> {
        self.sealed.get(self.sealed.partition_point(|segment| segment.last() <= index))
    }

    /// The node over 64 leaves that a sealed segment keeps.
    fn kept_node(&self, index: u64) -> Option<Hash> {
        self.segment_of((index + 1) * SUBTREE_LEAVES - 1)?.subtree(index)
    }

    /// The leaves of a stretch, from the tails or hashed again.
    fn leaves(&self, of: Range<u64>) -> Result<Vec<Hash>, LogError> {
        let mut leaves = Vec::with_capacity((of.end - of.start) as usize);
        let sealed = self.sealed().min(of.end);
        if of.start < sealed {
            // Leaves commit to originals too.
            self.in_order(of.start + 1, sealed, true, &mut |_, record| {
                leaves.push(record.leaf());
                ControlFlow::Continue(())
            })?;
        }
        let mut next = of.start.max(sealed);
        while next < of.end {
            let frames = self.tails.iter().rev().find(|tail| tail.first() <= next + 1);
            let frames = frames.map(|tail| tail.frames_from(next + 1)).unwrap_or_default();
            for frame in &frames {
                let first = frame.frame.header.first - 1;
                let skipped = next.saturating_sub(first) as usize;
                let wanted = (of.end - next) as usize;
                leaves.extend(frame.leaves.iter().skip(skipped).take(wanted));
                next = (first + frame.leaves.len() as u64).min(of.end);
            }
            if frames.is_empty() {
                return Err(missing(next));
            }
        }
        Ok(leaves)
    }
}

#[cfg(test)]
mod tests;
