//! Encodes one chunk: up to 256 facts of a lane, split into columns. `sealed_segment` draws the bytes.

use domain::keys::Position;
use domain::record::{Original, Private, RecordRef};
use zstd::zstd_safe::{CCtx, compress_bound};

use super::bytes::{Short, put_short, put_signed, put_varint};

/// Facts per chunk.
pub(super) const CHUNK_FACTS: usize = 256;
/// A chunk is closed early at this many bytes of headers and bodies, or of originals.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// No chunk decodes to more than this; a single record above it cannot be sealed.
pub(super) const CHUNK_BYTES_MAX: usize = 8 << 20;
const LEVEL: i32 = 3;

// Offsets in a header of layout 1 (domain::record).
pub(super) const RECORDED_AT: usize = 1;
pub(super) const OCCURRED_AT: usize = 9;
pub(super) const FLAGS: usize = 17;
pub(super) const GROUP: usize = 18;
pub(super) const CONTENT: usize = 23;
pub(super) const SUBJECT: usize = 39;
pub(super) const FIXED: usize = 47;

/// Tags of the private part (domain::record).
pub(super) const NONE: u8 = 0;
pub(super) const INLINE: u8 = 1;
pub(super) const BLOB: u8 = 2;
pub(super) const ERASED: u8 = 3;

/// Units that times of a kind may be whole multiples of, in µs.
pub(super) const UNITS: [i64; 3] = [1_000_000, 1_000, 1];

/// The header members that most facts of a lane share, stored once per chunk.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Shape<'a> {
    /// flags, then tag, version and mapping as in the header.
    fixed: [u8; 5],
    private: u8,
    provider: &'a str,
}

impl<'a> Shape<'a> {
    fn of(record: &RecordRef<'a>) -> Self {
        let header = record.header_bytes;
        Self {
            fixed: [
                header[FLAGS],
                header[GROUP + 1],
                header[GROUP + 2],
                header[GROUP + 3],
                header[GROUP + 4],
            ],
            private: match record.private {
                Private::None => NONE,
                Private::Kept { original: Original::Inline(_), .. } => INLINE,
                Private::Kept { original: Original::Blob { .. }, .. } => BLOB,
                Private::Erased { .. } => ERASED,
            },
            provider: record.header.provider,
        }
    }
}

/// An encoded bodies chunk.
pub(super) struct EncodedBodies {
    pub stored: Vec<u8>,
    /// The columns before compression: the dictionary of the chunk's originals.
    pub columns: Vec<u8>,
}

pub(super) fn compress(
    cctx: &mut CCtx<'_>,
    from: &[u8],
    dictionary: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Short> {
    let mut frame = Vec::with_capacity(compress_bound(from.len()));
    cctx.compress_using_dict(&mut frame, from, dictionary, LEVEL).map_err(|_| Short)?;
    out.extend_from_slice(&frame);
    Ok(())
}

/// Encodes headers, public and personal bodies of `records`, ascending and all of one lane.
///
/// Columns, because equal members side by side compress far better than whole records. Three things are done by hand
/// that zstd would not find: a *shape* (flags, version, mapping, provider) is written once and named by one byte a
/// fact; `recorded_at` is the difference to the fact before; `occurred_at` is its lag behind `recorded_at`, in the
/// coarsest unit that all times of the shape are multiples of, because most providers give whole seconds. Hashes
/// and salts are random: they are stored raw before the columns, where compressing them would only cost time.
pub(super) fn encode_bodies(
    cctx: &mut CCtx<'_>,
    first: Position,
    records: &[(Position, RecordRef<'_>)],
) -> Result<EncodedBodies, Short> {
    let mut shapes: Vec<(Shape<'_>, usize)> = Vec::new();
    let mut subjects: Vec<u64> = Vec::new();
    let (mut shape_of, mut subject_of) = (Vec::new(), Vec::new());
    for (_, record) in records {
        let shape = Shape::of(record);
        let index = shapes.iter().position(|(s, _)| *s == shape).unwrap_or_else(|| {
            shapes.push((shape, 0));
            shapes.len() - 1
        });
        while record.header.occurred_at % UNITS[shapes[index].1] != 0 {
            shapes[index].1 += 1;
        }
        shape_of.push(index as u8);
        let subject = record.header.subject;
        let index = subjects.iter().position(|s| *s == subject).unwrap_or_else(|| {
            subjects.push(subject);
            subjects.len() - 1
        });
        subject_of.push(index as u8);
    }

    let mut columns = Vec::new();
    columns.extend_from_slice(&(records.len() as u16).to_le_bytes());
    columns.extend_from_slice(&(shapes.len() as u16).to_le_bytes());
    columns.extend_from_slice(&(subjects.len() as u16).to_le_bytes());
    for (shape, unit) in &shapes {
        columns.extend_from_slice(&shape.fixed);
        columns.extend_from_slice(&[shape.private, *unit as u8]);
        put_short(&mut columns, shape.provider.as_bytes());
    }
    columns.extend_from_slice(&shape_of);
    columns.extend_from_slice(&subject_of);
    let mut last = first;
    for (position, _) in records {
        put_varint(&mut columns, position - last);
        last = *position;
    }
    let mut last = 0;
    for (_, record) in records {
        put_signed(&mut columns, record.header.recorded_at.wrapping_sub(last));
        last = record.header.recorded_at;
    }
    for ((_, record), shape) in records.iter().zip(&shape_of) {
        let unit = UNITS[shapes[usize::from(*shape)].1];
        let lag = record.header.recorded_at.div_euclid(unit).wrapping_sub(record.header.occurred_at / unit);
        put_signed(&mut columns, lag);
    }
    for (_, record) in records {
        put_varint(&mut columns, record.header.external_id.len() as u64);
    }
    for (_, record) in records {
        put_varint(&mut columns, record.public.len() as u64);
    }
    for (_, record) in records {
        put_varint(&mut columns, record.personal().map_or(0, <[u8]>::len) as u64);
    }
    for (_, record) in records {
        columns.extend_from_slice(record.header.external_id.as_bytes());
    }
    for (_, record) in records {
        columns.extend_from_slice(record.public);
    }
    for (_, record) in records {
        columns.extend_from_slice(record.personal().unwrap_or_default());
    }

    let mut raw = Vec::new();
    for subject in &subjects {
        raw.extend_from_slice(&subject.to_le_bytes());
    }
    for (_, record) in records {
        raw.extend_from_slice(&record.header.content);
    }
    for (_, record) in records {
        match record.private {
            Private::None => {}
            Private::Kept { salt, original, .. } => {
                raw.extend_from_slice(&salt);
                if let Original::Blob { digest, len, commitment } = original {
                    raw.extend_from_slice(&digest);
                    raw.extend_from_slice(&commitment);
                    raw.extend_from_slice(&len.to_le_bytes());
                }
            }
            Private::Erased { personal, original } => {
                raw.extend_from_slice(&personal);
                raw.extend_from_slice(&original);
            }
        }
    }
    let mut stored = Vec::with_capacity(4 + raw.len() + columns.len() / 2);
    stored.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    stored.extend_from_slice(&raw);
    compress(cctx, &columns, &[], &mut stored)?;
    Ok(EncodedBodies { stored, columns })
}

/// Encodes the inline originals of `records`, the facts of one bodies chunk whose columns are `dictionary`: an
/// original repeats most of its bodies. `None` if there are none.
pub(super) fn encode_originals(
    cctx: &mut CCtx<'_>,
    records: &[(Position, RecordRef<'_>)],
    dictionary: &[u8],
) -> Result<Option<(Vec<u8>, usize)>, Short> {
    let inline: Vec<&[u8]> = records.iter().map(|(_, record)| inline_original(record)).collect();
    if inline.iter().all(|original| original.is_empty()) {
        return Ok(None);
    }
    let mut decoded = Vec::new();
    inline.iter().for_each(|original| put_varint(&mut decoded, original.len() as u64));
    inline.iter().for_each(|original| decoded.extend_from_slice(original));
    let mut stored = Vec::new();
    compress(cctx, &decoded, dictionary, &mut stored)?;
    Ok(Some((stored, decoded.len())))
}

pub(super) fn inline_original<'a>(record: &RecordRef<'a>) -> &'a [u8] {
    match record.private {
        Private::Kept { original: Original::Inline(original), .. } => original,
        Private::Kept { .. } | Private::None | Private::Erased { .. } => &[],
    }
}
