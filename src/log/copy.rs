//! Copying the journal of a log as it is at one moment, while a server may go on writing to it.

use std::io;

use super::disk::{Disk, read_exact_at};
use super::error::LogError;
use super::high_water::{self, HighWater};
use super::open_segment::{self, FRAMES_AT};
use super::outer_header::FileFrame;
use super::snapshot::LogSnapshot;
use super::tail::Tail;

/// Bytes copied at once.
const PIECE: usize = 1 << 20;

impl LogSnapshot {
    /// Copies the journal into `to`, whose `journal/` must be empty: sealed segments whole, open ones as far as their facts
    /// go, and a high-water mark at the head. All of it is durable when this returns.
    ///
    /// # Errors
    /// [`LogError::Io`] of kind `NotFound` where an open segment was sealed meanwhile: take a new snapshot. Else the disk's.
    pub fn copy_journal(&self, to: &dyn Disk) -> Result<(), LogError> {
        to.create_dir("journal").map_err(|error| LogError::io("journal", error))?;
        for segment in self.sealed.iter() {
            self.copy_file(to, segment.name(), None)?;
        }
        for tail in self.tails.iter() {
            self.copy_file(to, &open_segment::path(tail.first()), Some(self.end_of(tail)))?;
        }
        let mark =
            HighWater::open(to).and_then(|(mut mark, _)| mark.set(&self.head).and_then(|()| mark.sync()));
        mark.map_err(|error| LogError::io(high_water::PATH, error))?;
        to.sync_dir("journal").map_err(|error| LogError::io("journal", error))
    }

    /// Where the facts of this snapshot end in the file of an open segment.
    fn end_of(&self, tail: &Tail) -> u64 {
        let (mut end, mut next) = (FRAMES_AT, tail.first());
        while next <= self.head.position {
            let frames = tail.frames_from(next);
            let Some(last) = frames.last() else { break };
            let whole = frames.iter().filter(|one| one.frame.last() <= self.head.position);
            end += whole.map(|one| FileFrame::len(&one.frame) as u64).sum::<u64>();
            next = last.frame.last() + 1;
        }
        end
    }

    fn copy_file(&self, to: &dyn Disk, path: &str, end: Option<u64>) -> Result<(), LogError> {
        let io = |error: io::Error| LogError::io(path, error);
        let from = self.disk.open(path).map_err(io)?;
        let end = end.map_or_else(|| from.len(), Ok).map_err(io)?;
        let copy = to.create(path).map_err(io)?;
        let (mut piece, mut at) = (vec![0; PIECE], 0);
        while at < end {
            let piece = &mut piece[..(end - at).min(PIECE as u64) as usize];
            read_exact_at(&*from, at, piece).map_err(io)?;
            copy.write_at(at, piece).map_err(io)?;
            at += piece.len() as u64;
        }
        copy.sync_data().map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::disk::RealDisk;
    use crate::log::testing::{draft, options};
    use crate::log::verify::verify;
    use crate::log::{Log, Protections};

    #[test]
    fn a_copy_of_a_log_that_goes_on_is_the_log_as_it_was() {
        let (from, to) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let disk = Arc::new(RealDisk::new(from.path()));
        let (log, _) = Log::open(disk, &options(Protections::default())).expect("opens");
        let append = |from: u64, to: u64| {
            let drafts = (from..to).map(|n| draft(n, 60)).collect();
            log.append(drafts).expect("queued").wait().expect("recorded");
        };
        (0..7).for_each(|n| append(n * 13, n * 13 + 13));
        let mut snapshot = log.snapshot();
        append(91, 95);
        while let Err(LogError::Io { .. }) = snapshot.copy_journal(&RealDisk::new(to.path())) {
            std::fs::remove_dir_all(to.path().join("journal")).expect("removed");
            snapshot = log.snapshot();
        }
        let copy: Arc<dyn Disk> = Arc::new(RealDisk::new(to.path()));
        let report = verify(&copy);
        assert_eq!((report.violations.as_slice(), report.head()), (&[][..], snapshot.head()));
        let (again, opened) =
            Log::open(Arc::clone(&copy) as _, &options(Protections::default())).expect("opens");
        assert_eq!((opened.head, opened.torn), (snapshot.head(), None));
        again.append(vec![draft(500, 9)]).expect("queued").wait().expect("it goes on");
        again.close();
        log.close();
    }
}
