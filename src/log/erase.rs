//! Erasing: personal parts, salts and payloads go from the files, and every leaf stays.
//!
//! ```text
//! 1 the erasure is in the register (erasures)      from here on a start goes on with it
//! 2 the writer goes on in a new open segment, and the facts' own is sealed
//! 3 each sealed segment with such facts is written anew beside, read back, renamed over the old one
//! 4 blobs that no other fact names go, on the writer's thread: it alone puts blobs
//! 5 the register says that it is done
//! ```
//! Each step may be made again. Position, header, public body and leaf are what they were, and so are the tree, the key
//! index and every digest. A reader that has a snapshot of before reads on in the old file, which is gone with it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use domain::keys::Position;
use domain::record::{Hash, Original, Private, Record, RecordRef, commitment};

use super::blobs;
use super::erasures::{self, Erasure};
use super::error::LogError;
use super::handle::Log;
use super::sealed_segment::SealedSegment;
use super::shared::Shared;

/// How long an erasure waits until its facts are sealed.
const SEALED_WAIT: Duration = Duration::from_secs(120);

/// What can be erased of a record, and how many bytes that is; none where nothing is left.
pub fn erasable(record: &RecordRef<'_>) -> Option<u64> {
    let Private::Kept { salt, personal, original } = record.private else { return None };
    let original = match original {
        Original::Inline(bytes) => bytes.len() as u64,
        Original::Blob { len, .. } => len,
    };
    Some(salt.len() as u64 + personal.len() as u64 + original)
}

/// The record without what can be erased: only its commitments are left. Must have been read with its original.
pub fn erased<'a>(record: &RecordRef<'a>) -> RecordRef<'a> {
    let Private::Kept { salt, personal, original } = record.private else { return *record };
    let original = match original {
        Original::Inline(bytes) => commitment(&salt, bytes),
        Original::Blob { commitment, .. } => commitment,
    };
    RecordRef { private: Private::Erased { personal: commitment(&salt, personal), original }, ..*record }
}

impl Log {
    /// Enters an erasure in the register: from now on a start goes on with it where [`Log::erase`] did not end.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin_erasure(&self, erasure: &Erasure) -> Result<(), LogError> {
        erasures::begin(&*self.shared().disk, erasure)
    }

    /// What the register of erasures holds.
    ///
    /// # Errors
    /// It is damaged, or the disk's.
    pub fn erasures(&self) -> Result<erasures::ErasureRegister, LogError> {
        erasures::ErasureRegister::read(&*self.shared().disk)
    }

    /// Erases the facts of an erasure that is in the register, and notes there that it is done. Again does nothing. Blocks.
    ///
    /// # Errors
    /// The disk's; [`LogError::Busy`] where sealing takes too long. It may be made again after any.
    pub fn erase(&self, erasure: &Erasure) -> Result<(), LogError> {
        let shared = self.shared();
        let _one_at_a_time = shared.erasing.lock();
        let head = shared.head().position;
        let facts: BTreeMap<Position, Hash> = erasure.facts.iter().map(|(at, leaf)| (*at, leaf.0)).collect();
        let last = facts.range(..=head).next_back().map_or(0, |(position, _)| *position);
        if shared.snapshot().sealed() < last {
            self.roll()?;
            let until = Instant::now() + SEALED_WAIT;
            while shared.snapshot().sealed() < last {
                shared.wait_for_sealing(0)?;
                if Instant::now() > until {
                    return Err(LogError::Busy);
                }
            }
        }
        let snapshot = shared.snapshot();
        for segment in snapshot.sealed.iter() {
            if facts.range(segment.base()..=segment.last()).next().is_some() {
                rewrite(shared, segment, &facts)?;
            }
        }
        // Listed and not remembered: a kill between the segments and the blobs leaves no record that names them.
        let listed = blobs::list(&*shared.disk)?;
        if !listed.is_empty() {
            let snapshot = shared.snapshot();
            let kept = snapshot.named_blobs(&listed, 1)?;
            self.drop_blobs(listed.difference(&kept).copied().collect(), snapshot.head.position)?;
        }
        erasures::finish(&*shared.disk, &erasure.erasure_id)
    }
}

/// Writes a sealed segment anew without what is erased of `facts`.
fn rewrite(
    shared: &Shared,
    segment: &SealedSegment,
    facts: &BTreeMap<Position, Hash>,
) -> Result<(), LogError> {
    let (mut records, mut leaves, mut changed) = (Vec::new(), Vec::new(), false);
    segment.in_order(segment.base(), segment.last(), true, &mut |position, record| {
        let (leaf, mut stored) = (record.leaf(), Vec::new());
        let is_meant = facts.get(&position) == Some(&leaf) && erasable(&record).is_some();
        if is_meant {
            erased(&record).write(&mut stored);
        } else {
            record.write(&mut stored);
        }
        changed |= is_meant;
        records.push(Record { position, bytes: stored.into() });
        leaves.push(leaf);
        ControlFlow::Continue(())
    })?;
    if !changed {
        return Ok(());
    }
    SealedSegment::write(&*shared.disk, segment.name(), segment.before(), &records, &leaves)?;
    drop((records, leaves));
    let anew = SealedSegment::open(&*shared.disk, segment.name(), &shared.cache)?;
    segment.forget_chunks();
    shared.replace_sealed(anew);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::log::disk::RealDisk;
    use crate::log::erasures::Leaf;
    use crate::log::testing::{draft, options};
    use crate::log::verify::verify;
    use crate::log::{Appended, LogOptions, Protections};

    /// What every personal part and payload of the test facts holds.
    const PERSONAL: &[u8] = b"From=+15550100";

    fn open(dir: &Path) -> Log {
        let options: LogOptions = options(Protections::default());
        Log::open(Arc::new(RealDisk::new(dir)), &options).expect("opens").0
    }

    fn erasure(log: &Log, positions: &[Position]) -> Erasure {
        let leaf =
            |position| log.read(position).expect("reads").expect("a record").view().expect("a view").leaf();
        Erasure {
            erasure_id: "e1".into(),
            tenant: "acme".into(),
            request: String::new(),
            by: "cli".into(),
            idempotency_key: None,
            bytes: 0,
            facts: positions.iter().map(|position| (*position, Leaf(leaf(*position)))).collect(),
        }
    }

    fn kept(log: &Log) -> Vec<Position> {
        let mut kept = Vec::new();
        log.snapshot()
            .in_order(1, Position::MAX, true, &mut |position, record| {
                if erasable(&record).is_some() {
                    kept.push(position);
                }
                ControlFlow::Continue(())
            })
            .expect("reads");
        kept
    }

    fn blobs_there(dir: &Path) -> usize {
        std::fs::read_dir(dir.join("blobs")).expect("the folder").count()
    }

    #[test]
    fn erased_facts_keep_leaf_position_and_key_and_lose_the_rest_in_open_and_sealed_segments() {
        let dir = tempfile::tempdir().expect("made");
        let log = open(dir.path());
        for n in 0..9 {
            let drafts =
                (n * 10..n * 10 + 10).map(|n| draft(n, if n % 30 == 7 { 40_000 } else { 60 })).collect();
            log.append(drafts).expect("queued").wait().expect("recorded");
        }
        let (head, before) = (log.head(), log.read(38).expect("reads").expect("a record"));
        assert_eq!((kept(&log).len(), blobs_there(dir.path())), (90, 3));
        let positions = [1, 8, 38, 40, 41, 68, 90];
        let erasure = erasure(&log, &positions);
        log.begin_erasure(&erasure).expect("begun");
        log.erase(&erasure).expect("erased");
        let left: Vec<Position> = (1..=90).filter(|position| !positions.contains(position)).collect();
        assert_eq!(kept(&log), left);
        assert_eq!(log.head(), head, "the tree is as it was");
        assert_eq!(blobs_there(dir.path()), 0, "8, 38 and 68 had one");
        let after = log.read(38).expect("reads").expect("a record");
        let (before, after) = (before.view().expect("a view"), after.view().expect("a view"));
        assert_eq!((before.leaf(), before.header, before.public), (after.leaf(), after.header, after.public));
        let again = log.append(vec![draft(37, 40_000)]).expect("queued").wait().expect("answered");
        assert_eq!(again, [Appended::Duplicate(38)], "its key is known");
        assert_eq!(log.audit(38).violations, []);
        log.append(vec![draft(100, 40_000)]).expect("queued").wait().expect("it goes on");
        log.erase(&erasure).expect("again does nothing");
        assert_eq!(blobs_there(dir.path()), 1, "one that is named stays");
        log.close();
        assert_eq!(verify(&(Arc::new(RealDisk::new(dir.path())) as _)).violations, []);
        let log = open(dir.path());
        assert_eq!((kept(&log).len(), log.erasures().expect("reads").pending().count()), (84, 0));
        log.close();
    }

    #[test]
    fn a_fact_with_another_leaf_at_the_position_is_left_alone() {
        let dir = tempfile::tempdir().expect("made");
        let log = open(dir.path());
        log.append((0..50).map(|n| draft(n, 60)).collect()).expect("queued").wait().expect("recorded");
        let mut erasure = erasure(&log, &[3, 4]);
        erasure.facts[0].1 = Leaf([1; 32]);
        erasure.facts.push((900, Leaf([2; 32])));
        log.begin_erasure(&erasure).expect("begun");
        log.erase(&erasure).expect("erased");
        assert_eq!(kept(&log), (1..=50).filter(|position| *position != 4).collect::<Vec<_>>());
        log.close();
    }

    #[test]
    fn nothing_of_a_lone_persons_facts_is_left_in_any_file() {
        let dir = tempfile::tempdir().expect("made");
        let log = open(dir.path());
        log.append((0..45).map(|n| draft(n, 0)).collect()).expect("queued").wait().expect("recorded");
        let hits = |dir: &Path| {
            let mut hits = 0;
            for folder in ["journal", "blobs", "keys"] {
                // Small payloads make no folder of blobs.
                let Ok(entries) = std::fs::read_dir(dir.join(folder)) else { continue };
                for entry in entries.flatten() {
                    let bytes = std::fs::read(entry.path()).expect("readable");
                    hits += usize::from(bytes.windows(PERSONAL.len()).any(|part| part == PERSONAL));
                }
            }
            hits
        };
        assert!(hits(dir.path()) > 0, "null control: the open segment holds it as it is");
        let erasure = erasure(&log, &(1..=45).collect::<Vec<_>>());
        log.begin_erasure(&erasure).expect("begun");
        log.erase(&erasure).expect("erased");
        assert_eq!((kept(&log), hits(dir.path())), (Vec::new(), 0));
        log.close();
    }
}
