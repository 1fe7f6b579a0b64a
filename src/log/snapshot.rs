//! Snapshots: the log as it was durable at one moment, read from sealed segments and the tail in memory alike.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{Hash, Original, Private, Record, RecordRef};

use super::blobs;
use super::disk::Disk;
use super::error::LogError;
use super::merkle::{Frontier, Head};
use super::node_cache::NodeCache;
use super::sealed_segment::SealedSegment;
use super::select::{Select, Visit};
use super::tail::Tail;

/// The log as it was at one moment. Cheap to take and to clone; it never makes the writer wait.
#[derive(Clone)]
pub struct LogSnapshot {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) sealed: Arc<Vec<Arc<SealedSegment>>>,
    pub(super) tails: Arc<Vec<Arc<Tail>>>,
    pub(super) head: Head,
    pub(super) nodes: Arc<NodeCache>,
}

impl LogSnapshot {
    /// Last position and root.
    pub fn head(&self) -> Head {
        self.head
    }

    /// When the last fact was recorded, in µs since 1970-01-01 UTC; none of an empty log.
    pub fn last_recorded_at(&self) -> Result<Option<i64>, LogError> {
        let position = self.head.position;
        let Some(record) = self.read(position)? else { return Ok(None) };
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        Ok(Some(view.header.recorded_at))
    }

    /// How far the last fact was recorded ahead of `now` (µs since 1970-01-01 UTC), where it is more than a minute.
    pub fn ahead_of(&self, now: i64) -> Result<Option<Duration>, LogError> {
        let ahead = self
            .last_recorded_at()?
            .map(|last| Duration::from_micros(last.saturating_sub(now).max(0) as u64));
        Ok(ahead.filter(|ahead| *ahead > Duration::from_secs(60)))
    }

    /// Last position in a sealed segment; the facts after it are in memory, in order.
    pub fn sealed(&self) -> Position {
        self.sealed.last().map_or(0, |segment| segment.last())
    }

    /// The root of the tree over the first `position` facts. Reads at most a segment.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn root_at(&self, position: Position) -> Result<Hash, LogError> {
        if position >= self.head.position {
            return Ok(self.head.root);
        }
        let at = self.sealed.partition_point(|segment| segment.last() < position);
        let mut tree = match (self.sealed.get(at), self.tail_of(position)) {
            (Some(segment), _) => segment.before().clone(),
            (None, Some(tail)) => tail.before.clone(),
            (None, None) => Frontier::new(),
        };
        // Leaves commit to originals too.
        self.in_order(tree.len() + 1, position, true, &mut |_, record| {
            tree.push(record.leaf());
            ControlFlow::Continue(())
        })?;
        Ok(tree.root())
    }

    /// The whole record at `position`; none past the head. A blob original is read by [`LogSnapshot::original`].
    pub fn read(&self, position: Position) -> Result<Option<Record>, LogError> {
        if position == 0 || position > self.head.position {
            return Ok(None);
        }
        let at = self.sealed.partition_point(|segment| segment.last() < position);
        if let Some(segment) = self.sealed.get(at) {
            return Ok(Some(segment.read(position)?));
        }
        Ok(self.tail_of(position).and_then(|tail| tail.read(position)))
    }

    /// Calls `f` with the fact at `position`, borrowed and without its inline original; none past the head.
    ///
    /// # Errors
    /// As of [`LogSnapshot::read`].
    pub fn view<T>(
        &self,
        position: Position,
        f: impl FnOnce(RecordRef<'_>) -> T,
    ) -> Result<Option<T>, LogError> {
        if position == 0 || position > self.head.position {
            return Ok(None);
        }
        let at = self.sealed.partition_point(|segment| segment.last() < position);
        if let Some(segment) = self.sealed.get(at) {
            return Ok(Some(segment.view(position, false, f)?));
        }
        let Some(record) = self.tail_of(position).and_then(|tail| tail.read(position)) else {
            return Ok(None);
        };
        let record = record.view().map_err(|error| LogError::Record { position, error })?;
        Ok(Some(f(record)))
    }

    fn tail_of(&self, position: Position) -> Option<&Arc<Tail>> {
        self.tails.iter().rev().find(|tail| tail.first() <= position)
    }

    /// The original payload: in the record, or from the blob room, its digest checked. Empty when there is none or
    /// it was erased. The record must have been read with its original.
    pub fn original(&self, record: &RecordRef<'_>) -> Result<Bytes, LogError> {
        match record.private {
            Private::None | Private::Erased { .. } => Ok(Bytes::new()),
            Private::Kept { original: Original::Inline(bytes), .. } => Ok(Bytes::copy_from_slice(bytes)),
            Private::Kept { original: Original::Blob { digest, len, .. }, .. } => {
                blobs::get(&*self.disk, &digest, len)
            }
        }
    }

    /// Those of `blobs` that a fact from `from` on names.
    ///
    /// # Errors
    /// Those of reading a file.
    pub(super) fn named_blobs(
        &self,
        blobs: &BTreeSet<Hash>,
        from: Position,
    ) -> Result<BTreeSet<Hash>, LogError> {
        let mut named = BTreeSet::new();
        self.in_order(from, Position::MAX, false, &mut |_, record| {
            if let Private::Kept { original: Original::Blob { digest, .. }, .. } = record.private
                && blobs.contains(&digest)
            {
                named.insert(digest);
            }
            ControlFlow::Continue(())
        })?;
        Ok(named)
    }

    /// Calls `f` with each selected fact, positions ascending.
    pub fn for_each(&self, select: &Select, f: Visit<'_>) -> Result<(), LogError> {
        let mut going = ControlFlow::Continue(());
        let up_to = select.up_to.min(self.head.position);
        let select = Select { up_to, ..select.clone() };
        let begin = self.sealed.partition_point(|segment| segment.last() < select.from);
        for segment in self.sealed[begin..].iter().take_while(|segment| segment.base() <= up_to) {
            segment.for_each(&select, &mut |position, record| {
                going = f(position, record);
                going
            })?;
            if going.is_break() {
                return Ok(());
            }
        }
        self.in_tails(select.from, up_to, select.originals, &mut |position, record| {
            let header = &record.header;
            if select.wants(position, header.tenant, header.kind.group, header.subject) {
                f(position, record)
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    /// Calls `f` with each fact of `from..=to` in position order, with inline originals if `originals`.
    pub fn in_order(
        &self,
        from: Position,
        to: Position,
        originals: bool,
        f: Visit<'_>,
    ) -> Result<(), LogError> {
        let to = to.min(self.head.position);
        let mut going = ControlFlow::Continue(());
        let begin = self.sealed.partition_point(|segment| segment.last() < from);
        for segment in self.sealed[begin..].iter().take_while(|segment| segment.base() <= to) {
            segment.in_order(from, to, originals, &mut |position, record| {
                going = f(position, record);
                going
            })?;
            if going.is_break() {
                return Ok(());
            }
        }
        self.in_tails(from, to, originals, f)
    }

    fn in_tails(&self, from: Position, to: Position, originals: bool, f: Visit<'_>) -> Result<(), LogError> {
        for tail in self.tails.iter() {
            let mut next = from.max(tail.first());
            loop {
                let frames = tail.frames_from(next);
                if frames.is_empty() || next > to {
                    break;
                }
                for (position, stored) in frames.iter().flat_map(|committed| committed.frame.stored()) {
                    if position < next {
                        continue;
                    }
                    next = position + 1;
                    if position > to {
                        break;
                    }
                    let mut record =
                        RecordRef::read(stored).map_err(|error| LogError::Record { position, error })?;
                    if let Private::Kept { original: Original::Inline(bytes), .. } = &mut record.private
                        && !originals
                    {
                        *bytes = &[];
                    }
                    if f(position, record).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Up to `count` whole records from `from` on, in order; fewer at the head.
    pub fn records(&self, from: Position, count: usize) -> Result<Vec<Record>, LogError> {
        let from = from.max(1);
        let to = self.head.position.min((from - 1).saturating_add(count as u64));
        if from > to {
            return Ok(Vec::new());
        }
        let mut records = Vec::with_capacity((to + 1 - from) as usize);
        if let Some(tail) = self.tail_of(from) {
            // From memory: the records share the frames' bytes.
            let frames = tail.frames_from(from);
            let all = frames.iter().flat_map(|committed| committed.frame.records(from));
            records.extend(all.take_while(|record| record.position <= to));
        } else {
            self.in_order(from, to, true, &mut |position, record| {
                let mut stored = Vec::new();
                record.write(&mut stored);
                records.push(Record { position, bytes: stored.into() });
                ControlFlow::Continue(())
            })?;
        }
        Ok(records)
    }

    /// How many facts there are of each tenant and kind group.
    pub fn groups(&self) -> Result<BTreeMap<(Box<str>, u8), u64>, LogError> {
        let mut groups: BTreeMap<(Box<str>, u8), u64> = BTreeMap::new();
        for segment in self.sealed.iter() {
            for (tenant, group, count) in segment.groups() {
                *groups.entry((tenant.into(), group)).or_default() += count;
            }
        }
        self.in_tails(1, self.head.position, false, &mut |_, record| {
            *groups.entry((record.header.tenant.into(), record.header.kind.group)).or_default() += 1;
            ControlFlow::Continue(())
        })?;
        Ok(groups)
    }
}
