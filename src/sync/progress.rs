//! A run's name, and how far it is.

use domain::keys::TenantId;
use domain::members::{Instant, Text};

use super::source::SourceName;
use crate::views::Views;

/// A run by its source and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// What is read.
    pub source: SourceName,
    /// A UUID.
    pub id: Text,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Answers that came.
    pub pages: u64,
    /// Records and facts that were read.
    pub records: u64,
    /// The request that failed and is made again.
    pub retrying: Option<RetryState>,
}

/// A request that failed and is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryState {
    /// Tries so far.
    pub tries: u32,
    /// Why the last one failed.
    pub error: String,
    /// When the next is made.
    pub next_try_at: Instant,
}

impl RunName {
    /// Whether the end of this run is recorded.
    pub fn has_ended(&self, views: &Views, tenant: &TenantId) -> bool {
        let Some(view) = views.tenant(tenant) else { return false };
        let success = view.with(|tenant, _| {
            let crm = &tenant.crm.rows;
            let (source, id) = (crm.symbol(self.source.as_str())?, crm.symbol(self.id.as_str())?);
            crm.runs().success(source, id)
        });
        success.is_some()
    }
}
