//! The directory as it is served: the folded state, and the file's configuration beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::access::AccessFact;
use domain::facts::tenant::TenantFact;
use domain::keys::TenantId;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use super::endpoint::Endpoint;
use super::lookups::Directory;
use super::state::{DirectoryState, TenantState};
use super::twilio_account::TwilioAccount;
use crate::follow::{Batch, Checkpoint, Fold, FoldError};
use crate::log::select::GroupSet;

/// What the file contributes to the directory.
#[derive(Debug, Default)]
pub struct FileConfig {
    /// Its tenants. If two tenants of the log claim one number or workspace, these win.
    pub tenants: Vec<TenantId>,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
    /// The accounts by which its tenants' calls are placed.
    pub accounts: BTreeMap<TenantId, TwilioAccount>,
    /// The hours of its tenants' digests, of those that have their own.
    pub digest_hours: BTreeMap<TenantId, u8>,
}

/// An endpoint as it is listed; without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// Half a secret: whoever knows it of a provider that does not sign can deliver.
    pub id: String,
    /// Whose deliveries.
    pub provider: String,
    /// Whose facts they become; none: the payload says it.
    pub tenant: Option<TenantId>,
    /// The event, for providers whose bodies name none.
    pub event: Option<String>,
    /// Whether it is the file's, which only the file removes.
    pub in_file: bool,
    /// Whether deliveries are taken; not if a secret could not be loaded.
    pub is_live: bool,
}

/// What the look-ups are made of beside the state.
#[derive(Debug, Default)]
struct Inputs {
    file: FileConfig,
    /// Run-time endpoints whose secrets could be loaded.
    resolved: Vec<Endpoint>,
}

/// Tenants and endpoints: the log's, the file's, and those made at run time.
#[derive(Debug)]
pub struct TenantRegistry {
    state: RwLock<DirectoryState>,
    /// Held while the look-ups are made anew, so that the last to make them has seen all.
    inputs: Mutex<Inputs>,
    directory: RwLock<Arc<Directory>>,
    checkpoint: Checkpoint,
    /// Whether nothing is delivered here, so that run-time endpoints are taken without their secrets.
    leaves_secrets: bool,
}

impl Default for TenantRegistry {
    fn default() -> Self {
        Self::fixed(Directory::partial(Vec::new(), Vec::new()).0)
    }
}

impl TenantRegistry {
    /// A registry with this directory until a fold or a file changes it.
    pub fn fixed(directory: Directory) -> Self {
        Self {
            state: RwLock::default(),
            inputs: Mutex::default(),
            directory: RwLock::new(Arc::new(directory)),
            checkpoint: Checkpoint::default(),
            leaves_secrets: false,
        }
    }

    /// A registry for commands without a server: no secret is looked up.
    pub fn without_secrets() -> Self {
        Self { leaves_secrets: true, ..Self::default() }
    }

    /// The look-ups. Deliveries under way end with the ones they began with.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read())
    }

    /// Puts other look-ups in place.
    #[cfg(test)]
    pub fn swap(&self, directory: Directory) {
        *self.directory.write() = Arc::new(directory);
    }

    /// The folded state. Held, it keeps folding waiting.
    pub fn state(&self) -> RwLockReadGuard<'_, DirectoryState> {
        self.state.read()
    }

    /// Takes the file's tenants and endpoints, and loads the secrets of run-time endpoints anew.
    pub fn set_file(&self, file: FileConfig) {
        let mut inputs = self.inputs.lock();
        inputs.file = file;
        self.resolve(&mut inputs);
        self.rebuild(&inputs);
    }

    /// Whether the file has an endpoint of that provider and id.
    pub fn has_in_file(&self, provider: &str, id: &str) -> bool {
        let inputs = self.inputs.lock();
        inputs.file.endpoints.iter().any(|endpoint| endpoint.provider == provider && endpoint.id == id)
    }

    /// The account by which the tenant's calls are placed, where the file names one.
    pub fn twilio_account(&self, tenant: &TenantId) -> Option<TwilioAccount> {
        self.inputs.lock().file.accounts.get(tenant).cloned()
    }

    /// The hour of the tenant's Monday at which its digest is sent, where the file gives it one of its own.
    pub fn digest_hour(&self, tenant: &TenantId) -> Option<u8> {
        self.inputs.lock().file.digest_hours.get(tenant).copied()
    }

    /// Every endpoint, the file's first.
    pub fn endpoints(&self) -> Vec<EndpointRow> {
        let inputs = self.inputs.lock();
        let of_file = inputs.file.endpoints.iter().map(|endpoint| EndpointRow {
            id: endpoint.id.clone(),
            provider: endpoint.provider.clone(),
            tenant: endpoint.tenant.clone(),
            event: endpoint.event.clone(),
            in_file: true,
            is_live: true,
        });
        let (state, directory) = (self.state.read(), self.directory());
        let made = state.endpoints().iter().map(|((provider, id), made)| EndpointRow {
            id: id.to_string(),
            provider: provider.to_string(),
            tenant: made.tenant.clone(),
            event: made.event.as_ref().map(ToString::to_string),
            in_file: false,
            is_live: directory.endpoint(provider.as_str(), id.as_str()).is_some(),
        });
        of_file.chain(made).collect()
    }

    fn resolve(&self, inputs: &mut Inputs) {
        let state = self.state.read();
        let endpoints = state.endpoints().iter();
        inputs.resolved = match self.leaves_secrets {
            true => endpoints.map(|(name, made)| made.with_secrets(name, Vec::new())).collect(),
            false => endpoints.filter_map(|(name, made)| made.resolve(name)).collect(),
        };
    }

    fn rebuild(&self, inputs: &Inputs) {
        let tenants = self.state.read().tenants();
        let mut tenants: Vec<(&TenantId, &TenantState)> =
            tenants.iter().filter(|(_, tenant)| !tenant.closed).collect();
        // Of two that claim one number the file's has it, then the one that was configured first.
        tenants.sort_by_key(|(id, tenant)| (!inputs.file.tenants.contains(id), tenant.latest));
        let entries = tenants.into_iter().map(|(id, tenant)| tenant.entry(id)).collect();
        let endpoints = inputs.file.endpoints.iter().chain(&inputs.resolved).cloned().collect();
        let (directory, refused) = Directory::partial(entries, endpoints);
        for error in refused {
            tracing::warn!(%error, "left out of the directory");
        }
        *self.directory.write() = Arc::new(directory);
    }
}

impl Fold for TenantRegistry {
    fn groups(&self) -> GroupSet {
        GroupSet::NONE.with(TenantFact::GROUP).with(AccessFact::GROUP)
    }

    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError> {
        let changes = self.state.write().apply(batch);
        if changes.tenants || changes.endpoints {
            let mut inputs = self.inputs.lock();
            if changes.endpoints {
                self.resolve(&mut inputs);
            }
            self.rebuild(&inputs);
        }
        self.checkpoint.advance(batch.last);
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}
