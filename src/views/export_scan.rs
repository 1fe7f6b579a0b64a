//! The walk of an export: which facts of the log are in it, and the leaves of those that no export shows.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::keys::{Position, TenantId};
use domain::record::{Hash, KindTag, RecordRef};
use domain::rules::calendar::{Bound, ZoneName};

use super::exported::{ExportedFact, configures, exported};
use super::facts::{FactError, FactFilter, configuration};
use crate::log::select::{GroupSet, Select};
use crate::log::{LogError, LogSnapshot};

/// Which facts are exported.
#[derive(Debug, Clone, Default)]
pub struct ExportSelection {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only of this kind.
    pub kind: Option<KindTag>,
    /// Only from this provider.
    pub provider: Option<String>,
    /// Only those that occurred from here on; a day is one of the tenant's zone.
    pub from: Option<Bound>,
    /// Only those that occurred before this, or until the end of this day.
    pub to: Option<Bound>,
    /// With payloads as they came.
    pub raw: bool,
}

impl ExportSelection {
    /// Whether every fact is in it that an export may show, so that the leaves of the others complete the log's tree.
    pub fn is_whole(&self) -> bool {
        self.tenant.is_none() && !self.is_part()
    }

    /// Whether it leaves out facts of the tenants that are in it: their figures are others then.
    pub fn is_part(&self) -> bool {
        self.kind.is_some() || self.provider.is_some() || self.from.is_some() || self.to.is_some()
    }

    /// Whether the configuration is in it whatever else was asked for. One kind alone gives no figures anyway.
    fn carries_configuration(&self) -> bool {
        self.is_part() && self.kind.is_none()
    }

    /// The filter of one tenant's facts, oldest first; days are those of its zone.
    ///
    /// # Errors
    /// What the log cannot read.
    pub fn of(&self, log: &LogSnapshot, tenant: TenantId) -> Result<FactFilter, FactError> {
        let zone = if self.from.is_some() || self.to.is_some() { zone(log, &tenant)? } else { ZoneName::UTC };
        Ok(FactFilter {
            kind: self.kind,
            provider: self.provider.clone(),
            from: self.from.map(|bound| bound.first(zone)),
            before: self.to.map(|bound| bound.end(zone)),
            descending: false,
            ..FactFilter::all(tenant)
        })
    }
}

/// The tenant's zone by its last configuration, UTC without one.
fn zone(log: &LogSnapshot, tenant: &TenantId) -> Result<ZoneName, FactError> {
    let configured = configuration(log, tenant)?;
    let name = configured.as_ref().and_then(|fact| fact.body.get("timezone")?.as_str());
    Ok(name.and_then(ZoneName::parse).unwrap_or(ZoneName::UTC))
}

/// One position of an export.
#[derive(Debug)]
pub enum ExportEntry {
    /// A fact that is in it, with its leaf.
    Fact(Box<ExportedFact>, Hash),
    /// The leaf of a fact that no export shows; of whole exports only.
    Bridged(Position, Hash),
}

/// A walk over the log as it was at one moment.
pub struct ExportScan {
    log: LogSnapshot,
    selection: ExportSelection,
    /// By tenant, for a day is one of the tenant's zone.
    filters: BTreeMap<Box<str>, FactFilter>,
}

impl ExportScan {
    /// Walks over `log`.
    pub fn new(log: LogSnapshot, selection: ExportSelection) -> Self {
        Self { log, selection, filters: BTreeMap::new() }
    }

    /// Hands out what `from..=up_to` holds, positions ascending, until `f` breaks.
    ///
    /// # Errors
    /// What the log cannot read, or a record that does not decode.
    pub fn walk(
        &mut self,
        from: Position,
        up_to: Position,
        f: &mut dyn FnMut(ExportEntry) -> ControlFlow<()>,
    ) -> Result<(), FactError> {
        let log = self.log.clone();
        let ExportSelection { tenant, kind, .. } = self.selection.clone();
        let mut failed = None;
        let mut visit = |position: Position, record: RecordRef<'_>| match self.entry(position, &record) {
            Ok(Some(entry)) => f(entry),
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        };
        // Of one tenant or one kind only its lanes are read.
        if tenant.is_none() && kind.is_none() {
            log.in_order(from, up_to, true, &mut visit)?;
        } else {
            let groups = kind.map_or(GroupSet::ALL, |kind| GroupSet::NONE.with(kind.group));
            log.for_each(
                &Select { tenant, groups, from, up_to, originals: true, ..Select::all() },
                &mut visit,
            )?;
        }
        failed.map_or(Ok(()), Err)
    }

    fn entry(
        &mut self,
        position: Position,
        record: &RecordRef<'_>,
    ) -> Result<Option<ExportEntry>, FactError> {
        let name = record.header.tenant;
        if name == TenantId::CONTROL {
            let is_bridged = self.selection.is_whole();
            return Ok(is_bridged.then(|| ExportEntry::Bridged(position, record.leaf())));
        }
        if !self.filters.contains_key(name) {
            let tenant = TenantId::stored(name).map_err(|error| LogError::Name { position, error })?;
            let filter = self.selection.of(&self.log, tenant)?;
            self.filters.insert(name.into(), filter);
        }
        let is_wanted = self.filters.get(name).is_some_and(|filter| filter.wants(position, record))
            || (self.selection.carries_configuration() && configures(position, record)?);
        if !is_wanted {
            return Ok(None);
        }
        let leaf = record.leaf();
        let fact = exported(&self.log, position, record, (&leaf, self.selection.raw))?;
        Ok(Some(ExportEntry::Fact(Box::new(fact), leaf)))
    }
}
