//! Sealed segments as files, for a node that joins: which there are, their bytes, and the originals that their facts name.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{Hash, Original, Private};

use super::blobs;
use super::error::LogError;
use super::sealed_segment::SealedSegment;
use super::snapshot::LogSnapshot;

/// A sealed segment as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its first position.
    pub first: Position,
    /// Its last one.
    pub last: Position,
    /// Bytes of the file.
    pub bytes: u64,
    /// Root of the tree after its last fact.
    pub root: Hash,
}

impl SealedSegment {
    /// Digests and lengths of the originals in the blob room that its facts name.
    ///
    /// # Errors
    /// Those of reading the file.
    pub(super) fn blobs(&self) -> Result<BTreeMap<Hash, u64>, LogError> {
        let mut named = BTreeMap::new();
        self.in_order(self.base(), self.last(), false, &mut |_, record| {
            if let Private::Kept { original: Original::Blob { digest, len, .. }, .. } = record.private {
                named.insert(digest, len);
            }
            ControlFlow::Continue(())
        })?;
        Ok(named)
    }
}

impl LogSnapshot {
    /// Every sealed segment, oldest first.
    ///
    /// # Errors
    /// The disk's.
    pub fn segment_files(&self) -> Result<Vec<SegmentFile>, LogError> {
        let file = |segment: &Arc<SealedSegment>| {
            let bytes = segment.file_len().map_err(|error| LogError::io(segment.name(), error))?;
            let (first, last, root) = (segment.base(), segment.last(), segment.head().root);
            Ok(SegmentFile { first, last, bytes, root })
        };
        self.sealed.iter().map(file).collect()
    }

    /// Up to `most` bytes from `at` on of the file of the sealed segment that begins with `first`, none of them at its end;
    /// `None` where there is no such segment.
    ///
    /// # Errors
    /// The disk's.
    pub fn segment_piece(&self, first: Position, at: u64, most: usize) -> Result<Option<Bytes>, LogError> {
        let Some(segment) = self.sealed_from(first) else { return Ok(None) };
        let piece = segment.file_piece(at, most).map_err(|error| LogError::io(segment.name(), error))?;
        Ok(Some(piece.into()))
    }

    /// Digests and lengths of the originals that the facts of this sealed segment name in the blob room; `None` where there
    /// is no such segment.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn segment_originals(&self, first: Position) -> Result<Option<BTreeMap<Hash, u64>>, LogError> {
        self.sealed_from(first).map(|segment| segment.blobs()).transpose()
    }

    /// An original of the blob room.
    ///
    /// # Errors
    /// [`LogError::BlobMissing`], [`LogError::Damaged`], or the disk's.
    pub fn blob(&self, digest: &Hash, len: u64) -> Result<Bytes, LogError> {
        blobs::get(&*self.disk, digest, len)
    }

    fn sealed_from(&self, first: Position) -> Option<&Arc<SealedSegment>> {
        self.sealed.iter().find(|segment| segment.base() == first)
    }
}
