//! Erasing a person from everything that a data directory holds: the log, the models, and raw pages of providers.

use std::path::Path;

use domain::keys::{Position, TenantId};
use domain::members::Text;
use domain::rules::persons::{PersonName, PersonNames};

use super::{Engine, Offline};
use crate::commands::{CommandError, Erased, ErasureRejection, Forget, IdempotencyKey};
use crate::ingest::error::IngestError;
use crate::log::erasures::Erasure;
use crate::log::{Head, Log};
use crate::proof::Checkpoints;
use crate::sync::pages::RawPages;

/// Why a person was not erased.
pub type ErasureError = CommandError<ErasureRejection>;

/// What an erasure did, with checkpoints of the log before and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureReceipt {
    /// How many facts had something to erase.
    pub erased_facts: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// Where the fact stands that says so.
    pub position: Position,
    /// How many targets of alerts had the person's mail address.
    pub alert_targets: u64,
    /// The checkpoint of the log before that fact; none where the key is not at hand.
    pub checkpoint_before: Option<String>,
    /// The checkpoint with that fact.
    pub checkpoint_after: Option<String>,
}

impl ErasureReceipt {
    fn new(erased: &Erased, log: &Log, checkpoints: Option<&Checkpoints>) -> Result<Self, IngestError> {
        let snapshot = log.snapshot();
        let sign = |position: Position| {
            let Some(checkpoints) = checkpoints else { return Ok(None) };
            let head = Head { position, root: snapshot.root_at(position).map_err(IngestError::Log)? };
            checkpoints.sign(head).map(Some).map_err(|error| IngestError::Engine(error.to_string()))
        };
        Ok(Self {
            erased_facts: erased.facts,
            bytes: erased.bytes,
            position: erased.position,
            alert_targets: erased.alert_targets,
            checkpoint_before: sign(erased.position - 1)?,
            checkpoint_after: sign(erased.position)?,
        })
    }
}

fn page_error(error: std::io::Error) -> IngestError {
    IngestError::Engine(format!("blobs/pages: {error}"))
}

fn forget_pages(root: &Path, names: &PersonNames) -> Result<(), IngestError> {
    RawPages::below(root).remove_where(|page| names.are_in(page)).map(drop).map_err(page_error)
}

impl Forget for Engine {
    fn pages(&self, names: &PersonNames) -> Result<(), IngestError> {
        forget_pages(self.dir.root(), names)
    }

    fn facts(&self, tenant: &TenantId, erasure: &Erasure) -> Result<(), IngestError> {
        let done = self.views.forget(tenant, || self.log.erase(erasure));
        done.map_err(|error| IngestError::Engine(error.to_string()))
    }
}

impl Forget for Offline {
    fn pages(&self, names: &PersonNames) -> Result<(), IngestError> {
        self.root().map_or(Ok(()), |root| forget_pages(root, names))
    }

    fn facts(&self, _tenant: &TenantId, erasure: &Erasure) -> Result<(), IngestError> {
        self.log.erase(erasure).map_err(IngestError::Log)
    }
}

impl Engine {
    /// Erases a person of a tenant. Blocks.
    ///
    /// # Errors
    /// As of [`crate::commands::Commands::erase_person`].
    pub fn erase(
        &self,
        tenant: &TenantId,
        person: &PersonName,
        by: &Text,
        key: Option<&IdempotencyKey>,
    ) -> Result<ErasureReceipt, ErasureError> {
        let erased = self.commands.erase_person((tenant, person), by, key, self)?;
        Ok(ErasureReceipt::new(&erased, &self.log, Some(&self.checkpoints))?)
    }
}

impl Offline {
    /// As [`Engine::erase`], in the directory of a stopped server; what a kill left of earlier erasures goes first.
    ///
    /// # Errors
    /// As of [`Engine::erase`].
    pub fn erase(
        &self,
        tenant: &TenantId,
        person: &PersonName,
        by: &Text,
        checkpoints: Option<&Checkpoints>,
    ) -> Result<ErasureReceipt, ErasureError> {
        self.commands.resume_erasures()?;
        let erased = self.commands.erase_person((tenant, person), by, None, self)?;
        Ok(ErasureReceipt::new(&erased, &self.log, checkpoints)?)
    }
}
