//! A group: the frames that one write and one sync make durable, built in one buffer.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{Draft, Hash, RecordRef};

use super::error::LogError;
use super::frame::{self, Frame, FrameHeader, FrameWriter};
use super::merkle::Frontier;
use super::outer_header::{self, OUTER};
use super::tail::TailFrame;

/// Most facts in one append, and in one group.
pub const APPEND_FACTS_MAX: usize = 8_192;
/// Most bytes of stored records in one append, and in one group; originals in the blob room not counted.
pub const APPEND_BYTES_MAX: usize = 4 << 20;
/// Most bytes of one group in a file: its records and the headers of its frames.
pub const GROUP_BYTES_MAX: usize = APPEND_BYTES_MAX + (64 << 10);

/// Frames built and not yet written.
pub struct FrameGroup {
    /// The frames in order, each behind room for its outer header: written as it is, so no byte is copied again.
    bytes: Vec<u8>,
    frames: Vec<BuiltFrame>,
    first: Position,
    /// The tree after the last frame.
    pub after: Frontier,
    /// Of every record in it.
    pub recorded_at: i64,
}

/// What the log says where a block does not continue it.
pub const BROKEN_CHAIN: &str = "broken chain";

/// How many of the drafts go into one frame, at least one of them.
pub fn one_frame(drafts: &[&Draft]) -> usize {
    let mut bytes = 0;
    let fits = drafts.iter().take(frame::FACTS_MAX).take_while(|draft| {
        bytes += draft.stored_len() + 4;
        bytes <= frame::BYTES_MAX
    });
    fits.count().max(drafts.len().min(1))
}

struct BuiltFrame {
    header: FrameHeader,
    /// Where the frame lies in the buffer, behind its outer header.
    span: Range<usize>,
    leaves: Arc<[Hash]>,
}

impl FrameGroup {
    /// Builds the frames of `drafts`, which follow the tree `before`; each frame gets one of `ids`.
    ///
    /// A frame is full at 512 records or 256 KB. Its header holds the root of the tree before it, so the leaves
    /// are hashed here and kept for the tail.
    pub fn build(
        drafts: &[&Draft],
        before: &Frontier,
        recorded_at: i64,
        mut ids: impl FnMut() -> u128,
    ) -> Self {
        let stored: usize = drafts.iter().map(|draft| draft.stored_len() + 4).sum();
        let frames = 2 + drafts.len() / (frame::FACTS_MAX / 2) + stored / (frame::BYTES_MAX / 2);
        let mut group = Self {
            bytes: Vec::with_capacity(stored + frames * (OUTER + frame::HEADER + frame::ALIGN)),
            frames: Vec::with_capacity(frames),
            first: before.len() + 1,
            after: before.clone(),
            recorded_at,
        };
        let mut rest = drafts.iter().peekable();
        while rest.peek().is_some() {
            let (first, prev) = (group.after.len() + 1, group.after.root());
            let mut leaves = Vec::with_capacity(rest.len().min(frame::FACTS_MAX));
            group.bytes.resize(group.bytes.len() + OUTER, 0);
            let mut frame = FrameWriter::begin(&mut group.bytes);
            while let Some(draft) = rest.next_if(|draft| frame.fits(draft.stored_len())) {
                let leaf = frame.push(draft, recorded_at);
                group.after.push(leaf);
                leaves.push(leaf);
            }
            let (header, span) = frame.finish(first, ids(), prev);
            group.frames.push(BuiltFrame { header, span, leaves: leaves.into() });
        }
        group
    }

    /// The group of frames that another node, or this one, has made already; they must follow the tree `before`.
    ///
    /// # Errors
    /// The first frame that does not follow, by position or by root; a record that does not read.
    pub fn of_frames(frames: &[Frame], before: &Frontier) -> Result<Self, LogError> {
        let stored: usize = frames.iter().map(|frame| OUTER + frame.bytes().len()).sum();
        let mut group = Self {
            bytes: Vec::with_capacity(stored),
            frames: Vec::with_capacity(frames.len()),
            first: before.len() + 1,
            after: before.clone(),
            recorded_at: i64::MIN,
        };
        for frame in frames {
            let (first, due) = (frame.header.first, group.after.len() + 1);
            if first != due {
                let why = format!("a block of position {first} where {due} is due");
                return Err(LogError::stopped(BROKEN_CHAIN, &why));
            }
            if frame.header.prev != group.after.root() {
                let why = format!("the block of position {first} continues another log");
                return Err(LogError::stopped(BROKEN_CHAIN, &why));
            }
            let mut leaves = Vec::with_capacity(frame.header.count as usize);
            for (position, stored) in frame.stored() {
                let record = RecordRef::read(stored).map_err(|error| LogError::Record { position, error })?;
                let leaf = record.leaf();
                group.after.push(leaf);
                leaves.push(leaf);
                group.recorded_at = record.header.recorded_at;
            }
            group.bytes.resize(group.bytes.len() + OUTER, 0);
            let start = group.bytes.len();
            group.bytes.extend_from_slice(frame.bytes());
            let span = start..group.bytes.len();
            group.frames.push(BuiltFrame { header: frame.header, span, leaves: leaves.into() });
        }
        Ok(group)
    }

    /// The first frame, copied out of the buffer.
    pub fn first_frame(&self) -> Option<Frame> {
        let BuiltFrame { header, span, .. } = self.frames.first()?;
        Some(Frame::built(*header, Bytes::copy_from_slice(&self.bytes[span.clone()])))
    }

    /// The bytes for the file of this seed, outer headers included.
    pub fn in_file(&mut self, seed: u32) -> &[u8] {
        for BuiltFrame { span, .. } in &self.frames {
            outer_header::write(&mut self.bytes[span.start - OUTER..span.end], seed, self.first);
        }
        &self.bytes
    }

    /// Bytes that it takes in a file.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The frames, which share the buffer.
    pub fn into_frames(self) -> Vec<TailFrame> {
        let bytes = Bytes::from(self.bytes);
        let frames = self.frames.into_iter().map(|BuiltFrame { header, span, leaves }| TailFrame {
            frame: Frame::built(header, bytes.slice(span)),
            leaves,
        });
        frames.collect()
    }
}
