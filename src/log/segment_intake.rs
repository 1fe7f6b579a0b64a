//! Sealed segments of another node, taken in by one that joins. They come into a folder of its own and are no log before
//! all of it was verified: what a node gives is believed only as far as it can be checked.
//!
//! Each must continue the one before it, by position and by tree, and end with the root that was announced. Originals are
//! named by their digests.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;
use sha2::{Digest, Sha256};

use super::disk::{Disk, DiskFile};
use super::error::LogError;
use super::high_water::{self, HighWater};
use super::merkle::{Frontier, Head};
use super::sealed_segment::{ChunkCache, SealedSegment};
use super::segment_files::SegmentFile;
use super::{blobs, open_segment, seal};

/// The file of the segment that is coming.
const COMING: &str = "journal/coming.tmp";
/// Longest file of a segment that is taken: one is closed at 64 MB, uncompressed.
const SEGMENT_BYTES_MAX: u64 = 256 << 20;
/// Longest original that is taken: the largest body of a request.
const ORIGINAL_BYTES_MAX: u64 = 64 << 20;

/// A segment whose bytes are coming.
pub struct IncomingSegment {
    file: Box<dyn DiskFile>,
    announced: SegmentFile,
    came: u64,
}

impl IncomingSegment {
    /// Adds bytes.
    ///
    /// # Errors
    /// More come than were announced, or the disk's.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        if self.came + bytes.len() as u64 > self.announced.bytes {
            let why = format!("{} bytes were announced, and more come", self.announced.bytes);
            return Err(LogError::damaged(COMING, self.came, why));
        }
        self.file.write_at(self.came, bytes).map_err(|error| LogError::while_writing(COMING, error))?;
        self.came += bytes.len() as u64;
        Ok(())
    }

    /// Whether all of it is there.
    pub fn is_whole(&self) -> bool {
        self.came == self.announced.bytes
    }
}

/// A segment that came whole and fits, and whose originals may still be missing.
pub struct CheckedSegment {
    first: Position,
    after: Frontier,
    missing: BTreeMap<Hash, u64>,
}

impl CheckedSegment {
    /// Digests and lengths of the originals that its facts name and that are not there.
    pub fn missing(&self) -> &BTreeMap<Hash, u64> {
        &self.missing
    }
}

/// The folder that segments come into.
pub struct SegmentIntake {
    disk: Arc<dyn Disk>,
    cache: Arc<ChunkCache>,
    after: Frontier,
}

impl SegmentIntake {
    /// An intake into `disk`, which is empty.
    ///
    /// # Errors
    /// The disk's.
    pub fn new(disk: Arc<dyn Disk>) -> Result<Self, LogError> {
        for folder in ["journal", blobs::DIR] {
            disk.create_dir(folder).map_err(|error| LogError::while_writing(folder, error))?;
        }
        Ok(Self { disk, cache: ChunkCache::new(0), after: Frontier::new() })
    }

    /// Position and root of what was taken in.
    pub fn head(&self) -> Head {
        self.after.head()
    }

    /// Makes room for a segment.
    ///
    /// # Errors
    /// It does not continue what was taken in, or is too long; or the disk's.
    pub fn receive(&self, announced: SegmentFile) -> Result<IncomingSegment, LogError> {
        let due = self.after.len() + 1;
        if announced.first != due || announced.last < due {
            let why = format!(
                "positions {} to {} were announced, and {due} is the next",
                announced.first, announced.last
            );
            return Err(LogError::damaged(COMING, 0, why));
        }
        if announced.bytes > SEGMENT_BYTES_MAX {
            let why = format!("{} bytes were announced, at most {SEGMENT_BYTES_MAX}", announced.bytes);
            return Err(LogError::damaged(COMING, 0, why));
        }
        open_segment::remove_if_there(&*self.disk, COMING)?;
        let file = self.disk.create(COMING).map_err(|error| LogError::while_writing(COMING, error))?;
        Ok(IncomingSegment { file, announced, came: 0 })
    }

    /// Checks a segment that came whole; what its facts name and is not there yet comes next.
    ///
    /// # Errors
    /// It is damaged, does not continue what was taken in, or is not what was announced; or the disk's.
    pub fn check(&self, incoming: IncomingSegment) -> Result<CheckedSegment, LogError> {
        let IncomingSegment { file, announced, came } = incoming;
        let wrong = |why: String| LogError::damaged(COMING, 0, why);
        if came != announced.bytes {
            return Err(wrong(format!("{} bytes were announced, and {came} came", announced.bytes)));
        }
        file.sync_data().map_err(|error| LogError::while_writing(COMING, error))?;
        drop(file);
        let segment = SealedSegment::open(&*self.disk, COMING, &self.cache)?;
        if segment.before() != &self.after {
            return Err(wrong(format!("the tree before position {} is another", announced.first)));
        }
        if segment.head() != (Head { position: announced.last, root: announced.root }) {
            let why = format!("it does not end with position {} and the announced root", announced.last);
            return Err(wrong(why));
        }
        let mut missing = segment.blobs()?;
        missing.retain(|digest, _| self.disk.identity(&blobs::path(digest)).is_err());
        if let Some((digest, len)) = missing.iter().find(|(_, len)| **len > ORIGINAL_BYTES_MAX) {
            let name = hex::encode(digest);
            return Err(wrong(format!("the original {name} has {len} bytes, at most {ORIGINAL_BYTES_MAX}")));
        }
        Ok(CheckedSegment { first: announced.first, after: segment.frontier().clone(), missing })
    }

    /// Puts an original of a segment into the blob room.
    ///
    /// # Errors
    /// Its digest is another, or the disk's.
    pub fn put_original(
        &self,
        segment: &mut CheckedSegment,
        digest: &Hash,
        bytes: &Bytes,
    ) -> Result<(), LogError> {
        if Hash::from(Sha256::digest(bytes)) != *digest {
            return Err(LogError::damaged(&blobs::path(digest), 0, "other bytes came for this digest"));
        }
        blobs::put(&*self.disk, digest, bytes)?;
        segment.missing.remove(digest);
        Ok(())
    }

    /// Takes a segment in, whose originals are all there.
    ///
    /// # Errors
    /// One is missing, or the disk's.
    pub fn take(&mut self, segment: CheckedSegment) -> Result<(), LogError> {
        if let Some(digest) = segment.missing.keys().next() {
            return Err(LogError::BlobMissing(hex::encode(digest).into()));
        }
        let path = seal::path(segment.first);
        self.disk.rename(COMING, &path).map_err(|error| LogError::while_writing(&path, error))?;
        self.after = segment.after;
        Ok(())
    }

    /// Makes all of it durable, with a high-water mark at its end.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(self) -> Result<Head, LogError> {
        open_segment::remove_if_there(&*self.disk, COMING)?;
        blobs::sync(&*self.disk)?;
        let head = self.after.head();
        let marked =
            HighWater::open(&*self.disk).and_then(|(mut mark, _)| mark.set(&head).and_then(|()| mark.sync()));
        marked.map_err(|error| LogError::while_writing(high_water::PATH, error))?;
        self.disk.sync_dir("journal").map_err(|error| LogError::while_writing("journal", error))?;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::RealDisk;
    use crate::log::sim::Rng;
    use crate::log::testing::{draft, harm, options};
    use crate::log::verify::verify;
    use crate::log::{Appended, Log, LogSnapshot, Protections};

    /// A log of sealed segments, some of whose facts name originals in the blob room.
    fn filled(dir: &std::path::Path, from: u64) -> Log {
        let options = options(Protections::default());
        let (log, _) = Log::open(Arc::new(RealDisk::new(dir)), &options).expect("opens");
        for n in from..from + 13 {
            let size = |n: u64| if n % 40 == 7 { 40_000 } else { 60 };
            let drafts = (n * 10..n * 10 + 10).map(|n| draft(n, size(n))).collect();
            log.append(drafts).expect("queued").wait().expect("recorded");
        }
        crate::testing::until("segments are sealed", || log.snapshot().sealed() >= 80);
        log
    }

    /// Takes in a segment of `from`, its file as `change` makes it.
    fn come(
        intake: &mut SegmentIntake,
        from: &LogSnapshot,
        file: SegmentFile,
        change: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Result<(), LogError> {
        let (mut incoming, mut bytes) = (intake.receive(file)?, Vec::new());
        while let Some(piece) = from.segment_piece(file.first, bytes.len() as u64, 700)?
            && !piece.is_empty()
        {
            bytes.extend_from_slice(&piece);
        }
        for piece in change(bytes).chunks(333) {
            incoming.write(piece)?;
        }
        let mut segment = intake.check(incoming)?;
        for (digest, len) in segment.missing().clone() {
            intake.put_original(&mut segment, &digest, &from.blob(&digest, len)?)?;
        }
        intake.take(segment)
    }

    /// Takes in what `from` has sealed, each file as `change` makes it.
    fn taken(
        from: &LogSnapshot,
        to: &Arc<dyn Disk>,
        change: &mut dyn FnMut(Vec<u8>) -> Vec<u8>,
    ) -> Result<Head, LogError> {
        let mut intake = SegmentIntake::new(Arc::clone(to))?;
        for file in from.segment_files()? {
            come(&mut intake, from, file, &mut *change)?;
        }
        intake.finish()
    }

    fn folder() -> (tempfile::TempDir, Arc<dyn Disk>) {
        let dir = tempfile::tempdir().expect("made");
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(dir.path()));
        (dir, disk)
    }

    #[test]
    fn what_was_taken_in_is_the_log_up_to_its_last_sealed_segment_and_goes_on() {
        let (from, (to, disk)) = (tempfile::tempdir().expect("made"), folder());
        let log = filled(from.path(), 0);
        let snapshot = log.snapshot();
        let head = taken(&snapshot, &disk, &mut |bytes| bytes).expect("taken in");
        assert_eq!(
            (head.position, head.root),
            (snapshot.sealed(), snapshot.root_at(snapshot.sealed()).expect("read"))
        );
        let report = verify(&disk);
        assert_eq!((report.violations.as_slice(), report.head()), (&[][..], head));
        assert!(report.blobs >= 2, "{report:?}");
        let (joined, opened) = Log::open(disk, &options(Protections::default())).expect("opens");
        assert_eq!((opened.head, opened.notes), (head, Vec::new()));
        let answers = joined.append(vec![draft(7, 40_000), draft(9_000, 9)]).expect("queued").wait();
        let next = Appended::Recorded(head.position + 1);
        assert_eq!(answers.expect("answered"), [Appended::Duplicate(8), next], "known keys are known");
        assert!(joined.read(8).expect("read").is_some_and(|record| record.view().is_ok()));
        joined.close();
        log.close();
        drop(to);
    }

    #[test]
    fn a_segment_with_anything_changed_left_out_or_of_another_log_is_refused_or_found() {
        let from = tempfile::tempdir().expect("made");
        let log = filled(from.path(), 0);
        let snapshot = log.snapshot();
        let mut rng = Rng::new(11);
        let mut found_late = 0;
        for _ in 0..60 {
            let (_dir, disk) = folder();
            let mut nth = rng.below(2);
            let mut what = String::new();
            let done = taken(&snapshot, &disk, &mut |mut bytes| {
                let before = bytes.clone();
                if nth == 0 {
                    what = harm(&mut bytes, &mut rng);
                    // A change that changes nothing is none.
                    if bytes == before {
                        bytes[40] ^= 1;
                    }
                }
                nth = nth.wrapping_sub(1);
                bytes
            });
            if done.is_ok() {
                found_late += 1;
                assert!(!verify(&disk).violations.is_empty(), "not noticed: {what}");
            }
        }
        assert!(
            found_late > 0,
            "null control: some changes are in chunks, which a segment's footer does not show"
        );
        let files = snapshot.segment_files().expect("read");
        let (_dir, disk) = folder();
        let intake = SegmentIntake::new(disk).expect("made");
        assert!(intake.receive(files[1]).is_err(), "one left out");
        let long = SegmentFile { bytes: SEGMENT_BYTES_MAX + 1, ..files[0] };
        assert!(intake.receive(long).is_err(), "one that is too long");
        // A whole segment of another log behind one of this.
        let other = tempfile::tempdir().expect("made");
        let stranger = filled(other.path(), 500);
        let (_dir, disk) = folder();
        let mut intake = SegmentIntake::new(disk).expect("made");
        come(&mut intake, &snapshot, files[0], |bytes| bytes).expect("its own is taken in");
        let strange = stranger.snapshot();
        let second = strange.segment_files().expect("read")[1];
        let refused = come(&mut intake, &strange, second, |bytes| bytes);
        assert!(
            matches!(&refused, Err(LogError::Damaged { why, .. }) if why.contains("tree")),
            "{refused:?}"
        );
        stranger.close();
        log.close();
    }

    #[test]
    fn a_segment_whose_originals_are_missing_or_others_is_not_taken_in() {
        let from = tempfile::tempdir().expect("made");
        let log = filled(from.path(), 0);
        let snapshot = log.snapshot();
        let (_dir, disk) = folder();
        let mut intake = SegmentIntake::new(disk).expect("made");
        let file = snapshot.segment_files().expect("read")[0];
        let bytes =
            snapshot.segment_piece(file.first, 0, file.bytes as usize).expect("read").expect("is there");
        let come = |intake: &SegmentIntake| {
            let mut incoming = intake.receive(file).expect("room");
            incoming.write(&bytes).expect("written");
            assert!(incoming.write(b"x").is_err(), "more than was announced");
            intake.check(incoming).expect("fits")
        };
        let mut segment = come(&intake);
        let (digest, len) =
            segment.missing().iter().next().map(|(digest, len)| (*digest, *len)).expect("one");
        assert!(intake.put_original(&mut segment, &digest, &Bytes::from_static(b"x")).is_err());
        assert!(matches!(intake.take(segment), Err(LogError::BlobMissing(_))));
        assert_eq!(intake.head().position, 0);
        // Null control: with its originals it is taken in.
        let mut segment = come(&intake);
        let original = snapshot.blob(&digest, len).expect("read");
        intake.put_original(&mut segment, &digest, &original).expect("put");
        intake.take(segment).expect("taken in");
        assert_eq!(intake.head().position, file.last);
        log.close();
    }
}
