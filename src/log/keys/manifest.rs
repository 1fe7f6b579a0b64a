//! How a run lies in sled's table `keys`, and what says that it is whole.
//!
//! ```text
//! sled key    value
//! h id        head: u8 layout = 1 │ 16 B log id │ u64 first │ u64 last │ u64 entries
//!                   u32 directory bytes │ u32 its CRC │ u32 filter bytes │ u32 its CRC │ u32 CRC of the head
//! d id piece  directory, in pieces of 4 KiB: for each chunk 11 B first key │ u32 CRC of the chunk
//! f id piece  filter, in pieces of 4 KiB (see `filter`)
//! c id chunk  up to 170 entries of 24 bytes, sorted
//! ```
//! `id` and the numbers after it are u32, big-endian, so that a run's chunks are neighbours; all else is
//! little-endian. CRC is CRC32C. The head is written last, after a sync. Head, directory and filter are checked
//! before a run is used, and a chunk each time it is read. A run is never changed.

use domain::keys::{KeyHash, Position};

use super::run::Range;
use crate::store::{Db, StoreError, Table, VALUE_MAX};

/// The table that holds all runs.
pub(super) const TABLE: &str = "keys";
/// The first byte of a key in sled.
pub(super) const HEAD: u8 = b'h';
pub(super) const DIRECTORY: u8 = b'd';
pub(super) const FILTER: u8 = b'f';
pub(super) const CHUNK: u8 = b'c';

const PIECES_PER_JOB: u32 = 256;
const LAYOUT: u8 = 1;
const HEAD_BYTES: usize = 1 + 16 + 3 * 8 + 5 * 4;
const REF_BYTES: usize = 11 + 4;

/// A run's place in sled: never used twice in one database.
pub(super) type RunId = u32;

/// The head of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunHead {
    pub(super) log_id: [u8; 16],
    pub(super) range: Range,
    pub(super) count: u64,
    pub(super) directory: Blob,
    pub(super) filter: Blob,
}

/// Length and CRC of bytes that lie in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) bytes: u32,
    pub(super) crc: u32,
}

impl Blob {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u32, crc: crc32c::crc32c(bytes) }
    }
}

/// Where a chunk's keys begin, and what its bytes must sum to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkRef {
    pub(super) first: KeyHash,
    pub(super) crc: u32,
}

pub(super) fn head_key(id: RunId) -> [u8; 5] {
    let mut key = [HEAD; 5];
    key[1..].copy_from_slice(&id.to_be_bytes());
    key
}

pub(super) fn part_key(kind: u8, id: RunId, number: u32) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..5].copy_from_slice(&id.to_be_bytes());
    key[5..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The run that a key in sled belongs to.
pub(super) fn id_of(key: &[u8]) -> Option<RunId> {
    Some(RunId::from_be_bytes(key.get(1..5)?.try_into().ok()?))
}

impl RunHead {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES);
        out.push(LAYOUT);
        out.extend_from_slice(&self.log_id);
        for number in [self.range.first, self.range.last, self.count] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.directory.bytes, self.directory.crc, self.filter.bytes, self.filter.crc] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// None when the bytes are damaged or of another layout.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if bytes.len() != HEAD_BYTES || body[0] != LAYOUT || crc32c::crc32c(body) != u32::from_le_bytes(*crc)
        {
            return None;
        }
        let long = |at: usize| body.get(at..at + 8)?.try_into().ok().map(Position::from_le_bytes);
        let short = |at: usize| body.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        Some(Self {
            log_id: body.get(1..17)?.try_into().ok()?,
            range: Range { first: long(17)?, last: long(25)? },
            count: long(33)?,
            directory: Blob { bytes: short(41)?, crc: short(45)? },
            filter: Blob { bytes: short(49)?, crc: short(53)? },
        })
    }
}

pub(super) fn directory_to_bytes(directory: &[ChunkRef]) -> Vec<u8> {
    let mut out = Vec::with_capacity(directory.len() * REF_BYTES);
    for chunk in directory {
        out.extend_from_slice(&chunk.first);
        out.extend_from_slice(&chunk.crc.to_le_bytes());
    }
    out
}

pub(super) fn directory_from_bytes(bytes: &[u8]) -> Option<Vec<ChunkRef>> {
    let one = |bytes: &[u8]| {
        let (first, crc) = bytes.split_first_chunk::<11>()?;
        Some(ChunkRef { first: *first, crc: u32::from_le_bytes(crc.try_into().ok()?) })
    };
    bytes.len().is_multiple_of(REF_BYTES).then(|| bytes.chunks_exact(REF_BYTES).map(one).collect())?
}

/// Writes `bytes` in pieces.
pub(super) fn put_blob(table: &Table<'_>, kind: u8, id: RunId, bytes: &[u8]) -> Result<(), StoreError> {
    for (number, piece) in bytes.chunks(VALUE_MAX).enumerate() {
        table.put(&part_key(kind, id, number as u32), piece)?;
    }
    Ok(())
}

/// Reads pieces; None when one is missing or they are not those that `blob` tells of.
pub(super) fn get_blob(
    db: &Db,
    kind: u8,
    id: RunId,
    blob: Blob,
    check: bool,
) -> Result<Option<Vec<u8>>, StoreError> {
    let pieces = blob.bytes.div_ceil(VALUE_MAX as u32);
    let mut bytes = Vec::new();
    // In several jobs, each with its bound, because the filters of a long run are megabytes.
    for from in (0..pieces).step_by(PIECES_PER_JOB as usize) {
        let some = db.read(move |view| {
            let table = view.table(TABLE)?;
            let mut some = Vec::new();
            for number in from..pieces.min(from + PIECES_PER_JOB) {
                match table.get(&part_key(kind, id, number))? {
                    Some(piece) => some.extend_from_slice(&piece),
                    None => return Ok(None),
                }
            }
            Ok(Some(some))
        })?;
        match some {
            Some(some) => bytes.extend_from_slice(&some),
            None => return Ok(None),
        }
    }
    Ok((!check || Blob::of(&bytes) == blob).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_with_any_bit_turned_is_refused() {
        let head = RunHead {
            log_id: [3; 16],
            range: Range { first: 1, last: 900 },
            count: 900,
            directory: Blob { bytes: 90, crc: 7 },
            filter: Blob { bytes: 2_000, crc: 8 },
        };
        let bytes = head.to_bytes();
        assert_eq!(RunHead::from_bytes(&bytes), Some(head));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RunHead::from_bytes(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_directory_comes_back_and_half_an_entry_is_refused() {
        let directory = vec![ChunkRef { first: [1; 11], crc: 5 }, ChunkRef { first: [2; 11], crc: 6 }];
        let bytes = directory_to_bytes(&directory);
        assert_eq!(directory_from_bytes(&bytes), Some(directory));
        assert_eq!(directory_from_bytes(&bytes[1..]), None);
    }
}
