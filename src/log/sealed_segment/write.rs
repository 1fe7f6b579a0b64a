//! Sealing: lanes encoded, written beside, read back, compared, renamed.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;

use domain::keys::Position;
use domain::record::{Hash, Record, RecordRef};
use zstd::zstd_safe::CCtx;

use super::encode::{
    CHUNK_BYTES, CHUNK_BYTES_MAX, CHUNK_FACTS, encode_bodies, encode_originals, inline_original,
};
use super::footer::{Chunk, Extent, FACTS_MAX, Footer, HEAD_LEN, Lane, place};
use super::{ChunkCache, FORMAT, MAGIC, SealedSegment, SegmentError};
use crate::log::disk::{Disk, DiskFile};
use crate::log::merkle::Frontier;
use crate::log::select::Shard;
use crate::log::violation::Violation;

/// A lane with more facts than this is cut into shards.
const LANE_FACTS: usize = 2048;
/// Bytes per write.
const WRITE_BYTES: usize = 1 << 20;

type Fact<'a> = (Position, RecordRef<'a>);

impl SealedSegment {
    /// Seals `records`, which follow the leaves of `before`; `leaves` are their leaves.
    ///
    /// Writes `<name>.tmp`, syncs it, reads it back and compares every record and leaf and the root, renames it to
    /// `name` and syncs the folder. A `<name>.tmp` left by an earlier stop is written anew; nothing else is
    /// removed. Whatever fails, `name` is either not there or whole.
    ///
    /// # Errors
    /// [`SegmentError::Io`], [`SegmentError::Damaged`] when the bytes read back are not those written, and
    /// [`SegmentError::Refused`] or [`SegmentError::Record`] for input that is no stretch of a log.
    pub fn write(
        disk: &dyn Disk,
        name: &str,
        before: &Frontier,
        records: &[Record],
        leaves: &[Hash],
    ) -> Result<(), SegmentError> {
        if records.is_empty() || records.len() > FACTS_MAX || records.len() != leaves.len() {
            return Err(SegmentError::Refused("a segment has 1 to 2^20 facts, each with its leaf"));
        }
        let mut facts = Vec::with_capacity(records.len());
        for (record, position) in records.iter().zip(before.len() + 1..) {
            if record.position != position {
                return Err(SegmentError::Refused("positions are not consecutive"));
            }
            if record.bytes.len() > CHUNK_BYTES_MAX / 2 {
                return Err(SegmentError::Refused("a record is too large"));
            }
            facts
                .push((position, record.view().map_err(|source| SegmentError::Record { position, source })?));
        }
        let temporary = format!("{name}.tmp");
        let io = |source| SegmentError::Io { file: temporary.clone(), source };
        match disk.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            Ok(()) | Err(_) => {}
        }
        let mut out = Output { file: disk.create(&temporary).map_err(io)?, at: 0, pending: Vec::new() };
        let footer = write_lanes(&mut out, before, &facts, leaves, &io)?;
        out.finish(&footer, &io)?;
        drop(facts);

        read_back(disk, &temporary, records, leaves, &footer)?;
        disk.rename(&temporary, name).map_err(io)?;
        disk.sync_dir(name.rsplit_once('/').map_or("", |(dir, _)| dir)).map_err(io)
    }
}

/// The file being written, in large pieces.
struct Output {
    file: Box<dyn DiskFile>,
    at: u64,
    pending: Vec<u8>,
}

impl Output {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.at, &self.pending)?;
        self.at += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn finish(
        mut self,
        footer: &Footer,
        io: &impl Fn(io::Error) -> SegmentError,
    ) -> Result<(), SegmentError> {
        let stored = footer.encode().map_err(|_| SegmentError::Refused("the footer cannot be compressed"))?;
        let footer_at = self.at + self.pending.len() as u64;
        let mut tail = Vec::new();
        tail.extend_from_slice(&footer_at.to_le_bytes());
        tail.extend_from_slice(&(stored.len() as u32).to_le_bytes());
        tail.extend_from_slice(&crc32c::crc32c(&stored).to_le_bytes());
        tail.extend_from_slice(&MAGIC);
        tail.extend_from_slice(&FORMAT.to_le_bytes());
        tail.extend_from_slice(&crc32c::crc32c(&tail).to_le_bytes());
        self.put(&stored).and_then(|()| self.put(&tail)).map_err(io)?;
        self.flush().and_then(|()| self.file.sync_data()).map_err(io)
    }
}

fn write_lanes(
    out: &mut Output,
    before: &Frontier,
    facts: &[Fact<'_>],
    leaves: &[Hash],
    io: &impl Fn(io::Error) -> SegmentError,
) -> Result<Footer, SegmentError> {
    let mut head = [0; HEAD_LEN];
    head[..8].copy_from_slice(&MAGIC);
    head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    let crc = crc32c::crc32c(&head[..12]);
    head[12..].copy_from_slice(&crc.to_le_bytes());
    out.put(&head).map_err(io)?;

    let mut after = before.clone();
    let subtrees = leaves.iter().filter_map(|leaf| after.push(*leaf)).collect();
    let mut footer = Footer {
        before: before.clone(),
        after,
        subtrees,
        lanes: Vec::new(),
        chunks: Vec::new(),
        lane_of: vec![0; facts.len()],
    };
    let base = footer.base();
    let mut all_originals = Vec::new();
    let mut cctx = CCtx::create();
    let full = |_| SegmentError::Refused("a chunk cannot be compressed");
    for (tenant, group, shard, lane) in lanes(facts) {
        let number =
            u16::try_from(footer.lanes.len()).map_err(|_| SegmentError::Refused("more than 65,536 lanes"))?;
        let start = footer.chunks.len() as u32;
        for chunk in &chunks(&lane) {
            let (Some((first, _)), Some((last, _))) = (chunk.first(), chunk.last()) else { continue };
            let bodies = encode_bodies(&mut cctx, *first, chunk).map_err(full)?;
            let originals = encode_originals(&mut cctx, chunk, &bodies.columns).map_err(full)?;
            out.put(&bodies.stored).map_err(io)?;
            footer.chunks.push(Chunk {
                first: *first,
                last: *last,
                facts: chunk.len() as u16,
                bodies: extent(&bodies.stored, bodies.columns.len()),
                originals: originals.as_ref().map(|(stored, decoded)| extent(stored, *decoded)),
            });
            all_originals.extend(originals.map(|(stored, _)| stored));
            for (position, _) in chunk {
                footer.lane_of[(position - base) as usize] = number;
            }
        }
        let chunks = (start, footer.chunks.len() as u32);
        footer.lanes.push(Lane { tenant: tenant.into(), group, shard, chunks });
    }
    for stored in all_originals {
        out.put(&stored).map_err(io)?;
    }
    place(&mut footer.chunks);
    Ok(footer)
}

fn extent(stored: &[u8], decoded: usize) -> Extent {
    Extent { offset: 0, stored: stored.len() as u32, decoded: decoded as u32, crc: crc32c::crc32c(stored) }
}

/// The facts of each lane in position order; lanes by tenant, group and shard.
fn lanes<'f, 'a>(facts: &'f [Fact<'a>]) -> Vec<(&'a str, u8, Shard, Vec<&'f Fact<'a>>)> {
    let mut groups: BTreeMap<(&str, u8), Vec<&Fact<'_>>> = BTreeMap::new();
    for fact in facts {
        groups.entry((fact.1.header.tenant, fact.1.header.kind.group)).or_default().push(fact);
    }
    let mut lanes = Vec::new();
    for ((tenant, group), facts) in groups {
        let of = facts.len().div_ceil(LANE_FACTS).next_power_of_two() as u32;
        for shard in (0..of).filter_map(|index| Shard::new(index, of)) {
            let facts: Vec<_> =
                facts.iter().copied().filter(|(_, record)| shard.contains(record.header.subject)).collect();
            if !facts.is_empty() {
                lanes.push((tenant, group, shard, facts));
            }
        }
    }
    lanes
}

/// Cuts a lane at 256 facts, or earlier where headers and bodies or originals grow large.
fn chunks<'a>(lane: &[&Fact<'a>]) -> Vec<Vec<Fact<'a>>> {
    let mut chunks: Vec<Vec<Fact<'a>>> = Vec::new();
    let (mut bodies, mut originals) = (0, 0);
    for fact in lane {
        let record = &fact.1;
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_FACTS && bodies < CHUNK_BYTES && originals < CHUNK_BYTES => {
                chunk.push(**fact);
            }
            Some(_) | None => {
                (bodies, originals) = (0, 0);
                chunks.push(vec![**fact]);
            }
        }
        bodies += record.header_bytes.len() + record.public.len() + record.personal().map_or(0, <[u8]>::len);
        originals += inline_original(record).len();
    }
    chunks
}

/// Reads what was written and compares it, byte for byte and leaf for leaf, with what was to be written. The tree of the footer
/// is made of the same leaves.
fn read_back(
    disk: &dyn Disk,
    name: &str,
    records: &[Record],
    leaves: &[Hash],
    footer: &Footer,
) -> Result<(), SegmentError> {
    let segment = SealedSegment::open(disk, name, &ChunkCache::new(0))?;
    let differs = |position| {
        let what = "the bytes read back differ from those written";
        SegmentError::Damaged(Violation::new(name, 0, position, what))
    };
    if segment.footer != *footer {
        return Err(differs(None));
    }
    let mut expected = records.iter().zip(leaves);
    let mut wrong = None;
    let mut bytes = Vec::new();
    segment.in_order(segment.base(), segment.last(), true, &mut |position, record| {
        bytes.clear();
        record.write(&mut bytes);
        match expected.next() {
            Some((wanted, leaf))
                if wanted.position == position && wanted.bytes == bytes && *leaf == record.leaf() =>
            {
                ControlFlow::Continue(())
            }
            Some(_) | None => {
                wrong = Some(position);
                ControlFlow::Break(())
            }
        }
    })?;
    let missing = expected.next().map(|(record, _)| record.position);
    match wrong.or(missing) {
        None => Ok(()),
        found => Err(differs(found)),
    }
}
