//! Which tenants there are, by the log: the directory follows each tenant's latest configuration there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::facts::control::ControlFact;
use domain::facts::tenant::{TenantClosed, TenantFact};
use domain::facts::{Fact, kind_name};
use domain::json::FieldError;
use domain::keys::{Position, Provider, TenantId};
use domain::members::Text;

use super::Ingest;
use super::directory::{Directory, Endpoint, TenantEntry};
use super::error::IngestError;
use crate::log::select::{GroupSet, Select};

/// The kind by which a fact at another place says something else.
const ACCEPTED: &str = "conflict_accepted";

/// How a tenant stands in the log.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Where it was configured or closed last.
    pub latest: Position,
    /// Whether the file ever had it: then it is closed when the file has it no more.
    pub by_file: bool,
    /// Whether it is closed: its hooks quarantine, its syncs stop, reading goes on.
    pub closed: bool,
    /// What holds at `latest`: the fact there, or the accepted conflict that replaced it.
    pub(super) fact: TenantFact,
}

impl Standing {
    fn of(said: &BTreeMap<Position, Said>) -> Option<Self> {
        let (latest, last) = said.last_key_value()?;
        Some(Self {
            latest: *latest,
            by_file: said.values().any(|said| said.by_file),
            closed: matches!(last.fact, TenantFact::Closed(_)),
            fact: last.fact.clone(),
        })
    }

    fn owner(&self, tenant: &TenantId) -> TenantEntry {
        match &self.fact {
            TenantFact::Configured(_) => TenantEntry::of(tenant, &Fact::Tenant(self.fact.clone()).json()),
            TenantFact::Closed(_) => TenantEntry::of(tenant, &serde_json::Value::Null),
        }
    }
}

/// What one place of the log says of a tenant.
#[derive(Debug)]
struct Said {
    by_file: bool,
    fact: TenantFact,
}

/// What the directory is made of.
#[derive(Debug, Default)]
pub(super) struct Roster {
    position: Position,
    /// What each place says, so that an accepted conflict can replace it (RULINGS, Conflict).
    said: BTreeMap<TenantId, BTreeMap<Position, Said>>,
    /// Tenants whose claims win over those of others: the file's.
    first: Vec<TenantId>,
    endpoints: Vec<Endpoint>,
}

impl Roster {
    fn standings(&self) -> BTreeMap<TenantId, Standing> {
        let standings = self.said.iter().filter_map(|(id, said)| Some((id.clone(), Standing::of(said)?)));
        standings.collect()
    }

    fn directory(&self) -> Directory {
        let standings = self.standings();
        let mut tenants: Vec<(&TenantId, &Standing)> =
            standings.iter().filter(|(_, standing)| !standing.closed).collect();
        // Of two that claim one number the file's has it, then the one that was there first.
        tenants.sort_by_key(|(id, standing)| (!self.first.contains(id), standing.latest));
        let owners = tenants.into_iter().map(|(id, standing)| standing.owner(id)).collect();
        let (directory, refused) = Directory::of_what_holds(owners, self.endpoints.clone());
        for error in refused {
            tracing::warn!(%error, "left out of the directory");
        }
        directory
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
        Ok(roster.standings())
    }

    /// Puts the directory in place of the log's tenants and these endpoints. Where two
    /// tenants claim one number or workspace, those of `first` win. Blocks.
    ///
    /// # Errors
    /// As of [`Ingest::standings`]; then the directory stays as it was.
    pub fn enlist(&self, first: Vec<TenantId>, endpoints: Vec<Endpoint>) -> Result<(), IngestError> {
        let mut roster = self.roster.lock();
        self.catch_up(&mut roster)?;
        (roster.first, roster.endpoints) = (first, endpoints);
        self.swap_directory(roster.directory());
        Ok(())
    }

    /// Folds the configurations up to the head of the log.
    ///
    /// # Errors
    /// The log's.
    pub fn follow_configurations(&self) -> Result<(), IngestError> {
        let mut roster = self.roster.lock();
        self.catch_up(&mut roster)?;
        self.swap_directory(roster.directory());
        Ok(())
    }

    fn catch_up(&self, roster: &mut Roster) -> Result<(), IngestError> {
        let snapshot = self.log.snapshot();
        let groups = GroupSet::NONE.with(TenantFact::GROUP).with(ControlFact::GROUP);
        let select = Select { groups, from: roster.position + 1, ..Select::all() };
        let mut failed = None;
        snapshot.for_each(&select, &mut |position, record| {
            let header = &record.header;
            let is_told = header.kind.group == TenantFact::GROUP || kind_name(header.kind) == Some(ACCEPTED);
            if !is_told {
                return ControlFlow::Continue(());
            }
            let unreadable = |why: String| IngestError::Unreadable { position, why };
            let read = Fact::decode(header.kind, header.version, record.public, record.personal())
                .map_err(|error| unreadable(error.to_string()))
                .and_then(|fact| {
                    Ok((TenantId::stored(header.tenant).map_err(|e| unreadable(e.to_string()))?, fact))
                });
            match read {
                Ok((tenant, fact)) => {
                    roster.apply(position, tenant, header.provider == Provider::ENGINE, fact);
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
    fn apply(&mut self, position: Position, tenant: TenantId, by_file: bool, fact: Fact) {
        let said = self.said.entry(tenant).or_default();
        match fact {
            Fact::Tenant(fact) => drop(said.insert(position, Said { by_file, fact })),
            Fact::Control(ControlFact::ConflictAccepted(accepted)) => {
                let before = said.remove(&accepted.first_position);
                if let Fact::Tenant(fact) = *accepted.brought.0 {
                    let by_file = before.is_some_and(|before| before.by_file);
                    said.insert(accepted.first_position, Said { by_file, fact });
                }
            }
            _ => {}
        }
    }
}
