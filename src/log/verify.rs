//! Walking the journal offline: every file, every checksum, every leaf, every tree head, every blob.
//!
//! Nothing is written, and nothing stops the walk: what is wrong is named, and what follows is checked against what
//! its own file says of the part before it.

mod serving;

use std::io::ErrorKind;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use domain::keys::Position;
use domain::record::{Hash, Original, Private, RecordRef};
use sha2::{Digest, Sha256};

use super::disk::{Disk, read_exact_at};
use super::error::LogError;
use super::high_water;
use super::merkle::{Frontier, Head};
use super::open_segment::{self, OpenSegment, SegmentScan};
use super::read_only::SegmentFiles;
use super::sealed_segment::{ChunkCache, SealedSegment, SegmentError};
use super::violation::Violation;
use super::{blobs, seal};
pub use serving::FileAudit;

const JOURNAL: &str = "journal";
/// Two slots of a page each (high_water.rs).
const MARK_LEN: u64 = 8192;
const BLOB_PIECE: usize = 64 * 1024;
/// Times that an open segment is read before it counts as damaged.
const SCANS: usize = 4;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(30);

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
    mark: Option<Head>,
    /// The root that was found at the mark's position.
    root_at_mark: Option<Hash>,
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
    // Before the files: what a server appends meanwhile lies past it.
    report.mark = read_mark(&**disk, &mut report);
    let files = match SegmentFiles::list(&**disk) {
        Ok(files) => files,
        Err(error) => {
            report.violations.push(Violation::new(JOURNAL, 0, None, error.to_string()));
            return report;
        }
    };
    report.notes.extend(files.others.iter().map(|path| format!("{path} is not a file of the log")));
    let (sealed, mut open) = (files.sealed, files.open);
    let cache = ChunkCache::new(0);
    for (first, path) in sealed {
        let Some(before) = verify_sealed_file(disk, &path, &cache, &mut report) else { continue };
        if open.remove(&first).is_some() {
            verify_twin(disk, first, &before, &mut report);
        }
    }
    for (first, path) in open {
        verify_open(disk, first, &path, &mut report);
    }
    check_mark(&mut report);
    report
}

/// Returns the tree before the segment; none where the file cannot be opened.
fn verify_sealed_file(
    disk: &Arc<dyn Disk>,
    path: &str,
    cache: &Arc<ChunkCache>,
    report: &mut Report,
) -> Option<Frontier> {
    match SealedSegment::open(&**disk, path, cache) {
        Ok(segment) => return Some(verify_sealed(&**disk, &segment, report)),
        Err(SegmentError::Damaged(violation)) => report.violations.push(violation),
        Err(other) => report.violations.push(Violation::new(path, 0, None, other.to_string())),
    }
    None
}

/// Reads an open segment, again where a server is writing it or the last group looks damaged for that.
fn scan(disk: &Arc<dyn Disk>, before: &Frontier) -> Result<SegmentScan, LogError> {
    for _ in 1..SCANS {
        match OpenSegment::scan(disk, before, 0, true) {
            Err(LogError::Damaged { .. }) => sleep(PAUSE),
            done => return done,
        }
    }
    OpenSegment::scan(disk, before, 0, true)
}

/// Returns the tree before the segment.
fn verify_sealed(disk: &dyn Disk, segment: &SealedSegment, report: &mut Report) -> Frontier {
    report.begin(segment.name(), segment.before());
    let mut violations = Vec::new();
    segment.verify_each(&mut violations, &mut |position, record| report.fact(disk, position, &record));
    report.violations.extend(violations);
    if let Some(mark) = report.mark.filter(|mark| (segment.base()..=segment.last()).contains(&mark.position))
    {
        // What cannot be read is a violation of its own.
        report.root_at_mark = segment.root_at(mark.position).ok();
    }
    report.frontier = segment.frontier().clone();
    segment.before().clone()
}

/// An open segment whose sealed form is there too, as a stop in the middle of sealing leaves it: both agree.
fn verify_twin(disk: &Arc<dyn Disk>, first: Position, before: &Frontier, report: &mut Report) {
    let path = open_segment::path(first);
    report.notes.push(format!("{path} is sealed already and will be removed at the next start"));
    match scan(disk, before) {
        Ok(scanned) if scanned.frontier == report.frontier => {}
        Ok(scanned) => {
            let what = format!(
                "it ends at position {}, with another root than its sealed twin",
                scanned.frontier.len()
            );
            report.violations.push(Violation::new(&path, 0, Some(first), what));
        }
        // A server that was sealing has removed it.
        Err(LogError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {}
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
    let scanned = match scan(disk, &report.frontier) {
        Ok(scanned) => scanned,
        // A server has sealed it meanwhile.
        Err(LogError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {
            verify_sealed_file(disk, &seal::path(first), &ChunkCache::new(0), report);
            return;
        }
        Err(error) => {
            report.segments += 1;
            return report.violations.push(violation(path, error));
        }
    };
    report.segments += 1;
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
        report.notes.push(format!(
            "{path}: bytes {from} to {to} are a group that is being written or was torn, and was not \
                 acknowledged"
        ));
    }
    report.frontier = scanned.frontier;
    let mut headers = scanned.frames.iter().map(|committed| &committed.frame.header);
    let after = report.mark.and_then(|mark| headers.find(|header| header.first == mark.position + 1));
    report.root_at_mark = report.root_at_mark.or(after.map(|header| header.prev));
}

/// The mark as it is on the disk: none where there is none or it cannot be read, which is reported.
fn read_mark(disk: &dyn Disk, report: &mut Report) -> Option<Head> {
    let note = "the high-water mark is missing: a lost tail would go unnoticed";
    match disk.open(high_water::PATH).and_then(|file| file.len()) {
        Err(error) if error.kind() == ErrorKind::NotFound => report.notes.push(note.to_owned()),
        Ok(len) if len < MARK_LEN => {
            let what = "the file is too short for a high-water mark";
            report.violations.push(Violation::new(high_water::PATH, len, None, what));
        }
        Ok(_) | Err(_) => match high_water::read(disk) {
            Ok(None) => report.notes.push(note.replace("missing", "blank")),
            Ok(mark) => return mark,
            Err(error) => {
                report.violations.push(Violation::new(high_water::PATH, 0, None, error.to_string()));
            }
        },
    }
    None
}

/// The mark must not be past the last fact, and must name the same log.
fn check_mark(report: &mut Report) {
    let (Some(mark), head) = (report.mark, report.head()) else { return };
    let at_an_end = [Frontier::new().head(), head].into_iter().find(|end| end.position == mark.position);
    let root = report.root_at_mark.or(at_an_end.map(|end| end.root));
    let what = if mark.position > head.position {
        format!(
            "the log was durable up to position {}, but its files end at {}",
            mark.position, head.position
        )
    } else if root.is_some_and(|root| root != mark.root) {
        "it belongs to another log".to_owned()
    } else {
        return;
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
