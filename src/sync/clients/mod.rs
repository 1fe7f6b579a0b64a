//! The providers' clients, one file each.

pub mod calls;
pub mod clienttether;
pub mod emailbison;
pub mod google_ads;
pub mod meta_ads;
mod spend;

use std::sync::Arc;

use self::calls::{CallRailCalls, CallSource, CtmCalls, TwilioCalls};
use self::clienttether::{ClientTetherClient, NotesPass};
use self::emailbison::EmailBisonClient;
use self::google_ads::GoogleAdsClient;
use self::meta_ads::MetaAdsClient;
use super::source::SourceClient;
use crate::config::TenantConfig;

/// The clients of a tenant: one for each source that it configures.
pub fn of(tenant: &TenantConfig) -> Vec<Arc<dyn SourceClient>> {
    let mut clients: Vec<Arc<dyn SourceClient>> = Vec::new();
    if let Some(config) = &tenant.sources.clienttether {
        clients.push(Arc::new(ClientTetherClient::new(config.clone())));
        clients.push(Arc::new(NotesPass::new(config.clone())));
    }
    if let Some(config) = &tenant.sources.emailbison {
        clients.push(Arc::new(EmailBisonClient::new(config.clone())));
    }
    if let Some(config) = &tenant.sources.google_ads {
        clients.push(Arc::new(GoogleAdsClient::new(config.clone())));
    }
    if let Some(config) = &tenant.sources.meta_ads {
        clients.push(Arc::new(MetaAdsClient::new(config.clone())));
    }
    if let Some(config) = &tenant.sources.callrail {
        clients.push(Arc::new(CallSource(CallRailCalls(config.clone()))));
    }
    if let Some(config) = &tenant.sources.ctm {
        clients.push(Arc::new(CallSource(CtmCalls(config.clone()))));
    }
    if let Some(account) = &tenant.twilio {
        clients.push(Arc::new(CallSource(TwilioCalls(account.clone()))));
    }
    clients
}
