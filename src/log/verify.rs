//! Walking the journal offline: every file, every checksum, every leaf, every tree head, every blob.
//!
//! Nothing is written, and nothing stops the walk: what is wrong is named, and what follows is checked against what
//! its own file says of the part before it.

mod serving;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::Position;
use domain::record::{Hash, Original, Private, RecordRef};
use sha2::{Digest, Sha256};

use super::disk::{Disk, read_exact_at};
use super::error::LogError;
use super::high_water::{self, HighWater};
use super::merkle::{Frontier, Head};
use super::open_segment::{self, OpenSegment};
use super::sealed_segment::{ChunkCache, SealedSegment, SegmentError};
use super::violation::Violation;
use super::{blobs, seal};
pub use serving::FileAudit;

const JOURNAL: &str = "journal";
/// Two slots of a page each (high_water.rs).
const MARK_LEN: u64 = 8192;
const BLOB_PIECE: usize = 64 * 1024;

/// The result of a walk.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Facts whose leaves were recomputed.
    pub facts: u64,
    /// Segments read, sealed and open.
    pub segments: u64,
    /// Blobs read and compared with the facts that name them.
    pub blobs: u64,
    /// Empty if the journal is intact.
    pub violations: Vec<Violation>,
    /// For the operator, and no damage: a torn group, a file that is not the log's.
    pub notes: Vec<String>,
    frontier: Frontier,
}

impl Report {
    /// Position and root that the walk ends at: those of the last file that could be opened.
    pub fn head(&self) -> Head {
        self.frontier.head()
    }

    /// Checks that the file which begins after `before` goes on where the walk is, and moves the walk there.
    fn begin(&mut self, file: &str, before: &Frontier) {
        self.segments += 1;
        let (due, first) = (self.frontier.len() + 1, before.len() + 1);
        let what = match first.cmp(&due) {
            std::cmp::Ordering::Greater => {
                format!("it begins with position {first}: {due} to {} are missing", first - 1)
            }
            std::cmp::Ordering::Less => {
                format!("it begins with position {first}, which an earlier file holds too")
            }
            std::cmp::Ordering::Equal if *before != self.frontier => {
                format!("the tree before position {first} differs from that of the earlier files")
            }
            std::cmp::Ordering::Equal => return,
        };
        self.violations.push(Violation::new(file, 0, Some(due), what));
        self.frontier = before.clone();
    }

    /// Checks one fact that is good by itself: that its original is in the blob room, when it is there.
    fn fact(&mut self, disk: &dyn Disk, position: Position, record: &RecordRef<'_>) {
        self.facts += 1;
        if let Private::Kept { salt, original: Original::Blob { digest, len, commitment }, .. } =
            record.private
        {
            self.blobs += 1;
            let found = blob(disk, position, &salt, &digest, len, &commitment);
            self.violations.extend(found.err());
        }
    }
}

/// Walks the journal and the blobs that its facts name.
pub fn verify(disk: &Arc<dyn Disk>) -> Report {
    let mut report = Report::default();
    let names = match disk.list(JOURNAL) {
        Ok(names) => names,
        Err(error) => {
            report.violations.push(Violation::new(JOURNAL, 0, None, error.to_string()));
            return report;
        }
    };
    let (mut sealed, mut open) = (BTreeMap::new(), BTreeMap::new());
    for name in names {
        let path = format!("{JOURNAL}/{name}");
        let first = name.split('.').next().and_then(|first| first.parse().ok());
        match first {
            Some(first) if path == seal::path(first) => drop(sealed.insert(first, path)),
            Some(first) if path == open_segment::path(first) => drop(open.insert(first, path)),
            Some(_) | None if path == high_water::PATH => {}
            Some(_) | None => report.notes.push(format!("{path} is not a file of the log")),
        }
    }
    let cache = ChunkCache::new(0);
    for (first, path) in sealed {
        let before = match SealedSegment::open(&**disk, &path, &cache) {
            Ok(segment) => verify_sealed(&**disk, &segment, &mut report),
            Err(SegmentError::Damaged(violation)) => {
                report.violations.push(violation);
                continue;
            }
            Err(other) => {
                report.violations.push(Violation::new(&path, 0, None, other.to_string()));
                continue;
            }
        };
        if open.remove(&first).is_some() {
            verify_twin(disk, first, &before, &mut report);
        }
    }
    for (first, path) in open {
        verify_open(disk, first, &path, &mut report);
    }
    verify_mark(&**disk, &mut report);
    report
}

/// Returns the tree before the segment.
fn verify_sealed(disk: &dyn Disk, segment: &SealedSegment, report: &mut Report) -> Frontier {
    report.begin(segment.name(), segment.before());
    let mut violations = Vec::new();
    segment.verify_each(&mut violations, &mut |position, record| report.fact(disk, position, &record));
    report.violations.extend(violations);
    report.frontier = segment.frontier().clone();
    segment.before().clone()
}

/// An open segment whose sealed form is there too, as a stop in the middle of sealing leaves it: both agree.
fn verify_twin(disk: &Arc<dyn Disk>, first: Position, before: &Frontier, report: &mut Report) {
    let path = open_segment::path(first);
    report.notes.push(format!("{path} is sealed already and will be removed at the next start"));
    match OpenSegment::scan(disk, before, 0, true) {
        Ok(scanned) if scanned.frontier == report.frontier => {}
        Ok(scanned) => {
            let what = format!(
                "it ends at position {}, with another root than its sealed twin",
                scanned.frontier.len()
            );
            report.violations.push(Violation::new(&path, 0, Some(first), what));
        }
        Err(error) => report.violations.push(violation(&path, error)),
    }
}

/// An open segment goes on where the walk is: its frames are checked as at a start.
fn verify_open(disk: &Arc<dyn Disk>, first: Position, path: &str, report: &mut Report) {
    let due = report.frontier.len() + 1;
    if first != due {
        let what = format!("it begins with position {first}, but the next position is {due}");
        report.violations.push(Violation::new(path, 0, Some(due), what));
        return;
    }
    report.segments += 1;
    let scanned = match OpenSegment::scan(disk, &report.frontier, 0, true) {
        Ok(scanned) => scanned,
        Err(error) => return report.violations.push(violation(path, error)),
    };
    for committed in &scanned.frames {
        for (position, stored) in committed.frame.stored() {
            match RecordRef::read(stored) {
                Ok(record) => report.fact(&**disk, position, &record),
                Err(error) => {
                    report.violations.push(Violation::new(path, 0, Some(position), error.to_string()))
                }
            }
        }
    }
    if let Some((from, to)) = scanned.torn {
        report
            .notes
            .push(format!("{path}: bytes {from} to {to} are a torn group that was never acknowledged"));
    }
    report.frontier = scanned.frontier;
}

/// The mark, where there is one, must not be past the last fact.
fn verify_mark(disk: &dyn Disk, report: &mut Report) {
    let head = report.head();
    match disk.open(high_water::PATH).and_then(|file| file.len()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return report
                .notes
                .push("the high-water mark is missing: a lost tail would go unnoticed".to_owned());
        }
        // Opening a mark that was cut short would lay it out anew, and a walk writes nothing.
        Ok(len) if len < MARK_LEN => {
            let what = "the file is too short for a high-water mark";
            return report.violations.push(Violation::new(high_water::PATH, len, None, what));
        }
        Ok(_) | Err(_) => {}
    }
    let what = match HighWater::open(disk) {
        Ok((_, Some(mark))) if mark.position > head.position => format!(
            "the log was durable up to position {}, but its files end at {}",
            mark.position, head.position
        ),
        Ok((_, Some(mark))) if mark.position == head.position && mark.root != head.root => {
            "it belongs to another log".to_owned()
        }
        Ok((_, None)) if head.position > 0 => {
            return report
                .notes
                .push("the high-water mark is blank: a lost tail would go unnoticed".to_owned());
        }
        Ok(_) => return,
        Err(error) => error.to_string(),
    };
    report.violations.push(Violation::new(high_water::PATH, 0, Some(head.position + 1), what));
}

fn violation(path: &str, error: LogError) -> Violation {
    match error {
        LogError::Damaged { file, offset, why } => Violation::new(&file, offset, None, &*why),
        LogError::Record { position, error } => Violation::new(path, 0, Some(position), error.to_string()),
        other => Violation::new(path, 0, None, other.to_string()),
    }
}

/// Reads a blob in pieces and compares length, digest and the commitment that the leaf holds.
fn blob(
    disk: &dyn Disk,
    position: Position,
    salt: &[u8; 16],
    digest: &Hash,
    len: u64,
    commitment: &Hash,
) -> Result<(), Violation> {
    let path = blobs::path(digest);
    let wrong = |offset, what: String| Violation::new(&path, offset, Some(position), what);
    let file = disk.open(&path).map_err(|error| wrong(0, error.to_string()))?;
    let there = file.len().map_err(|error| wrong(0, error.to_string()))?;
    if there != len {
        return Err(wrong(there.min(len), format!("{there} bytes, but the fact says {len}")));
    }
    let (mut plain, mut salted) = (Sha256::new(), Sha256::new().chain_update(salt));
    let mut piece = vec![0; BLOB_PIECE];
    let mut at = 0;
    while at < len {
        let piece = &mut piece[..(len - at).min(BLOB_PIECE as u64) as usize];
        read_exact_at(&*file, at, piece).map_err(|error| wrong(at, error.to_string()))?;
        plain.update(&*piece);
        salted.update(&*piece);
        at += piece.len() as u64;
    }
    if *digest != Hash::from(plain.finalize()) {
        return Err(wrong(0, "the digest of the bytes differs from the file name".to_owned()));
    }
    if *commitment != Hash::from(salted.finalize()) {
        return Err(wrong(0, "the bytes do not match the commitment in the fact".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
