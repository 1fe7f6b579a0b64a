//! Imports: the end of each is a fact, from which on the months that it filled are closed (RULINGS, Restatement causes).

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::import::{ImportFact, ImportFinished};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::rules::decision::{Decision, NewFact};

use super::decide::Attempt;
use super::{CommandError, Commands, Receipt};
use crate::ingest::error::IngestError;
use crate::log::StoredFact;

/// Hexadecimal digits of a file's digest.
const DIGITS: usize = 64;

/// What is wrong with the end of an import that a client told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct ImportRejection {
    /// The member at fault.
    pub member: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl<V> Commands<V> {
    /// Records that a file was imported to its end, once a run: a run that brought nothing new is recorded only where no
    /// other of that file is. Answers the position of the fact. Blocks.
    ///
    /// # Errors
    /// [`ImportRejection`]; else the log's.
    pub fn finish_import(
        &self,
        tenant: &TenantId,
        end: ImportFinished,
    ) -> Result<Receipt<Position>, CommandError<ImportRejection>> {
        self.check_import(tenant, &end)?;
        let read = |_| async { Ok(self.ends_of(tenant, end.file.as_str())?) };
        let decide = |ends: &Vec<StoredFact>, _: Attempt| {
            let is_this = |stored: &&StoredFact| match &stored.fact {
                Fact::Import(ImportFact::Finished(other)) => other.first_position == end.first_position,
                _ => false,
            };
            let stands = ends.iter().find(is_this).or_else(|| ends.last().filter(|_| end.recorded == 0));
            if let Some(stands) = stands {
                return Ok(Decision::Stands(stands.position));
            }
            let key = end_key(end.file.as_str(), ends.len() as u64);
            let fact = Fact::Import(ImportFact::Finished(end.clone()));
            Ok(Decision::Append(NewFact { key, occurred_at: None, fact }))
        };
        pollster::block_on(self.decide_on(tenant, &Bytes::new(), read, decide))
    }

    /// The ends of earlier imports of a file; each but the first brought something new.
    fn ends_of(&self, tenant: &TenantId, file: &str) -> Result<Vec<StoredFact>, IngestError> {
        let mut ends = Vec::new();
        while let Some(end) = self.ingest.by_key(tenant, &end_key(file, ends.len() as u64))? {
            ends.push(end);
        }
        Ok(ends)
    }

    fn check_import(
        &self,
        tenant: &TenantId,
        end: &ImportFinished,
    ) -> Result<(), CommandError<ImportRejection>> {
        let rejected = |member, rule| Err(CommandError::Rejected(ImportRejection { member, rule }));
        let file = end.file.as_str();
        if file.len() != DIGITS || !file.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return rejected("file", "must be the SHA-256 of the file in 64 hexadecimal digits");
        }
        let counts = [end.recorded, end.duplicates, end.conflicts, end.rejected];
        if counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count)) != Some(end.lines) {
            return rejected("lines", "must be recorded, duplicates, conflicts and rejected together");
        }
        let is_new = end.recorded > 0;
        for (member, position, is_due) in [
            ("lowest_position", end.lowest_position, is_new || end.duplicates > 0),
            ("first_position", end.first_position, is_new),
            ("last_position", end.last_position, is_new),
        ] {
            if position.is_some() != is_due {
                return rejected(member, "must be given where facts of the file are there, and only then");
            }
            // The key of another tenant's fact would show in an export (R7).
            if let Some(position) = position
                && !self.is_of(tenant, position)?
            {
                return rejected(member, "must be the position of a fact of this tenant");
            }
        }
        if end.lowest_position > end.first_position && is_new || end.first_position > end.last_position {
            return rejected("last_position", "must not be before the first");
        }
        Ok(())
    }

    fn is_of(&self, tenant: &TenantId, position: Position) -> Result<bool, IngestError> {
        let Some(record) = self.log.read(position)? else { return Ok(false) };
        let view = record.view().map_err(|error| crate::log::LogError::Record { position, error })?;
        Ok(view.header.tenant == tenant.as_str())
    }
}

fn end_key(file: &str, earlier: u64) -> EngineKey {
    EngineKey::ImportFinished { file: KeyPart::new(file), earlier }
}
