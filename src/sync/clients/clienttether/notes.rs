//! Notes of ClientTether, which lists them by contact alone: those of changed contacts with every run, those of all in a
//! first pass of its own.

use std::sync::Arc;
use std::time::Duration;

use domain::facts::sync::Resource;
use domain::keys::TenantId;
use serde_json::Value;

use super::lists::Lists;
use super::members::Reading as Members;
use super::{Cadence, Reading, Secret, SourceClient, SourceName, SyncError, SyncRun, of_contact};
use crate::config::ClientTether;
use crate::sync::parallel;
use crate::views::Views;

/// Contacts whose notes are read at once.
const AT_ONCE: usize = 8;
/// Contacts of one run of the first pass: what such a run read counts when it succeeded, and the next one goes on behind
/// it, also after a failure or a restart.
const CONTACTS_OF_A_RUN: usize = 500;
/// Pause before the pass goes on, and between looks for contacts that it has not read.
const PAUSE: Duration = Duration::from_secs(20);

/// Reads the notes of these contacts.
///
/// # Errors
/// Those of any contact.
pub async fn read(
    config: &ClientTether,
    run: &SyncRun,
    members: &Arc<Members>,
    contacts: Vec<String>,
) -> Result<(), SyncError> {
    let one = |contact: String| {
        let (config, run, members) = (config.clone(), run.clone(), Arc::clone(members));
        async move { read_one(&config, &run, &members, &contact).await }
    };
    parallel::each(AT_ONCE, contacts, one).await.map(drop)
}

async fn read_one(
    config: &ClientTether,
    run: &SyncRun,
    members: &Members,
    contact: &str,
) -> Result<(), SyncError> {
    let lists = Lists { config, run };
    let wrong = || SyncError::unexpected("a contact's id is blank");
    let scope = of_contact(Resource::Notes, contact).ok_or_else(wrong)?;
    let row = |row: &Value| members.note(contact, row);
    // An id in a path: whatever is no letter or digit of it is escaped.
    let path: String = form_urlencoded::byte_serialize(contact.as_bytes()).collect();
    let snapshot = lists.scoped(&scope, &format!("read_client_history_notes/{path}"), &row).await?;
    run.hold_snapshot(snapshot)
}

/// The first pass over the notes of all contacts.
pub struct NotesPass {
    config: ClientTether,
}

impl NotesPass {
    /// The pass of an account.
    pub fn new(config: ClientTether) -> Self {
        Self { config }
    }
}

fn unread(views: &Views, tenant: &TenantId, limit: usize) -> Vec<String> {
    views.contacts_unread(tenant, SourceName::ClientTether.as_str(), Resource::Notes, limit)
}

impl SourceClient for NotesPass {
    fn name(&self) -> SourceName {
        SourceName::ClientTetherNotes
    }

    fn cadence(&self) -> Cadence {
        Cadence::Every(PAUSE)
    }

    fn has_work(&self, views: &Views, tenant: &TenantId) -> bool {
        !unread(views, tenant, 1).is_empty()
    }

    fn secrets(&self) -> Vec<&Secret> {
        super::secrets(&self.config)
    }

    fn read(self: Arc<Self>, run: SyncRun) -> Reading {
        Box::pin(async move {
            run.view().await?;
            let contacts = unread(run.views(), run.tenant(), CONTACTS_OF_A_RUN);
            let members = Arc::new(Members::of(&run).await?);
            read(&self.config, &run, &members, contacts).await
        })
    }
}
