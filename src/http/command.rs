//! Commands as answers: why one did nothing, as a problem.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::commands::{CommandError, Unread};

impl From<Unread> for Problem {
    fn from(error: Unread) -> Self {
        match error {
            Unread::NotFolded(_) => Self::unavailable("not_folded", error.to_string(), 1),
            Unread::UnknownTenant => Self::not_found("tenant"),
        }
    }
}

impl<R: Into<Problem>> From<CommandError<R>> for Problem {
    fn from(error: CommandError<R>) -> Self {
        match error {
            CommandError::Rejected(rejected) => rejected.into(),
            CommandError::Unread(unread) => unread.into(),
            CommandError::Contended => {
                Self::unavailable("contended", "too many others change the same thing at once", 1)
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
