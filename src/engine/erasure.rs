//! Erasing a person from everything that a data directory holds: the log, the models, and raw pages of providers.

use std::path::{Path, PathBuf};

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
use crate::views::Views;

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
    /// Whether an engine that orders the log for several nodes still has the data.
    pub pending_in_engine: bool,
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
            pending_in_engine: log.engine_status().is_some() && erased.facts > 0,
        })
    }
}

/// What of a node holds a person's data: the log, the models made of it, and pages of providers.
pub(super) struct NodeData {
    pub log: Log,
    /// None where none are folded.
    pub views: Option<Views>,
    /// The data directory, where it is held.
    pub root: Option<PathBuf>,
}

impl NodeData {
    fn pages_where(&self, is_meant: impl Fn(&[u8]) -> bool) -> Result<(), IngestError> {
        let Some(root) = &self.root else { return Ok(()) };
        let removed = RawPages::below(root).remove_where(is_meant);
        removed.map(drop).map_err(|error| IngestError::Engine(format!("blobs/pages: {error}")))
    }
}

impl Forget for NodeData {
    fn pages(&self, names: &PersonNames) -> Result<(), IngestError> {
        self.pages_where(|page| names.are_in(page))
    }

    fn all_pages(&self) -> Result<(), IngestError> {
        self.pages_where(|_| true)
    }

    fn facts(&self, tenant: &TenantId, erasure: &Erasure) -> Result<(), IngestError> {
        match &self.views {
            Some(views) => {
                let done = views.forget(tenant, || self.log.erase(erasure));
                done.map_err(|error| IngestError::Engine(error.to_string()))
            }
            None => self.log.erase(erasure).map_err(IngestError::Log),
        }
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
        let (views, root) = (Some(self.views.clone()), Some(self.dir.root().to_owned()));
        let data = NodeData { log: self.log.clone(), views, root };
        let erased = self.commands.erase_person((tenant, person), by, key, &data)?;
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
        let data = NodeData { log: self.log.clone(), views: None, root: self.root().map(Path::to_owned) };
        let erased = self.commands.erase_person((tenant, person), by, None, &data)?;
        Ok(ErasureReceipt::new(&erased, &self.log, checkpoints)?)
    }
}
