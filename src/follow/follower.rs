//! The thread that reads each new batch of the log, decodes it once and hands it to folds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::keys::Position;
use domain::record::Record;

use super::{Batch, Entry, Fold, FoldError};
use crate::log::select::GroupSet;
use crate::log::{Follow, Log};
use crate::worker::{StopSignal, Worker};

/// How long one look for new facts may take; also how soon a stop is seen.
const LOOK: Duration = Duration::from_millis(100);

/// Feeds folds from the log until it is closed.
pub struct Follower {
    worker: Worker,
}

impl Follower {
    /// Starts a thread of this name that hands `folds` what follows the position `after`, each batch once every fold
    /// of `ahead` has folded it or failed.
    ///
    /// # Errors
    /// [`FoldError::Thread`].
    pub fn start(
        name: &str,
        log: &Log,
        after: Position,
        folds: Vec<Arc<dyn Fold>>,
        ahead: Vec<Arc<dyn Fold>>,
    ) -> Result<Self, FoldError> {
        let follow = log.follow(after);
        let worker = Worker::spawn(name, move |stop| run(follow, folds, &ahead, stop));
        Ok(Self { worker: worker.map_err(|error| FoldError::Thread(error.to_string()))? })
    }

    /// Ends the thread; what was folded stays readable.
    pub fn close(&self) {
        self.worker.close();
    }
}

fn run(mut log: Follow, mut folds: Vec<Arc<dyn Fold>>, ahead: &[Arc<dyn Fold>], stop: &StopSignal) {
    while !stop.is_set() && !folds.is_empty() {
        let begun = Instant::now();
        match log.next(LOOK) {
            Ok(Some(records)) => {
                wait_for(ahead, records.last().map_or(0, |record| record.position), stop);
                if !stop.is_set() {
                    hand_out(&records, &mut folds);
                }
            }
            // A closed log answers at once: no reason to ask it all the time.
            Ok(None) => stop.rest(LOOK.saturating_sub(begun.elapsed())),
            Err(error) => {
                folds.drain(..).for_each(|fold| fold.checkpoint().fail(error.clone().into()));
            }
        }
    }
}

fn wait_for(ahead: &[Arc<dyn Fold>], position: Position, stop: &StopSignal) {
    for checkpoint in ahead.iter().map(|fold| fold.checkpoint()) {
        while !checkpoint.wait(position, LOOK) && checkpoint.failure().is_none() && !stop.is_set() {}
    }
}

/// Hands the records to every fold; one that fails is given nothing any more.
fn hand_out(records: &[Record], folds: &mut Vec<Arc<dyn Fold>>) {
    let Some(last) = records.last().map(|record| record.position) else { return };
    let keep = |fold: &Arc<dyn Fold>, applied: Result<(), FoldError>| {
        applied.map_err(|error| fold.checkpoint().fail(error)).is_ok()
    };
    match decode(records, last, folds) {
        Ok(batch) => folds.retain(|fold| keep(fold, fold.apply(&batch))),
        // A body that cannot be decoded stops only the folds that need it.
        Err(_) => folds.retain(|fold| {
            let own = decode(records, last, std::slice::from_ref(fold));
            keep(fold, own.and_then(|batch| fold.apply(&batch)))
        }),
    }
}

fn decode<'r>(
    records: &'r [Record],
    last: Position,
    folds: &[Arc<dyn Fold>],
) -> Result<Batch<'r>, FoldError> {
    let needed = folds.iter().fold(GroupSet::NONE, |all, fold| all.union(fold.groups()));
    let entries = records.iter().map(|record| {
        let position = record.position;
        let view = record.view().map_err(|error| FoldError::Record { position, error })?;
        Entry::of(position, &view, needed)
    });
    Ok(Batch { entries: entries.collect::<Result<_, _>>()?, last })
}
