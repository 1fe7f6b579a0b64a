//! Requests of one run that are under way at once.

use tokio::task::JoinSet;

use super::error::SyncError;

/// What `work` makes of each item, so many at once, in whatever order they end. The first error ends them all.
///
/// # Errors
/// Those of `work`.
pub async fn each<I, T, F>(
    at_once: usize,
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> F,
) -> Result<Vec<T>, SyncError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, SyncError>> + Send + 'static,
{
    let (mut waiting, mut under_way, mut done) = (items.into_iter(), JoinSet::new(), Vec::new());
    loop {
        while under_way.len() < at_once
            && let Some(item) = waiting.next()
        {
            under_way.spawn(work(item));
        }
        match under_way.join_next().await {
            None => return Ok(done),
            Some(Err(_)) => return Err(SyncError::unexpected("the client failed")),
            // The others end with the set.
            Some(Ok(result)) => done.push(result?),
        }
    }
}
