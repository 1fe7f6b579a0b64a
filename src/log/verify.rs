//! Walking the journal offline: every file, every checksum, every leaf, every tree head, every blob.
//!
//! Nothing is written, and nothing stops the walk: what is wrong is named, and what follows is checked against what
//! its own file says of the part before it.

use std::fmt;

use domain::keys::Position;
use domain::record::{Hash, Original, Private, RecordRef};
use sha2::{Digest, Sha256};

use super::disk::{Disk, read_exact_at};
use super::merkle::{Frontier, Head};
use super::sealed_segment::{ChunkCache, SealedSegment, SegmentError};

const JOURNAL: &str = "journal";
const BLOBS: &str = "blobs";
const BLOB_PIECE: usize = 64 * 1024;

/// Something in a file that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which file, relative to the data directory.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The first fact concerned, where one can be named.
    pub position: Option<Position>,
    /// What is wrong.
    pub what: String,
}

impl Violation {
    /// Names what is wrong.
    pub fn new(file: &str, offset: u64, position: Option<Position>, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), offset, position, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.file, self.offset)?;
        if let Some(position) = self.position {
            write!(f, ", position {position}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What a walk found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Facts whose leaves were recomputed.
    pub facts: u64,
    /// Segments read, sealed and open.
    pub segments: u64,
    /// Blobs read and compared with the facts that name them.
    pub blobs: u64,
    /// All that is wrong; empty when the journal is whole.
    pub violations: Vec<Violation>,
    /// The tree after the last fact that could be read.
    pub frontier: Frontier,
}

impl Report {
    /// Position and root that the walk ends at.
    pub fn head(&self) -> Head {
        self.frontier.head()
    }

    /// Checks that the file which begins after `before` goes on where the walk is, and moves the walk there.
    pub(super) fn begin(&mut self, file: &str, before: &Frontier) {
        self.segments += 1;
        let (due, first) = (self.frontier.len() + 1, before.len() + 1);
        let what = match first.cmp(&due) {
            std::cmp::Ordering::Greater => {
                format!("it begins with position {first}: {due} to {} are missing", first - 1)
            }
            std::cmp::Ordering::Less => {
                format!("it begins with position {first}, which an earlier file has too")
            }
            std::cmp::Ordering::Equal if *before != self.frontier => {
                format!("the tree before position {first} is not the one that the earlier files give")
            }
            std::cmp::Ordering::Equal => return,
        };
        self.violations.push(Violation::new(file, 0, Some(due), what));
        self.frontier = before.clone();
    }

    /// Checks one fact that is good by itself: that its original is in the blob room, when it is there.
    pub(super) fn fact(&mut self, disk: &dyn Disk, position: Position, record: &RecordRef<'_>) {
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

/// Walks the sealed segments in order, and the blobs that their facts name.
pub fn verify_sealed(disk: &dyn Disk) -> Report {
    let mut report = Report::default();
    let names = match disk.list(JOURNAL) {
        Ok(names) => names,
        Err(error) => {
            report.violations.push(Violation::new(JOURNAL, 0, None, error.to_string()));
            return report;
        }
    };
    let cache = ChunkCache::new(0);
    // Names begin with the first position in 20 digits, so their order is the log's.
    for name in names.iter().filter(|name| name.ends_with(".sealed")) {
        let file = format!("{JOURNAL}/{name}");
        match SealedSegment::open(disk, &file, &cache) {
            Ok(segment) => sealed(disk, &segment, &mut report),
            Err(SegmentError::Damaged(violation)) => report.violations.push(violation),
            Err(other) => report.violations.push(Violation::new(&file, 0, None, other.to_string())),
        }
    }
    report
}

fn sealed(disk: &dyn Disk, segment: &SealedSegment, report: &mut Report) {
    report.begin(segment.name(), segment.before());
    let mut violations = Vec::new();
    segment.verify(&mut violations, &mut |position, record| report.fact(disk, position, &record));
    report.violations.extend(violations);
    report.frontier = segment.frontier().clone();
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
    let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = format!("{BLOBS}/{name}");
    let wrong = |offset, what: String| Violation::new(&path, offset, Some(position), what);
    let file = disk.open(&path).map_err(|error| wrong(0, error.to_string()))?;
    let there = file.len().map_err(|error| wrong(0, error.to_string()))?;
    if there != len {
        return Err(wrong(there.min(len), format!("{there} bytes where the fact says {len}")));
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
        return Err(wrong(0, "the bytes have another digest than their name".to_owned()));
    }
    if *commitment != Hash::from(salted.finalize()) {
        return Err(wrong(0, "the bytes are not those that the fact was sealed with".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
