//! What sort of fact changed a figure of a closed month (RULINGS, Restatement causes).

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::heap_free;

/// What sort of fact changed a figure: each has rows of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestatementCause {
    /// Late or corrected facts.
    Data,
    /// A configuration of the tenant.
    Rule,
    /// A fact that was voided or restored.
    Void,
}

heap_free!(RestatementCause);

impl RestatementCause {
    /// The word in answers; words sort as the causes do.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Rule => "rule",
            Self::Void => "void",
        }
    }

    /// Of a fact; of an accepted conflict, that of the content that it brought.
    pub fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Control(ControlFact::ConflictAccepted(accepted)) => Self::of(&accepted.brought.0),
            Fact::Control(ControlFact::FactVoided(_) | ControlFact::FactRestored(_)) => Self::Void,
            Fact::Tenant(_) => Self::Rule,
            Fact::Control(_)
            | Fact::Call(_)
            | Fact::Session(_)
            | Fact::Outreach(_)
            | Fact::SenderAccount(_)
            | Fact::Sync(_)
            | Fact::AdSpend(_)
            | Fact::Note(_)
            | Fact::Report(_)
            | Fact::Access(_)
            | Fact::Alert(_)
            | Fact::Setting(_)
            | Fact::CallRequest(_)
            | Fact::Import(_) => Self::Data,
        }
    }
}
