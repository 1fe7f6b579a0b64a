//! To whom alerts are told: facts of the control tenant, folded here.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::facts::Fact;
use domain::facts::setting::{AlertStyle, AlertTargetRemoved, AlertTargetSet, SettingFact};
use domain::keys::{Position, TenantId};
use domain::members::{Instant, Text};
use parking_lot::Mutex;

use super::client::OutboundError;
use crate::ingest::error::IngestError;
use crate::log::select::{GroupSet, Select};
use crate::log::{Log, LogError};

/// Targets at most: each alert is told to all that want it.
pub const TARGETS_MAX: usize = 100;

/// Why a target was not set.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TargetError {
    /// Its URL may not be called.
    #[error(transparent)]
    Url(#[from] OutboundError),
    /// There are [`TARGETS_MAX`].
    #[error("there are {TARGETS_MAX} targets, and that is the most")]
    TooMany,
    /// The log's.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl From<LogError> for TargetError {
    fn from(error: LogError) -> Self {
        Self::Ingest(error.into())
    }
}

/// A target that is to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTarget {
    /// Where.
    pub url: Text,
    /// How it is told.
    pub style: AlertStyle,
    /// Whose alerts; none: every tenant's, and those of none.
    pub tenants: Vec<Text>,
    /// Which rules'; none: every rule's.
    pub rules: Vec<Text>,
    /// Who sets it.
    pub by: Option<Text>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub id: String,
    /// How it is told.
    pub style: AlertStyle,
    /// Whose alerts; none: every tenant's.
    pub tenants: Vec<String>,
    /// Which rules'; none: every rule's.
    pub rules: Vec<String>,
    /// Where; none once it is erased.
    pub url: Option<String>,
    /// When it was set.
    pub set_at: Instant,
    /// Alerts raised from here on are told.
    pub position: Position,
}

impl Target {
    /// Whether it is told of an alert of this rule of this tenant.
    pub fn wants(&self, tenant: &str, rule: &str) -> bool {
        let names = |list: &[String], name: &str| list.is_empty() || list.iter().any(|known| known == name);
        names(&self.tenants, tenant) && names(&self.rules, rule)
    }
}

/// The targets as the log tells them.
pub struct Targets {
    log: Log,
    known: Mutex<(Position, BTreeMap<String, Target>)>,
}

impl Targets {
    /// Those of `log`; nothing is read yet.
    pub fn new(log: Log) -> Self {
        Self { log, known: Mutex::default() }
    }

    /// Every target at the head of the log, in the order they were set.
    ///
    /// # Errors
    /// The log's.
    pub fn current(&self) -> Result<Vec<Target>, IngestError> {
        let mut known = self.known.lock();
        let snapshot = self.log.snapshot();
        let select = Select {
            groups: GroupSet::NONE.with(SettingFact::GROUP),
            from: known.0 + 1,
            ..Select::tenant(TenantId::control())
        };
        let mut failed = None;
        let (read, targets) = &mut *known;
        snapshot.for_each(&select, &mut |position, record| {
            let header = &record.header;
            match Fact::decode(header.kind, header.version, record.public, record.personal()) {
                Ok(Fact::Setting(fact)) => {
                    apply(targets, fact, position, Instant(header.recorded_at));
                    ControlFlow::Continue(())
                }
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(IngestError::Unreadable { position, why: error.to_string() });
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        *read = snapshot.head().position;
        let mut current: Vec<Target> = targets.values().cloned().collect();
        current.sort_unstable_by_key(|target| target.position);
        Ok(current)
    }
}

fn apply(targets: &mut BTreeMap<String, Target>, fact: SettingFact, position: Position, at: Instant) {
    let texts = |list: Vec<Text>| list.iter().map(Text::to_string).collect();
    match fact {
        SettingFact::AlertTargetSet(body) => {
            let id = body.target_id.to_string();
            let target = Target {
                id: id.clone(),
                style: body.style,
                tenants: texts(body.tenants),
                rules: texts(body.rules),
                url: body.url.map(|url| url.to_string()),
                set_at: at,
                position,
            };
            targets.insert(id, target);
        }
        SettingFact::AlertTargetRemoved(body) => drop(targets.remove(body.target_id.as_str())),
    }
}

/// The fact that sets a target of this id.
pub fn set(id: Text, new: NewTarget) -> SettingFact {
    let NewTarget { url, style, mut tenants, mut rules, by } = new;
    for list in [&mut tenants, &mut rules] {
        list.sort();
        list.dedup();
    }
    SettingFact::AlertTargetSet(AlertTargetSet { target_id: id, style, tenants, rules, by, url: Some(url) })
}

/// The fact that removes it.
pub fn removed(id: Text, by: Option<Text>) -> SettingFact {
    SettingFact::AlertTargetRemoved(AlertTargetRemoved { target_id: id, by })
}
