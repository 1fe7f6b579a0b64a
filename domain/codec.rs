//! The wire form of bodies: bincode 2 by one configuration, public and personal members apart.
//!
//! No names, each part in the order of declaration: a kind's version fixes its members for ever (I8); a new
//! member is a new version and an upcast.
//!
//! ```text
//! public     public members │ each person's keyed digest, optional │ each nested object: bool, and if true its
//!            public │ each list of objects: u32 count and the public of each
//! personal   persons, optional │ personal members, required ones optional too │ the personal of nested objects
//!            and of the objects of lists; no bytes at all when every member is absent
//!
//! u8, bool   one byte; a bool is 0 or 1, everything else does not decode
//! u32, u64   below 251: one byte; else 251 and 2 bytes, 252 and 4, 253 and 8, the shortest that holds it
//! i32, i64   zigzag (0, −1, 1, −2 … are 0, 1, 2, 3 …), then as above; instants, days and months are such
//! texts      u64 length in bytes, UTF-8;        lists: u64 count, the items;      words: u32, their place
//! digests    their bytes;   currencies: three letters;    optional members: 0, or 1 and the value
//!
//! content    u8 kind group │ u8 kind tag │ u8 1 and i64 occurred_at in 8 bytes, or u8 0 when it was received │
//!            members: public, persons, personal, nested, lists of objects; absent and empty ones left out
//! member     u8 length, name │ u32 length in 4 bytes │ its value as above, an object its members, a list of
//!            objects one member without a name for each
//! ```
//! All fixed widths little-endian. The content digest (R2) is keyed over `content`, see [`crate::keys`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::description::BodyDescription;
use crate::json::{FieldError, Json, Reader, TextRule};
use crate::keys::PersonDigest;
use crate::record::{BODY_MAX, KindTag};

/// Stored bytes that this release cannot read: damage, or a newer release wrote them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Group and tag name no kind.
    #[error("unknown kind of fact {}.{}", .0.group, .0.tag)]
    Kind(KindTag),
    /// A newer release wrote the fact.
    #[error("version {version} of {kind} is unknown; this release reads versions 1 to {newest}")]
    Version {
        /// Name of the kind.
        kind: &'static str,
        /// Version of the stored body.
        version: u8,
        /// Newest version that this release reads.
        newest: u8,
    },
    /// The body is longer than a record may be; a client's mistake, the only one here.
    #[error("body of {len} bytes, at most {max} fit in a record")]
    TooLong {
        /// Public and personal bytes together.
        len: usize,
        /// How many fit.
        max: usize,
    },
    /// The bytes are no such body.
    #[error("body does not decode: {0}")]
    Body(String),
}

/// What one member may claim while it is decoded. bincode counts an integer by its full width, 8 bytes for the
/// length of an item that is one byte on the wire, so a limit of `BODY_MAX` would refuse bodies that were written.
const CLAIM_MAX: usize = 9 * BODY_MAX;

const fn configuration() -> bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<CLAIM_MAX>,
> {
    bincode::config::standard().with_limit::<CLAIM_MAX>()
}

/// Writes one member's value.
pub fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
    bincode::serde::encode_into_std_write(value, out, configuration())
        .map(drop)
        .map_err(|error| CodecError::Body(error.to_string()))
}

/// Takes values off the front of stored bytes.
#[derive(Debug)]
pub struct Taker<'a>(&'a [u8]);

impl<'a> Taker<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next value.
    pub fn take<T: Deserialize<'a>>(&mut self) -> Result<T, CodecError> {
        let (value, read) = bincode::serde::borrow_decode_from_slice(self.0, configuration())
            .map_err(|error| CodecError::Body(error.to_string()))?;
        self.0 = self.0.get(read..).unwrap_or_default();
        Ok(value)
    }

    /// Every byte must have been taken.
    pub fn end(self) -> Result<(), CodecError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(CodecError::Body(format!("{} bytes left over", self.0.len())))
        }
    }
}

/// Digests a person's canonical identity with the log's secret.
pub type PersonHasher<'a> = &'a dyn Fn(&str) -> PersonDigest;

/// The body of one kind of fact, or an object within one.
pub trait Body: Sized {
    /// Reads the JSON form into canonical form; faults are collected in `at`.
    fn read(at: &mut Reader<'_>) -> Option<Self>;
    /// Whether every member is absent, so that an object within is absent itself.
    fn is_blank(&self) -> bool;
    /// Writes the JSON form: members that are absent are left out.
    fn json(&self, out: &mut Map<String, Value>);
    /// Writes the wire form.
    fn put(
        &self,
        public: &mut Vec<u8>,
        personal: &mut Vec<u8>,
        person: PersonHasher<'_>,
    ) -> Result<(), CodecError>;
    /// Reads the wire form; without `personal` (none given, or erased) those members are absent.
    fn take(public: &mut Taker<'_>, personal: &mut Option<Taker<'_>>) -> Result<Self, CodecError>;
    /// Writes what equality is over (R2): name and value of each member that is given, so that a later version
    /// with one more optional member gives old content the old digest.
    fn canonical(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// What the body is, member by member.
    fn describe() -> BodyDescription;
}

/// Reads a whole body from JSON.
pub fn from_json<B: Body>(value: Json<'_>, path: &str, texts: TextRule) -> Result<B, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut at = Reader::new(value, path, &mut errors).with_texts(texts);
    let body = B::read(&mut at);
    at.finish();
    match body {
        Some(body) if errors.is_empty() => Ok(body),
        _ => Err(errors),
    }
}

/// Reads a whole body from its wire form; every byte must be used.
pub fn decode<B: Body>(public: &[u8], personal: Option<&[u8]>) -> Result<B, CodecError> {
    let mut public = Taker::new(public);
    let mut private = personal.map(Taker::new);
    let body = B::take(&mut public, &mut private)?;
    public.end()?;
    private.map_or(Ok(()), Taker::end)?;
    Ok(body)
}

/// Adds one member to canonical content.
pub fn put_canonical<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    name: &str,
    value: &T,
) -> Result<(), CodecError> {
    put_named(out, name, |out| put(out, value))
}

/// Adds one nested object to canonical content; an object without members is absent.
pub fn put_canonical_object<B: Body>(out: &mut Vec<u8>, name: &str, body: &B) -> Result<(), CodecError> {
    let before = out.len();
    put_named(out, name, |out| body.canonical(out))?;
    if out.len() == before + 1 + name.len() + 4 {
        out.truncate(before);
    }
    Ok(())
}

/// Adds a list of objects to canonical content; their order counts.
pub fn put_canonical_rows<B: Body>(out: &mut Vec<u8>, name: &str, rows: &[B]) -> Result<(), CodecError> {
    put_named(out, name, |out| rows.iter().try_for_each(|row| put_named(out, "", |out| row.canonical(out))))
}

fn put_named(
    out: &mut Vec<u8>,
    name: &str,
    value: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    value(out)?;
    let len = (out.len() - length_at - 4) as u32;
    out[length_at..length_at + 4].copy_from_slice(&len.to_le_bytes());
    Ok(())
}
