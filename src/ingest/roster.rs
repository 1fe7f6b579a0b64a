//! Which tenants there are, by the log: the directory follows each tenant's latest configuration there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::facts::Fact;
use domain::facts::tenant::{TenantClosed, TenantFact};
use domain::json::FieldError;
use domain::keys::{Position, Provider, TenantId};
use domain::members::Text;

use super::Ingest;
use super::answer::IngestError;
use super::directory::{Directory, Endpoint, TenantEntry};
use super::providers::generic::Mapping;
use crate::log::select::{GroupSet, Select};

/// How a tenant stands in the log.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Where it was configured or closed last.
    pub latest: Position,
    /// Whether the file ever had it: then it is closed when the file has it no more.
    pub by_file: bool,
    /// Whether it is closed: its hooks quarantine, its syncs stop, reading goes on.
    pub closed: bool,
    owner: TenantEntry,
}

/// What the directory is made of.
#[derive(Debug, Default)]
pub(super) struct Roster {
    position: Position,
    standings: BTreeMap<TenantId, Standing>,
    /// Tenants whose claims win over those of others: the file's.
    first: Vec<TenantId>,
    endpoints: Vec<Endpoint>,
    mappings: Vec<Mapping>,
}

impl Roster {
    fn directory(&self) -> Directory {
        let mut tenants: Vec<(&TenantId, &Standing)> =
            self.standings.iter().filter(|(_, standing)| !standing.closed).collect();
        // Of two that claim one number the file's has it, then the one that was there first.
        tenants.sort_by_key(|(id, standing)| (!self.first.contains(id), standing.latest));
        let owners = tenants.into_iter().map(|(_, standing)| standing.owner.clone()).collect();
        let (directory, refused) = Directory::of_what_holds(owners, self.endpoints.clone());
        for error in refused {
            tracing::warn!(%error, "left out of the directory");
        }
        directory.with_mappings(self.mappings.clone())
    }
}

impl Ingest {
    /// How every tenant of the log stands at its head. Blocks.
    ///
    /// # Errors
    /// The log's, or [`IngestError::Unreadable`].
    pub fn standings(&self) -> Result<BTreeMap<TenantId, Standing>, IngestError> {
        let mut roster = self.roster.lock();
        self.catch_up(&mut roster)?;
        Ok(roster.standings.clone())
    }

    /// Puts the directory in place of the log's tenants, these endpoints and these described sources. Where two
    /// tenants claim one number or workspace, those of `first` win. Blocks.
    ///
    /// # Errors
    /// As of [`Ingest::standings`]; then the directory stays as it was.
    pub fn enlist(
        &self,
        first: Vec<TenantId>,
        endpoints: Vec<Endpoint>,
        mappings: Vec<Mapping>,
    ) -> Result<(), IngestError> {
        let mut roster = self.roster.lock();
        self.catch_up(&mut roster)?;
        (roster.first, roster.endpoints, roster.mappings) = (first, endpoints, mappings);
        self.swap_directory(roster.directory());
        Ok(())
    }

    /// Follows the log's configurations up to its head.
    pub(super) fn follow_configurations(&self) -> Result<(), IngestError> {
        let mut roster = self.roster.lock();
        self.catch_up(&mut roster)?;
        self.swap_directory(roster.directory());
        Ok(())
    }

    fn catch_up(&self, roster: &mut Roster) -> Result<(), IngestError> {
        let snapshot = self.log.snapshot();
        let groups = GroupSet::NONE.with(TenantFact::GROUP);
        let select = Select { groups, from: roster.position + 1, ..Select::all() };
        let mut failed = None;
        snapshot.for_each(&select, &mut |position, record| {
            let header = &record.header;
            let unreadable = |why: String| IngestError::Unreadable { position, why };
            let read = Fact::decode(header.kind, header.version, record.public, record.personal())
                .map_err(|error| unreadable(error.to_string()))
                .and_then(|fact| {
                    Ok((TenantId::stored(header.tenant).map_err(|e| unreadable(e.to_string()))?, fact))
                });
            match read {
                Ok((tenant, fact)) => {
                    roster.apply(position, tenant, header.provider == Provider::ENGINE, &fact);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        roster.position = snapshot.head().position;
        Ok(())
    }

    /// Records that the file no longer has a tenant, decided when `latest` was the last of it. Blocks.
    ///
    /// # Errors
    /// The log's.
    pub fn close_tenant(&self, tenant: &TenantId, latest: Position) -> Result<(), IngestError> {
        let reason = Text::new("gone from the configuration");
        let fact = Fact::Tenant(TenantFact::Closed(TenantClosed { reason }));
        self.append_of_tenant(tenant, latest, fact)?;
        tracing::info!(%tenant, "tenant closed");
        Ok(())
    }

    /// What of a posted configuration another tenant claims already: recorded, it would be left out (A2). Who that
    /// is is not told (R7).
    pub(super) fn claimed(&self, tenant: &TenantId, fact: &Fact) -> Vec<FieldError> {
        let Fact::Tenant(TenantFact::Configured(body)) = fact else { return Vec::new() };
        let directory = self.directory();
        let by_another = |owner: Option<&TenantId>| owner.is_some_and(|owner| owner != tenant);
        let fault = |pointer: String| FieldError { pointer, message: "is claimed by another tenant".into() };
        let numbers = body.tracking_numbers.iter().enumerate();
        let numbers = numbers.filter(|(_, row)| by_another(directory.number(&row.number).map(|(id, _)| id)));
        let workspaces = body.workspaces.iter();
        let workspaces = workspaces.filter(|name| by_another(directory.workspace(name.as_str())));
        numbers
            .map(|(at, _)| fault(format!("/body/tracking_numbers/{at}/number")))
            .chain(workspaces.map(|_| fault("/body/workspaces".into())))
            .collect()
    }
}

impl Roster {
    fn apply(&mut self, position: Position, tenant: TenantId, by_engine: bool, fact: &Fact) {
        let before = self.standings.get(&tenant);
        let by_file = by_engine || before.is_some_and(|standing| standing.by_file);
        let standing = match fact {
            Fact::Tenant(TenantFact::Configured(_)) => {
                let owner = TenantEntry::of(&tenant, &fact.json());
                Standing { latest: position, by_file, closed: false, owner }
            }
            _ => {
                let nothing = TenantEntry::of(&tenant, &serde_json::Value::Null);
                Standing { latest: position, by_file, closed: true, owner: nothing }
            }
        };
        self.standings.insert(tenant, standing);
    }
}
