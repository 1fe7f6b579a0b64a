//! The one place where a handler leaves the async threads for work that reads files or computes for long.

use super::problem::Problem;

/// Runs `work` on tokio's blocking threads; 500 if it panics.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}
