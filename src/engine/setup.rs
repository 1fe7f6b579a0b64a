//! Changes of tenants and endpoints that a file brings.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::{Position, TenantId};
use parking_lot::Mutex;
use serde_json::Value;

use super::EngineError;
use crate::config::{Config, TenantConfig};
use crate::directory::{Directory, FileConfig, TenantRegistry};
use crate::ingest::Ingest;
use crate::ingest::providers::Registry;

/// What a file changes of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is configured anew or otherwise.
    Configured,
    /// The file has it no more.
    Closed,
}

/// A change that is to follow the fact at `latest`; without a body the tenant is closed.
struct Planned<'c> {
    tenant: TenantId,
    latest: Position,
    body: Option<&'c Value>,
}

/// Changes tenants and endpoints of this server.
pub struct TenantSetup {
    ingest: Arc<Ingest>,
    registry: Arc<TenantRegistry>,
    /// Held by a change: one at a time.
    changing: Mutex<()>,
}

impl TenantSetup {
    /// Changes what `registry` folds, through `ingest`.
    pub fn new(ingest: Arc<Ingest>, registry: Arc<TenantRegistry>) -> Self {
        Self { ingest, registry, changing: Mutex::new(()) }
    }

    /// Takes a file's tenants and endpoints: records each configuration that differs from the log's, closes tenants
    /// that the file has no more, and puts the directory in place. Blocks.
    ///
    /// # Errors
    /// What is wrong with the file; then nothing was recorded and the directory is as it was. Or the log's.
    pub fn load(&self, config: &Config) -> Result<(), EngineError> {
        let _changing = self.changing.lock();
        for Planned { tenant, latest, body } in self.plan(config)? {
            match body {
                Some(body) => self.ingest.configure(&tenant, body, latest)?,
                None => self.ingest.close_tenant(&tenant, latest)?,
            }
        }
        self.set_file(config);
        self.warn_of_unsigned(config);
        Ok(())
    }

    /// Warns of providers whose deliveries nothing but the endpoint's id proves.
    fn warn_of_unsigned(&self, config: &Config) {
        let registry = self.ingest.registry();
        let mut endpoints: BTreeMap<&str, usize> = BTreeMap::new();
        for endpoint in &config.endpoints {
            if registry.provider(&endpoint.provider).is_some_and(|provider| !provider.signs()) {
                *endpoints.entry(&endpoint.provider).or_default() += 1;
            }
        }
        for (provider, endpoints) in endpoints {
            tracing::warn!(
                provider,
                endpoints,
                "deliveries are not signed: the endpoint's id is their only proof"
            );
        }
    }

    /// Takes a file's endpoints and described sources, and records nothing: the tenants are those of the log.
    pub fn read(&self, config: &Config) {
        let _changing = self.changing.lock();
        self.set_file(config);
    }

    fn set_file(&self, config: &Config) {
        // Providers first: an endpoint in the directory always finds its own.
        self.ingest.swap_registry(Registry::new(config.mappings.clone()));
        let tenants = config.tenants.iter().map(|tenant| tenant.id.clone()).collect();
        self.registry.set_file(FileConfig { tenants, endpoints: config.endpoints.clone() });
    }

    /// What [`TenantSetup::load`] of this file would record. Blocks.
    ///
    /// # Errors
    /// As of [`TenantSetup::load`].
    pub fn changes(&self, config: &Config) -> Result<Vec<(TenantId, Change)>, EngineError> {
        let change = |planned: Planned<'_>| {
            let change = if planned.body.is_some() { Change::Configured } else { Change::Closed };
            (planned.tenant, change)
        };
        Ok(self.plan(config)?.into_iter().map(change).collect())
    }

    fn plan<'c>(&self, config: &'c Config) -> Result<Vec<Planned<'c>>, EngineError> {
        let owners = config.tenants.iter().map(TenantConfig::owner).collect();
        Directory::new(owners, config.endpoints.clone())?;
        self.ingest.wait_for_tenants()?;
        let tenants = self.registry.state().tenants();
        // An endpoint may stay when its tenant went: its deliveries are kept in quarantine.
        let unknown = config.strangers.iter().find(|stranger| !tenants.contains_key(&stranger.tenant));
        if let Some(stranger) = unknown {
            return Err(stranger.refused().into());
        }
        let mut planned = Vec::new();
        for TenantConfig { id, body, .. } in &config.tenants {
            let latest = tenants.get(id).map_or(0, |tenant| tenant.latest);
            if !self.ingest.is_configured(id, body, latest)? {
                planned.push(Planned { tenant: id.clone(), latest, body: Some(body) });
            }
        }
        let gone = tenants.into_iter().filter(|(id, tenant)| {
            tenant.by_file && !tenant.closed && config.tenants.iter().all(|kept| kept.id != *id)
        });
        planned.extend(gone.map(|(id, tenant)| Planned { tenant: id, latest: tenant.latest, body: None }));
        Ok(planned)
    }
}
