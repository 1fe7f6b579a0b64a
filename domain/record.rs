//! The canonical record: what is stored, what is hashed, and what may later be forgotten.
//!
//! A record has four parts: **header** (who, when, which kind), **public** body, **personal** body and the
//! **original** payload. The last two are hashed behind a random salt, so that they can be erased, salt
//! included, without changing the leaf:
//!
//! ```text
//! leaf       = SHA-256( 0x00 ‖ u32 header length ‖ header ‖ u32 public length ‖ public ‖ C(personal) ‖ C(original) )
//! C(part)    = SHA-256( salt ‖ part ),  or 32 zero bytes for an empty part
//!
//! header     u8 layout = 1 │ i64 recorded_at µs │ i64 occurred_at µs │ u8 flags (bit 0: time_source received)
//!            u8 kind group │ u8 kind tag │ u8 kind version │ u16 mapping version
//!            16 B content digest │ u64 subject hash
//!            u8 length, tenant │ u8 length, provider │ u16 length, external id
//!
//! stored     u16 header length │ header │ u32 public length │ public │ u8 private tag │ private
//! private 0  nothing personal, no original
//! private 1  16 B salt │ u32 personal length │ personal │ u32 original length │ original
//! private 2  16 B salt │ u32 personal length │ personal │ 32 B SHA-256 of the original │ u64 its length │ C(original)
//! private 3  erased: C(personal) │ C(original)
//! ```
//! All integers little-endian. An original of private 2 lies in the blob room under its SHA-256.

mod draft;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::keys::{ContentDigest, Position, SubjectHash};

pub use draft::Draft;

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// Originals above this many bytes go to the blob room.
pub const INLINE_ORIGINAL_MAX: usize = 32 * 1024;
/// The longest body, public and personal together, in bytes: with its header it fits one frame of 256 KB, and
/// 5,000 ids of 36 characters (a session's leads) fit it.
pub const BODY_MAX: usize = 192 * 1024;
/// Offset of `recorded_at` in a stored record.
const RECORDED_AT: usize = 3;
const HEADER_LAYOUT: u8 = 1;
const HEADER_FIXED: usize = 1 + 8 + 8 + 1 + 3 + 2 + 16 + 8;

/// Why a stored record does not read: damage or a newer release, never a client's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Bytes are missing or left over.
    #[error("record cut short or too long")]
    Length,
    /// The header's layout number is not known here.
    #[error("unknown header layout {0}")]
    Layout(u8),
    /// A flag is set that is not known here.
    #[error("unknown header flags {0:#04x}")]
    Flags(u8),
    /// The private part's tag is not known here.
    #[error("unknown private tag {0}")]
    Private(u8),
    /// A name is not UTF-8.
    #[error("name is not UTF-8")]
    Text,
}

/// Group and tag of a kind of fact; both append-only for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindTag {
    /// Which file of `facts/`.
    pub group: u8,
    /// Which kind in it.
    pub tag: u8,
}

/// The header of a record: who, when, which kind. The log sets `recorded_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// When the log recorded it, µs since 1970 UTC; never decreases along the log.
    pub recorded_at: i64,
    /// When it happened, µs since 1970 UTC.
    pub occurred_at: i64,
    /// `occurred_at` is the time of receipt, because the provider gave none.
    pub time_received: bool,
    /// The kind of fact.
    pub kind: KindTag,
    /// Version of the kind's wire form.
    pub version: u8,
    /// Version of the mapping that produced it from the original.
    pub mapping: u16,
    /// Keyed digest of the canonical content.
    pub content: ContentDigest,
    /// Keyed digest of the subject.
    pub subject: SubjectHash,
    /// Owner.
    pub tenant: &'a str,
    /// Who named it.
    pub provider: &'a str,
    /// Its name there.
    pub external_id: &'a str,
}

impl<'a> Header<'a> {
    /// The bytes of the header, as they are stored and hashed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_FIXED + 128);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(HEADER_LAYOUT);
        out.extend_from_slice(&self.recorded_at.to_le_bytes());
        out.extend_from_slice(&self.occurred_at.to_le_bytes());
        out.push(u8::from(self.time_received));
        out.extend_from_slice(&[self.kind.group, self.kind.tag, self.version]);
        out.extend_from_slice(&self.mapping.to_le_bytes());
        out.extend_from_slice(&self.content);
        out.extend_from_slice(&self.subject.to_le_bytes());
        out.push(self.tenant.len() as u8);
        out.extend_from_slice(self.tenant.as_bytes());
        out.push(self.provider.len() as u8);
        out.extend_from_slice(self.provider.as_bytes());
        out.extend_from_slice(&(self.external_id.len() as u16).to_le_bytes());
        out.extend_from_slice(self.external_id.as_bytes());
    }

    /// Reads header bytes; every byte must be used.
    pub fn read(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut at = Cursor(bytes);
        let layout = at.byte()?;
        if layout != HEADER_LAYOUT {
            return Err(RecordError::Layout(layout));
        }
        let header = Self {
            recorded_at: i64::from_le_bytes(at.array()?),
            occurred_at: i64::from_le_bytes(at.array()?),
            time_received: match at.byte()? {
                0 => false,
                1 => true,
                flags => return Err(RecordError::Flags(flags)),
            },
            kind: KindTag { group: at.byte()?, tag: at.byte()? },
            version: at.byte()?,
            mapping: u16::from_le_bytes(at.array()?),
            content: at.array()?,
            subject: u64::from_le_bytes(at.array()?),
            tenant: at.short_text()?,
            provider: at.short_text()?,
            external_id: {
                let len = usize::from(u16::from_le_bytes(at.array()?));
                text(at.take(len)?)?
            },
        };
        at.end()?;
        Ok(header)
    }
}

/// The part of a record that can be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Private<'a> {
    /// Nothing personal, no original.
    None,
    /// Not erased.
    Kept {
        /// Random, per record.
        salt: [u8; 16],
        /// Personal body, bincode; may be empty.
        personal: &'a [u8],
        /// The payload as it came; may be empty.
        original: Original<'a>,
    },
    /// Erased: only the commitments are left.
    Erased {
        /// C(personal).
        personal: Hash,
        /// C(original).
        original: Hash,
    },
}

/// The original payload, or where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Original<'a> {
    /// In the record; empty when there is none.
    Inline(&'a [u8]),
    /// In the blob room.
    Blob {
        /// SHA-256 of the bytes, the blob's name.
        digest: Hash,
        /// How many bytes.
        len: u64,
        /// C(original).
        commitment: Hash,
    },
}

/// C(part): the salted commitment to a private part, zeros when the part is empty.
pub fn commitment(salt: &[u8; 16], part: &[u8]) -> Hash {
    if part.is_empty() {
        return [0; 32];
    }
    Sha256::new().chain_update(salt).chain_update(part).finalize().into()
}

/// The leaf over a header, a public body and the commitments to the private parts.
pub fn leaf_hash(header: &[u8], public: &[u8], personal: &Hash, original: &Hash) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update((header.len() as u32).to_le_bytes())
        .chain_update(header)
        .chain_update((public.len() as u32).to_le_bytes())
        .chain_update(public)
        .chain_update(personal)
        .chain_update(original)
        .finalize()
        .into()
}

/// A stored record, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Header, decoded.
    pub header: Header<'a>,
    /// Header, as hashed.
    pub header_bytes: &'a [u8],
    /// Public body, bincode.
    pub public: &'a [u8],
    /// What can be forgotten.
    pub private: Private<'a>,
}

impl<'a> RecordRef<'a> {
    /// Reads one stored record; every byte must be used.
    pub fn read(stored: &'a [u8]) -> Result<Self, RecordError> {
        let mut at = Cursor(stored);
        let header_len = usize::from(u16::from_le_bytes(at.array()?));
        let header_bytes = at.take(header_len)?;
        let public = at.long()?;
        let private = match at.byte()? {
            0 => Private::None,
            1 => Private::Kept {
                salt: at.array()?,
                personal: at.long()?,
                original: Original::Inline(at.long()?),
            },
            2 => Private::Kept {
                salt: at.array()?,
                personal: at.long()?,
                original: Original::Blob {
                    digest: at.array()?,
                    len: u64::from_le_bytes(at.array()?),
                    commitment: at.array()?,
                },
            },
            3 => Private::Erased { personal: at.array()?, original: at.array()? },
            other => return Err(RecordError::Private(other)),
        };
        at.end()?;
        Ok(Self { header: Header::read(header_bytes)?, header_bytes, public, private })
    }

    /// The Merkle leaf of this record.
    pub fn leaf(&self) -> Hash {
        let (personal, original) = match self.private {
            Private::None => ([0; 32], [0; 32]),
            Private::Erased { personal, original } => (personal, original),
            Private::Kept { salt, personal, original } => (
                commitment(&salt, personal),
                match original {
                    Original::Inline(bytes) => commitment(&salt, bytes),
                    Original::Blob { commitment, .. } => commitment,
                },
            ),
        };
        leaf_hash(self.header_bytes, self.public, &personal, &original)
    }

    /// The personal body, or nothing when it was empty or erased.
    pub fn personal(&self) -> Option<&'a [u8]> {
        match self.private {
            Private::Kept { personal, .. } if !personal.is_empty() => Some(personal),
            Private::Kept { .. } | Private::None | Private::Erased { .. } => None,
        }
    }

    /// Writes the stored form, the inverse of [`RecordRef::read`].
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.header_bytes.len() as u16).to_le_bytes());
        out.extend_from_slice(self.header_bytes);
        put_long(out, self.public);
        match self.private {
            Private::None => out.push(0),
            Private::Kept { salt, personal, original: Original::Inline(original) } => {
                out.push(1);
                out.extend_from_slice(&salt);
                put_long(out, personal);
                put_long(out, original);
            }
            Private::Kept { salt, personal, original: Original::Blob { digest, len, commitment } } => {
                out.push(2);
                out.extend_from_slice(&salt);
                put_long(out, personal);
                out.extend_from_slice(&digest);
                out.extend_from_slice(&len.to_le_bytes());
                out.extend_from_slice(&commitment);
            }
            Private::Erased { personal, original } => {
                out.push(3);
                out.extend_from_slice(&personal);
                out.extend_from_slice(&original);
            }
        }
    }
}

/// A record of the log with its position; `bytes` is the stored form and was checked when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position in the log.
    pub position: Position,
    /// The stored form.
    pub bytes: Bytes,
}

impl Record {
    /// Reads the stored form.
    pub fn view(&self) -> Result<RecordRef<'_>, RecordError> {
        RecordRef::read(&self.bytes)
    }
}

fn put_long(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u32).to_le_bytes());
    out.extend_from_slice(part);
}

fn text(bytes: &[u8]) -> Result<&str, RecordError> {
    std::str::from_utf8(bytes).map_err(|_| RecordError::Text)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(RecordError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, RecordError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(RecordError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn short_text(&mut self) -> Result<&'a str, RecordError> {
        let len = usize::from(self.byte()?);
        text(self.take(len)?)
    }

    fn long(&mut self) -> Result<&'a [u8], RecordError> {
        let len = u32::from_le_bytes(self.array()?) as usize;
        self.take(len)
    }

    fn end(&self) -> Result<(), RecordError> {
        if self.0.is_empty() { Ok(()) } else { Err(RecordError::Length) }
    }
}

#[cfg(test)]
mod tests;
