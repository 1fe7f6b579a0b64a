//! Tenants and run-time endpoints as the log says: a pure fold, in the order of the log.

use std::collections::BTreeMap;

use domain::facts::Fact;
use domain::facts::access::AccessFact;
use domain::facts::control::ControlFact;
use domain::facts::tenant::TenantFact;
use domain::keys::{Position, TenantId};

use super::lookups::TenantEntry;
use super::runtime_endpoint::{EndpointName, RuntimeEndpoint};
use crate::follow::{Batch, Decoded};

/// A tenant's latest configuration or closing.
#[derive(Debug, Clone)]
pub struct TenantState {
    /// Where it was configured or closed last.
    pub latest: Position,
    /// Whether the file ever had it: then it is closed when the file has it no more.
    pub by_file: bool,
    /// Whether it is closed: its hooks quarantine, its syncs stop, reading goes on.
    pub closed: bool,
    /// The fact that holds at `latest`: the one there, or the accepted conflict that replaced it.
    pub fact: TenantFact,
}

impl TenantState {
    fn of(statements: &BTreeMap<Position, Statement>) -> Option<Self> {
        let (latest, last) = statements.last_key_value()?;
        Some(Self {
            latest: *latest,
            by_file: statements.values().any(|statement| statement.by_file),
            closed: matches!(last.fact, TenantFact::Closed(_)),
            fact: last.fact.clone(),
        })
    }

    /// The numbers and workspaces that it claims.
    pub(super) fn entry(&self, tenant: &TenantId) -> TenantEntry {
        match &self.fact {
            TenantFact::Configured(_) => TenantEntry::of(tenant, &Fact::Tenant(self.fact.clone()).json()),
            TenantFact::Closed(_) => TenantEntry::of(tenant, &serde_json::Value::Null),
        }
    }
}

/// A fact of a tenant's configuration. Only the file's are made by the engine.
#[derive(Debug)]
struct Statement {
    by_file: bool,
    fact: TenantFact,
}

/// Tenants and run-time endpoints at one position of the log.
#[derive(Debug, Default)]
pub struct DirectoryState {
    position: Position,
    /// By place, so that an accepted conflict can replace the fact of an earlier one (RULINGS, Conflict).
    statements: BTreeMap<TenantId, BTreeMap<Position, Statement>>,
    endpoints: BTreeMap<EndpointName, RuntimeEndpoint>,
    /// Where each run-time endpoint was added or removed last, those that are gone too.
    endpoint_changes: BTreeMap<EndpointName, Position>,
}

/// What a batch changed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    pub tenants: bool,
    pub endpoints: bool,
}

impl DirectoryState {
    /// The last position that is folded, of whatever tenant.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Every tenant, closed ones too.
    pub fn tenants(&self) -> BTreeMap<TenantId, TenantState> {
        let states = self.statements.iter();
        states.filter_map(|(id, statements)| Some((id.clone(), TenantState::of(statements)?))).collect()
    }

    /// One tenant; none that was never configured.
    pub fn tenant(&self, tenant: &TenantId) -> Option<TenantState> {
        self.statements.get(tenant).and_then(TenantState::of)
    }

    /// Run-time endpoints by provider and id.
    pub fn endpoints(&self) -> &BTreeMap<EndpointName, RuntimeEndpoint> {
        &self.endpoints
    }

    /// Where the run-time endpoint was added or removed last; 0 if it never was.
    pub fn endpoint_changed(&self, name: &EndpointName) -> Position {
        self.endpoint_changes.get(name).copied().unwrap_or(0)
    }

    pub(super) fn apply(&mut self, batch: &Batch<'_>) -> Changes {
        let mut changes = Changes::default();
        for entry in &batch.entries {
            let Some(decoded) = &entry.decoded else { continue };
            match &decoded.fact {
                Fact::Access(fact) if entry.tenant == TenantId::CONTROL => {
                    changes.endpoints |= self.apply_access(fact, decoded);
                }
                Fact::Tenant(_) | Fact::Control(ControlFact::ConflictAccepted(_)) => {
                    // The log takes facts of no other names.
                    let Ok(tenant) = TenantId::stored(&entry.tenant) else { continue };
                    self.apply_statement(tenant, entry.by_engine, decoded);
                    changes.tenants = true;
                }
                _ => {}
            }
        }
        self.position = batch.last;
        changes
    }

    fn apply_access(&mut self, fact: &AccessFact, decoded: &Decoded) -> bool {
        match fact {
            AccessFact::EndpointAdded(body) => {
                let name = (body.provider.clone(), body.endpoint_id.clone());
                self.endpoint_changes.insert(name.clone(), decoded.position);
                self.endpoints.insert(name, RuntimeEndpoint::of(body, decoded.recorded_at));
                true
            }
            AccessFact::EndpointRemoved(body) => {
                let name = (body.provider.clone(), body.endpoint_id.clone());
                self.endpoint_changes.insert(name.clone(), decoded.position);
                self.endpoints.remove(&name).is_some()
            }
            _ => false,
        }
    }

    fn apply_statement(&mut self, tenant: TenantId, by_engine: bool, decoded: &Decoded) {
        let statements = self.statements.entry(tenant).or_default();
        match &decoded.fact {
            Fact::Tenant(fact) => {
                statements.insert(decoded.position, Statement { by_file: by_engine, fact: fact.clone() });
            }
            Fact::Control(ControlFact::ConflictAccepted(accepted)) => {
                let before = statements.remove(&accepted.first_position);
                if let Fact::Tenant(fact) = &*accepted.brought.0 {
                    let by_file = before.is_some_and(|before| before.by_file);
                    statements.insert(accepted.first_position, Statement { by_file, fact: fact.clone() });
                }
            }
            _ => {}
        }
    }
}
