//! Tenants of the configuration file: recorded where they differ from the log, closed where the file has them no more
//! (R5).

use std::collections::{BTreeMap, BTreeSet};

use domain::facts::Fact;
use domain::facts::tenant::{TenantClosed, TenantConfigured, TenantFact};
use domain::keys::TenantId;
use domain::keys::engine::EngineKey;
use domain::members::{Instant, Text};
use domain::rules::decision::{Decision, NewFact};

use super::decide::Attempt;
use super::{CommandError, Commands};
use crate::config::{Config, ConfigError, TenantConfig};
use crate::directory::{Directory, DirectoryError, FileConfig, TenantState};
use crate::ingest::error::IngestError;
use crate::ingest::providers::Registry;

/// What a file changes of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantChange {
    /// It is configured anew or otherwise.
    Configured,
    /// The file has it no more.
    Closed,
}

/// Why a file is refused; nothing of it is recorded then.
#[derive(Debug, thiserror::Error)]
pub enum FileRejection {
    /// Two tenants claim one number or workspace, or two endpoints one id.
    #[error("configuration refused: {0}")]
    Directory(#[from] DirectoryError),
    /// The file is wrong, by itself or beside what the log holds.
    #[error("configuration refused: {0}")]
    Config(#[from] ConfigError),
}

/// A tenant, and what is to be its last configuration or closing.
type Wanted = (TenantId, TenantFact);

impl<V> Commands<V> {
    /// Takes a file's tenants and endpoints: records each configuration that differs from the log's, closes tenants
    /// that the file has no more, and puts the directory in place. Answers what it recorded. Blocks.
    ///
    /// # Errors
    /// [`FileRejection`]: nothing was recorded, and the directory is as it was.
    pub fn load_file(
        &self,
        config: &Config,
    ) -> Result<Vec<(TenantId, TenantChange)>, CommandError<FileRejection>> {
        let _configuring = self.configuring.lock();
        let mut recorded = Vec::new();
        for (tenant, wanted) in self.plan(config)? {
            let is_ahead = self.is_head_ahead()?;
            let decide = |attempt: Attempt| {
                let state = self.registry.state().tenant(&tenant);
                let fact = decide_tenant(state.as_ref(), &wanted, attempt.now, is_ahead);
                Ok(fact.map_or(Decision::Stands(()), Decision::Append))
            };
            let receipt = self.decide_blocking(&*self.registry, &tenant, decide)?;
            if let Some(position) = receipt.recorded {
                let change = change(&wanted);
                match change {
                    TenantChange::Configured => tracing::info!(%tenant, position, "tenant configured"),
                    TenantChange::Closed => tracing::info!(%tenant, position, "tenant closed"),
                }
                recorded.push((tenant, change));
            }
        }
        self.set_file(config);
        self.warn_of_unsigned(config);
        Ok(recorded)
    }

    /// Whether the log has no tenant yet: no server was started on it.
    pub fn has_no_tenants(&self) -> bool {
        self.registry.state().tenants().is_empty()
    }

    /// Records the tenants of a file in a log that has none yet, as a first start would, but for those that `brought` names:
    /// they are configured by what is imported next. Answers what it recorded. Blocks.
    ///
    /// # Errors
    /// As of [`Commands::load_file`].
    pub fn begin_with_file(
        &self,
        config: &Config,
        brought: &BTreeSet<TenantId>,
    ) -> Result<Vec<TenantId>, CommandError<FileRejection>> {
        if !self.has_no_tenants() {
            return Ok(Vec::new());
        }
        let mut first = config.clone();
        first.tenants.retain(|of_file| !brought.contains(&of_file.id));
        // An endpoint of a tenant that is brought is no stranger, and needs no check here.
        first.endpoints.clear();
        first.strangers.clear();
        let recorded = self.load_file(&first)?;
        self.read_file(config);
        Ok(recorded.into_iter().map(|(tenant, _)| tenant).collect())
    }

    /// Takes a file's endpoints and described sources, and records nothing: the tenants are those of the log.
    pub fn read_file(&self, config: &Config) {
        let _configuring = self.configuring.lock();
        self.set_file(config);
    }

    /// What [`Commands::load_file`] would record of this file. Blocks.
    ///
    /// # Errors
    /// As of [`Commands::load_file`].
    pub fn tenant_changes(
        &self,
        config: &Config,
    ) -> Result<Vec<(TenantId, TenantChange)>, CommandError<FileRejection>> {
        let planned = self.plan(config)?.into_iter();
        Ok(planned.map(|(tenant, wanted)| (tenant, change(&wanted))).collect())
    }

    /// What of the file the state at the head of the log does not say.
    fn plan(&self, config: &Config) -> Result<Vec<Wanted>, CommandError<FileRejection>> {
        let rejected = CommandError::<FileRejection>::Rejected;
        let owners = config.tenants.iter().map(TenantConfig::owner).collect();
        Directory::new(owners, config.endpoints.clone()).map_err(|error| rejected(error.into()))?;
        self.wait_folded(&*self.registry, self.log.head().position)?;
        let tenants = self.registry.state().tenants();
        // An endpoint may stay when its tenant went: its deliveries are kept in quarantine.
        let unknown = config.strangers.iter().find(|stranger| !tenants.contains_key(&stranger.tenant));
        if let Some(stranger) = unknown {
            return Err(rejected(stranger.refused().into()));
        }
        let configured = config.tenants.iter().map(|of_file| Ok((of_file.id.clone(), configured(of_file)?)));
        let mut wanted = configured.collect::<Result<Vec<Wanted>, IngestError>>()?;
        let gone = tenants
            .iter()
            .filter(|(id, tenant)| tenant.by_file && config.tenants.iter().all(|of_file| of_file.id != **id));
        let reason = Text::new("gone from the configuration");
        let closed = TenantFact::Closed(TenantClosed { reason });
        wanted.extend(gone.map(|(id, _)| (id.clone(), closed.clone())));
        let (now, is_ahead) = (self.now(), self.is_head_ahead()?);
        wanted.retain(|(id, wanted)| decide_tenant(tenants.get(id), wanted, now, is_ahead).is_some());
        Ok(wanted)
    }

    /// Whether the log's last fact was recorded ahead of the clock.
    fn is_head_ahead(&self) -> Result<bool, IngestError> {
        Ok(self.log.snapshot().ahead_of(self.now().0)?.is_some())
    }

    fn set_file(&self, config: &Config) {
        // Providers first: an endpoint in the directory always finds its own.
        self.ingest.swap_registry(Registry::new(config.mappings.clone()));
        let tenants = config.tenants.iter().map(|tenant| tenant.id.clone()).collect();
        let account = |tenant: &TenantConfig| Some((tenant.id.clone(), tenant.twilio.clone()?));
        let accounts = config.tenants.iter().filter_map(account).collect();
        let hour = |tenant: &TenantConfig| Some((tenant.id.clone(), tenant.digest_hour?));
        let digest_hours = config.tenants.iter().filter_map(hour).collect();
        let endpoints = config.endpoints.clone();
        self.registry.set_file(FileConfig { tenants, endpoints, accounts, digest_hours });
    }

    /// Warns of providers whose deliveries nothing but the endpoint's id proves.
    fn warn_of_unsigned(&self, config: &Config) {
        let providers = self.ingest.registry();
        let mut endpoints: BTreeMap<&str, usize> = BTreeMap::new();
        for endpoint in &config.endpoints {
            if providers.provider(&endpoint.provider).is_some_and(|provider| !provider.signs()) {
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
}

/// The fact after which the tenant is as wanted; none if it is. The key holds the position of the one before, so
/// A → B → A is three facts.
///
/// A change without a day holds from the day on which it is recorded. While the head of the log is ahead of the clock
/// that day would lie ahead too, so the clock's own is written into the fact.
fn decide_tenant(
    state: Option<&TenantState>,
    wanted: &TenantFact,
    now: Instant,
    is_head_ahead: bool,
) -> Option<NewFact> {
    let holds = match wanted {
        TenantFact::Configured(body) => {
            state.is_some_and(|state| state.fact == *wanted || holds_by_today(&state.fact, body, now))
        }
        TenantFact::Closed(_) => state.is_some_and(|state| state.closed),
    };
    if holds {
        return None;
    }
    let mut fact = wanted.clone();
    if let TenantFact::Configured(body) = &mut fact
        && is_head_ahead
        && state.is_some()
    {
        body.effective_from.get_or_insert(body.timezone.day(now));
    }
    let key = EngineKey::Tenant { latest: state.map_or(0, |state| state.latest) };
    Some(NewFact { key, occurred_at: None, fact: Fact::Tenant(fact) })
}

/// Whether `wanted`, which names no day, is what `recorded` says from today or a day before: recorded once more it
/// would change nothing.
fn holds_by_today(recorded: &TenantFact, wanted: &TenantConfigured, now: Instant) -> bool {
    let TenantFact::Configured(recorded) = recorded else { return false };
    let has_begun = recorded.effective_from.is_some_and(|day| day <= wanted.timezone.day(now));
    wanted.effective_from.is_none()
        && has_begun
        && TenantConfigured { effective_from: None, ..recorded.clone() } == *wanted
}

fn change(wanted: &TenantFact) -> TenantChange {
    match wanted {
        TenantFact::Configured(_) => TenantChange::Configured,
        TenantFact::Closed(_) => TenantChange::Closed,
    }
}

fn configured(TenantConfig { id, body, .. }: &TenantConfig) -> Result<TenantFact, IngestError> {
    let why = match Fact::from_json("tenant_configured", body.clone(), "") {
        Some(Ok(Fact::Tenant(fact))) => return Ok(fact),
        Some(Err(faults)) => faults.first().map_or_else(String::new, ToString::to_string),
        Some(Ok(_)) | None => "unknown kind".to_owned(),
    };
    Err(IngestError::Engine(format!("configuration of {id}: {why}")))
}
