//! What whoever brought something in is told.

use domain::json::FieldError;
use domain::keys::{Position, TenantId};
use serde::Serialize;
use utoipa::ToSchema;

use super::conflict::Conflict;
use super::error::Reason;

/// What became of a delivery or of a fact in it, from the least to the worst (RULINGS, Webhook health).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeliveryOutcome)]
pub enum Outcome {
    /// The event is known and carries nothing to count.
    Ignored,
    /// It was known.
    Duplicate,
    /// It is new and durable.
    Recorded,
    /// It could not be turned into facts and is kept whole.
    Quarantined,
    /// Its key is known with other content; the first stays.
    Conflict,
}

impl Outcome {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
            Self::Recorded => "recorded",
            Self::Quarantined => "quarantined",
            Self::Conflict => "conflict",
        }
    }
}

/// One fact of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct FactAnswer {
    /// Where it stands; of a conflict the first one's place.
    #[schema(value_type = u64)]
    pub position: Position,
    /// What became of it.
    pub outcome: Outcome,
}

/// A delivery in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InQuarantine {
    /// The same for every redelivery.
    pub id: String,
    /// Where its `delivery_quarantined` stands.
    pub position: Position,
    /// In a word.
    pub reason: Reason,
    /// Which field and how; may quote the payload.
    pub detail: String,
}

/// What became of an authentic delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Whose it is, where that is known.
    pub tenant: Option<TenantId>,
    /// The provider's event in canonical spelling, where it is known.
    pub event: Option<String>,
    /// The worst of its facts' outcomes.
    pub outcome: Outcome,
    /// Its facts.
    pub facts: Vec<FactAnswer>,
    /// Nothing in it identified it, so a digest of the body does: `identity: weak`.
    pub weak: bool,
    /// The number that was called is none of the tenant's: worth an alert (RULINGS, Owner).
    pub unknown_number: bool,
    /// Set when it was quarantined.
    pub quarantine: Option<InQuarantine>,
}

/// What became of a fact that a client posted.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    /// New and durable: 201.
    Recorded(Position),
    /// Known: 200, with the first one's position.
    Duplicate(Position),
    /// Its key is known with other content: 409.
    Conflict(Box<Conflict>),
    /// Fields at fault: 422.
    Rejected(Vec<FieldError>),
    /// No JSON, or not one value of it: 400.
    Unparsable(String),
    /// A kind that nobody may post, only the engine makes it: 422 `kind_not_accepted`.
    NotAccepted(&'static str),
    /// A kind that this role may not post: 403.
    Forbidden(&'static str),
}

/// Counts over a batch, in the contract's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchTally {
    /// New ones.
    pub recorded: u64,
    /// Known ones.
    pub duplicates: u64,
    /// Known with other content.
    pub conflicts: u64,
    /// Everything that was not understood or not allowed.
    pub rejected: u64,
    /// The highest position answered.
    #[schema(value_type = Option<u64>)]
    pub last_position: Option<Position>,
}

impl BatchTally {
    /// Adds another batch's counts.
    pub fn merge(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.rejected += other.rejected;
        self.last_position = self.last_position.max(other.last_position);
    }

    /// Counts one answer.
    pub fn add(&mut self, posted: &Posted) {
        let position = match posted {
            Posted::Recorded(position) => {
                self.recorded += 1;
                Some(*position)
            }
            Posted::Duplicate(position) => {
                self.duplicates += 1;
                Some(*position)
            }
            Posted::Conflict(conflict) => {
                self.conflicts += 1;
                Some(conflict.first_position)
            }
            Posted::Rejected(_) | Posted::Unparsable(_) | Posted::NotAccepted(_) | Posted::Forbidden(_) => {
                self.rejected += 1;
                None
            }
        };
        self.last_position = self.last_position.max(position);
    }
}
