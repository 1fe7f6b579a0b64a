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
}

heap_free!(RestatementCause);

impl RestatementCause {
    /// The word in answers; words sort as the causes do.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Rule => "rule",
        }
    }

    /// Of a fact; of an accepted conflict, that of the content that it brought.
    pub(super) fn of(fact: &Fact) -> Self {
        if let Fact::Control(ControlFact::ConflictAccepted(accepted)) = fact {
            return Self::of(&accepted.brought.0);
        }
        if let Fact::Tenant(_) = fact { Self::Rule } else { Self::Data }
    }
}
