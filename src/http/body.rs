//! Bodies: read whole under a limit, or refused with 413 before they are.

use axum::body::{Body, Bytes, to_bytes};

use super::problem::Problem;

/// Largest webhook or single fact, in bytes.
pub const SINGLE_MAX: usize = 1024 * 1024;
/// Largest batch, in bytes.
pub const BATCH_MAX: usize = 64 * 1024 * 1024;

/// The whole body, at most `limit` bytes.
pub async fn whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    to_bytes(body, limit)
        .await
        .map_err(|error| if error_is_limit(&error) { Problem::too_large(limit) } else { cut_short() })
}

/// 400: the client stopped before the end.
pub fn cut_short() -> Problem {
    Problem::bad_request("body_cut_short", "the body ended before its announced length")
}

fn error_is_limit(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = inner.source();
    }
    false
}
