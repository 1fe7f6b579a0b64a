//! Sync runs: their begin and their end as facts. What a run read is recorded by the run itself.

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::sync::{RunStatus, SyncFact, SyncFinished, SyncStarted};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::{LongText, Text};
use domain::rules::decision::NewFact;

use super::{Commands, fresh_id};
use crate::ingest::error::IngestError;

/// Longest error of a run that is recorded, in characters.
const ERROR_MAX: usize = 500;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Every page came.
    Success {
        /// Added, changed and removed.
        updated: u64,
    },
    /// It did not read everything, and changed nothing.
    Failed {
        /// Why.
        error: String,
    },
}

impl Commands {
    /// Records that a run begins; answers its id and the position of that fact.
    ///
    /// # Errors
    /// The log's.
    pub async fn begin_run(&self, tenant: &TenantId, source: &str) -> Result<(Text, Position), IngestError> {
        let run_id = fresh_id()?;
        let body = SyncStarted {
            run_id: run_id.clone(),
            source: name(source)?,
            status: Some(RunStatus::Running),
            records_updated: None,
            error: None,
        };
        let key = EngineKey::SyncStarted { run: KeyPart::new(run_id.as_str()) };
        let fact = NewFact { key, occurred_at: None, fact: Fact::Sync(SyncFact::Started(body)) };
        let appended = self.append(tenant, fact, &Bytes::new(), self.now()).await?;
        Ok((run_id, appended.position()))
    }

    /// Records that a run ended, once; answers the position of that fact. `original` says which raw pages it read.
    ///
    /// # Errors
    /// The log's.
    pub async fn end_run(
        &self,
        tenant: &TenantId,
        (source, run_id): (&str, &str),
        end: &RunEnd,
        original: &Bytes,
    ) -> Result<Position, IngestError> {
        let (status, records_updated, error) = match end {
            RunEnd::Success { updated } => (RunStatus::Success, Some(*updated), None),
            RunEnd::Failed { error } => {
                let error: String = error.chars().take(ERROR_MAX).collect();
                (RunStatus::Failed, Some(0), LongText::new(&error))
            }
        };
        let body = SyncFinished {
            run_id: name(run_id)?,
            source: name(source)?,
            status: Some(status),
            records_updated,
            error,
        };
        let key = EngineKey::SyncFinished { run: KeyPart::new(run_id) };
        let fact = NewFact { key, occurred_at: None, fact: Fact::Sync(SyncFact::Finished(body)) };
        Ok(self.append(tenant, fact, original, self.now()).await?.position())
    }
}

fn name(text: &str) -> Result<Text, IngestError> {
    Text::new(text).ok_or_else(|| IngestError::Engine("a run without id or source".into()))
}
