//! The wire form of bodies: bincode 2 by one configuration, public and personal members apart.
//!
//! A body's **public** bytes are its public members in the order of their declaration, then the keyed digests
//! of its persons; the **personal** bytes are its personal members likewise, or nothing at all when every one
//! is absent. Little-endian, variable-length integers, no names: a kind's version fixes its members for ever
//! (I8); a new member is a new version and an upcast.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::json::{FieldError, Reader};
use crate::keys::PersonDigest;
use crate::record::{BODY_MAX, KindTag};

/// Stored bytes that this release cannot read: damage, or a newer release wrote them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Group and tag name no kind.
    #[error("unknown kind of fact {}.{}", .0.group, .0.tag)]
    Kind(KindTag),
    /// The kind is known, this version of it is not.
    #[error("unknown version {version} of kind {}.{}", .kind.group, .kind.tag)]
    Version {
        /// The kind.
        kind: KindTag,
        /// Its version.
        version: u8,
    },
    /// The bytes are no such body.
    #[error("body does not decode: {0}")]
    Body(String),
}

const fn configuration() -> bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<BODY_MAX>,
> {
    bincode::config::standard().with_limit::<BODY_MAX>()
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
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, CodecError> {
        let (value, read) = bincode::serde::decode_from_slice(self.0, configuration())
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
}

/// Reads a whole body from JSON.
pub fn from_json<B: Body>(value: Value, path: &str) -> Result<B, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut at = Reader::new(value, path, &mut errors);
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

/// How a member's mode (`required`, `optional`, `list`, `set`) shows in type, reading and writing.
#[macro_export]
#[doc(hidden)]
macro_rules! member {
    (type public required $type:ty) => { $type };
    (type personal required $type:ty) => { Option<$type> };
    (type $part:ident optional $type:ty) => { Option<$type> };
    (type $part:ident list $type:ty) => { Vec<$type> };
    (type $part:ident set $type:ty) => { Vec<$type> };

    (read $at:ident required $name:expr) => { $at.required($name) };
    (read $at:ident optional $name:expr) => { $at.optional($name) };
    (read $at:ident list $name:expr) => { $at.list($name, $crate::facts::LIST_MAX) };
    (read $at:ident set $name:expr) => {{
        let mut items = $at.list($name, $crate::facts::LIST_MAX);
        items.sort();
        items.dedup();
        items
    }};

    (build public required $value:ident) => { $value? };
    (build personal required $value:ident) => { Some($value?) };
    (build $part:ident $mode:ident $value:ident) => { $value };

    (json public required $out:ident $name:expr, $value:expr) => {
        $out.insert($name.to_owned(), $crate::json::Member::json($value));
    };
    (json personal required $out:ident $name:expr, $value:expr) => {
        $crate::member!(json public optional $out $name, $value)
    };
    (json $part:ident optional $out:ident $name:expr, $value:expr) => {
        if let Some(value) = $value {
            $out.insert($name.to_owned(), $crate::json::Member::json(value));
        }
    };
    (json $part:ident $mode:ident $out:ident $name:expr, $value:expr) => {
        if !$value.is_empty() {
            $out.insert($name.to_owned(), $value.iter().map($crate::json::Member::json).collect());
        }
    };

    (canonical public required $out:ident $name:expr, $value:expr) => {
        $crate::codec::put_canonical($out, $name, $value)?;
    };
    (canonical personal required $out:ident $name:expr, $value:expr) => {
        $crate::member!(canonical public optional $out $name, $value)
    };
    (canonical $part:ident optional $out:ident $name:expr, $value:expr) => {
        if let Some(value) = $value {
            $crate::codec::put_canonical($out, $name, value)?;
        }
    };
    (canonical $part:ident $mode:ident $out:ident $name:expr, $value:expr) => {
        if !$value.is_empty() {
            $crate::codec::put_canonical($out, $name, $value)?;
        }
    };
}

/// Declares a body: its struct, its JSON form, its wire form and its canonical content, from one list of members.
///
/// `public` members are never erased; a `person` is a personal identity with its keyed digest in the public
/// part; `personal` members can be erased, so even required ones are `Option` in the struct; `nested` are
/// objects within, `rows` lists of objects.
#[macro_export]
macro_rules! body {
    ($(#[$doc:meta])* $body:ident {
        $(public { $($(#[$pub_doc:meta])* $pub_mode:ident $pub:ident: $pub_type:ty;)* })?
        $(person { $($(#[$who_doc:meta])* $who:ident as $who_digest:ident: $who_type:ty;)* })?
        $(personal { $($(#[$own_doc:meta])* $own_mode:ident $own:ident: $own_type:ty;)* })?
        $(nested { $($(#[$in_doc:meta])* $in:ident: $in_type:ty;)* })?
        $(rows { $($(#[$row_doc:meta])* $row:ident: $row_type:ty;)* })?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $body {
            $($($(#[$pub_doc])* pub $pub: $crate::member!(type public $pub_mode $pub_type),)*)?
            $($($(#[$who_doc])* pub $who: Option<$who_type>,
                /// Keyed digest of the member before; known once it is in the log.
                pub $who_digest: Option<$crate::keys::PersonDigest>,)*)?
            $($($(#[$own_doc])* pub $own: $crate::member!(type personal $own_mode $own_type),)*)?
            $($($(#[$in_doc])* pub $in: Option<$in_type>,)*)?
            $($($(#[$row_doc])* pub $row: Vec<$row_type>,)*)?
        }

        impl $crate::codec::Body for $body {
            fn read(at: &mut $crate::json::Reader<'_>) -> Option<Self> {
                $($(let $pub = $crate::member!(read at $pub_mode stringify!($pub));)*)?
                $($(let $who = at.optional(stringify!($who));)*)?
                $($(let $own = $crate::member!(read at $own_mode stringify!($own));)*)?
                $($(let $in = at.nested(stringify!($in), <$in_type as $crate::codec::Body>::read).flatten();)*)?
                $($(let $row = at.rows(stringify!($row), $crate::facts::LIST_MAX, <$row_type as $crate::codec::Body>::read);)*)?
                Some(Self {
                    $($($pub: $crate::member!(build public $pub_mode $pub),)*)?
                    $($($who, $who_digest: None,)*)?
                    $($($own: $crate::member!(build personal $own_mode $own),)*)?
                    $($($in,)*)?
                    $($($row,)*)?
                })
            }

            fn json(&self, out: &mut serde_json::Map<String, serde_json::Value>) {
                $($($crate::member!(json public $pub_mode out stringify!($pub), &self.$pub);)*)?
                $($($crate::member!(json personal optional out stringify!($who), &self.$who);)*)?
                $($($crate::member!(json personal $own_mode out stringify!($own), &self.$own);)*)?
                $($(if let Some(inner) = &self.$in {
                    let mut members = serde_json::Map::new();
                    inner.json(&mut members);
                    if !members.is_empty() {
                        out.insert(stringify!($in).to_owned(), members.into());
                    }
                })*)?
                $($(if !self.$row.is_empty() {
                    let rows = self.$row.iter().map(|row| {
                        let mut members = serde_json::Map::new();
                        row.json(&mut members);
                        serde_json::Value::Object(members)
                    });
                    out.insert(stringify!($row).to_owned(), rows.collect());
                })*)?
            }

            #[allow(unused_variables, reason = "bodies without persons or personal members")]
            fn put(
                &self,
                public: &mut Vec<u8>,
                personal: &mut Vec<u8>,
                person: $crate::codec::PersonHasher<'_>,
            ) -> Result<(), $crate::codec::CodecError> {
                $($($crate::codec::put(public, &self.$pub)?;)*)?
                $($(
                    let digest = self.$who.as_ref().map(|who| person(who.as_str())).or(self.$who_digest);
                    $crate::codec::put(public, &digest)?;
                    $crate::codec::put(personal, &self.$who)?;
                )*)?
                $($($crate::codec::put(personal, &self.$own)?;)*)?
                $($(
                    $crate::codec::put(public, &self.$in.is_some())?;
                    if let Some(inner) = &self.$in {
                        inner.put(public, personal, person)?;
                    }
                )*)?
                $($(
                    $crate::codec::put(public, &(self.$row.len() as u32))?;
                    for row in &self.$row {
                        row.put(public, personal, person)?;
                    }
                )*)?
                Ok(())
            }

            #[allow(unused_variables, reason = "bodies without persons or personal members")]
            fn take(
                public: &mut $crate::codec::Taker<'_>,
                personal: &mut Option<$crate::codec::Taker<'_>>,
            ) -> Result<Self, $crate::codec::CodecError> {
                $($(let $pub = public.take()?;)*)?
                $($(
                    let $who_digest = public.take()?;
                    let $who = personal.as_mut().map(|part| part.take()).transpose()?.unwrap_or_default();
                )*)?
                $($(let $own = personal.as_mut().map(|part| part.take()).transpose()?.unwrap_or_default();)*)?
                $($(let $in = if public.take::<bool>()? {
                    Some(<$in_type as $crate::codec::Body>::take(public, personal)?)
                } else {
                    None
                };)*)?
                $($(let $row = {
                    let count: u32 = public.take()?;
                    (0..count)
                        .map(|_| <$row_type as $crate::codec::Body>::take(public, personal))
                        .collect::<Result<Vec<_>, _>>()?
                };)*)?
                Ok(Self {
                    $($($pub,)*)?
                    $($($who, $who_digest,)*)?
                    $($($own,)*)?
                    $($($in,)*)?
                    $($($row,)*)?
                })
            }

            fn canonical(&self, out: &mut Vec<u8>) -> Result<(), $crate::codec::CodecError> {
                $($($crate::member!(canonical public $pub_mode out stringify!($pub), &self.$pub);)*)?
                $($($crate::member!(canonical personal optional out stringify!($who), &self.$who);)*)?
                $($($crate::member!(canonical personal $own_mode out stringify!($own), &self.$own);)*)?
                $($(if let Some(inner) = &self.$in {
                    $crate::codec::put_canonical_object(out, stringify!($in), inner)?;
                })*)?
                $($(if !self.$row.is_empty() {
                    $crate::codec::put_canonical_rows(out, stringify!($row), &self.$row)?;
                })*)?
                Ok(())
            }
        }
    };
}
