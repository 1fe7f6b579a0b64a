//! The stage at which a person puts an outreach lead; only a later event of higher rank moves it on.

use domain::facts::Fact;
use domain::facts::outreach::{LeadStage, LeadStaged, OutreachFact, OutreachLead};
use domain::keys::{Position, TenantId};
use domain::members::{Email, Text};
use domain::rules::stages::Stage;
use projections::entities::leads::list::LeadItem;

use super::{CommandError, Commands, IdempotencyKey, Receipt};
use crate::views::{LeadAddress, LeadLookupError};

/// Why a lead is not staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StageRejection {
    /// No lead, or more than one, has the address.
    #[error(transparent)]
    Lead(#[from] LeadLookupError),
    /// Its name was erased, so no fact can name it.
    #[error("the lead has neither an id nor an email any more")]
    Nameless,
}

impl Commands {
    /// Puts a lead at `stage`; answers the position at which it holds. Without a key, a stage at which the lead stands
    /// already is not recorded again, but of two requests at once each is.
    ///
    /// # Errors
    /// [`StageRejection`].
    pub async fn stage_lead(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        address: &LeadAddress<'_>,
        stage: LeadStage,
        by: Option<Email>,
    ) -> Result<Receipt<Position>, CommandError<StageRejection>> {
        self.once(tenant, key, |view, _| {
            let (found, _) = view.find_lead(&self.secret, tenant, address);
            let lead = found?;
            if key.is_none() && lead.stage == Stage::from(stage).as_str() {
                return Ok(None);
            }
            let text = |text: &Option<String>| text.as_deref().and_then(Text::new);
            Ok(Some(Fact::Outreach(OutreachFact::Staged(LeadStaged {
                stage,
                by: by.clone(),
                instance: text(&lead.instance),
                workspace: text(&lead.workspace),
                lead: Some(name_of(&lead)?),
            }))))
        })
        .await
    }
}

/// By what a fact names the lead: the provider's id, else the email.
fn name_of(lead: &LeadItem) -> Result<OutreachLead, StageRejection> {
    let by_email = lead.lead_id.starts_with('@');
    let named = OutreachLead {
        id: if by_email { None } else { Text::new(&lead.lead_id) },
        email: if by_email { lead.email.as_deref().and_then(Email::new) } else { None },
        email_digest: None,
        first_name: None,
        last_name: None,
        company: None,
        title: None,
    };
    let is_named = named.id.is_some() || named.email.is_some();
    is_named.then_some(named).ok_or(StageRejection::Nameless)
}
