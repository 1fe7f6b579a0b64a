//! The open segment: where facts become durable.
//!
//! ```text
//! journal/<first position, 20 digits>.open
//!     0   8 B "FFOPENSG" │ u32 format = 2 │ u32 CRC32C of what follows │ u64 first position
//!         │ 32 B root of the tree before it │ u32 seed of the outer headers' checksums │ zeros up to
//!  4096   outer header (outer_header.rs) │ frame (frame.rs), one pair after the other, each at a multiple of 8
//!   end   zeros, filled ahead of the writer
//! ```
//! A group of frames is one write into the zeros and one `fdatasync`. Before a new group is written, all bytes
//! after the last valid frame are zeros, durably: what a failed write left is overwritten with zeros and synced
//! first. So whatever follows the last valid frame after a crash belongs to the one group that was under way, of
//! which nothing was acknowledged; anything else is damage, and is reported rather than cut.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{Hash, RecordRef};

use super::disk::{Disk, DiskFile, read_exact_at};
use super::error::LogError;
use super::fill::Fill;
use super::frame::{self, Frame};
use super::frame_group::{FrameGroup, GROUP_BYTES_MAX};
use super::merkle::Frontier;
use super::outer_header::FileFrame;
use super::tail::{Tail, TailFrame};

const MAGIC: [u8; 8] = *b"FFOPENSG";
const FORMAT: u32 = 2;
const USED: usize = 60;
/// Where frames begin.
pub const FRAMES_AT: u64 = 4096;

/// The path of the open segment that begins with `first`.
pub fn path(first: Position) -> String {
    format!("journal/{first:020}.open")
}

/// The open segment as the writer holds it.
pub struct OpenSegment {
    path: Arc<str>,
    file: Box<dyn DiskFile>,
    seed: u32,
    end: u64,
    /// Bytes from `end` up to here may be left over from a failed write.
    residue: u64,
    fill: Arc<Fill>,
}

/// The result of reading an open segment at a start.
pub struct SegmentScan {
    /// Ready for appends once [`SegmentScan::rewrite_last_group`] went through.
    pub segment: OpenSegment,
    /// Its frames.
    pub frames: Vec<TailFrame>,
    /// The tree before its first fact.
    pub before: Frontier,
    /// The tree after its last fact.
    pub frontier: Frontier,
    /// A group that was under way when the process ended: bytes from and to.
    pub torn: Option<(u64, u64)>,
    last_group: (u64, Bytes),
}

fn header_of(first: Position, before: &Hash, seed: u32) -> [u8; USED] {
    let mut header = [0; USED];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[16..24].copy_from_slice(&first.to_le_bytes());
    header[24..56].copy_from_slice(before);
    header[56..60].copy_from_slice(&seed.to_le_bytes());
    let crc = crc32c::crc32c(&header[16..]);
    header[12..16].copy_from_slice(&crc.to_le_bytes());
    header
}

impl OpenSegment {
    /// Makes the segment that begins after `before`, zero-filled and durable under its name.
    pub fn create(
        disk: &Arc<dyn Disk>,
        before: &Frontier,
        seed: u32,
        fill_step: u64,
    ) -> Result<Self, LogError> {
        let first = before.len() + 1;
        let path: Arc<str> = path(first).into();
        let making = format!("{path}.tmp");
        remove_if_there(&**disk, &making)?;
        let file = disk.create(&making).map_err(|e| LogError::while_writing(&making, e))?;
        let mut start = vec![0; fill_step.max(FRAMES_AT) as usize];
        start[..USED].copy_from_slice(&header_of(first, &before.root(), seed));
        file.write_at(0, &start).map_err(|e| LogError::while_writing(&making, e))?;
        file.sync_data().map_err(|e| LogError::while_writing(&making, e))?;
        disk.rename(&making, &path).map_err(|e| LogError::while_writing(&path, e))?;
        disk.sync_dir("journal").map_err(|e| LogError::stopped("journal", &e))?;
        let fill = Arc::new(Fill::new(Arc::clone(disk), Arc::clone(&path), start.len() as u64, fill_step));
        Ok(Self { path, file, seed, end: FRAMES_AT, residue: FRAMES_AT, fill })
    }

    /// Reads and checks the segment that begins after `before`: every checksum, position, root and record.
    pub fn scan(
        disk: &Arc<dyn Disk>,
        before: &Frontier,
        fill_step: u64,
        check_crc: bool,
    ) -> Result<SegmentScan, LogError> {
        let first = before.len() + 1;
        let path: Arc<str> = path(first).into();
        let io = |e| LogError::io(&path, e);
        let file = disk.open(&path).map_err(io)?;
        let len = file.len().map_err(io)?;
        if len < FRAMES_AT {
            let why = format!("it was cut short: {len} bytes, where the header alone takes {FRAMES_AT}");
            return Err(LogError::damaged(&path, len, why));
        }
        let mut bytes = vec![0; len as usize];
        read_exact_at(&*file, 0, &mut bytes).map_err(io)?;
        let bytes = Bytes::from(bytes);
        let seed = check_header(&path, &bytes, before)?;
        let mut scan = FrameScanner { path: &path, bytes: &bytes, seed, check_crc, frontier: before.clone() };
        let Whole { frames, last_group, end } = scan.frames()?;
        let torn = scan.torn(end, last_group.0)?;
        let frontier = scan.frontier;
        let fill = Arc::new(Fill::new(Arc::clone(disk), Arc::clone(&path), len, fill_step));
        // Whatever a failed sync left beyond the end may read as zeros and still be on the platter.
        let residue = len.min(end + GROUP_BYTES_MAX as u64);
        let last_group = (last_group.1 as u64, bytes.slice(last_group.1..end as usize));
        let segment = Self { path, file, seed, end, residue, fill };
        Ok(SegmentScan { segment, frames, before: before.clone(), frontier, torn, last_group })
    }

    /// Compares the file of `tail` with what was acknowledged, up to position `up_to`: what the writer adds meanwhile
    /// lies behind it and is not looked at.
    pub fn compare(disk: &dyn Disk, tail: &Tail, up_to: Position) -> Result<(), LogError> {
        let path = path(tail.first());
        let io = |e| LogError::io(&path, e);
        let file = disk.open(&path).map_err(io)?;
        let mut header = [0; USED];
        read_exact_at(&*file, 0, &mut header).map_err(io)?;
        let seed = check_header(&path, &header, &tail.before)?;
        let (mut next, mut at) = (tail.first(), FRAMES_AT);
        while next <= up_to {
            let frames = tail.frames_from(next);
            if frames.is_empty() {
                break;
            }
            for TailFrame { frame, .. } in frames.iter().filter(|known| known.frame.last() <= up_to) {
                let mut bytes = vec![0; FileFrame::len(frame)];
                let read = read_exact_at(&*file, at, &mut bytes);
                let there =
                    read.is_ok().then(|| FileFrame::read(&bytes.into(), 0, seed, true).ok()).flatten();
                if there.is_none_or(|there| there.frame != *frame) {
                    let why = format!("position {} differs from what was acknowledged", frame.header.first);
                    return Err(LogError::damaged(&path, at, why));
                }
                at += FileFrame::len(frame) as u64;
            }
            next = frames.last().map_or(Position::MAX, |last| last.frame.last() + 1);
        }
        Ok(())
    }

    /// Path of the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Checks that its path still leads to it, and that all that was acknowledged is in it.
    ///
    /// # Errors
    /// [`LogError::Stopped`]: what is written from now on would be lost with a file that nobody finds any more.
    pub fn check_place(&self, disk: &dyn Disk) -> Result<(), LogError> {
        let ours = self.file.identity().map_err(|e| LogError::stopped(&self.path, &e))?;
        let why = match disk.identity(&self.path) {
            Ok(there) if there == ours => match self.file.len() {
                Ok(len) if len >= self.end => return Ok(()),
                Ok(len) => format!("the file was cut to {len} bytes, {} of which are acknowledged", self.end),
                Err(error) => error.to_string(),
            },
            Ok(_) => "another file stands in its place: the data directory was replaced".to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "the file is gone: the data directory was deleted or moved".to_owned()
            }
            Err(error) => error.to_string(),
        };
        Err(LogError::stopped(&self.path, &why))
    }

    /// Bytes in use.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How far it is filled, to be filled ahead by another thread.
    pub fn fill(&self) -> &Arc<Fill> {
        &self.fill
    }

    /// Makes room for `len` more bytes: leftovers erased, zeros laid down, both durable.
    pub fn make_room(&mut self, len: u64) -> Result<(), LogError> {
        if self.residue > self.end {
            let zeros = vec![0; (self.residue - self.end) as usize];
            self.file.write_at(self.end, &zeros).map_err(|e| LogError::while_writing(&self.path, e))?;
            self.file.sync_data().map_err(|e| LogError::while_writing(&self.path, e))?;
            self.residue = self.end;
        }
        self.fill.reserve(self.end + len)
    }

    /// Writes one group and syncs it: the commit point.
    ///
    /// On an error nothing counts as written. After [`LogError::Full`] a new group may be tried.
    pub fn write_group(&mut self, group: &mut FrameGroup, sync: bool) -> Result<(), LogError> {
        self.make_room(group.len() as u64)?;
        let end = self.end + group.len() as u64;
        self.residue = end;
        let bytes = group.in_file(self.seed);
        self.file.write_at(self.end, bytes).map_err(|e| LogError::while_writing(&self.path, e))?;
        if sync {
            self.file.sync_data().map_err(|e| LogError::while_writing(&self.path, e))?;
        }
        self.end = end;
        Ok(())
    }
}

impl SegmentScan {
    /// Makes what was read durable, and what follows it zeros.
    ///
    /// The last group may have been written and never synced (a kill), or its sync may have failed and left its
    /// pages looking clean. So its whole frames are written again, and this sync covers them.
    pub fn rewrite_last_group(&mut self) -> Result<(), LogError> {
        let (offset, group) = &self.last_group;
        let file = &self.segment.file;
        let path = &self.segment.path;
        file.write_at(*offset, group).map_err(|e| LogError::while_writing(path, e))?;
        file.sync_data().map_err(|e| LogError::stopped(path, &e))?;
        match self.segment.make_room(0) {
            // Reading must go on with a full disk; the next group tries again.
            Ok(()) | Err(LogError::Full) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn remove_if_there(disk: &dyn Disk, path: &str) -> Result<(), LogError> {
    match disk.remove(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LogError::while_writing(path, error)),
    }
}

fn check_header(path: &str, bytes: &[u8], before: &Frontier) -> Result<u32, LogError> {
    let damaged = |why: &str| Err(LogError::damaged(path, 0, why));
    let Some(header) = bytes.get(..USED).filter(|header| header.starts_with(&MAGIC)) else {
        return damaged("not an open segment: wrong magic number");
    };
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    match word(8).cmp(&FORMAT) {
        Ordering::Less => {
            return Err(LogError::OlderFormat { file: path.into(), found: word(8), known: FORMAT });
        }
        Ordering::Greater => {
            return Err(LogError::NewerFormat { file: path.into(), found: word(8), known: FORMAT });
        }
        Ordering::Equal => {}
    }
    let seed = word(56);
    let first = header[16..24].iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte));
    let mut root = [0; 32];
    root.copy_from_slice(&header[24..56]);
    if header != header_of(first, &root, seed) {
        return damaged("the header fails its checksum");
    }
    if first != before.len() + 1 || root != before.root() {
        return damaged("it does not continue the segment before it");
    }
    Ok(seed)
}

struct FrameScanner<'a> {
    path: &'a str,
    bytes: &'a Bytes,
    seed: u32,
    check_crc: bool,
    frontier: Frontier,
}

/// The whole frames of a segment.
struct Whole {
    frames: Vec<TailFrame>,
    /// Position and byte at which the last group begins; position 0 if there is none.
    last_group: (Position, usize),
    /// Where the last frame ends.
    end: u64,
}

impl FrameScanner<'_> {
    /// All frames from the beginning up to the first that does not check.
    ///
    /// Each frame counts by itself: of a group that was torn the first whole frames stay (see `log`, What a start
    /// does).
    fn frames(&mut self) -> Result<Whole, LogError> {
        let mut at = FRAMES_AT as usize;
        let (mut frames, mut last_group) = (Vec::new(), (0, at));
        while let Ok(FileFrame { group, frame }) = FileFrame::read(self.bytes, at, self.seed, self.check_crc)
        {
            if group != last_group.0 {
                last_group = (group, at);
            }
            let len = FileFrame::len(&frame);
            frames.push(self.accept(at as u64, frame)?);
            at += len;
        }
        Ok(Whole { frames, last_group, end: at as u64 })
    }

    fn accept(&mut self, at: u64, frame: Frame) -> Result<TailFrame, LogError> {
        if frame.header.first != self.frontier.len() + 1 {
            let why = format!(
                "a frame of position {} where {} is due",
                frame.header.first,
                self.frontier.len() + 1
            );
            return Err(LogError::damaged(self.path, at, why));
        }
        if frame.header.prev != self.frontier.root() {
            return Err(LogError::damaged(self.path, at, "the frame continues another log"));
        }
        let mut leaves = Vec::with_capacity(frame.header.count as usize);
        for (position, stored) in frame.stored() {
            let record = RecordRef::read(stored).map_err(|error| LogError::Record { position, error })?;
            let leaf = record.leaf();
            self.frontier.push(leaf);
            leaves.push(leaf);
        }
        Ok(TailFrame { frame, leaves: leaves.into() })
    }

    /// Where the leftovers of one torn group end; an error when they are more than that.
    ///
    /// Zeros follow the last group, durably, before the next one is written. So a frame behind the first bad one that
    /// belongs to another group than the one under way proves that the bad bytes were once synced: they are damage, and
    /// cutting them would lose acknowledged facts.
    fn torn(&self, end: u64, last_group: Position) -> Result<Option<(u64, u64)>, LogError> {
        let rest = &self.bytes[(end as usize).min(self.bytes.len())..];
        let Some(last) = rest.iter().rposition(|byte| *byte != 0) else { return Ok(None) };
        let due = self.frontier.len() + 1;
        for at in (end as usize + frame::ALIGN..=end as usize + last).step_by(frame::ALIGN) {
            // Any frame that checks was once written as such: the seed is in no other bytes.
            if let Ok(FileFrame { group, frame }) = FileFrame::read(self.bytes, at, self.seed, true)
                && group != due
                && group != last_group
            {
                let why = format!(
                    "position {due} cannot be read, but position {} of a later group follows at byte {at}: \
                     acknowledged facts are damaged",
                    frame.header.first
                );
                return Err(LogError::damaged(self.path, end, why));
            }
        }
        if last >= GROUP_BYTES_MAX {
            return Err(LogError::damaged(
                self.path,
                end,
                "more than one group follows the last whole frame",
            ));
        }
        Ok(Some((end, end + last as u64 + 1)))
    }
}
