//! Errors of the engine's rooms as problems: which status and code each has, for every route.

use axum::http::StatusCode;
use domain::json::FieldError;

use super::problem::Problem;
use crate::access::AccessError;
use crate::commands::{CommandError, StateError};
use crate::ingest::error::IngestError;
use crate::log::LogError;
use crate::views::FoldError;

impl From<&LogError> for Problem {
    fn from(error: &LogError) -> Self {
        match error {
            LogError::Busy => Self::unavailable("log_busy", "too many facts are waiting to be recorded", 1),
            LogError::Full => {
                let detail = "the disk is full; facts that were not answered may be posted again";
                Self::unavailable("disk_full", detail, 10)
            }
            LogError::Unavailable(_) => {
                let detail =
                    "the log's engine gives no answer; facts that were not answered may be posted again";
                Self::unavailable("engine_unavailable", detail, 2)
            }
            LogError::Index(_) => {
                Self::unavailable("index_unavailable", "the idempotency index is unavailable", 5)
            }
            LogError::ClockAhead(ahead) => Self::unavailable("clock_ahead", ahead.to_string(), 60),
            LogError::Stopped(_) => {
                let detail = "the log accepts no facts until the server is restarted";
                Self::unavailable("log_stopped", detail, 30)
            }
            other => Self::internal(other),
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match &error {
            IngestError::Log(log) => log.into(),
            IngestError::NotFolded(_) => Self::unavailable("not_folded", error.to_string(), 1),
            IngestError::Random(_) | IngestError::Unreadable { .. } | IngestError::Engine(_) => {
                Self::internal(&error)
            }
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match &error {
            AccessError::Invalid { pointer, rule } => Self::unprocessable(
                "invalid_body",
                vec![FieldError { pointer: (*pointer).to_owned(), message: rule.clone() }],
            ),
            AccessError::NotFound(what) => Self::not_found(what),
            AccessError::Taken(_) => Self::new(StatusCode::CONFLICT, "taken", error.to_string()),
            AccessError::TooManyAttempts(seconds) => {
                let problem =
                    Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", error.to_string());
                problem.retry_after(*seconds)
            }
            AccessError::Busy => Self::unavailable("logins_busy", error.to_string(), 1),
            AccessError::Contended => Self::unavailable("contended", error.to_string(), 1),
            AccessError::NotFolded(_) => Self::unavailable("not_folded", error.to_string(), 1),
            AccessError::Log(log) => log.into(),
            AccessError::Random(_)
            | AccessError::Threads(_)
            | AccessError::Fact(_)
            | AccessError::Password(_)
            | AccessError::NoName => Self::internal(&error),
        }
    }
}

impl From<FoldError> for Problem {
    fn from(error: FoldError) -> Self {
        match error {
            FoldError::Late => {
                let detail = "the models of that moment are still being computed";
                Self::unavailable("past_not_folded", detail, 5)
            }
            FoldError::Unfolded => Self::unavailable("not_folded", error.to_string(), 1),
            error => Self::internal(&error),
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        match error {
            StateError::NotFolded(_) => Self::unavailable("not_folded", error.to_string(), 1),
            StateError::UnknownTenant => Self::not_found("tenant"),
        }
    }
}

impl<R: Into<Problem>> From<CommandError<R>> for Problem {
    fn from(error: CommandError<R>) -> Self {
        match error {
            CommandError::Rejected(rejected) => rejected.into(),
            CommandError::State(error) => error.into(),
            CommandError::Contended => {
                Self::unavailable("contended", "concurrent changes conflicted repeatedly; try again", 1)
            }
            CommandError::Mismatch(position) => {
                let detail = format!(
                    "the idempotency key was used for another request, recorded at position {position}"
                );
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail)
            }
            CommandError::Ingest(error) => error.into(),
        }
    }
}
