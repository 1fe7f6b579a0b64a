//! Verifying a log while it serves: one file of the journal at a time, as it lies on the disk now.

use std::sync::Arc;

use domain::keys::Position;
use domain::record::RecordRef;

use super::{Report, verify_sealed, violation};
use crate::log::open_segment::{self, OpenSegment};
use crate::log::sealed_segment::{ChunkCache, SealedSegment, SegmentError};
use crate::log::tail::Tail;
use crate::log::violation::Violation;
use crate::log::{Log, LogSnapshot};

/// The audit of one file and of the blobs that its facts name.
#[derive(Debug, Clone)]
pub struct FileAudit {
    /// The file, relative to the data directory.
    pub file: String,
    /// Position with which the next file begins; past the head after the last one.
    pub next: Position,
    /// Empty if the file is intact.
    pub violations: Vec<Violation>,
}

impl Log {
    /// Verifies the file of the journal that holds `position`, and the blobs that its facts name: every checksum and
    /// leaf of a sealed segment, every frame of an open one against what was acknowledged. The last file is that of
    /// positions past the head. Reads at most a segment and its blobs; blocks.
    pub fn audit(&self, position: Position) -> FileAudit {
        loop {
            let snapshot = self.snapshot();
            let audited = snapshot.audit(position);
            // An open file that was sealed meanwhile is gone as it should be, and so is what was erased.
            if audited.violations.is_empty() || Arc::ptr_eq(&self.snapshot().sealed, &snapshot.sealed) {
                return audited;
            }
        }
    }
}

impl LogSnapshot {
    fn audit(&self, position: Position) -> FileAudit {
        let at = self.sealed.partition_point(|segment| segment.last() < position);
        if let Some(segment) = self.sealed.get(at) {
            return self.audit_sealed(segment);
        }
        let at = self.tails.partition_point(|tail| tail.first() <= position).saturating_sub(1);
        let next = self.tails.get(at + 1).map_or(self.head.position + 1, |tail| tail.first());
        match self.tails.get(at) {
            Some(tail) => self.audit_open(tail, next),
            None => FileAudit { file: super::JOURNAL.to_owned(), next, violations: Vec::new() },
        }
    }

    /// The file is opened anew: the one that is open may be no name's any more.
    fn audit_sealed(&self, known: &SealedSegment) -> FileAudit {
        let file = known.name().to_owned();
        let mut report = Report { frontier: known.before().clone(), ..Report::default() };
        match SealedSegment::open(&*self.disk, &file, &ChunkCache::new(0)) {
            Ok(there) if there.frontier() != known.frontier() => {
                let what = "it does not end with the root that it was opened with";
                report.violations.push(Violation::new(&file, 0, Some(known.base()), what));
            }
            Ok(there) => drop(verify_sealed(&*self.disk, &there, &mut report)),
            Err(SegmentError::Damaged(violation)) => report.violations.push(violation),
            Err(other) => {
                report.violations.push(Violation::new(&file, 0, Some(known.base()), other.to_string()))
            }
        }
        FileAudit { file, next: known.last() + 1, violations: report.violations }
    }

    fn audit_open(&self, tail: &Arc<Tail>, next: Position) -> FileAudit {
        let (file, mut report) = (open_segment::path(tail.first()), Report::default());
        if let Err(error) = OpenSegment::compare(&*self.disk, tail, next - 1) {
            let mut found = violation(&file, error);
            found.position = found.position.or(Some(tail.first()));
            report.violations.push(found);
        }
        let mut from = tail.first();
        while from < next {
            let frames = tail.frames_from(from);
            for (position, stored) in frames.iter().flat_map(|committed| committed.frame.stored()) {
                match RecordRef::read(stored) {
                    Ok(record) => report.fact(&*self.disk, position, &record),
                    Err(error) => {
                        report.violations.push(Violation::new(&file, 0, Some(position), error.to_string()))
                    }
                }
            }
            from = frames.last().map_or(next, |last| last.frame.last() + 1);
        }
        FileAudit { file, next, violations: report.violations }
    }
}
