//! Rows of providers' lists of calls on their way to facts.

use domain::envelope::Envelope;
use domain::keys::{Position, TenantId};
use domain::members::Instant;
use serde_json::Value;

use super::Ingest;
use super::error::{MappingFailure, Reason};
use super::post::AHEAD_MAX;
use super::providers::listed::{ListContext, ListedReport, ListedRow};
use super::providers::map_row;

impl Ingest {
    /// Maps a row of the list of calls that the account of `tenant` has at `provider`.
    ///
    /// # Errors
    /// The row cannot be read; the provider has no list.
    pub fn map_listed(
        &self,
        provider: &str,
        tenant: &TenantId,
        row: &Value,
    ) -> Result<ListedRow, MappingFailure> {
        let directory = self.directory();
        let mapped = map_row(provider, row, ListContext { tenant, directory: &directory });
        mapped.unwrap_or_else(|| Err(MappingFailure::new(Reason::UnknownEventType, "no list of calls")))
    }

    /// The facts of what a row says anew, see [`ListedReport::facts`].
    ///
    /// # Errors
    /// Its id makes no key, or it lies in the future.
    pub fn listed_facts(
        &self,
        tenant: &TenantId,
        listed: ListedReport,
        last: (Position, bool),
        observed_at: Instant,
    ) -> Result<Vec<Envelope>, MappingFailure> {
        let facts = listed.facts(&self.secret, tenant, last, observed_at)?;
        match facts.iter().find(|fact| fact.occurred_at.0 > observed_at.0 + AHEAD_MAX) {
            None => Ok(facts),
            Some(ahead) => Err(MappingFailure::new(Reason::FutureOccurredAt, ahead.occurred_at.to_string())),
        }
    }
}
