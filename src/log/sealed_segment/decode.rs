//! Rebuilds the canonical bytes of a chunk's facts from its columns. The module above draws the bytes.
//!
//! Everything here runs behind a good checksum, and still trusts no number: a bad one is an error, no panic.

use domain::keys::Position;
use domain::record::{Hash, Header, Original, Private, RecordError, RecordRef};
use zstd::zstd_safe::DCtx;

use super::bytes::{Cursor, Short, put_short};
use super::encode::{
    BLOB, CHUNK_BYTES_MAX, CHUNK_FACTS, CONTENT, ERASED, FIXED, FLAGS, GROUP, INLINE, NONE, OCCURRED_AT,
    RECORDED_AT, SUBJECT, UNITS,
};

const SALT: usize = 16;
const HEADER_LAYOUT: u8 = 1;

/// The header members that all facts of a lane share.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneKey<'a> {
    pub tenant: &'a str,
    pub group: u8,
}

/// Reused for decoding: zstd's tables are not made anew for every chunk.
pub(super) struct Decoder(DCtx<'static>);

impl Decoder {
    pub fn new() -> Self {
        Self(DCtx::create())
    }

    fn decompress(&mut self, out: &mut Vec<u8>, frame: &[u8], len: usize, dict: &[u8]) -> Result<(), Short> {
        if len > CHUNK_BYTES_MAX {
            return Err(Short);
        }
        out.clear();
        out.reserve_exact(len);
        self.0.decompress_using_dict(out, frame, dict).map_err(|_| Short)?;
        if out.len() == len { Ok(()) } else { Err(Short) }
    }

    /// Like [`Decoder::decompress`], without a dictionary and with a limit of its own.
    pub fn plain(&mut self, frame: &[u8], len: usize) -> Result<Vec<u8>, Short> {
        let mut out = Vec::with_capacity(len);
        self.0.decompress(&mut out, frame).map_err(|_| Short)?;
        if out.len() == len { Ok(out) } else { Err(Short) }
    }
}

/// Where the parts of one fact are.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    position: Position,
    recorded_at: i64,
    occurred_at: i64,
    header: (u32, u32),
    public: (u32, u32),
    personal: (u32, u32),
    raw: u32,
    private: u8,
}

/// A decoded bodies chunk.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    stored: Vec<u8>,
    columns: Vec<u8>,
    headers: Vec<u8>,
    slots: Vec<Slot>,
}

/// The decoded originals of a bodies chunk.
#[derive(Debug, Default)]
pub(super) struct Originals {
    decoded: Vec<u8>,
    parts: Vec<(u32, u32)>,
}

impl Originals {
    /// Bytes held.
    pub fn weight(&self) -> usize {
        self.decoded.capacity() + self.parts.capacity() * size_of::<(u32, u32)>()
    }
}

fn part(bytes: &[u8], (start, end): (u32, u32)) -> &[u8] {
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

impl Bodies {
    /// The buffer to read stored bytes into; [`Bodies::decode`] takes it from there
    /// once the checksum was found good.
    pub fn stored_mut(&mut self) -> &mut Vec<u8> {
        &mut self.stored
    }

    /// Bytes held.
    pub fn weight(&self) -> usize {
        self.stored.capacity()
            + self.columns.capacity()
            + self.headers.capacity()
            + self.slots.capacity() * size_of::<Slot>()
    }

    /// How many facts.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Position of a fact by its place in the chunk.
    pub fn position(&self, slot: usize) -> Option<Position> {
        self.slots.get(slot).map(|slot| slot.position)
    }

    /// Place of the first fact at or after `position`.
    pub fn slot_from(&self, position: Position) -> usize {
        self.slots.partition_point(|slot| slot.position < position)
    }

    /// Decodes the stored bytes, whose checksum was found good.
    ///
    /// Only spans and times are decoded; bodies stay where zstd put them, so a view of a fact copies nothing. Headers
    /// alone are rebuilt, because the leaf is hashed over their exact bytes. Every length is checked against what is
    /// there: the checksum says that the bytes are those written, not that the writer was right.
    pub fn decode(
        &mut self,
        decoder: &mut Decoder,
        lane: LaneKey<'_>,
        first: Position,
        facts: usize,
        decoded_len: usize,
    ) -> Result<(), Short> {
        let mut stored = Cursor(&self.stored);
        let raw_len = stored.u32()? as usize;
        let raw = stored.take(raw_len)?;
        decoder.decompress(&mut self.columns, stored.0, decoded_len, &[])?;

        let mut at = Cursor(&self.columns);
        let counts = [at.u16()?, at.u16()?, at.u16()?].map(usize::from);
        let [count, shape_count, subject_count] = counts;
        if count != facts || counts.iter().any(|n| *n > CHUNK_FACTS) {
            return Err(Short);
        }
        let mut shapes = Vec::with_capacity(shape_count);
        for _ in 0..shape_count {
            shapes.push(Template::read(&mut at, lane)?);
        }
        let raw_start = stored.0.len() + raw.len();
        let raw_start = self.stored.len() - raw_start;
        let mut raw = Cursor(raw);
        let subjects = raw.take(subject_count * 8)?.as_chunks::<8>().0;
        let contents = raw.take(count * 16)?.as_chunks::<16>().0;
        let mut private_at = raw_start + (subject_count * 8 + count * 16);
        let shape_of = at.take(count)?;
        let subject_of = at.take(count)?;

        self.slots.clear();
        self.slots.resize(count, Slot::default());
        let mut position = first;
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let step = at.varint()?;
            if (i == 0) != (step == 0) {
                return Err(Short);
            }
            position = position.checked_add(step).ok_or(Short)?;
            slot.position = position;
        }
        let mut recorded_at = 0i64;
        for slot in &mut self.slots {
            recorded_at = recorded_at.wrapping_add(at.signed()?);
            slot.recorded_at = recorded_at;
        }
        for (slot, shape) in self.slots.iter_mut().zip(shape_of) {
            let shape = shapes.get(usize::from(*shape)).ok_or(Short)?;
            let units = slot.recorded_at.div_euclid(shape.unit).wrapping_sub(at.signed()?);
            slot.occurred_at = units.wrapping_mul(shape.unit);
            slot.private = shape.private;
            slot.raw = private_at as u32;
            private_at += match shape.private {
                NONE => 0,
                INLINE => SALT,
                BLOB => SALT + 2 * size_of::<Hash>() + size_of::<u64>(),
                _ => 2 * size_of::<Hash>(),
            };
        }
        if private_at != raw_start + subject_count * 8 + count * 16 + raw.0.len() {
            return Err(Short);
        }
        for slot in &mut self.slots {
            slot.header.1 = at.len()?;
        }
        for slot in &mut self.slots {
            slot.public.1 = at.len()?;
        }
        for slot in &mut self.slots {
            slot.personal.1 = at.len()?;
        }
        self.headers.clear();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let shape = shapes.get(usize::from(shape_of[i])).ok_or(Short)?;
            let external_id = at.take(slot.header.1 as usize)?;
            let external_len = u16::try_from(external_id.len()).map_err(|_| Short)?;
            let start = self.headers.len();
            self.headers.extend_from_slice(&shape.header);
            let header = &mut self.headers[start..];
            header[RECORDED_AT..OCCURRED_AT].copy_from_slice(&slot.recorded_at.to_le_bytes());
            header[OCCURRED_AT..FLAGS].copy_from_slice(&slot.occurred_at.to_le_bytes());
            header[CONTENT..SUBJECT].copy_from_slice(&contents[i]);
            header[SUBJECT..FIXED].copy_from_slice(subjects.get(usize::from(subject_of[i])).ok_or(Short)?);
            self.headers.extend_from_slice(&external_len.to_le_bytes());
            self.headers.extend_from_slice(external_id);
            slot.header = (start as u32, self.headers.len() as u32);
        }
        let mut start = (self.columns.len() - at.0.len()) as u32;
        for slot in &mut self.slots {
            slot.public = (start, start.checked_add(slot.public.1).ok_or(Short)?);
            start = slot.public.1;
        }
        for slot in &mut self.slots {
            slot.personal = (start, start.checked_add(slot.personal.1).ok_or(Short)?);
            start = slot.personal.1;
        }
        if start as usize == self.columns.len() { Ok(()) } else { Err(Short) }
    }

    /// Decodes the stored originals of this chunk, whose checksum was found good.
    pub fn decode_originals(
        &self,
        decoder: &mut Decoder,
        stored: &[u8],
        decoded_len: usize,
        into: &mut Originals,
    ) -> Result<(), Short> {
        decoder.decompress(&mut into.decoded, stored, decoded_len, &self.columns)?;
        let mut at = Cursor(&into.decoded);
        into.parts.clear();
        for _ in 0..self.slots.len() {
            into.parts.push((0, at.len()?));
        }
        let mut start = (into.decoded.len() - at.0.len()) as u32;
        for part in &mut into.parts {
            *part = (start, start.checked_add(part.1).ok_or(Short)?);
            start = part.1;
        }
        if start as usize == into.decoded.len() { Ok(()) } else { Err(Short) }
    }

    /// One fact; without `originals` an inline original is handed out as empty.
    pub fn view<'a>(
        &'a self,
        slot: usize,
        originals: Option<&'a Originals>,
    ) -> Result<RecordRef<'a>, RecordError> {
        let at = self.slots.get(slot).ok_or(RecordError::Length)?;
        let header_bytes = part(&self.headers, at.header);
        let mut raw = Cursor(self.stored.get(at.raw as usize..).unwrap_or_default());
        let personal = part(&self.columns, at.personal);
        let private = match at.private {
            NONE => Private::None,
            INLINE => {
                let original = originals
                    .and_then(|o| o.parts.get(slot).map(|p| part(&o.decoded, *p)))
                    .unwrap_or_default();
                Private::Kept { salt: raw.array()?, personal, original: Original::Inline(original) }
            }
            BLOB => Private::Kept {
                salt: raw.array()?,
                personal,
                original: Original::Blob { digest: raw.array()?, commitment: raw.array()?, len: raw.u64()? },
            },
            ERASED => Private::Erased { personal: raw.array()?, original: raw.array()? },
            other => return Err(RecordError::Private(other)),
        };
        Ok(RecordRef {
            header: Header::read(header_bytes)?,
            header_bytes,
            public: part(&self.columns, at.public),
            private,
        })
    }
}

impl From<Short> for RecordError {
    fn from(_: Short) -> Self {
        Self::Length
    }
}

/// The header of a shape with everything but times, digests and external id.
struct Template {
    header: Vec<u8>,
    unit: i64,
    private: u8,
}

impl Template {
    fn read(at: &mut Cursor<'_>, lane: LaneKey<'_>) -> Result<Self, Short> {
        let fixed: [u8; 5] = at.array()?;
        let private = at.byte()?;
        let unit = *UNITS.get(usize::from(at.byte()?)).ok_or(Short)?;
        let provider = at.short()?;
        if private > ERASED {
            return Err(Short);
        }
        let mut header = vec![0; FIXED];
        header[0] = HEADER_LAYOUT;
        header[FLAGS] = fixed[0];
        header[GROUP] = lane.group;
        header[GROUP + 1..CONTENT].copy_from_slice(&fixed[1..]);
        put_short(&mut header, lane.tenant.as_bytes());
        put_short(&mut header, provider);
        Ok(Self { header, unit, private })
    }
}
