//! Why something of access was not done.

use domain::keys::Position;

use crate::log::LogError;

/// Why a command of access was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// What was asked for breaks a rule.
    #[error("{pointer}: {rule}")]
    Invalid {
        /// The member at fault, as a JSON pointer.
        pointer: &'static str,
        /// The rule.
        rule: String,
    },
    /// There is no such token, user, membership or invitation.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What must be unique is there already.
    #[error("{0}")]
    Taken(&'static str),
    /// Too many logins or links failed from there; seconds until the next one is heard.
    #[error("too many failed attempts; try again in {0} s")]
    TooManyAttempts(u32),
    /// Too many passwords wait to be checked.
    #[error("too many logins at once; try again")]
    Busy,
    /// The system gives no threads.
    #[error("no thread to check passwords: {0}")]
    Threads(std::io::Error),
    /// The log does not take or give facts.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// The position was not folded in time; trying again is harmless.
    #[error("the read models have not reached position {0} yet; try again")]
    NotFolded(Position),
    /// A fact did not fit a record.
    #[error("a fact of access does not fit a record: {0}")]
    Fact(String),
    /// A password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Password(String),
    /// A name that this room made itself is none.
    #[error("an internally generated identifier is invalid")]
    NoName,
    /// Other writers changed the same thing again and again.
    #[error("concurrent changes conflicted repeatedly; try again")]
    Contended,
}

impl AccessError {
    /// What was asked for breaks a rule.
    pub fn invalid(pointer: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid { pointer, rule: rule.into() }
    }
}
