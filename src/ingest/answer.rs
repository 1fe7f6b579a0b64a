//! Answers to whoever delivers or posts.

use domain::json::FieldError;
use domain::keys::{Position, TenantId};
use serde::Serialize;
use utoipa::ToSchema;

use super::conflict::Conflict;
use super::error::Reason;
use crate::directory::{Directory, Endpoint};

/// The outcome of a delivery or of a fact in it, from the least to the worst (RULINGS, Webhook health).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeliveryOutcome)]
pub enum Outcome {
    /// The event is known and carries nothing to count.
    Ignored,
    /// The key is known with the same content.
    Duplicate,
    /// New and durable.
    Recorded,
    /// It could not be mapped to facts and is kept whole.
    Quarantined,
    /// The key is known with other content; the first fact stays.
    Conflict,
}

impl Outcome {
    /// The word in answers and metrics.
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
    /// Position of the fact; of a conflict, of the first fact.
    #[schema(value_type = u64)]
    pub position: Position,
    /// Its outcome.
    pub outcome: Outcome,
    /// True where the fact is voided: it counts as if it had never come.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub voided: bool,
}

impl FactAnswer {
    /// Of a fact that nobody has looked for among the voids.
    pub fn new(position: Position, outcome: Outcome) -> Self {
        Self { position, outcome, voided: false }
    }
}

/// A delivery in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InQuarantine {
    /// The same for every redelivery.
    pub id: String,
    /// Position of its `delivery_quarantined`.
    pub position: Position,
    /// The word in answers and metrics.
    pub reason: Reason,
    /// Which field, and what is wrong with it; may quote the payload.
    pub detail: String,
}

/// An authentic delivery that was answered with 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its tenant, where that is known.
    pub tenant: Option<TenantId>,
    /// The provider's event in canonical spelling, where it is known.
    pub event: Option<String>,
    /// The worst of its facts' outcomes.
    pub outcome: Outcome,
    /// Its facts.
    pub facts: Vec<FactAnswer>,
    /// Something that would identify it is absent, a part of its key or the person it is about: `identity: weak`.
    pub weak: bool,
    /// The number that was called is not one of the tenant's: worth an alert (RULINGS, Owner).
    pub unknown_number: bool,
    /// Set when it was quarantined.
    pub quarantine: Option<InQuarantine>,
}

impl Accepted {
    /// A delivery that says nothing, of nobody that is known yet.
    pub fn nothing() -> Self {
        Self {
            tenant: None,
            event: None,
            outcome: Outcome::Ignored,
            facts: Vec::new(),
            weak: false,
            unknown_number: false,
            quarantine: None,
        }
    }

    /// A delivery of which nothing is known but the tenant of its endpoint.
    pub fn nothing_of(endpoint: &Endpoint, directory: &Directory) -> Self {
        let tenant = endpoint.tenant.clone().filter(|tenant| directory.has_tenant(tenant));
        Self { tenant, ..Self::nothing() }
    }
}

/// The answer to one posted fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    /// New and durable: 201.
    Recorded(Position),
    /// Known with the same content: 200, with the position of the first.
    Duplicate(Position),
    /// Its key is known with other content: 409.
    Conflict(Box<Conflict>),
    /// Fields at fault: 422.
    Rejected(Vec<FieldError>),
    /// Not one JSON value: 400.
    Unparsable(String),
    /// A kind that only the engine makes: 422 `kind_not_accepted`.
    NotAccepted(&'static str),
    /// A kind that this role may not post: 403.
    Forbidden(&'static str),
}

/// Counts over a batch, named as in the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchTally {
    /// New facts.
    pub recorded: u64,
    /// Known with the same content.
    pub duplicates: u64,
    /// Known with other content.
    pub conflicts: u64,
    /// Malformed, invalid or not allowed.
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
