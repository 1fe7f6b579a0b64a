//! The footer: which lanes there are, where their chunks lie, and the Merkle frontiers around the segment.

use domain::keys::Position;
use domain::record::Hash;

use super::bytes::{Cursor, Short, put_hashes, put_short, put_varint};
use super::decode::{Decoder, LaneKey};
use super::encode::{CHUNK_BYTES_MAX, CHUNK_FACTS, compress};
use crate::log::merkle::Frontier;
use crate::log::select::Shard;

/// Most facts in a sealed segment.
pub(super) const FACTS_MAX: usize = 1 << 20;
/// Bytes of the file's head, behind which the first chunk begins.
pub(super) const HEAD_LEN: usize = 16;

/// The directory and the lane column together decode to at most this.
const DIRECTORY_MAX: usize = 64 << 20;

/// Place, lengths and checksum of stored bytes: a chunk's bodies or its originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub offset: u64,
    pub stored: u32,
    pub decoded: u32,
    pub crc: u32,
}

/// One chunk of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub first: Position,
    pub last: Position,
    pub facts: u16,
    pub bodies: Extent,
    pub originals: Option<Extent>,
}

/// One lane: its chunks are `chunks.0..chunks.1` of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    pub tenant: Box<str>,
    pub group: u8,
    pub shard: Shard,
    pub chunks: (u32, u32),
}

impl Lane {
    pub fn key(&self) -> LaneKey<'_> {
        LaneKey { tenant: &self.tenant, group: self.group }
    }
}

/// The decoded footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    pub before: Frontier,
    pub after: Frontier,
    /// Roots of the aligned subtrees of 64 leaves completed in this segment.
    pub subtrees: Vec<Hash>,
    pub lanes: Vec<Lane>,
    pub chunks: Vec<Chunk>,
    /// The lane of each fact, by position.
    pub lane_of: Vec<u16>,
}

impl Footer {
    /// First position.
    pub fn base(&self) -> Position {
        self.before.len() + 1
    }

    /// The chunks of a lane.
    pub fn chunks_of(&self, lane: &Lane) -> &[Chunk] {
        &self.chunks[lane.chunks.0 as usize..lane.chunks.1 as usize]
    }

    /// The stored form; chunk offsets follow from lengths and order and are not in it.
    pub fn encode(&self) -> Result<Vec<u8>, Short> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.before.len().to_le_bytes());
        out.extend_from_slice(&(self.lane_of.len() as u32).to_le_bytes());
        for hashes in [self.before.nodes(), self.after.nodes(), &self.subtrees] {
            put_hashes(&mut out, hashes);
        }
        let mut directory = Vec::new();
        put_varint(&mut directory, self.lanes.len() as u64);
        for lane in &self.lanes {
            put_short(&mut directory, lane.tenant.as_bytes());
            directory.push(lane.group);
            put_varint(&mut directory, u64::from(lane.shard.index()));
            put_varint(&mut directory, u64::from(lane.shard.of()));
            put_varint(&mut directory, u64::from(lane.chunks.1 - lane.chunks.0));
            for chunk in self.chunks_of(lane) {
                put_varint(&mut directory, chunk.first - self.base());
                put_varint(&mut directory, chunk.last - chunk.first);
                put_varint(&mut directory, u64::from(chunk.facts));
                put_extent(&mut directory, Some(&chunk.bodies));
                put_extent(&mut directory, chunk.originals.as_ref());
            }
        }
        // Low bytes apart from high ones: with fewer than 256 lanes the high ones are all zero.
        directory.extend(self.lane_of.iter().map(|lane| *lane as u8));
        directory.extend(self.lane_of.iter().map(|lane| (*lane >> 8) as u8));
        out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
        compress(&mut zstd::zstd_safe::CCtx::create(), &directory, &[], &mut out)?;
        Ok(out)
    }

    /// Reads a footer whose checksum was found good and which begins at `offset` of its file.
    pub fn decode(stored: &[u8], offset: u64) -> Result<Self, Short> {
        let mut at = Cursor(stored);
        let before_len = at.u64()?;
        let count = at.u32()? as usize;
        if count == 0 || count > FACTS_MAX {
            return Err(Short);
        }
        let after_len = before_len.checked_add(count as u64).filter(|n| *n < u64::MAX / 2).ok_or(Short)?;
        let before = Frontier::from_nodes(before_len, at.hashes()?).ok_or(Short)?;
        let after = Frontier::from_nodes(after_len, at.hashes()?).ok_or(Short)?;
        let subtrees = at.hashes()?;
        let directory_len = at.u32()? as usize;
        if directory_len > DIRECTORY_MAX {
            return Err(Short);
        }
        let directory = Decoder::new().plain(at.0, directory_len)?;
        let mut at = Cursor(&directory);
        let lane_count = at.len()? as usize;
        if lane_count > count {
            return Err(Short);
        }
        let mut footer = Self {
            before,
            after,
            subtrees,
            lanes: Vec::with_capacity(lane_count),
            chunks: Vec::new(),
            lane_of: Vec::with_capacity(count),
        };
        for _ in 0..lane_count {
            footer.read_lane(&mut at, count)?;
        }
        let (low, high) = (at.take(count)?, at.take(count)?);
        at.end()?;
        for (low, high) in low.iter().zip(high) {
            let lane = u16::from_le_bytes([*low, *high]);
            if usize::from(lane) >= lane_count {
                return Err(Short);
            }
            footer.lane_of.push(lane);
        }
        if footer.chunks.iter().map(|chunk| usize::from(chunk.facts)).sum::<usize>() != count
            || place(&mut footer.chunks) != offset
        {
            return Err(Short);
        }
        Ok(footer)
    }

    fn read_lane(&mut self, at: &mut Cursor<'_>, count: usize) -> Result<(), Short> {
        let tenant = std::str::from_utf8(at.short()?).map_err(|_| Short)?.into();
        let group = at.byte()?;
        let shard = Shard::new(at.len()?, at.len()?).ok_or(Short)?;
        let chunk_count = at.len()?;
        let start = self.chunks.len() as u32;
        let mut after = 0;
        for _ in 0..chunk_count {
            let (first, span) = (at.varint()?, at.varint()?);
            let last = first.checked_add(span).filter(|last| *last < count as u64).ok_or(Short)?;
            let facts = at.len()? as usize;
            if first < after || facts == 0 || facts > CHUNK_FACTS || facts as u64 > span + 1 {
                return Err(Short);
            }
            after = last + 1;
            self.chunks.push(Chunk {
                first: self.base() + first,
                last: self.base() + last,
                facts: facts as u16,
                bodies: read_extent(at)?.ok_or(Short)?,
                originals: read_extent(at)?,
            });
        }
        let chunks = (start, self.chunks.len() as u32);
        self.lanes.push(Lane { tenant, group, shard, chunks });
        Ok(())
    }
}

/// Gives each half its offset: all bodies in the order of the directory, then all originals. Returns the end.
pub(super) fn place(chunks: &mut [Chunk]) -> u64 {
    let mut offset = HEAD_LEN as u64;
    for chunk in chunks.iter_mut() {
        chunk.bodies.offset = offset;
        offset += u64::from(chunk.bodies.stored);
    }
    for extent in chunks.iter_mut().filter_map(|chunk| chunk.originals.as_mut()) {
        extent.offset = offset;
        offset += u64::from(extent.stored);
    }
    offset
}

fn put_extent(out: &mut Vec<u8>, extent: Option<&Extent>) {
    let Some(extent) = extent else {
        out.push(0);
        return;
    };
    put_varint(out, u64::from(extent.stored));
    put_varint(out, u64::from(extent.decoded));
    out.extend_from_slice(&extent.crc.to_le_bytes());
}

fn read_extent(at: &mut Cursor<'_>) -> Result<Option<Extent>, Short> {
    let stored = at.len()?;
    if stored == 0 {
        return Ok(None);
    }
    let extent = Extent { offset: 0, stored, decoded: at.len()?, crc: at.u32()? };
    let limits = extent.stored as usize <= 2 * CHUNK_BYTES_MAX && extent.decoded as usize <= CHUNK_BYTES_MAX;
    if limits { Ok(Some(extent)) } else { Err(Short) }
}
