//! One outreach lead by what a request names it: the provider's id, the `lead_id` of a list, or the email.

use domain::facts::outreach::LeadName;
use domain::keys::{LogSecret, Position, TenantId};
use domain::members::{Email, Text};
use projections::entities::leads::list::{LeadItem, email_digest, item};
use projections::tenant::Tenant as TenantModels;

use super::TenantView;

/// By what a request names a lead.
#[derive(Debug, Clone, Copy)]
pub struct LeadAddress<'a> {
    /// The provider's id, the `lead_id` of a list, or the email.
    pub lead_id: &'a str,
    /// Host of the provider's instance; `None`: any.
    pub instance: Option<&'a str>,
    /// The provider's workspace; `None`: any.
    pub workspace: Option<&'a str>,
}

/// Why an address is not that of one lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeadLookupError {
    /// No lead has it.
    #[error("there is no such lead")]
    NotFound,
    /// Several leads have it.
    #[error("several leads have this id: name 'workspace', and 'instance' where it needs one")]
    Ambiguous,
}

impl TenantView {
    /// The lead of that address, and the position at which the answer is true. `secret` keys the digest of an email.
    pub fn find_lead(
        &self,
        secret: &LogSecret,
        tenant: &TenantId,
        address: &LeadAddress<'_>,
    ) -> (Result<LeadItem, LeadLookupError>, Position) {
        let by_email =
            || Email::new(address.lead_id).map(|email| secret.person(tenant.as_str(), email.as_str()));
        let is_there = |lead: &LeadItem| {
            let is = |asked: Option<&str>, of: &Option<String>| asked.is_none() || asked == of.as_deref();
            is(address.instance, &lead.instance) && is(address.workspace, &lead.workspace)
        };
        let named = |models: &TenantModels, name: LeadName<'_>| {
            let leads = &models.leads.rows;
            let found = leads.named(name).into_iter();
            let found = found.map(|lead| item(&lead, leads.texts(), &models.calls.rows));
            found.filter(is_there).collect::<Vec<_>>()
        };
        self.with(|models, position| {
            let id = Text::new(address.lead_id);
            let mut found = id.map_or_else(Vec::new, |id| named(models, LeadName::Id(&id)));
            if let (true, Some(digest)) = (found.is_empty(), email_digest(address.lead_id).or_else(by_email))
            {
                found = named(models, LeadName::Email(digest));
            }
            let lead = match (found.pop(), found.is_empty()) {
                (Some(lead), true) => Ok(lead),
                (None, _) => Err(LeadLookupError::NotFound),
                (Some(_), false) => Err(LeadLookupError::Ambiguous),
            };
            (lead, position)
        })
    }
}
