//! The high-water mark: how far the log was durable, kept apart from the log so that a lost tail has a name.
//!
//! ```text
//! journal/high-water
//!    0  slot 0      4096  slot 1
//!
//! slot  8 B "FFHIGHW1" │ u32 CRC32C of what follows │ u32 zero │ u64 position │ 32 B root of the tree up to it
//! ```
//! The slots are written in turn after each commit, without a sync (waiting for it would cost +70 % a commit);
//! the file is synced when the log is idle and when it closes. So after a kill every acknowledged fact is below
//! the mark, after a power cut those before the last sync of the mark.

use std::io;

use super::disk::{Disk, DiskFile, read_exact_at};
use super::error::LogError;
use super::merkle::Head;

const MAGIC: [u8; 8] = *b"FFHIGHW1";
const SLOT: usize = 4096;
const USED: usize = 56;

/// The mark's path.
pub const PATH: &str = "journal/high-water";

/// The open mark.
pub struct HighWater {
    file: Box<dyn DiskFile>,
    next_slot: u64,
    unsynced: bool,
}

/// A mark whose root is not the log's at its position.
pub(super) fn of_another_log() -> LogError {
    LogError::damaged(PATH, 0, "it belongs to another log")
}

fn slot_of(head: &Head) -> [u8; USED] {
    let mut slot = [0; USED];
    slot[..8].copy_from_slice(&MAGIC);
    slot[16..24].copy_from_slice(&head.position.to_le_bytes());
    slot[24..56].copy_from_slice(&head.root);
    let crc = crc32c::crc32c(&slot[12..]);
    slot[8..12].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn read_slot(slot: &[u8; USED]) -> Option<Head> {
    let position = u64::from_le_bytes(*slot[16..].first_chunk()?);
    let head = Head { position, root: *slot[24..].first_chunk()? };
    (slot_of(&head) == *slot).then_some(head)
}

/// The furthest head that a file holds, with its slot.
fn best_of(file: &dyn DiskFile) -> io::Result<Option<(Head, u64)>> {
    let mut best: Option<(Head, u64)> = None;
    for index in 0..2_u64 {
        let mut slot = [0; USED];
        read_exact_at(file, index * SLOT as u64, &mut slot)?;
        if let Some(head) = read_slot(&slot)
            && best.is_none_or(|(other, _)| head.position > other.position)
        {
            best = Some((head, index));
        }
    }
    Ok(best)
}

/// Reads the mark and changes nothing; none where there is none, or none that checks.
///
/// # Errors
/// The disk's; [`io::ErrorKind::UnexpectedEof`] of a file that was cut short.
pub fn read(disk: &dyn Disk) -> io::Result<Option<Head>> {
    match disk.open(PATH) {
        Ok(file) => Ok(best_of(&*file)?.map(|(head, _)| head)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl HighWater {
    /// Opens the mark, or creates it; also returns the furthest head that it holds.
    ///
    /// A slot that fails its checksum is skipped: marks are written without a sync, so a power cut may tear one.
    pub fn open(disk: &dyn Disk) -> io::Result<(Self, Option<Head>)> {
        let file = match disk.open(PATH) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(PATH)?,
            Err(error) => return Err(error),
        };
        if file.len()? < 2 * SLOT as u64 {
            // A file cut short can hold no more than its first slot; the rest is written again.
            let len = file.len()?;
            file.write_at(len, &vec![0; 2 * SLOT - len as usize])?;
            file.sync_data()?;
            disk.sync_dir("journal")?;
        }
        let best = best_of(&*file)?;
        let next_slot = best.map_or(0, |(_, index)| 1 - index);
        Ok((Self { file, next_slot, unsynced: false }, best.map(|(head, _)| head)))
    }

    /// Writes that the log is durable up to `head`; does not wait for the disk.
    pub fn set(&mut self, head: &Head) -> io::Result<()> {
        self.file.write_at(self.next_slot * SLOT as u64, &slot_of(head))?;
        self.next_slot = 1 - self.next_slot;
        self.unsynced = true;
        Ok(())
    }

    /// Whether a mark was set since the last sync.
    pub fn unsynced(&self) -> bool {
        self.unsynced
    }

    /// Makes the last mark durable.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sim::SimDisk;

    fn head(position: u64) -> Head {
        Head { position, root: [position as u8; 32] }
    }

    #[test]
    fn the_furthest_mark_that_checks_is_read_and_a_torn_one_passed_over() {
        let disk = SimDisk::new(1);
        let (mut mark, none) = HighWater::open(&disk).unwrap();
        assert_eq!(none, None);
        for position in 1..=3 {
            mark.set(&head(position)).unwrap();
        }
        assert_eq!(HighWater::open(&disk).unwrap().1, Some(head(3)));
        let mut bytes = disk.contents(PATH).unwrap();
        bytes[20] ^= 1;
        disk.overwrite(PATH, &bytes);
        let (mut mark, found) = HighWater::open(&disk).unwrap();
        assert_eq!(found, Some(head(2)), "slot 0 held 3");
        mark.set(&head(4)).unwrap();
        assert_eq!(HighWater::open(&disk).unwrap().1, Some(head(4)), "the good slot was not written over");
    }

    #[test]
    fn a_synced_mark_outlives_every_power_cut_among_later_ones() {
        for seed in 0..100 {
            let disk = SimDisk::new(seed);
            let (mut mark, _) = HighWater::open(&disk).unwrap();
            mark.set(&head(5)).unwrap();
            mark.sync().unwrap();
            mark.set(&head(6)).unwrap();
            mark.set(&head(7)).unwrap();
            disk.power_cut();
            let found = HighWater::open(&disk).unwrap().1.map(|head| head.position);
            assert!(found >= Some(5), "seed {seed}: {found:?}");
        }
    }
}
