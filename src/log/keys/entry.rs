//! One entry of the index: 24 bytes that sort by key.

use domain::keys::{KeyHash, Position};

/// Bytes of a packed entry: 11 key hash, 8 content digest, 5 position (big-endian, so that entries of one key
/// sort by position).
pub const ENTRY_BYTES: usize = 24;
/// The highest position that fits in five bytes (1.1 × 10¹²).
pub const POSITION_MAX: Position = (1 << 40) - 1;

/// What the index knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEntry {
    /// Keyed digest of tenant, provider and external id.
    pub key: KeyHash,
    /// First 8 bytes of the content digest, so that a duplicate needs no read of the fact itself.
    pub content: [u8; 8],
    /// Where the fact stands; at most [`POSITION_MAX`].
    pub position: Position,
}

/// A [`KeyEntry`] as it lies in memory and in sled.
pub(super) type Packed = [u8; ENTRY_BYTES];

impl KeyEntry {
    pub(super) fn pack(&self) -> Packed {
        let mut out = [0; ENTRY_BYTES];
        out[..11].copy_from_slice(&self.key);
        out[11..19].copy_from_slice(&self.content);
        out[19..].copy_from_slice(&self.position.to_be_bytes()[3..]);
        out
    }

    pub(super) fn unpack(packed: &Packed) -> Self {
        let mut key = [0; 11];
        key.copy_from_slice(&packed[..11]);
        let mut content = [0; 8];
        content.copy_from_slice(&packed[11..19]);
        Self { key, content, position: position_of(packed) }
    }
}

pub(super) fn position_of(packed: &Packed) -> Position {
    let mut wide = [0; 8];
    wide[3..].copy_from_slice(&packed[19..]);
    Position::from_be_bytes(wide)
}

/// The key's first 8 bytes as a number that orders as the key does: what filters and tables work on.
pub(super) fn prefix_of(bytes: &[u8]) -> u64 {
    let mut head = [0; 8];
    head.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_from_their_bytes_and_sort_by_key_then_content_then_position() {
        let entry = KeyEntry { key: [7; 11], content: [9; 8], position: POSITION_MAX - 3 };
        assert_eq!(KeyEntry::unpack(&entry.pack()), entry);
        let later = KeyEntry { position: POSITION_MAX - 2, ..entry };
        let other = KeyEntry { key: [6; 11], ..entry };
        assert!(other.pack() < entry.pack() && entry.pack() < later.pack());
    }
}
