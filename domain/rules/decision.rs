//! What a command decides on the state it read: the answer, or the fact to append and its key.

use crate::envelope::Envelope;
use crate::facts::Fact;
use crate::keys::engine::EngineKey;
use crate::keys::{NameError, TenantId};
use crate::members::Instant;

/// A fact that the engine itself appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFact {
    /// Derived from the state the command was decided on, e.g. `session/<id>/attempt/<lead>`. Two commands that decide
    /// on one state derive one key, and the log records only the first.
    pub key: EngineKey,
    /// When it happened. `None`: the time of the command, which then is no part of the content digest.
    pub occurred_at: Option<Instant>,
    /// What happened.
    pub fact: Fact,
}

impl NewFact {
    /// The fact of `tenant` as it is recorded; `now` is the time of the command.
    ///
    /// # Errors
    /// As of [`EngineKey::external_id`].
    pub fn envelope(self, tenant: TenantId, now: Instant) -> Result<Envelope, NameError> {
        let occurred_at = self.occurred_at.unwrap_or(now);
        let time_received = self.occurred_at.is_none();
        let made = Envelope::by_engine(tenant, &self.key, occurred_at, self.fact)?;
        Ok(Envelope { time_received, ..made })
    }
}

/// What a command decides on the state it read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<T> {
    /// The state already satisfies the command: its answer.
    Stands(T),
    /// The fact that satisfies the command.
    Append(NewFact),
    /// An overdue fact, such as a time-out; it is appended before the command itself is decided.
    First(NewFact),
}

impl<T> Decision<T> {
    /// The same decision with another answer where it stands.
    ///
    /// # Errors
    /// Those of `answer`.
    pub fn try_map<U, E>(self, answer: impl FnOnce(T) -> Result<U, E>) -> Result<Decision<U>, E> {
        Ok(match self {
            Self::Stands(stands) => Decision::Stands(answer(stands)?),
            Self::Append(fact) => Decision::Append(fact),
            Self::First(fact) => Decision::First(fact),
        })
    }
}
