//! Sealed segments: facts of a closed stretch of the log, laid out for reading, never changed but by erasure.
//!
//! Facts lie in **lanes** (tenant, kind group, shard of subjects above 2,048 facts): clustering is the index.
//! A lane is cut into **chunks** of up to 256 facts; headers and bodies apart from the originals, so that
//! folding never decompresses an original.
//!
//! ```text
//! file       head │ bodies of every chunk, lane by lane │ originals of every chunk, likewise │ footer │ tail
//!
//! head       "FACTSEAL" │ u32 format = 1 │ u32 CRC32C of the 12 bytes before
//! tail       u64 footer offset │ u32 footer length │ u32 footer CRC32C │ "FACTSEAL" │ u32 format = 1
//!            │ u32 CRC32C of the 28 bytes before
//!
//! bodies     u32 raw length │ raw │ zstd( columns )
//!   raw      what does not compress: 8 B per distinct subject hash │ 16 B content digest per fact │ per fact by
//!            private tag (domain::record): 1: salt │ 2: salt, SHA-256, C(original), u64 length │ 3: two C
//!   columns  u16 facts │ u16 shapes │ u16 subjects
//!            shape: u8 flags │ u8 tag │ u8 version │ u16 mapping │ u8 private tag │ u8 unit │ u8 length, provider
//!            u8 shape per fact │ u8 subject per fact
//!            varints per fact: position − the one before │ zigzag recorded_at µs − the one before │
//!              zigzag ⌊recorded_at / unit⌋ − occurred_at / unit (unit: 0 = s, 1 = ms, 2 = µs)
//!            varints per fact: length of external id │ of public │ of personal
//!            all external ids │ all public bodies │ all personal bodies
//! originals  zstd( varint length per fact │ the inline originals ), the columns of its bodies as dictionary
//!
//! footer     u64 positions before │ u32 facts │ frontier before │ frontier after │ subtrees of 64 leaves, each as
//!            u32 count │ hashes │ u32 length │ zstd( directory )
//!   directory varint lanes; lane: u8 length, tenant │ u8 group │ varint shard, varint of │ varint chunks; chunk: varint
//!            first position − base │ last − first │ facts │ bodies extent │ originals extent (0: none)
//!            extent: varint stored length │ varint decoded length │ u32 CRC32C of the stored bytes
//!            lane of each fact by position: all low bytes, all high bytes
//! ```
//! Extents follow one another without gaps, so every byte of the file is under a checksum. Nothing of this is
//! hashed: readers get the canonical record, rebuilt byte for byte (I9).

mod bytes;
mod cache;
mod decode;
mod encode;
mod error;
mod footer;
mod read;
mod verify;
mod write;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
pub(in crate::log) mod tests;
#[cfg(test)]
mod write_tests;

use std::io;
use std::sync::Arc;

use domain::keys::Position;
use domain::record::Hash;

pub use self::cache::ChunkCache;
pub use self::error::{FORMAT, SegmentError};
use self::footer::{Footer, HEAD_LEN};
use super::disk::{Disk, DiskFile, read_exact_at};
use super::merkle::{Frontier, Head, SUBTREE_LEAVES};
use super::violation::Violation;

const MAGIC: [u8; 8] = *b"FACTSEAL";
const TAIL_LEN: usize = 32;
/// A footer is at most this long.
const FOOTER_MAX: usize = 128 << 20;

/// An open sealed segment: its footer, and the file for the chunks. Share it behind an `Arc`.
pub struct SealedSegment {
    name: Box<str>,
    file: Box<dyn DiskFile>,
    footer: Footer,
    footer_at: u64,
    cache: Arc<ChunkCache>,
    id: u64,
}

impl SealedSegment {
    /// Opens `name` and reads its footer. Decoded chunks of single reads go to `cache`, shared by all segments.
    ///
    /// # Errors
    /// [`SegmentError::NewerFormat`] for a file of a later release, [`SegmentError::Damaged`] where the head,
    /// the tail or the footer are not what was written.
    pub fn open(disk: &dyn Disk, name: &str, cache: &Arc<ChunkCache>) -> Result<Self, SegmentError> {
        let io = |source| SegmentError::Io { file: name.to_owned(), source };
        let damaged = |offset, what| SegmentError::Damaged(Violation::new(name, offset, None, what));
        let file = disk.open(name).map_err(io)?;
        let len = file.len().map_err(io)?;
        let Some(tail_at) = len.checked_sub(TAIL_LEN as u64).filter(|at| *at >= HEAD_LEN as u64) else {
            return Err(damaged(len, "the file is too short for a sealed segment"));
        };
        let mut head = [0; HEAD_LEN];
        read_exact_at(&*file, 0, &mut head).map_err(io)?;
        let version = sealed(&head).ok_or_else(|| damaged(0, "the head is damaged"))?;
        if version > FORMAT {
            return Err(SegmentError::NewerFormat { file: name.to_owned(), version });
        }
        let mut tail = [0; TAIL_LEN];
        read_exact_at(&*file, tail_at, &mut tail).map_err(io)?;
        let (place, end) = tail.split_at(TAIL_LEN - HEAD_LEN);
        let mut place = bytes::Cursor(place);
        let (footer_at, footer_len, footer_crc) = match (place.u64(), place.u32(), place.u32()) {
            (Ok(at), Ok(len), Ok(crc))
                if crc_matches(&tail[..28], &tail[28..])
                    && end[..12] == head[..12]
                    && at.checked_add(u64::from(len)) == Some(tail_at)
                    && len as usize <= FOOTER_MAX =>
            {
                (at, len, crc)
            }
            _ => return Err(damaged(tail_at, "the tail is damaged")),
        };
        let mut stored = vec![0; footer_len as usize];
        read_exact_at(&*file, footer_at, &mut stored).map_err(io)?;
        if !crc_matches(&stored, &footer_crc.to_le_bytes()) {
            return Err(damaged(footer_at, "the footer fails its checksum"));
        }
        let footer = Footer::decode(&stored, footer_at)
            .map_err(|_| damaged(footer_at, "the footer is inconsistent"))?;
        Ok(Self { name: name.into(), file, footer, footer_at, cache: Arc::clone(cache), id: cache.segment() })
    }

    /// Its file, relative to the data directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first position.
    pub fn base(&self) -> Position {
        self.footer.base()
    }

    /// How many facts; never 0.
    pub fn count(&self) -> u64 {
        self.footer.lane_of.len() as u64
    }

    /// The last position.
    pub fn last(&self) -> Position {
        self.footer.after.len()
    }

    /// The Merkle frontier before its first fact.
    pub fn before(&self) -> &Frontier {
        &self.footer.before
    }

    /// The Merkle frontier after its last fact.
    pub fn frontier(&self) -> &Frontier {
        &self.footer.after
    }

    /// Position and root after its last fact.
    pub fn head(&self) -> Head {
        self.footer.after.head()
    }

    /// Bytes of its file.
    ///
    /// # Errors
    /// The disk's.
    pub fn file_len(&self) -> io::Result<u64> {
        self.file.len()
    }

    /// Up to `most` bytes of its file from `at` on; none at the end.
    ///
    /// # Errors
    /// The disk's.
    pub fn file_piece(&self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; self.file.len()?.saturating_sub(at).min(most as u64) as usize];
        read_exact_at(&*self.file, at, &mut piece)?;
        Ok(piece)
    }

    /// Lets go of its decoded chunks.
    pub fn forget_chunks(&self) {
        self.cache.forget(self.id);
    }

    /// The root of the aligned subtree `index` of 64 leaves, if its last leaf is here.
    pub fn subtree(&self, index: u64) -> Option<Hash> {
        let first = self.before().len() / SUBTREE_LEAVES;
        let at = usize::try_from(index.checked_sub(first)?).ok()?;
        self.footer.subtrees.get(at).copied()
    }

    /// Stored bytes of bodies and of originals.
    pub fn sizes(&self) -> [usize; 2] {
        let chunks = &self.footer.chunks;
        let bodies = chunks.iter().map(|chunk| chunk.bodies.stored as usize).sum();
        let originals = chunks.iter().filter_map(|chunk| chunk.originals.as_ref());
        [bodies, originals.map(|extent| extent.stored as usize).sum()]
    }

    /// How many facts there are of each tenant and kind group, in that order.
    pub fn groups(&self) -> impl Iterator<Item = (&str, u8, u64)> {
        let same = |a: &footer::Lane, b: &footer::Lane| (&a.tenant, a.group) == (&b.tenant, b.group);
        self.footer.lanes.chunk_by(same).filter_map(|lanes| {
            let first = lanes.first()?;
            let chunks = lanes.iter().flat_map(|lane| self.footer.chunks_of(lane));
            Some((&*first.tenant, first.group, chunks.map(|chunk| u64::from(chunk.facts)).sum()))
        })
    }
}

/// The format version of a head, when its magic and its checksum are right.
fn sealed(head: &[u8; HEAD_LEN]) -> Option<u32> {
    let (magic, rest) = head.split_first_chunk::<8>()?;
    let (version, crc) = rest.split_first_chunk::<4>()?;
    (*magic == MAGIC && crc_matches(&head[..12], crc)).then(|| u32::from_le_bytes(*version))
}

fn crc_matches(bytes: &[u8], stored: &[u8]) -> bool {
    #[cfg(test)]
    if tests::CRC_OFF.get() {
        return true;
    }
    crc32c::crc32c(bytes).to_le_bytes() == stored
}
