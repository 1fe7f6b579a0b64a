//! The frame: up to 512 facts that became durable together, as they lie in the open segment.
//!
//! ```text
//!  0  4 B  "FFRM"
//!  4  u32  CRC32C of all that follows in the frame, begun with the segment's seed
//!  8  u32  bytes of records
//! 12  u32  count of records, 1 to 512
//! 16  u64  position of the first record
//! 24  u64  position of the first record of the group that was written with one write and one sync
//! 32  u128 id, unique per frame
//! 48  32 B root of the tree over all positions before `first`
//! 80  count × ( u32 length │ stored record )
//!     zeros up to a multiple of 8
//! ```
//! All integers little-endian. A frame begins at a multiple of 8 in its file.
//!
//! The seed makes a frame valid in one file only, so that neither an older file's bytes nor bytes that a client
//! sent as a payload are ever taken for a frame. The group's first position tells a torn group (nothing of it
//! was acknowledged) from damage to one that a later group proves to have been synced.

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{BODY_MAX, Draft, Hash, INLINE_ORIGINAL_MAX, Record};

/// Bytes before the records.
pub const HEADER: usize = 80;
/// Most records in a frame.
pub const FACTS_MAX: usize = 512;
/// Most bytes of records in a frame of more than one record.
pub const BYTES_MAX: usize = 256 * 1024;
/// The longest stored record: two full bodies, an original in place, header and lengths.
pub const RECORD_MAX: usize = 2 * BODY_MAX + INLINE_ORIGINAL_MAX + 4096;
/// Frames begin at multiples of this.
pub const ALIGN: usize = 8;

const MAGIC: [u8; 4] = *b"FFRM";
const RECORDS_MAX: usize = RECORD_MAX + 4;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// How many records.
    pub count: u32,
    /// Position of the first record.
    pub first: Position,
    /// Position of the first record of its group.
    pub group: Position,
    /// Unique per frame.
    pub id: u128,
    /// Root of the tree over all positions before `first`.
    pub prev: Hash,
}

/// A committed frame; clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: FrameHeader,
    records: Bytes,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not even the beginning of one.
    #[error("no frame begins here")]
    NoFrame,
    /// Lengths that no frame has, or that go past the end of the bytes.
    #[error("a frame's length or count is out of bounds")]
    Bounds,
    /// The checksum is another one.
    #[error("a frame's checksum does not match")]
    Checksum,
    /// Records do not fill the frame.
    #[error("a frame's records do not fill it")]
    Records,
}

/// Lays frames one after the other into one buffer, which becomes one write.
pub struct FrameWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    count: u32,
}

impl<'a> FrameWriter<'a> {
    /// Begins a frame at the end of `out`, whose length must be a multiple of [`ALIGN`].
    pub fn begin(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.resize(start + HEADER, 0);
        Self { out, start, count: 0 }
    }

    /// Whether a record of `len` stored bytes still belongs into this frame.
    pub fn fits(&self, len: usize) -> bool {
        let held = self.out.len() - self.start - HEADER;
        self.count == 0 || ((self.count as usize) < FACTS_MAX && held + 4 + len <= BYTES_MAX)
    }

    /// Adds a record and returns its leaf.
    pub fn push(&mut self, draft: &Draft, recorded_at: i64) -> Hash {
        self.out.extend_from_slice(&(draft.stored_len() as u32).to_le_bytes());
        self.count += 1;
        draft.stamp(recorded_at, self.out)
    }

    /// Writes the header and the padding; returns the range of the records in the buffer.
    pub fn finish(
        self,
        seed: u32,
        first: Position,
        group: Position,
        id: u128,
        prev: Hash,
    ) -> (FrameHeader, std::ops::Range<usize>) {
        let records = self.start + HEADER..self.out.len();
        self.out.resize(self.out.len().next_multiple_of(ALIGN), 0);
        let header = FrameHeader { count: self.count, first, group, id, prev };
        let bytes = &mut self.out[self.start..];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&(records.len() as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&header.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&first.to_le_bytes());
        bytes[24..32].copy_from_slice(&group.to_le_bytes());
        bytes[32..48].copy_from_slice(&id.to_le_bytes());
        bytes[48..80].copy_from_slice(&prev);
        let crc = crc32c::crc32c_append(seed, &bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        (header, records)
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

impl Frame {
    /// The frame whose records lie at `records` of a buffer just written.
    pub fn of(header: FrameHeader, buffer: &Bytes, records: std::ops::Range<usize>) -> Self {
        Self { header, records: buffer.slice(records) }
    }

    /// Reads the frame that begins at `offset` of `file` and says how many bytes it takes there.
    ///
    /// `check_crc` is false only in the test that shows what the checksum is for.
    pub fn read(
        file: &Bytes,
        offset: usize,
        seed: u32,
        check_crc: bool,
    ) -> Result<(Self, usize), FrameError> {
        let bytes = file.get(offset..).ok_or(FrameError::NoFrame)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(FrameError::NoFrame);
        }
        let header = Self::header(bytes).ok_or(FrameError::Bounds)?;
        let len = u32::from_le_bytes(array(bytes, 8).ok_or(FrameError::Bounds)?) as usize;
        let count = header.count as usize;
        let whole = (HEADER + len).next_multiple_of(ALIGN);
        if len > RECORDS_MAX || !(1..=FACTS_MAX).contains(&count) || whole > bytes.len() {
            return Err(FrameError::Bounds);
        }
        let crc = u32::from_le_bytes(array(bytes, 4).ok_or(FrameError::Bounds)?);
        if check_crc && crc32c::crc32c_append(seed, &bytes[8..whole]) != crc {
            return Err(FrameError::Checksum);
        }
        let frame = Self { header, records: file.slice(offset + HEADER..offset + HEADER + len) };
        if frame.spans().count() != count || frame.spans().last() != Some(len) {
            return Err(FrameError::Records);
        }
        Ok((frame, whole))
    }

    fn header(bytes: &[u8]) -> Option<FrameHeader> {
        Some(FrameHeader {
            count: u32::from_le_bytes(array(bytes, 12)?),
            first: u64::from_le_bytes(array(bytes, 16)?),
            group: u64::from_le_bytes(array(bytes, 24)?),
            id: u128::from_le_bytes(array(bytes, 32)?),
            prev: array(bytes, 48)?,
        })
    }

    /// The end of each whole record, in bytes from the first.
    fn spans(&self) -> impl Iterator<Item = usize> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let len = u32::from_le_bytes(array(&self.records, at)?) as usize;
            at = at.checked_add(4 + len).filter(|end| *end <= self.records.len())?;
            Some(at)
        })
    }

    /// Bytes that it takes in a file.
    pub fn file_len(&self) -> usize {
        (HEADER + self.records.len()).next_multiple_of(ALIGN)
    }

    /// Position of the last record.
    pub fn last(&self) -> Position {
        self.header.first + u64::from(self.header.count) - 1
    }

    /// The stored records with their positions, borrowed.
    pub fn stored(&self) -> impl Iterator<Item = (Position, &[u8])> + '_ {
        let mut start = 0;
        (self.header.first..).zip(self.spans()).map(move |(position, end)| {
            let stored = &self.records[start + 4..end];
            start = end;
            (position, stored)
        })
    }

    /// The records from position `from` on; they share the frame's bytes.
    pub fn records(&self, from: Position) -> impl Iterator<Item = Record> + '_ {
        let all = self.stored().skip_while(move |(position, _)| *position < from);
        all.map(|(position, stored)| Record { position, bytes: self.records.slice_ref(stored) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::draft;

    fn two_frames() -> (Bytes, FrameHeader, usize) {
        let mut out = Vec::new();
        let mut frame = FrameWriter::begin(&mut out);
        frame.push(&draft(1, 7), 5);
        frame.push(&draft(2, 100), 5);
        let (header, _) = frame.finish(9, 41, 41, 77, [3; 32]);
        let end = out.len();
        let mut frame = FrameWriter::begin(&mut out);
        frame.push(&draft(3, 0), 6);
        frame.finish(9, 43, 41, 78, [4; 32]);
        (Bytes::from(out), header, end)
    }

    #[test]
    fn frames_read_back_one_after_the_other() {
        let (file, header, end) = two_frames();
        let (frame, len) = Frame::read(&file, 0, 9, true).unwrap();
        assert_eq!((frame.header, len), (header, end));
        let records: Vec<_> = frame.records(42).collect();
        let mut stored = Vec::new();
        draft(2, 100).stamp(5, &mut stored);
        assert_eq!((records.len(), records[0].position, &records[0].bytes[..]), (1, 42, &stored[..]));
        let (second, len) = Frame::read(&file, end, 9, true).unwrap();
        assert_eq!((second.header.first, second.last(), end + len), (43, 43, file.len()));
    }

    #[test]
    fn every_flipped_bit_and_another_seed_is_noticed() {
        let (file, _, end) = two_frames();
        assert_eq!(Frame::read(&file, 0, 8, true), Err(FrameError::Checksum), "another file's frame");
        for at in 0..end {
            for bit in 0..8 {
                let mut bad = file.to_vec();
                bad[at] ^= 1 << bit;
                assert!(Frame::read(&Bytes::from(bad), 0, 9, true).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn any_bytes_and_any_cut_are_refused_without_a_panic_even_without_the_checksum() {
        let (file, _, end) = two_frames();
        for len in 0..end {
            assert!(Frame::read(&file.slice(..len), 0, 9, false).is_err(), "cut at {len}");
        }
        let mut rng = crate::log::sim::Rng::new(1);
        for _ in 0..2_000 {
            let mut bad = file.to_vec();
            for _ in 0..=rng.below(8) {
                let at = rng.below(90) as usize;
                bad[at] = rng.bits() as u8;
            }
            if let Ok((frame, _)) = Frame::read(&Bytes::from(bad), 0, 9, false) {
                assert_eq!(frame.stored().count(), frame.header.count as usize);
            }
        }
    }
}
