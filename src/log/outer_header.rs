//! The outer header: what stands before each frame in an open segment, and nowhere else.
//!
//! ```text
//!  0  u32  CRC32C of what follows and of the frame's first 8 bytes, its own checksum among them; begun with the
//!          segment's seed
//!  4  u32  bytes of the frame
//!  8  u64  position of the first record of the group: of all frames that one write and one sync made durable
//! 16       the frame (frame.rs)
//! ```
//! The seed makes a frame count in one file only: neither an older file's bytes nor a whole frame that a client sent
//! as a payload is ever taken for a frame of the log. The group tells a torn group, which was never acknowledged, from
//! damage to a frame that a later group proves to have been synced.

use bytes::Bytes;
use domain::keys::Position;

use super::frame::{Frame, FrameError, array};

/// Bytes before the frame.
pub const OUTER: usize = 16;

/// A frame with what its file says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFrame {
    /// Position of the first record of its group.
    pub group: Position,
    /// The frame.
    pub frame: Frame,
}

fn checksum(seed: u32, local: &[u8], frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, local), frame)
}

/// Writes the outer header into the [`OUTER`] bytes that `slot` has before its frame.
pub fn write(slot: &mut [u8], seed: u32, group: Position) {
    let (outer, frame) = slot.split_at_mut(OUTER);
    outer[4..8].copy_from_slice(&(frame.len() as u32).to_le_bytes());
    outer[8..].copy_from_slice(&group.to_le_bytes());
    let crc = checksum(seed, &outer[4..], &frame[..8]);
    outer[..4].copy_from_slice(&crc.to_le_bytes());
}

impl FileFrame {
    /// Reads the outer header at `offset` of `file` and the frame behind it.
    ///
    /// `check_crc` is false only in the test that shows what the checksums are for.
    pub fn read(file: &Bytes, offset: usize, seed: u32, check_crc: bool) -> Result<Self, FrameError> {
        let slot = file.get(offset..).ok_or(FrameError::NoFrame)?;
        let (outer, bytes) = slot.split_first_chunk::<OUTER>().ok_or(FrameError::NoFrame)?;
        let head: [u8; 8] = array(bytes, 0).ok_or(FrameError::NoFrame)?;
        if check_crc && outer[..4] != checksum(seed, &outer[4..], &head).to_le_bytes() {
            return Err(FrameError::Checksum);
        }
        let frame = Frame::read(&file.slice(offset + OUTER..), check_crc)?;
        if outer[4..8] != (frame.bytes().len() as u32).to_le_bytes() {
            return Err(FrameError::Bounds);
        }
        let group = array(outer, 8).map_or(0, u64::from_le_bytes);
        Ok(Self { group, frame })
    }

    /// Bytes that outer header and frame take in a file.
    pub fn len(frame: &Frame) -> usize {
        OUTER + frame.bytes().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::frame::FrameWriter;
    use crate::log::testing::draft;

    fn in_a_file(seed: u32) -> Bytes {
        let mut out = vec![0; OUTER];
        let mut frame = FrameWriter::begin(&mut out);
        frame.push(&draft(1, 7), 5);
        frame.finish(41, 77, [3; 32]);
        write(&mut out, seed, 40);
        Bytes::from(out)
    }

    #[test]
    fn a_frame_counts_in_its_own_file_only_and_is_the_same_bytes_in_each() {
        let (here, there) = (in_a_file(9), in_a_file(8));
        let read = FileFrame::read(&here, 0, 9, true).unwrap();
        assert_eq!((read.group, FileFrame::len(&read.frame)), (40, here.len()));
        assert_eq!(FileFrame::read(&here, 0, 8, true), Err(FrameError::Checksum), "another file's frame");
        assert_eq!(here[OUTER..], there[OUTER..], "what is local stands before the frame");
        // As a message it needs no seed.
        assert_eq!(Frame::read(&here.slice(OUTER..), true), Ok(read.frame));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let file = in_a_file(9);
        for (at, bit) in (0..file.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bad = file.to_vec();
            bad[at] ^= 1 << bit;
            assert!(FileFrame::read(&Bytes::from(bad), 0, 9, true).is_err(), "byte {at} bit {bit}");
        }
        for len in 0..file.len() {
            assert!(FileFrame::read(&file.slice(..len), 0, 9, false).is_err(), "cut at {len}");
        }
    }
}
