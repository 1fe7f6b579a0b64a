//! Drafts: records encoded off the writer's thread, which only stamps them with `recorded_at`.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    Hash, Header, INLINE_ORIGINAL_MAX, Original, Private, RECORDED_AT, RecordRef, commitment, leaf_hash,
};
use crate::keys::{ContentDigest, KeyHash};

/// An encoded record that lacks only `recorded_at`.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Keyed digest of its key, as the idempotency index holds it.
    pub key: KeyHash,
    /// Keyed digest of its content.
    pub content: ContentDigest,
    stored: Vec<u8>,
    personal: Hash,
    original: Hash,
    blob: Option<(Hash, Bytes)>,
}

impl Draft {
    /// Encodes a record. `header.recorded_at` is ignored; `salt` must be fresh random bytes.
    pub fn new(
        key: KeyHash,
        header: &Header<'_>,
        public: &[u8],
        salt: [u8; 16],
        personal: &[u8],
        original: &Bytes,
    ) -> Self {
        let header_bytes = header.bytes();
        let commitments = (commitment(&salt, personal), commitment(&salt, original));
        let blob = (original.len() > INLINE_ORIGINAL_MAX)
            .then(|| (Hash::from(Sha256::digest(original)), original.clone()));
        let private = if personal.is_empty() && original.is_empty() {
            Private::None
        } else {
            Private::Kept {
                salt,
                personal,
                original: match &blob {
                    Some((digest, bytes)) => {
                        Original::Blob { digest: *digest, len: bytes.len() as u64, commitment: commitments.1 }
                    }
                    None => Original::Inline(original),
                },
            }
        };
        let record = RecordRef { header: *header, header_bytes: &header_bytes, public, private };
        let mut stored =
            Vec::with_capacity(64 + header_bytes.len() + public.len() + personal.len() + original.len());
        record.write(&mut stored);
        Self { key, content: header.content, stored, personal: commitments.0, original: commitments.1, blob }
    }

    /// Bytes of the stored form.
    pub fn stored_len(&self) -> usize {
        self.stored.len()
    }

    /// The original that must be in the blob room, synced, before the record's frame is written.
    pub fn blob(&self) -> Option<&(Hash, Bytes)> {
        self.blob.as_ref()
    }

    /// Appends the stored form with its `recorded_at` to `out` and returns the leaf.
    pub fn stamp(&self, recorded_at: i64, out: &mut Vec<u8>) -> Hash {
        let start = out.len();
        out.extend_from_slice(&self.stored);
        let stored = &mut out[start..];
        stored[RECORDED_AT..RECORDED_AT + 8].copy_from_slice(&recorded_at.to_le_bytes());
        let header_len = usize::from(u16::from_le_bytes([stored[0], stored[1]]));
        let (header, rest) = stored[2..].split_at(header_len);
        let public_len = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        leaf_hash(header, &rest[4..4 + public_len], &self.personal, &self.original)
    }
}
