//! A person who is erased is told of no alerts any more: targets with the mail address are removed, and the address goes
//! from the log, also where a target was removed before.

use std::ops::ControlFlow;

use domain::facts::Fact;
use domain::facts::setting::SettingFact;
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, TenantId};
use domain::members::{Email, Text};
use domain::rules::decision::Decision;
use domain::rules::persons::PersonName;

use super::alert_targets::removal;
use super::decide::Attempt;
use super::erasures::{ErasureRejection, Forget, Found};
use super::{CommandError, Commands, IdempotencyKey};
use crate::ingest::error::IngestError;
use crate::log::erase::erasable;
use crate::log::erasures::Leaf;
use crate::log::select::{GroupSet, Select};
use crate::log::{LogError, LogSnapshot, decode};

/// Whether a target is of the person, and of nobody's workspace but this one. Those of several workspaces, or of all, are no
/// tenant's to remove: they go with what no tenant owns.
fn is_meant(tenant: &TenantId, email: &Email, url: Option<&str>, tenants: &[&str]) -> bool {
    let address = url.and_then(|url| url.strip_prefix("mailto:")).and_then(Email::new);
    let is_of_tenant = *tenant == TenantId::unassigned() || tenants == [tenant.as_str()];
    is_of_tenant && address.as_ref() == Some(email)
}

impl<V> Commands<V> {
    /// Erases a person's mail address from targets of alerts; how many had it. Blocks.
    ///
    /// # Errors
    /// As of [`Commands::erase_person`].
    pub(super) fn erase_alert_targets(
        &self,
        (tenant, person): (&TenantId, &PersonName),
        by: &Text,
        key: Option<&IdempotencyKey>,
        everything: &impl Forget,
    ) -> Result<u64, CommandError<ErasureRejection>> {
        let PersonName::Email(email) = person else { return Ok(0) };
        let control = TenantId::control();
        self.wait_folded(&*self.alert_targets, self.log.head().position)?;
        for target in self.alert_targets.all() {
            let tenants: Vec<&str> = target.tenants.iter().map(String::as_str).collect();
            let id =
                Text::new(&target.id).filter(|_| is_meant(tenant, email, target.url.as_deref(), &tenants));
            let Some(id) = id else { continue };
            let decide = |attempt: Attempt| {
                let is_there = self.alert_targets.all().iter().any(|known| known.id == target.id);
                let is_due = attempt.recorded.is_none() && is_there;
                let fact = is_due.then(|| removal(id.clone(), Some(by.clone())));
                Ok(fact.map_or(Decision::Stands(()), Decision::Append))
            };
            self.decide_blocking(&*self.alert_targets, &control, decide)?;
        }
        // The key is the tenant's; there is one for its targets beside it.
        let named = key.map(|key| EngineKey::Erasure {
            erasure: KeyPart::new(&format!("{tenant}/{}", key.engine_key())),
        });
        let found = set_facts(&self.log.snapshot(), tenant, email).map_err(IngestError::Log)?;
        let is_known = match &named {
            Some(named) => self.ingest.by_key(&control, named)?.is_some(),
            None => false,
        };
        if found.facts.is_empty() && !is_known {
            return Ok(0);
        }
        let request = self.erasure_request(tenant, person);
        let erased = self.carry_out((&control, &request), by, named.as_ref(), everything, |_| Ok(found))?;
        Ok(erased.facts)
    }
}

/// The facts that set targets of this address.
fn set_facts(log: &LogSnapshot, tenant: &TenantId, email: &Email) -> Result<Found, LogError> {
    let (mut found, mut failed) = (Found::default(), Ok(()));
    let groups = GroupSet::NONE.with(SettingFact::GROUP);
    let select = Select { tenant: Some(TenantId::control()), groups, originals: true, ..Select::all() };
    log.for_each(&select, &mut |position, record| match decode(position, &record) {
        Ok(Fact::Setting(SettingFact::AlertTargetSet(body))) => {
            let tenants: Vec<&str> = body.tenants.iter().map(Text::as_str).collect();
            let url = body.url.as_ref().map(Text::as_str);
            let bytes = erasable(&record).filter(|_| is_meant(tenant, email, url, &tenants));
            if let Some(bytes) = bytes {
                found.facts.insert(position, Leaf(record.leaf()));
                found.bytes += bytes;
            }
            ControlFlow::Continue(())
        }
        Ok(_) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Err(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map(|()| found)
}
