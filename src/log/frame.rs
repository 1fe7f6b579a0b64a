//! The frame: up to 512 facts that become durable together. It is the unit of the log on disk, in messages and in rows.
//!
//! ```text
//!  0  4 B  "FFR2"
//!  4  u32  CRC32C of all that follows in the frame
//!  8  u32  bytes of records
//! 12  u32  count of records, 1 to 512
//! 16  u64  position of the first record
//! 24  u128 id, unique per frame
//! 40  32 B root of the tree over all positions before `first`
//! 72  count × ( u32 length │ stored record )
//!     zeros up to a multiple of 8
//! ```
//! All integers little-endian. Nothing in a frame depends on the file or node that holds it: what is local to a file
//! stands in front of the frame there (outer_header.rs). A frame is atomic: it is read whole or not at all.

use std::ops::Range;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{BODY_MAX, Draft, Hash, INLINE_ORIGINAL_MAX, Original, Private, Record, RecordRef};

/// Bytes before the records.
pub const HEADER: usize = 72;
/// Most records in a frame.
pub const FACTS_MAX: usize = 512;
/// Most bytes of records in a frame of more than one record.
pub const BYTES_MAX: usize = 256 * 1024;
/// The longest stored record: two full bodies, an original in place, header and lengths.
pub const RECORD_MAX: usize = 2 * BODY_MAX + INLINE_ORIGINAL_MAX + 4096;
/// A frame's length is a multiple of this.
pub const ALIGN: usize = 8;

const MAGIC: [u8; 4] = *b"FFR2";
const RECORDS_MAX: usize = RECORD_MAX + 4;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// How many records.
    pub count: u32,
    /// Position of the first record.
    pub first: Position,
    /// Unique per frame.
    pub id: u128,
    /// Root of the tree over all positions before `first`.
    pub prev: Hash,
}

/// A frame that was checked when it was read, or built here; clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: FrameHeader,
    bytes: Bytes,
    records: Range<usize>,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The magic number is missing.
    #[error("no frame begins here")]
    NoFrame,
    /// Lengths that no frame has, or that go past the end of the bytes.
    #[error("a frame's length or count is out of bounds")]
    Bounds,
    /// The frame's checksum, or that of its outer header.
    #[error("a frame's checksum does not match")]
    Checksum,
    /// Records do not fill the frame.
    #[error("a frame's records do not fill it")]
    Records,
}

/// Writes a frame at the end of a buffer, record by record.
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

    /// Adds a record as it was stored.
    pub fn push_stored(&mut self, stored: &[u8]) {
        self.out.extend_from_slice(&(stored.len() as u32).to_le_bytes());
        self.out.extend_from_slice(stored);
        self.count += 1;
    }

    /// Writes the header and the padding; returns where the frame lies in the buffer.
    pub fn finish(self, first: Position, id: u128, prev: Hash) -> (FrameHeader, Range<usize>) {
        let records = self.out.len() - self.start - HEADER;
        self.out.resize(self.out.len().next_multiple_of(ALIGN), 0);
        let header = FrameHeader { count: self.count, first, id, prev };
        let bytes = &mut self.out[self.start..];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&(records as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&header.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&first.to_le_bytes());
        bytes[24..40].copy_from_slice(&id.to_le_bytes());
        bytes[40..72].copy_from_slice(&prev);
        let crc = crc32c::crc32c(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        (header, self.start..self.out.len())
    }
}

/// The `N` bytes at `at`; `None` past the end.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

impl Frame {
    /// The frame that [`FrameWriter`] wrote as `bytes`.
    pub fn built(header: FrameHeader, bytes: Bytes) -> Self {
        let len = word(&bytes, 8).unwrap_or_default() as usize;
        Self { header, bytes, records: HEADER..HEADER + len }
    }

    /// A frame of one record that lies in no file: it has neither checksum nor id.
    pub fn of_one(record: &Record) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(&(record.bytes.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&record.bytes);
        let records = HEADER..bytes.len();
        let header = FrameHeader { count: 1, first: record.position, id: 0, prev: Hash::default() };
        Self { header, bytes: bytes.into(), records }
    }

    /// Reads the frame that `bytes` begin with. What follows it is not looked at.
    ///
    /// `check_crc` is false only in the test that shows what the checksum is for.
    pub fn read(bytes: &Bytes, check_crc: bool) -> Result<Self, FrameError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(FrameError::NoFrame);
        }
        let header = Self::header(bytes).ok_or(FrameError::Bounds)?;
        let len = word(bytes, 8).ok_or(FrameError::Bounds)? as usize;
        let count = header.count as usize;
        let whole = (HEADER + len).next_multiple_of(ALIGN);
        if len > RECORDS_MAX || !(1..=FACTS_MAX).contains(&count) || whole > bytes.len() {
            return Err(FrameError::Bounds);
        }
        if check_crc && word(bytes, 4) != Some(crc32c::crc32c(&bytes[8..whole])) {
            return Err(FrameError::Checksum);
        }
        let frame = Self { header, bytes: bytes.slice(..whole), records: HEADER..HEADER + len };
        if frame.spans().count() != count || frame.spans().last() != Some(len) {
            return Err(FrameError::Records);
        }
        Ok(frame)
    }

    fn header(bytes: &[u8]) -> Option<FrameHeader> {
        Some(FrameHeader {
            count: word(bytes, 12)?,
            first: u64::from_le_bytes(array(bytes, 16)?),
            id: u128::from_le_bytes(array(bytes, 24)?),
            prev: array(bytes, 40)?,
        })
    }

    /// The end of each whole record, in bytes from the first.
    fn spans(&self) -> impl Iterator<Item = usize> + '_ {
        let records = &self.bytes[self.records.clone()];
        let mut at = 0;
        std::iter::from_fn(move || {
            let len = word(records, at)? as usize;
            at = at.checked_add(4 + len).filter(|end| *end <= records.len())?;
            Some(at)
        })
    }

    /// The whole frame, as it lies in a file, a message or a row.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Position of the last record.
    pub fn last(&self) -> Position {
        self.header.first + u64::from(self.header.count) - 1
    }

    /// The stored records with their positions, borrowed.
    pub fn stored(&self) -> impl Iterator<Item = (Position, &[u8])> + '_ {
        let mut start = 0;
        (self.header.first..).zip(self.spans()).map(move |(position, end)| {
            let stored = &self.bytes[HEADER + start + 4..HEADER + end];
            start = end;
            (position, stored)
        })
    }

    /// Digest and length of each original that is in the blob room.
    pub fn blobs(&self) -> impl Iterator<Item = (Hash, u64)> + '_ {
        self.stored().filter_map(|(_, stored)| match RecordRef::read(stored).ok()?.private {
            Private::Kept { original: Original::Blob { digest, len, .. }, .. } => Some((digest, len)),
            Private::Kept { .. } | Private::None | Private::Erased { .. } => None,
        })
    }

    /// The records from position `from` on; they share the frame's bytes.
    pub fn records(&self, from: Position) -> impl Iterator<Item = Record> + '_ {
        let all = self.stored().skip_while(move |(position, _)| *position < from);
        all.map(|(position, stored)| Record { position, bytes: self.bytes.slice_ref(stored) })
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
        let (header, _) = frame.finish(41, 77, [3; 32]);
        let end = out.len();
        let mut frame = FrameWriter::begin(&mut out);
        frame.push(&draft(3, 0), 6);
        frame.finish(43, 78, [4; 32]);
        (Bytes::from(out), header, end)
    }

    #[test]
    fn frames_read_back_one_after_the_other() {
        let (file, header, end) = two_frames();
        let frame = Frame::read(&file, true).unwrap();
        assert_eq!((frame.header, frame.bytes()), (header, &file.slice(..end)));
        assert_eq!(frame, Frame::built(header, file.slice(..end)));
        let records: Vec<_> = frame.records(42).collect();
        let mut stored = Vec::new();
        draft(2, 100).stamp(5, &mut stored);
        assert_eq!((records.len(), records[0].position, &records[0].bytes[..]), (1, 42, &stored[..]));
        let second = Frame::read(&file.slice(end..), true).unwrap();
        assert_eq!((second.header.first, second.last(), end + second.bytes().len()), (43, 43, file.len()));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (file, _, end) = two_frames();
        for at in 0..end {
            for bit in 0..8 {
                let mut bad = file.to_vec();
                bad[at] ^= 1 << bit;
                assert!(Frame::read(&Bytes::from(bad), true).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn any_bytes_and_any_cut_are_refused_without_a_panic_even_without_the_checksum() {
        let (file, _, end) = two_frames();
        for len in 0..end {
            assert!(Frame::read(&file.slice(..len), false).is_err(), "cut at {len}");
        }
        let mut rng = crate::log::sim::Rng::new(1);
        for _ in 0..2_000 {
            let mut bad = file.to_vec();
            for _ in 0..=rng.below(8) {
                let at = rng.below(90) as usize;
                bad[at] = rng.bits() as u8;
            }
            if let Ok(frame) = Frame::read(&Bytes::from(bad), false) {
                assert_eq!(frame.stored().count(), frame.header.count as usize);
            }
        }
    }
}
