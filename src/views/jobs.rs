//! Work on all threads, how far it is, and when it is given up.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use domain::keys::Position;
use parking_lot::Mutex;

use crate::follow::FoldError;

/// How far a fold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Facts folded.
    pub folded: u64,
    /// Facts to fold.
    pub of: u64,
}

/// Facts of one job between two words of progress.
const TELL_EVERY: u64 = 8_192;

/// Tells how far a fold is. A fact that several entities fold is done once for each of them; progress is told in
/// facts of the log.
pub(super) struct ProgressMeter<'a> {
    done: AtomicU64,
    to_do: u64,
    of: Position,
    limits: (Option<Instant>, Option<&'a AtomicBool>),
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> ProgressMeter<'a> {
    /// `to_do` facts are to be folded, those of several entities several times, to reach position `of`: until the deadline
    /// or the flag of `limits`.
    pub(super) fn new(
        of: Position,
        to_do: u64,
        limits: (Option<Instant>, Option<&'a AtomicBool>),
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> Self {
        Self { done: AtomicU64::new(0), to_do: to_do.max(1), of, limits, progress }
    }

    /// The `count`th fact of a job was folded.
    ///
    /// # Errors
    /// [`FoldError::Late`] when the fold is not wanted any more.
    pub(super) fn at(&self, count: u64) -> Result<(), FoldError> {
        if count.is_multiple_of(TELL_EVERY) {
            let done = self.done.fetch_add(TELL_EVERY, Ordering::Relaxed) + TELL_EVERY;
            let folded = u128::from(self.of) * u128::from(done.min(self.to_do)) / u128::from(self.to_do);
            (self.progress)(Progress { folded: folded as u64, of: self.of });
            let (deadline, cancelled) = self.limits;
            if deadline.is_some_and(|deadline| deadline < Instant::now())
                || cancelled.is_some_and(|cancelled| cancelled.load(Ordering::Relaxed))
            {
                return Err(FoldError::Late);
            }
        }
        Ok(())
    }
}

/// Does each job once, on so many threads; the first error ends them all.
pub(super) fn on_threads<J: Sync, T: Send>(
    threads: usize,
    jobs: &[J],
    run: impl Fn(&J) -> Result<T, FoldError> + Sync,
) -> Result<Vec<T>, FoldError> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Ok(Vec::with_capacity(jobs.len()))));
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = run(job);
            let mut done = done.lock();
            match (&mut *done, result) {
                (Ok(all), Ok(one)) => all.push(one),
                (Err(_), _) => return,
                (Ok(_), Err(error)) => {
                    *done = Err(error);
                    return;
                }
            }
        }
    };
    thread::scope(|scope| {
        // This thread works, too.
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    done.into_inner()
}
