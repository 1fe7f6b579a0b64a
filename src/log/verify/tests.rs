//! A walk over several segments and their blobs names what is wrong, and only that.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use domain::record::{Draft, Hash, Header, KindTag, Record};
use tempfile::TempDir;

use super::{Report, verify};
use crate::log::disk::{Disk, RealDisk};
use crate::log::merkle::Frontier;
use crate::log::sealed_segment::SealedSegment;
use crate::log::sim::SimDisk;
use crate::log::testing::{draft, options};
use crate::log::{Appended, Log, Protections};

const SEGMENT: u64 = 50;

struct Journal {
    dir: TempDir,
    frontier: Frontier,
}

fn name(first: u64) -> String {
    format!("journal/{first:020}.sealed")
}

/// Three segments of 50 facts; every tenth original is in the blob room.
fn journal() -> Journal {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal { dir, frontier: Frontier::new() };
    for folder in ["journal", "blobs"] {
        fs::create_dir(journal.dir.path().join(folder)).unwrap();
    }
    for first in [1, 51, 101] {
        journal.seal(first, 0);
    }
    journal
}

impl Journal {
    fn seal(&mut self, first: u64, variant: u8) {
        let before = self.frontier.clone();
        let (mut records, mut leaves) = (Vec::new(), Vec::new());
        for position in first..first + SEGMENT {
            let external_id = format!("id-{position}");
            let header = Header {
                recorded_at: 0,
                occurred_at: 1,
                time_received: false,
                kind: KindTag { group: (position % 3) as u8, tag: variant },
                version: 1,
                mapping: 1,
                content: [1; 16],
                subject: position,
                tenant: "acme",
                provider: "twilio",
                external_id: &external_id,
            };
            let len = if position % 10 == 0 { 40_000 } else { 90 };
            let original = Bytes::from(vec![position as u8; len]);
            let draft = Draft::new([0; 11], &header, b"public", [position as u8; 16], b"", &original);
            if let Some((digest, bytes)) = draft.blob() {
                fs::write(self.blob(digest), bytes).unwrap();
            }
            let mut stored = Vec::new();
            let leaf = draft.stamp(position as i64, &mut stored);
            self.frontier.push(leaf);
            leaves.push(leaf);
            records.push(Record { position, bytes: Bytes::from(stored) });
        }
        let disk = RealDisk::new(self.dir.path());
        SealedSegment::write(&disk, &name(first), &before, &records, &leaves).unwrap();
    }

    fn blob(&self, digest: &Hash) -> std::path::PathBuf {
        self.dir.path().join("blobs").join(hex::encode(digest))
    }

    fn walk(&self) -> Report {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(self.dir.path()));
        verify(&disk)
    }

    fn found(&self) -> Vec<(String, Option<u64>)> {
        self.walk().violations.into_iter().map(|violation| (violation.file, violation.position)).collect()
    }
}

#[test]
fn a_whole_journal_is_walked_to_its_head() {
    let journal = journal();
    let report = journal.walk();
    assert_eq!(report.violations, []);
    assert_eq!((report.facts, report.segments, report.blobs), (150, 3, 15));
    assert_eq!(report.head(), journal.frontier.head());
}

#[test]
fn a_missing_segment_is_named_by_its_positions() {
    let journal = journal();
    fs::remove_file(journal.dir.path().join(name(51))).unwrap();
    let report = journal.walk();
    assert_eq!(report.violations.len(), 1);
    assert_eq!(
        report.violations[0].to_string(),
        format!("{} at byte 0, position 51: it begins with position 101: 51 to 100 are missing", name(101))
    );
    assert_eq!(report.head().position, 150, "and the walk goes on");
}

#[test]
fn a_segment_of_another_history_is_named() {
    let journal = journal();
    let mut other = Journal { dir: tempfile::tempdir().unwrap(), frontier: Frontier::new() };
    for folder in ["journal", "blobs"] {
        fs::create_dir(other.dir.path().join(folder)).unwrap();
    }
    other.seal(1, 1);
    other.seal(51, 0);
    fs::copy(other.dir.path().join(name(51)), journal.dir.path().join(name(51))).unwrap();
    assert_eq!(journal.found(), [(name(51), Some(51)), (name(101), Some(101))]);
}

#[test]
fn damage_in_one_segment_does_not_hide_damage_in_another() {
    let journal = journal();
    for first in [1, 101] {
        let path = journal.dir.path().join(name(first));
        let mut bytes = fs::read(&path).unwrap();
        bytes[40] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let found = journal.found();
    assert_eq!(found, [(name(1), Some(3)), (name(101), Some(102))], "group 0 comes first in the file");
}

#[test]
fn blobs_that_are_missing_short_or_other_are_named_with_their_fact() {
    let journal = journal();
    let digest =
        |position: u64| Hash::from(<sha2::Sha256 as sha2::Digest>::digest(vec![position as u8; 40_000]));
    fs::remove_file(journal.blob(&digest(10))).unwrap();
    fs::write(journal.blob(&digest(60)), vec![60; 39_999]).unwrap();
    fs::write(journal.blob(&digest(120)), vec![121; 40_000]).unwrap();
    let positions: Vec<_> = journal.found().into_iter().map(|(_, position)| position).collect();
    assert_eq!(positions, [Some(10), Some(60), Some(120)]);
}

/// A log of sealed and open segments, as it lies after it was closed.
fn closed_log() -> (SimDisk, u64) {
    let disk = SimDisk::new(5);
    let (log, _) = Log::open(Arc::new(disk.clone()), &options(Protections::default())).unwrap();
    let mut last = 0;
    for n in 0..110 {
        let original = if n % 20 == 7 { 40_000 } else { 60 };
        let appended = log.append(vec![draft(n, original)]).unwrap().wait().unwrap();
        assert!(matches!(appended[..], [Appended::Recorded(position)] if position == n + 1));
        last = n + 1;
    }
    log.close();
    (disk, last)
}

fn verified(disk: &SimDisk) -> Report {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    verify(&disk)
}

#[test]
fn a_log_with_an_open_segment_and_a_mark_is_walked_to_its_head() {
    let (disk, last) = closed_log();
    let report = verified(&disk);
    assert_eq!(report.violations, []);
    assert_eq!((report.facts, report.head().position, report.blobs), (last, last, 6));
    assert!(report.segments > 1, "{report:?}");
}

#[test]
fn damage_in_every_kind_of_file_is_named() {
    let (whole, last) = closed_log();
    let mut seen = [0; 4];
    for path in whole.paths() {
        let disk = whole.copy(1);
        let kind =
            [".sealed", ".open", "high-water", "blobs/"].iter().position(|kind| path.contains(kind)).unwrap();
        let good = disk.contents(&path).unwrap();
        let mut bad = good.clone();
        match kind {
            0 | 3 => bad[good.len() / 2] ^= 4,
            1 => bad[4096 + 100] ^= 4,
            // One slot may be torn; both cannot be furthest.
            _ => disk.lose(&disk.paths().into_iter().find(|path| path.ends_with(".open")).unwrap()),
        }
        disk.overwrite(&path, &bad);
        let report = verified(&disk);
        assert!(report.violations.iter().any(|violation| violation.file == path), "{path}: {report:?}");
        seen[kind] += 1;
    }
    assert!(seen.iter().all(|n| *n > 0), "{seen:?} of {last} facts");
}
