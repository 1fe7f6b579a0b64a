//! The providers' clients, one file each.

pub mod clienttether;

use std::sync::Arc;

use self::clienttether::{ClientTetherClient, NotesPass};
use super::source::SourceClient;
use crate::config::TenantConfig;

/// The clients of a tenant: one for each source that it configures.
pub fn of(tenant: &TenantConfig) -> Vec<Arc<dyn SourceClient>> {
    let mut clients: Vec<Arc<dyn SourceClient>> = Vec::new();
    if let Some(config) = &tenant.sources.clienttether {
        clients.push(Arc::new(ClientTetherClient::new(config.clone())));
        clients.push(Arc::new(NotesPass::new(config.clone())));
    }
    clients
}
