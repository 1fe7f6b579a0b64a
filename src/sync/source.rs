//! What is read, how often, and what a provider's client is.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::keys::TenantId;
use domain::words;

use super::error::SyncError;
use super::run::SyncRun;
use crate::directory::Secret;
use crate::views::Views;

words! {
    /// What a run reads, as its facts, routes and commands name it.
    SourceName {
        ClientTether = "clienttether",
        /// The first pass over all contacts' notes.
        ClientTetherNotes = "clienttether_notes",
        EmailBison = "emailbison",
        GoogleAds = "google_ads",
        Meta = "meta",
        CallRail = "callrail",
        Ctm = "ctm",
        Twilio = "twilio",
    }
}

impl SourceName {
    /// The source whose data a run of this one reads: two runs of one family never go on at once.
    pub fn family(self) -> Self {
        match self {
            Self::ClientTetherNotes => Self::ClientTether,
            Self::ClientTether
            | Self::EmailBison
            | Self::GoogleAds
            | Self::Meta
            | Self::CallRail
            | Self::Ctm
            | Self::Twilio => self,
        }
    }
}

/// When a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// At the times of the tenant's cron expression (`[sync] schedule`), in its zone.
    Scheduled,
    /// So long after the last run began.
    Every(Duration),
}

/// A run on its way: what a client's `read` returns.
pub type Reading = Pin<Box<dyn Future<Output = Result<(), SyncError>> + Send>>;

/// A provider's client for one tenant, with that tenant's credentials (L12). One is made of each configuration.
pub trait SourceClient: Send + Sync {
    /// What it reads.
    fn name(&self) -> SourceName;

    /// When it is due.
    fn cadence(&self) -> Cadence;

    /// Whether there is anything to read, as far as the read models tell: asked before a run that is due begins.
    fn has_work(&self, _views: &Views, _tenant: &TenantId) -> bool {
        true
    }

    /// Whether the days of a backfill can be asked for, see [`SyncRun::days`].
    fn reads_days(&self) -> bool {
        false
    }

    /// Its credentials: masked wherever an error quotes them.
    fn secrets(&self) -> Vec<&Secret>;

    /// Reads everything once. `Ok` says that every page of every resource came; then, and only then, what the run
    /// holds back is recorded. Wherever that is not certain it is an error.
    fn read(self: Arc<Self>, run: SyncRun) -> Reading;
}
