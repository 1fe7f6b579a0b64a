//! What became of a file's lines, tenant by tenant, and the fact with which its import ends.

use std::collections::BTreeMap;

use domain::facts::import::ImportFinished;
use domain::keys::{Position, TenantId};
use domain::members::Text;
use sha2::{Digest, Sha256};

use crate::ingest::answer::{BatchTally, Posted};

/// What became of the lines of one tenant.
#[derive(Debug, Clone, Default)]
pub struct TenantOutcome {
    /// How many of each sort.
    pub tally: BatchTally,
    /// The lowest position of a fact of the file, known ones included.
    pub lowest: Option<Position>,
    /// The first and the last position of a new fact.
    pub new: Option<(Position, Position)>,
}

impl TenantOutcome {
    /// Counts one line.
    pub fn add(&mut self, posted: &Posted) {
        self.tally.add(posted);
        match posted {
            Posted::Recorded(position) => self.stands(*position, true),
            Posted::Duplicate(position) => self.stands(*position, false),
            Posted::Conflict(_)
            | Posted::Rejected(_)
            | Posted::Unparsable(_)
            | Posted::NotAccepted(_)
            | Posted::Forbidden(_) => {}
        }
    }

    /// Notes where a fact of the file stands.
    pub fn stands(&mut self, at: Position, is_new: bool) {
        self.lowest = Some(self.lowest.map_or(at, |lowest| lowest.min(at)));
        if is_new {
            self.new = Some(self.new.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
    }
}

/// A file that was read to its end.
#[derive(Debug)]
pub struct FileOutcome {
    /// As it was named.
    pub name: String,
    /// What became of all its lines.
    pub tally: BatchTally,
    /// By tenant, where a line's is known.
    pub tenants: BTreeMap<TenantId, TenantOutcome>,
    /// Its content.
    pub content: Content,
}

impl FileOutcome {
    /// The ends of its import: one for each tenant of which it holds facts.
    pub fn ends(&self) -> impl Iterator<Item = (&TenantId, ImportFinished)> {
        let of_tenants = self.tenants.iter().filter(|(tenant, _)| **tenant != TenantId::unassigned());
        of_tenants.filter_map(|(tenant, outcome)| {
            let TenantOutcome { tally, lowest, new } = outcome;
            let end = ImportFinished {
                file: Text::new(&self.content.digest())?,
                bytes: self.content.bytes,
                lines: tally.recorded + tally.duplicates + tally.conflicts + tally.rejected,
                recorded: tally.recorded,
                duplicates: tally.duplicates,
                conflicts: tally.conflicts,
                rejected: tally.rejected,
                lowest_position: *lowest,
                first_position: new.map(|(first, _)| first),
                last_position: new.map(|(_, last)| last),
                by: None,
            };
            lowest.is_some().then_some((tenant, end))
        })
    }
}

/// The content of a file, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Content {
    digest: Sha256,
    bytes: u64,
}

impl Content {
    /// Takes in what was read.
    pub fn read(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// SHA-256 in hexadecimal digits.
    pub fn digest(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }
}
