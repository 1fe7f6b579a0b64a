//! Email Bison: the sender accounts of a workspace, every few minutes, of which only changes become facts (D6, D8); the
//! replies of the days of a backfill (F3).
//!
//! A token is bound to one workspace, which `GET /api/users` names. Lists have 15 rows a page, whatever is asked for, so
//! 12,000 accounts are 800 pages: they are read in parallel at the host's pace. An account that is gone from the list
//! counts as removed only when every page of an unchanged list came. A 200 may hold `{"success": false}`.

mod account;
mod changes;
mod pages;
mod replies;

use std::sync::Arc;

use domain::members::Text;
use serde::Deserialize;

use self::changes::{Changes, Poll};
use self::pages::{Instance, read_accounts};
use crate::config::EmailBison;
use crate::directory::{Secret, is_same_workspace};
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::run::SyncRun;
use crate::sync::source::{Cadence, Reading, SourceClient, SourceName};

/// Reads the sender accounts of a tenant's workspace.
pub struct EmailBisonClient {
    config: Arc<EmailBison>,
}

/// Part of `GET /api/users`.
#[derive(Deserialize)]
struct BisonUser {
    workspace: BisonWorkspace,
}

#[derive(Deserialize)]
struct BisonWorkspace {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    name: Lenient,
}

impl EmailBisonClient {
    /// The client of a workspace.
    pub fn new(config: EmailBison) -> Self {
        Self { config: Arc::new(config) }
    }

    /// The workspace that the token is bound to, by its id, as deliveries name it.
    async fn workspace(&self, instance: &Instance) -> Result<Text, SyncError> {
        let answer = instance.page("users", &[]).await?.1;
        let user: BisonUser = read("users", answer.data)?;
        let names = [user.workspace.id.get(), user.workspace.name.get()];
        let own = &self.config.workspaces;
        let is_own = |name: &str| own.iter().any(|own| is_same_workspace(own, name));
        if !own.is_empty() && !names.iter().flatten().any(|name| is_own(name)) {
            let message = "the token is bound to a workspace that is not the tenant's".to_owned();
            return Err(SyncError::Refused { code: "another workspace".to_owned(), message });
        }
        let id = user.workspace.id.get().and_then(Text::new);
        id.ok_or_else(|| SyncError::unexpected("users: no workspace with an id"))
    }

    async fn read_all(&self, run: &SyncRun) -> Result<(), SyncError> {
        let instance = Instance::new(Arc::clone(&self.config), run.clone());
        let workspace = self.workspace(&instance).await?;
        let view = run.view().await?;
        if let Some((from, to)) = run.days() {
            let days = view.timeline().latest().zone.range(from, to);
            return replies::backfill(&instance, run, workspace, (days.start, days.end)).await;
        }
        // What is known before the list is read: an account that an event adds meanwhile is not missing from it.
        let accounts = view.with(|tenant, _| tenant.sender_accounts.rows.clone());
        let known = accounts.known_in(instance.name(), workspace.as_str());
        let poll = Poll {
            instance: instance.name().to_owned(),
            workspace: workspace.to_string(),
            at: run.started_at(),
            zone: view.timeline().latest().zone,
            pause: self.config.poll,
        };
        let listed = read_accounts(&instance).await?;
        let changes = Changes::between(&poll, &known, &listed);
        for page in changes.pages() {
            run.keep_page(page).await?;
        }
        run.hold(changes.facts(run, &poll)?, bytes::Bytes::new());
        Ok(())
    }
}

impl SourceClient for EmailBisonClient {
    fn name(&self) -> SourceName {
        SourceName::EmailBison
    }

    fn cadence(&self) -> Cadence {
        Cadence::Every(self.config.poll)
    }

    fn reads_days(&self) -> bool {
        true
    }

    fn secrets(&self) -> Vec<&Secret> {
        vec![&self.config.api_key]
    }

    fn read(self: Arc<Self>, run: SyncRun) -> Reading {
        Box::pin(async move { self.read_all(&run).await })
    }
}
