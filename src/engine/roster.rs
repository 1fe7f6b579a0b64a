//! Which tenants and endpoints this server has: the file's, the log's, and those made at run time, in one directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::{Position, TenantId};
use domain::members::Text;
use parking_lot::Mutex;
use serde_json::Value;

use super::EngineError;
use crate::access::{Access, AccessError, EndpointName, NewEndpoint, RuntimeEndpoint};
use crate::config::{Config, TenantConfig, secret};
use crate::ingest::Ingest;
use crate::ingest::directory::{Directory, ENDPOINT_ID_RULE, Endpoint, is_endpoint_id};
use crate::ingest::providers::Registry;
use crate::ingest::providers::generic::Mapping;

/// An endpoint as people see it; where its secrets stand is told, they are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// Half a secret: whoever knows it of a provider that does not sign can deliver.
    pub id: String,
    /// Whose deliveries.
    pub provider: String,
    /// Whose facts they become, else the payload says it.
    pub tenant: Option<TenantId>,
    /// The event, for providers whose bodies name none.
    pub event: Option<String>,
    /// Whether it is the file's, which only the file removes.
    pub in_file: bool,
    /// Whether deliveries are taken; not where a secret cannot be had.
    pub is_live: bool,
}

/// What the file says.
#[derive(Debug, Default)]
struct OfFile {
    tenants: Vec<TenantId>,
    endpoints: Vec<Endpoint>,
    mappings: Vec<Mapping>,
}

impl OfFile {
    fn of(config: &Config) -> Self {
        let tenants = config.tenants.iter().map(|tenant| tenant.id.clone()).collect();
        Self { tenants, endpoints: config.endpoints.clone(), mappings: config.mappings.clone() }
    }
}

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

/// Tenants and endpoints of this server.
pub struct Roster {
    ingest: Arc<Ingest>,
    access: Arc<Access>,
    /// Held by who changes what the directory is made of.
    file: Mutex<OfFile>,
}

impl Roster {
    /// Of a server without a file so far.
    pub fn new(ingest: Arc<Ingest>, access: Arc<Access>) -> Self {
        Self { ingest, access, file: Mutex::default() }
    }

    /// Takes a file's tenants and endpoints: records each configuration that differs from the log's, closes tenants
    /// that the file has no more, and puts the directory in place. Blocks.
    ///
    /// # Errors
    /// What is wrong with the file; then nothing was recorded and the directory is as it was. Or the log's.
    pub fn load(&self, config: &Config) -> Result<(), EngineError> {
        let mut file = self.file.lock();
        for Planned { tenant, latest, body } in self.plan(config)? {
            match body {
                Some(body) => self.ingest.configure(&tenant, body, latest)?,
                None => self.ingest.close_tenant(&tenant, latest)?,
            }
        }
        *file = OfFile::of(config);
        self.enlist(&file)?;
        self.tell_unsigned(&file);
        Ok(())
    }

    /// Says of which endpoints' deliveries nothing but the id is the proof.
    fn tell_unsigned(&self, file: &OfFile) {
        let registry = self.ingest.registry();
        let mut endpoints: BTreeMap<&str, usize> = BTreeMap::new();
        for endpoint in &file.endpoints {
            if registry.provider(&endpoint.provider).is_some_and(|provider| !provider.signs()) {
                *endpoints.entry(&endpoint.provider).or_default() += 1;
            }
        }
        for (provider, endpoints) in endpoints {
            tracing::warn!(
                provider,
                endpoints,
                "deliveries are not signed: they rest on the endpoint's id alone"
            );
        }
    }

    /// Takes a file's endpoints and described sources, and of the tenants what the log has: records nothing. Blocks.
    ///
    /// # Errors
    /// The log's.
    pub fn read(&self, config: &Config) -> Result<(), EngineError> {
        let mut file = self.file.lock();
        *file = OfFile::of(config);
        self.enlist(&file)
    }

    /// What [`Roster::load`] of this file would record. Blocks.
    ///
    /// # Errors
    /// As of [`Roster::load`].
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
        let standings = self.ingest.standings()?;
        // An endpoint may stay when its tenant went: its deliveries are kept in quarantine.
        let unknown = config.strangers.iter().find(|stranger| !standings.contains_key(&stranger.tenant));
        if let Some(stranger) = unknown {
            return Err(stranger.refused().into());
        }
        let mut planned = Vec::new();
        for TenantConfig { id, body, .. } in &config.tenants {
            let latest = standings.get(id).map_or(0, |standing| standing.latest);
            if !self.ingest.is_configured(id, body, latest)? {
                planned.push(Planned { tenant: id.clone(), latest, body: Some(body) });
            }
        }
        let gone = standings.into_iter().filter(|(id, standing)| {
            standing.by_file && !standing.closed && config.tenants.iter().all(|tenant| tenant.id != *id)
        });
        planned.extend(gone.map(|(tenant, standing)| Planned {
            tenant,
            latest: standing.latest,
            body: None,
        }));
        Ok(planned)
    }

    fn enlist(&self, file: &OfFile) -> Result<(), EngineError> {
        let mut endpoints = file.endpoints.clone();
        endpoints
            .extend(self.access.known().endpoints.iter().filter_map(|(name, made)| resolved(name, made)));
        // Providers first: an endpoint in the directory always finds its own.
        self.ingest.swap_registry(Registry::new(file.mappings.clone()));
        self.ingest.enlist(file.tenants.clone(), endpoints)?;
        Ok(())
    }

    /// Adds an endpoint, live at once; answers its id. Blocks.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] names the member at fault; [`AccessError::Taken`]; else the log's.
    pub fn add_endpoint(&self, by: &str, new: &NewEndpoint) -> Result<Text, EngineError> {
        let file = self.file.lock();
        self.check(&file, new)?;
        let id = self.access.add_endpoint(by, new)?;
        self.enlist(&file)?;
        Ok(id)
    }

    fn check(&self, file: &OfFile, new: &NewEndpoint) -> Result<(), AccessError> {
        let (directory, registry) = (self.ingest.directory(), self.ingest.registry());
        let Some(provider) = registry.provider(new.provider.as_str()) else {
            return Err(AccessError::invalid("/provider", "is no provider that this server knows"));
        };
        if let Some(tenant) = &new.tenant
            && !directory.has_tenant(tenant)
        {
            return Err(AccessError::invalid("/tenant", "is no tenant of this server"));
        }
        if new.id.as_ref().is_some_and(|id| !is_endpoint_id(id.as_str())) {
            return Err(AccessError::invalid("/endpoint_id", ENDPOINT_ID_RULE));
        }
        let is_the_files = |endpoint: &Endpoint| {
            endpoint.provider == new.provider.as_str()
                && new.id.as_ref().is_some_and(|id| id.as_str() == endpoint.id)
        };
        if file.endpoints.iter().any(is_the_files) {
            return Err(AccessError::Taken("the provider has an endpoint of this id in the file"));
        }
        // What is no reference is refused before it is resolved: it would be a secret.
        let secrets = new.secrets.iter().filter(|text| secret::is_reference(text.as_str()));
        let secrets = secrets.map(|text| secret::resolve(text.as_str())).collect::<Result<Vec<_>, _>>();
        let endpoint = Endpoint {
            id: new.id.as_ref().map_or_else(String::new, ToString::to_string),
            provider: new.provider.to_string(),
            tenant: new.tenant.clone(),
            event: new.event.as_ref().map(ToString::to_string),
            secrets: secrets.map_err(|why| AccessError::invalid("/secrets", why))?,
        };
        provider.check(&endpoint).map_err(|(key, rule)| {
            AccessError::invalid(if key == "event" { "/event" } else { "/secrets" }, rule)
        })
    }

    /// Removes an endpoint made at run time; its deliveries are unknown at once. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`], also for the file's; else the log's.
    pub fn remove_endpoint(&self, by: &str, provider: &str, id: &str) -> Result<(), EngineError> {
        let file = self.file.lock();
        self.access.remove_endpoint(by, provider, id)?;
        self.enlist(&file)
    }

    /// Every endpoint, the file's first.
    pub fn endpoints(&self) -> Vec<EndpointRow> {
        let file = self.file.lock();
        let of_file = file.endpoints.iter().map(|endpoint| EndpointRow {
            id: endpoint.id.clone(),
            provider: endpoint.provider.clone(),
            tenant: endpoint.tenant.clone(),
            event: endpoint.event.clone(),
            in_file: true,
            is_live: true,
        });
        let known = self.access.known();
        let directory = self.ingest.directory();
        let made = known.endpoints.iter().map(|((provider, id), made)| EndpointRow {
            id: id.to_string(),
            provider: provider.to_string(),
            tenant: made.tenant.clone(),
            event: made.event.as_ref().map(ToString::to_string),
            in_file: false,
            is_live: directory.endpoint(provider.as_str(), id.as_str()).is_some(),
        });
        of_file.chain(made).collect()
    }

    /// Every tenant, and whether it is closed.
    ///
    /// # Errors
    /// The log's.
    pub fn tenants(&self) -> Result<BTreeMap<TenantId, bool>, EngineError> {
        let standings = self.ingest.standings()?;
        Ok(standings.into_iter().map(|(id, standing)| (id, standing.closed)).collect())
    }
}

/// An endpoint with its secrets; none where one cannot be had, for then it would take what nobody signed.
fn resolved((provider, id): &EndpointName, made: &RuntimeEndpoint) -> Option<Endpoint> {
    let secrets = made.secrets.iter().map(|text| secret::resolve(text.as_str())).collect::<Result<_, _>>();
    match secrets {
        Ok(secrets) => Some(Endpoint {
            id: id.to_string(),
            provider: provider.to_string(),
            tenant: made.tenant.clone(),
            event: made.event.as_ref().map(ToString::to_string),
            secrets,
        }),
        Err(why) => {
            tracing::error!(%provider, why, "an endpoint takes nothing: its secret cannot be had");
            None
        }
    }
}
