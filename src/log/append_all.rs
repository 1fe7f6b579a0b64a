//! Appends of any length, cut by the limits of a single one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec::IntoIter;

use domain::record::Draft;

use super::error::LogError;
use super::frame_group::{APPEND_BYTES_MAX, APPEND_FACTS_MAX};
use super::handle::{Log, Pending, frame_bytes};
use super::plan::Appended;

/// A list of drafts on its way into the log: a future for async callers, [`PendingAll::wait`] for others.
///
/// One append at a time is under way, so a list of any length takes no more of the queue than one append. Dropping
/// it takes back only what was not submitted yet.
#[must_use = "only the first append is under way until it is awaited"]
pub struct PendingAll {
    log: Log,
    under_way: Option<Pending>,
    rest: IntoIter<Vec<Draft>>,
    answers: Vec<Appended>,
}

impl Log {
    /// Submits the first append that `drafts` cuts into and returns; the answers come in the order of the drafts.
    ///
    /// # Errors
    /// Those of [`Log::append`], at once or while waiting. Some of the facts may be recorded then; a retry with all of
    /// them is harmless.
    pub fn append_all(&self, drafts: Vec<Draft>) -> Result<PendingAll, LogError> {
        let answers = Vec::with_capacity(drafts.len());
        let mut rest = cut(drafts).into_iter();
        let under_way = rest.next().map(|drafts| self.append(drafts)).transpose()?;
        Ok(PendingAll { log: self.clone(), under_way, rest, answers })
    }
}

impl PendingAll {
    /// Waits for the answers, one per draft, in order. Not for async threads.
    ///
    /// # Errors
    /// Those of [`Log::append_all`].
    pub fn wait(self) -> Result<Vec<Appended>, LogError> {
        pollster::block_on(self)
    }
}

impl Future for PendingAll {
    type Output = Result<Vec<Appended>, LogError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(pending) = &mut self.under_way {
            let answers = ready!(Pin::new(pending).poll(cx))?;
            self.answers.extend(answers);
            self.under_way = match self.rest.next() {
                Some(drafts) => Some(self.log.append(drafts)?),
                None => None,
            };
        }
        Poll::Ready(Ok(std::mem::take(&mut self.answers)))
    }
}

/// Cuts drafts into lists that each fit one append, for a caller that submits several at once.
pub fn cut(drafts: Vec<Draft>) -> Vec<Vec<Draft>> {
    let mut appends: Vec<Vec<Draft>> = Vec::new();
    let mut bytes = 0;
    for draft in drafts {
        let len = frame_bytes(&draft);
        match appends.last_mut() {
            Some(last) if last.len() < APPEND_FACTS_MAX && bytes + len <= APPEND_BYTES_MAX => {
                bytes += len;
                last.push(draft);
            }
            _ => {
                bytes = len;
                appends.push(vec![draft]);
            }
        }
    }
    appends
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use super::super::Protections;
    use super::super::plan::Appended::{Duplicate, Recorded};
    use super::super::sim::SimDisk;
    use super::super::testing::{draft, options};

    #[test]
    fn a_list_longer_than_one_append_is_answered_in_its_order_awaited_or_waited_for() {
        let (log, _) = Log::open(Arc::new(SimDisk::new(3)), &options(Protections::default())).unwrap();
        let drafts = || (0..APPEND_FACTS_MAX as u64 + 5).map(|n| draft(n, 0)).collect::<Vec<_>>();
        assert!(matches!(log.append(drafts()), Err(LogError::TooLarge { .. })));
        let answers = log.append_all(drafts()).unwrap().wait().unwrap();
        assert_eq!(answers, (1..=answers.len() as u64).map(Recorded).collect::<Vec<_>>());
        let again = pollster::block_on(log.append_all(drafts()).unwrap()).unwrap();
        assert_eq!(again, (1..=answers.len() as u64).map(Duplicate).collect::<Vec<_>>());
        assert!(log.append_all(Vec::new()).unwrap().wait().unwrap().is_empty());
        log.close();
    }

    #[test]
    fn drafts_are_cut_at_either_limit_and_keep_their_order() {
        for (count, original, most) in [(2 * APPEND_FACTS_MAX + 1, 0, APPEND_FACTS_MAX), (400, 32_000, 130)] {
            let drafts: Vec<Draft> = (0..count as u64).map(|n| draft(n, original)).collect();
            let keys: Vec<_> = drafts.iter().map(|draft| draft.key).collect();
            let appends = cut(drafts);
            let lens: Vec<usize> = appends.iter().map(Vec::len).collect();
            assert!(lens.len() > 2 && lens.iter().all(|len| *len <= most), "{lens:?}");
            let bytes = appends.iter().map(|drafts| drafts.iter().map(frame_bytes).sum::<usize>());
            assert!(bytes.into_iter().all(|bytes| bytes <= APPEND_BYTES_MAX));
            assert_eq!(appends.concat().iter().map(|draft| draft.key).collect::<Vec<_>>(), keys);
        }
        assert!(cut(Vec::new()).is_empty());
    }
}
