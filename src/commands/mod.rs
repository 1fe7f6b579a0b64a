//! The write side: every decision of a person or program is made here, by one loop (see [`decide`]).
//!
//! A command waits until the fold it reads has reached the head of the log, decides on that state, appends the fact
//! and answers. Uniqueness comes from keys, so races need no locks: two commands that decide on one state derive one
//! key, the log records the first, and the other folds to it and decides again.

mod access;
mod alert_targets;
mod alerts;
mod attempts;
mod calls;
mod conflicts;
mod decide;
mod dispositions;
mod endpoints;
mod erased_targets;
mod erasures;
mod error;
mod idempotency;
mod imports;
mod invitations;
mod leases;
mod logins;
mod mails;
mod messages;
mod notes;
mod quarantine;
mod reports;
mod sessions;
mod stages;
mod sync_runs;
mod targets;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod voids;

use std::sync::Arc;
use std::time::Duration;

use domain::keys::{LogSecret, Position};
use domain::members::Text;
use parking_lot::Mutex;
use uuid::Uuid;

pub use self::alert_targets::{NewTarget, TargetRejection};
pub use self::alerts::ResendRejection;
pub use self::attempts::AlertAttempt;
pub use self::calls::{CallOutcome, CallRejection, NewCall, OpenCall};
pub use self::conflicts::ConflictRejection;
pub use self::endpoints::{EndpointRejection, NewEndpoint};
pub use self::erasures::{Erased, ErasureRejection, Forget};
pub use self::error::{CommandError, StateError};
pub use self::idempotency::IdempotencyKey;
pub use self::imports::ImportRejection;
pub use self::invitations::{Acceptance, InvitedUser, IssuedInvitation, NewInvitation};
pub use self::leases::LeaseTerms;
pub use self::logins::LoggedIn;
pub use self::messages::{MailSchedule, Message, MessageTopic};
pub use self::notes::{NewNote, NoteNotFound};
pub use self::quarantine::{BulkRetry, Resolution, RetryRejection};
pub use self::sessions::NextLead;
pub use self::stages::StageRejection;
pub use self::sync_runs::RunEnd;
pub use self::tenants::{FileRejection, TenantChange};
pub use self::tokens::{Issued, NewToken};
pub use self::users::{NewUser, UserChange};
pub use self::voids::{NewVoid, UNDONE_MAX, Undo, UndoOutcome, VoidRejection, VoidSelection};
use crate::access::Access;
use crate::clock::Clock;
use crate::directory::{AlertTargets, Leases, TenantRegistry};
use crate::ingest::Ingest;
use crate::ingest::error::IngestError;
use crate::log::Log;
use crate::views::Views;

/// How long a command waits for its fold to reach the head of the log.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt<T> {
    /// What stands now.
    pub answer: T,
    /// Position of the fact that the command appended; `None`: the state satisfied it already.
    pub recorded: Option<Position>,
}

/// What commands read and write besides read models.
#[derive(Clone)]
pub struct Parts {
    /// The log.
    pub log: Log,
    /// Appends, and maps deliveries again.
    pub ingest: Arc<Ingest>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Tenants and endpoints.
    pub registry: Arc<TenantRegistry>,
    /// To whom alerts are sent.
    pub alert_targets: Arc<AlertTargets>,
    /// Which node does what one alone may do.
    pub leases: Arc<Leases>,
    /// The log's secret.
    pub secret: LogSecret,
    /// The time.
    pub clock: Clock,
}

/// Takes commands; clones are handles of the same log. `V` is [`Views`], or `()` where nothing is folded, as on the
/// command line: then only the commands that need no read models are there.
#[derive(Clone)]
pub struct Commands<V = Views> {
    views: V,
    log: Log,
    ingest: Arc<Ingest>,
    access: Arc<Access>,
    registry: Arc<TenantRegistry>,
    alert_targets: Arc<AlertTargets>,
    leases: Arc<Leases>,
    secret: LogSecret,
    clock: Clock,
    patience: Duration,
    /// Held by a command over access.
    changing: Arc<Mutex<()>>,
    /// Held by a change of tenants or endpoints.
    configuring: Arc<Mutex<()>>,
    /// Held by an erasure.
    erasing: Arc<Mutex<()>>,
}

impl Commands<()> {
    /// Commands without read models.
    pub fn new(parts: Parts) -> Self {
        let Parts { log, ingest, access, registry, alert_targets, leases, secret, clock } = parts;
        Self {
            views: (),
            log,
            ingest,
            access,
            registry,
            alert_targets,
            leases,
            secret,
            clock,
            patience: PATIENCE,
            changing: Arc::default(),
            configuring: Arc::default(),
            erasing: Arc::default(),
        }
    }

    /// The same commands, and those that decide on read models.
    pub fn with_views(self, views: Views) -> Commands {
        let Self { views: (), log, ingest, access, registry, alert_targets, secret, clock, .. } = self;
        let Self { leases, patience, changing, configuring, erasing, .. } = self;
        Commands {
            views,
            log,
            ingest,
            access,
            registry,
            alert_targets,
            leases,
            secret,
            clock,
            patience,
            changing,
            configuring,
            erasing,
        }
    }
}

/// Runs `work` on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IngestError> + Send + 'static,
) -> Result<T, IngestError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| IngestError::Engine(error.to_string()))?
}

/// A new id of the engine's own: a UUID of version 7 (R9).
fn fresh_id() -> Result<Text, IngestError> {
    let id = Text::new(&Uuid::now_v7().to_string());
    id.ok_or_else(|| IngestError::Engine("a new id is no text".into()))
}
