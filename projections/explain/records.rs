//! Records of the CRM that a figure counts or sums: each adds what it was last observed to be, by one fact.

use std::collections::BTreeMap;

use domain::facts::sync::Resource;
use domain::members::Currency;
use domain::rules::configuration::{Configuration, folded};

use crate::entities::crm::{CrmId, RecordShare};
use crate::entity::Entity;
use crate::figures::crm_stages::{counts, or_new_lead};
use crate::figures::lead_summary::or_unknown;
use crate::figures::pipeline::PipelineInput;
use crate::tenant::Tenant;

/// What records add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordSum {
    /// One each.
    Count,
    /// One each, where the stage is qualified.
    Qualified,
    /// One each, where they have a value in the pipeline's currency.
    Valued,
    /// Their value in the pipeline's currency.
    Value,
    /// Their value in another one.
    ValueIn(Currency),
}

/// A figure over the CRM's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordTally {
    /// Over leads or opportunities.
    pub resource: Resource,
    /// What.
    pub sum: RecordSum,
    /// Only those in this stage.
    pub stage: Option<String>,
    /// Only those of this source.
    pub source: Option<String>,
}

/// The tally with what decides about the tenant's records.
#[derive(Debug)]
pub struct BoundRecords<'t> {
    tally: &'t RecordTally,
    tenant: &'t Tenant,
    currency: Option<Currency>,
    /// The rules under which each source's records were read.
    rules: BTreeMap<&'t str, &'t Configuration>,
}

/// Why a record adds nothing: a stable word, and the reason in words.
pub type NotAdded = (&'static str, String);

impl RecordTally {
    /// Looks up what decides about the records of `tenant`.
    pub fn bind<'t>(&'t self, tenant: &'t Tenant) -> BoundRecords<'t> {
        let (crm, timeline) = (&tenant.crm.rows, &tenant.profile.timeline);
        let tables = crm.tables(self.resource).into_iter();
        let rules = tables.filter_map(|(source, table)| Some((source, timeline.at(table.observed_at()?).0)));
        BoundRecords {
            tally: self,
            tenant,
            currency: PipelineInput::new(crm, timeline).currency(),
            rules: rules.collect(),
        }
    }

    /// The rule by which records count, in words.
    pub fn rule(&self, tenant: &Tenant) -> String {
        let bound = self.bind(tenant);
        let types: Vec<&str> = bound
            .rules
            .values()
            .next()
            .map_or(tenant.profile.timeline.latest(), |rules| rules)
            .counted_contact_types
            .iter()
            .map(String::as_str)
            .collect();
        let what = match self.sum {
            RecordSum::Count => "each record as it was last observed".to_owned(),
            RecordSum::Qualified => "each record in a qualified stage".to_owned(),
            RecordSum::Valued => "each record with a value above zero".to_owned(),
            RecordSum::Value => "the value of each record".to_owned(),
            RecordSum::ValueIn(currency) => format!("the value of each record in {currency}"),
        };
        format!("{what}, contact type {} or none", types.join(" or "))
    }
}

impl<'t> BoundRecords<'t> {
    /// The currency of the pipeline's values.
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// Every record of the resource, with its source's name.
    pub fn records(&self) -> impl Iterator<Item = CrmId> + use<'t> {
        let wanted = self.tally.resource;
        let ids = self.tenant.crm.rows.row_ids();
        ids.filter(move |id| matches!(id, CrmId::Record { resource, .. } if *resource == wanted))
    }

    /// What a record adds.
    ///
    /// # Errors
    /// Why it adds nothing.
    pub fn amount(&self, id: CrmId) -> Result<i128, NotAdded> {
        let (crm, timeline) = (&self.tenant.crm.rows, &self.tenant.profile.timeline);
        let mut found = None;
        crm.contributions(id, timeline, &mut |share: RecordShare| found = Some(share));
        let share = found.ok_or_else(|| ("removed", "the CRM has it no more".to_owned()))?;
        let texts = crm.texts();
        let unread = || ("not_read", "no snapshot of its source counts yet".to_owned());
        let rules = self.rules.get(texts.get(share.source)).ok_or_else(unread)?;
        let contact_type = texts.maybe(share.kind.contact_type);
        if !counts(rules, contact_type) {
            let contact_type = contact_type.unwrap_or_default();
            return Err(("contact_type_not_counted", format!("its contact type is {contact_type}")));
        }
        let stage = or_new_lead(texts.maybe(share.kind.stage));
        if self.tally.stage.as_ref().is_some_and(|wanted| folded(wanted) != folded(stage)) {
            return Err(("other_stage", format!("its stage is {stage}")));
        }
        let source = or_unknown(texts.maybe(share.kind.source));
        if self.tally.source.as_ref().is_some_and(|wanted| folded(wanted) != folded(source)) {
            return Err(("other_source", format!("its source is {source}")));
        }
        let no_value = || ("no_value", "it has no value above zero".to_owned());
        let in_main = share.kind.currency.is_none() || share.kind.currency == self.currency;
        let other_currency = || {
            let currency = share.kind.currency.map_or_else(|| "no currency".to_owned(), |of| of.to_string());
            ("other_currency", format!("its value is in {currency}"))
        };
        match self.tally.sum {
            RecordSum::Count => Ok(1),
            RecordSum::Qualified if rules.qualified_stages.contains(&folded(stage)) => Ok(1),
            RecordSum::Qualified => Err(("stage_not_qualified", format!("its stage is {stage}"))),
            RecordSum::Valued | RecordSum::Value if !in_main => Err(other_currency()),
            RecordSum::ValueIn(wanted) if in_main || share.kind.currency != Some(wanted) => {
                Err(other_currency())
            }
            RecordSum::Valued => share.value_minor.map(|_| 1).ok_or_else(no_value),
            RecordSum::Value | RecordSum::ValueIn(_) => {
                share.value_minor.map(i128::from).ok_or_else(no_value)
            }
        }
    }
}
