//! Reading: single facts through the cache, lanes merged in position order without it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{Hash, Record, RecordRef};

use super::bytes::Short;
use super::decode::{Bodies, Decoder, Originals};
use super::footer::{Chunk, Extent, Lane};
use super::{SealedSegment, SegmentError, crc_matches};
use crate::log::disk::read_exact_at;
use crate::log::select::{Select, Shard, Visit};
use crate::log::violation::Violation;

/// A lane being read: the chunk at hand and the place in it.
struct LaneReader<'s> {
    lane: &'s Lane,
    rest: &'s [Chunk],
    chunk: Option<&'s Chunk>,
    bodies: Bodies,
    originals: Option<(Originals, Vec<u8>)>,
    with_originals: bool,
    slot: usize,
    /// Set when the lane holds subjects of other shards too.
    filter: Option<Shard>,
}

impl SealedSegment {
    /// The fact at `position` with its inline original, as it was stored.
    ///
    /// # Errors
    /// [`SegmentError::NotHere`] outside of the segment, else what the disk or the checksums say.
    pub fn read(&self, position: Position) -> Result<Record, SegmentError> {
        self.view(position, true, |record| {
            let mut bytes = Vec::new();
            record.write(&mut bytes);
            Record { position, bytes: Bytes::from(bytes) }
        })
    }

    /// Calls `f` with the fact at `position`, borrowed from the cache; without `originals` no original is
    /// decompressed and an inline one is handed out as empty.
    ///
    /// # Errors
    /// As [`SealedSegment::read`].
    pub fn view<T>(
        &self,
        position: Position,
        originals: bool,
        f: impl FnOnce(RecordRef<'_>) -> T,
    ) -> Result<T, SegmentError> {
        let at = position.checked_sub(self.base()).and_then(|i| usize::try_from(i).ok());
        let lane = at.and_then(|i| self.footer.lane_of.get(i)).ok_or(SegmentError::NotHere(position))?;
        let lane = &self.footer.lanes[usize::from(*lane)];
        let chunks = self.footer.chunks_of(lane);
        let index = chunks.partition_point(|chunk| chunk.last < position);
        let chunk = chunks.get(index).ok_or_else(|| self.astray(position))?;
        let id = (self.id, lane.chunks.0 + index as u32);
        let bodies = match self.cache.bodies(id) {
            Some(bodies) => bodies,
            None => {
                let mut bodies = Bodies::default();
                let mut decoder = self.cache.decoder();
                self.load_bodies(&mut decoder, lane, chunk, &mut bodies)?;
                self.cache.give_back(decoder);
                let bodies = Arc::new(bodies);
                self.cache.put_bodies(id, &bodies);
                bodies
            }
        };
        let originals = match chunk.originals.as_ref().filter(|_| originals) {
            None => None,
            Some(extent) => Some(match self.cache.originals(id) {
                Some(originals) => originals,
                None => {
                    let mut originals = Originals::default();
                    let mut decoder = self.cache.decoder();
                    let into = (&mut originals, &mut Vec::new());
                    self.load_originals(&mut decoder, chunk.first, extent, &bodies, into)?;
                    self.cache.give_back(decoder);
                    let originals = Arc::new(originals);
                    self.cache.put_originals(id, &originals);
                    originals
                }
            }),
        };
        let slot = bodies.slot_from(position);
        if bodies.position(slot) != Some(position) {
            return Err(self.astray(position));
        }
        let record =
            bodies.view(slot, originals.as_deref()).map_err(|_| self.unreadable(position, &chunk.bodies))?;
        Ok(f(record))
    }

    /// The root of the tree up to `position`, which is before this segment or in it.
    ///
    /// # Errors
    /// What the disk or the checksums say.
    pub fn root_at(&self, position: Position) -> Result<Hash, SegmentError> {
        if position == self.last() {
            return Ok(self.head().root);
        }
        let mut tree = self.before().clone();
        self.in_order(self.base(), position, true, &mut |_, record| {
            tree.push(record.leaf());
            ControlFlow::Continue(())
        })?;
        Ok(tree.root())
    }

    /// Calls `f` with each selected fact, positions ascending, borrowed from the decoded chunks.
    ///
    /// # Errors
    /// What the disk or the checksums say; facts before the damage have been handed out by then.
    pub fn for_each(&self, select: &Select, f: Visit<'_>) -> Result<(), SegmentError> {
        let lanes = self.footer.lanes.iter().filter_map(|lane| {
            let shard = select.shard_of(lane.group);
            let wanted = select.groups.contains(lane.group)
                && select.tenant.as_ref().is_none_or(|tenant| tenant.as_str() == &*lane.tenant)
                && shard.meets(lane.shard);
            wanted.then(|| (lane, (!shard.covers(lane.shard)).then_some(shard)))
        });
        self.merge(lanes, select.from.max(self.base()), select.up_to, select.originals, f)
    }

    /// Calls `f` with each fact of `from..=to` in position order.
    ///
    /// # Errors
    /// As [`SealedSegment::for_each`].
    pub fn in_order(
        &self,
        from: Position,
        to: Position,
        originals: bool,
        f: Visit<'_>,
    ) -> Result<(), SegmentError> {
        let (from, to) = (from.max(self.base()), to.min(self.last()));
        if from > to {
            return Ok(());
        }
        // Only the lanes of these facts are opened: a page of a list costs a few chunks, not one of every lane.
        let mut touched = vec![false; self.footer.lanes.len()];
        let range = (from - self.base()) as usize..=(to - self.base()) as usize;
        for lane in &self.footer.lane_of[range] {
            touched[usize::from(*lane)] = true;
        }
        let lanes = self.footer.lanes.iter().zip(touched);
        self.merge(
            lanes.filter_map(|(lane, touched)| touched.then_some((lane, None))),
            from,
            to,
            originals,
            f,
        )
    }

    fn merge<'s>(
        &'s self,
        lanes: impl Iterator<Item = (&'s Lane, Option<Shard>)>,
        from: Position,
        to: Position,
        originals: bool,
        f: Visit<'_>,
    ) -> Result<(), SegmentError> {
        let mut decoder = self.cache.decoder();
        let result = self.merge_with(&mut decoder, lanes, (from, to), originals, f);
        self.cache.give_back(decoder);
        result
    }

    /// Merges lanes into position order.
    ///
    /// Each lane is in order by itself, so a heap of the lanes' next positions gives the next fact of all. A lane holds
    /// one decoded chunk at a time and keeps its buffers: memory is a chunk a lane, whatever the range.
    fn merge_with<'s>(
        &'s self,
        decoder: &mut Decoder,
        lanes: impl Iterator<Item = (&'s Lane, Option<Shard>)>,
        (from, to): (Position, Position),
        originals: bool,
        f: Visit<'_>,
    ) -> Result<(), SegmentError> {
        let mut readers: Vec<LaneReader<'s>> = Vec::new();
        let mut heap = BinaryHeap::new();
        for (lane, filter) in lanes {
            let chunks = self.footer.chunks_of(lane);
            let start = chunks.partition_point(|chunk| chunk.last < from);
            let end = chunks.partition_point(|chunk| chunk.first <= to);
            if start >= end {
                continue;
            }
            let mut reader = LaneReader {
                lane,
                rest: &chunks[start..end],
                chunk: None,
                bodies: Bodies::default(),
                originals: None,
                with_originals: originals,
                slot: 0,
                filter,
            };
            reader.next_chunk(self, decoder)?;
            reader.slot = reader.bodies.slot_from(from);
            if let Some(position) = reader.position(self, decoder)? {
                heap.push(Reverse((position, readers.len())));
                readers.push(reader);
            }
        }
        while let Some(mut top) = heap.peek_mut() {
            let Reverse((position, index)) = *top;
            if position > to {
                return Ok(());
            }
            let reader = &mut readers[index];
            let record = reader.record().map_err(|_| self.astray(position))?;
            if reader.filter.is_none_or(|shard| shard.contains(record.header.subject))
                && f(position, record).is_break()
            {
                return Ok(());
            }
            reader.slot += 1;
            match reader.position(self, decoder)? {
                Some(next) => top.0.0 = next,
                None => {
                    PeekMut::pop(top);
                }
            }
        }
        Ok(())
    }

    /// Reads and checks the stored bytes of one extent; nothing is parsed before its checksum is good.
    fn load(&self, first: Position, extent: &Extent, into: &mut Vec<u8>) -> Result<(), SegmentError> {
        into.resize(extent.stored as usize, 0);
        read_exact_at(&*self.file, extent.offset, into)
            .map_err(|source| SegmentError::Io { file: self.name.to_string(), source })?;
        if crc_matches(into, &extent.crc.to_le_bytes()) {
            return Ok(());
        }
        Err(self.damaged(extent.offset, first, "a chunk fails its checksum"))
    }

    pub(super) fn load_bodies(
        &self,
        decoder: &mut Decoder,
        lane: &Lane,
        chunk: &Chunk,
        into: &mut Bodies,
    ) -> Result<(), SegmentError> {
        self.load(chunk.first, &chunk.bodies, into.stored_mut())?;
        let decoded = chunk.bodies.decoded as usize;
        into.decode(decoder, lane.key(), chunk.first, usize::from(chunk.facts), decoded)
            .and_then(|()| {
                let last = into.len().checked_sub(1).and_then(|slot| into.position(slot));
                if last == Some(chunk.last) { Ok(()) } else { Err(Short) }
            })
            .map_err(|Short| self.unreadable(chunk.first, &chunk.bodies))
    }

    pub(super) fn load_originals(
        &self,
        decoder: &mut Decoder,
        first: Position,
        extent: &Extent,
        bodies: &Bodies,
        (into, stored): (&mut Originals, &mut Vec<u8>),
    ) -> Result<(), SegmentError> {
        self.load(first, extent, stored)?;
        bodies
            .decode_originals(decoder, stored, extent.decoded as usize, into)
            .map_err(|Short| self.unreadable(first, extent))
    }

    fn damaged(&self, offset: u64, position: Position, what: &'static str) -> SegmentError {
        SegmentError::Damaged(Violation::new(&self.name, offset, Some(position), what))
    }

    /// A chunk whose checksum is good and whose contents are not.
    fn unreadable(&self, position: Position, extent: &Extent) -> SegmentError {
        self.damaged(extent.offset, position, "a chunk cannot be decoded")
    }

    /// The lanes do not hold what the footer says.
    fn astray(&self, position: Position) -> SegmentError {
        self.damaged(self.footer_at, position, "fact not found where the footer says")
    }
}

impl LaneReader<'_> {
    /// Decodes the lane's next chunk; none left is no error.
    fn next_chunk(&mut self, segment: &SealedSegment, decoder: &mut Decoder) -> Result<(), SegmentError> {
        self.slot = 0;
        self.chunk = None;
        let Some((chunk, rest)) = self.rest.split_first() else {
            return Ok(());
        };
        self.rest = rest;
        segment.load_bodies(decoder, self.lane, chunk, &mut self.bodies)?;
        if let Some(extent) = chunk.originals.as_ref().filter(|_| self.with_originals) {
            let (originals, stored) = self.originals.get_or_insert_default();
            segment.load_originals(decoder, chunk.first, extent, &self.bodies, (originals, stored))?;
        } else {
            self.originals = None;
        }
        self.chunk = Some(chunk);
        Ok(())
    }

    /// Position of the fact at hand, going on to the next chunk where this one ends.
    fn position(
        &mut self,
        segment: &SealedSegment,
        decoder: &mut Decoder,
    ) -> Result<Option<Position>, SegmentError> {
        while self.chunk.is_some() {
            if let Some(position) = self.bodies.position(self.slot) {
                return Ok(Some(position));
            }
            self.next_chunk(segment, decoder)?;
        }
        Ok(None)
    }

    fn record(&self) -> Result<RecordRef<'_>, domain::record::RecordError> {
        self.bodies.view(self.slot, self.originals.as_ref().map(|(originals, _)| originals))
    }
}
