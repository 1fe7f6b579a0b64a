//! ClientTether: leads, opportunities, sales cycles, notes of contacts, activities where the account has them.
//!
//! Its answers are 200 also for errors: `ResultCode` decides, in both spellings (`CT_200`, `CT200`). Lists page by record
//! offset up to `TotalRecord`; there is no filter by time, so a run reads everything and only changes become facts.

mod lists;
mod members;
mod notes;

use std::sync::Arc;

use domain::facts::sync::Resource;
use domain::members::Text;
use serde_json::Value;

use self::lists::Lists;
use self::members::Reading as Members;
use crate::config::ClientTether;
use crate::directory::Secret;
use crate::sync::error::SyncError;
use crate::sync::run::SyncRun;
use crate::sync::snapshot::{SnapshotDraft, SnapshotScope};
use crate::sync::source::{Cadence, Reading, SourceClient, SourceName};

pub use self::notes::NotesPass;

/// Reads a tenant's CRM, but for the first pass over all notes.
pub struct ClientTetherClient {
    config: ClientTether,
}

impl ClientTetherClient {
    /// The client of an account.
    pub fn new(config: ClientTether) -> Self {
        Self { config }
    }

    async fn read_all(&self, run: &SyncRun) -> Result<(), SyncError> {
        let lists = Lists { config: &self.config, run };
        let members = Arc::new(Members::of(run).await?);
        let cycles = |row: &Value| members.sales_cycle(row);
        let cycles = lists.snapshot(Resource::SalesCycles, "read_sales_cycle_list", &cycles).await?;
        let leads = |row: &Value| members.lead(row);
        let leads = lists.snapshot(Resource::Leads, "read_client_list", &leads).await?;
        let deals = |row: &Value| members.opportunity(row);
        let deals = lists.snapshot(Resource::Opportunities, "read_opportunity_list", &deals).await?;
        if let Some(activities) = &self.config.activities {
            let row = |row: &Value| members.activity(&activities.fields, row);
            let read = lists.snapshot(Resource::Activities, &activities.path, &row).await?;
            run.hold_snapshot(read)?;
        }
        // Before the first snapshot of leads every contact would be new: their notes have a pass of their own.
        if leads.has_base() {
            let changed: Vec<String> = leads.changed().map(str::to_owned).collect();
            notes::read(&self.config, run, &members, changed).await?;
        }
        [cycles, leads, deals].into_iter().try_for_each(|snapshot| run.hold_snapshot(snapshot))
    }
}

impl SourceClient for ClientTetherClient {
    fn name(&self) -> SourceName {
        SourceName::ClientTether
    }

    fn cadence(&self) -> Cadence {
        Cadence::Scheduled
    }

    fn secrets(&self) -> Vec<&Secret> {
        secrets(&self.config)
    }

    fn read(self: Arc<Self>, run: SyncRun) -> Reading {
        Box::pin(async move { self.read_all(&run).await })
    }
}

fn secrets(config: &ClientTether) -> Vec<&Secret> {
    std::iter::once(&config.web_key).chain(&config.access_token).collect()
}

/// A scope of all records.
fn all_of(resource: Resource) -> SnapshotScope {
    SnapshotScope { resource, contact: None }
}

/// A scope of one contact's records.
fn of_contact(resource: Resource, contact: &str) -> Option<SnapshotScope> {
    Some(SnapshotScope { resource, contact: Some(Text::new(contact)?) })
}
