//! The threads that read each new batch of the log, decode it and hand it to folds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::keys::Position;
use domain::record::Record;
use parking_lot::Mutex;

use super::{Batch, Entry, Fold, FoldError};
use crate::log::select::GroupSet;
use crate::log::{Follow, Log, LogError};
use crate::worker::{StopSignal, Worker};

/// How long one look for new facts may take; also how soon a stop is seen.
const LOOK: Duration = Duration::from_millis(100);
/// How long the thread of the folds ahead leaves new facts to the follower behind them.
const GRACE: Duration = Duration::from_millis(5);

/// Folds that are ahead of all others. The follower behind them hands them each batch before its own folds have it: a
/// second thread that wakes for every batch costs more than their work. A thread of their own comes in only when that
/// follower is held up, so that a slow fold never delays a revocation.
pub struct Ahead(Mutex<Fed>);

struct Fed {
    log: Follow,
    folds: Vec<Arc<dyn Fold>>,
}

impl Ahead {
    /// Folds that have folded the log up to `after`.
    pub fn new(log: &Log, after: Position, folds: Vec<Arc<dyn Fold>>) -> Self {
        Self(Mutex::new(Fed { log: log.follow(after), folds }))
    }

    /// Hands out what of these records the folds have not had; before them, what lies between.
    fn take(&self, records: &[Record]) -> Result<(), LogError> {
        let Some((first, last)) = records.first().zip(records.last()) else { return Ok(()) };
        let mut fed = self.0.lock();
        fed.catch_up(first.position - 1)?;
        let had = records.partition_point(|record| record.position < fed.log.position());
        hand_out(records.get(had..).unwrap_or_default(), &mut fed.folds);
        fed.log.pass(last.position);
        Ok(())
    }
}

impl Fed {
    /// Reads the log up to `target` at least and hands it out.
    fn catch_up(&mut self, target: Position) -> Result<(), LogError> {
        while self.log.position() <= target {
            let Some(records) = self.log.next(LOOK)? else { break };
            hand_out(&records, &mut self.folds);
        }
        Ok(())
    }
}

/// Feeds folds from the log until it is closed.
pub struct Follower {
    worker: Worker,
}

impl Follower {
    /// Starts a thread of this name that hands `folds` what follows the position `after`, each batch once the folds
    /// of `ahead` have it.
    ///
    /// # Errors
    /// [`FoldError::Thread`].
    pub fn start(
        name: &str,
        log: &Log,
        after: Position,
        folds: Vec<Arc<dyn Fold>>,
        ahead: Option<Arc<Ahead>>,
    ) -> Result<Self, FoldError> {
        let follow = log.follow(after);
        Self::spawn(name, move |stop| run(follow, folds, ahead.as_deref(), stop))
    }

    /// Starts the thread of this name that feeds the folds ahead where no other does so within 5 ms.
    ///
    /// # Errors
    /// [`FoldError::Thread`].
    pub fn start_ahead(name: &str, log: &Log, ahead: Arc<Ahead>) -> Result<Self, FoldError> {
        let log = log.clone();
        Self::spawn(name, move |stop| run_ahead(&log, &ahead, stop))
    }

    fn spawn(name: &str, run: impl FnOnce(&StopSignal) + Send + 'static) -> Result<Self, FoldError> {
        let worker = Worker::spawn(name, run);
        Ok(Self { worker: worker.map_err(|error| FoldError::Thread(error.to_string()))? })
    }

    /// Ends the thread; what was folded stays readable.
    pub fn close(&self) {
        self.worker.close();
    }
}

fn run(mut log: Follow, mut folds: Vec<Arc<dyn Fold>>, ahead: Option<&Ahead>, stop: &StopSignal) {
    while !stop.is_set() && !folds.is_empty() {
        let begun = Instant::now();
        let taken = log.next(LOOK).and_then(|records| match (records, ahead) {
            (Some(records), Some(ahead)) => ahead.take(&records).map(|()| Some(records)),
            (records, _) => Ok(records),
        });
        match taken {
            Ok(Some(records)) => hand_out(&records, &mut folds),
            // A closed log answers at once: no reason to ask it all the time.
            Ok(None) => stop.rest(LOOK.saturating_sub(begun.elapsed())),
            Err(error) => fail(&mut folds, &error),
        }
    }
}

fn run_ahead(log: &Log, ahead: &Ahead, stop: &StopSignal) {
    loop {
        let position = ahead.0.lock().log.position() - 1;
        let begun = Instant::now();
        let has_more = log.wait_past(position, LOOK);
        // Where the follower behind has come by meanwhile, nothing is left to do.
        let target = log.head().position;
        stop.rest(if has_more { GRACE } else { LOOK.saturating_sub(begun.elapsed()) });
        if stop.is_set() {
            return;
        }
        let mut fed = ahead.0.lock();
        if let Err(error) = fed.catch_up(target) {
            fail(&mut fed.folds, &error);
        }
        if fed.folds.is_empty() {
            return;
        }
    }
}

fn fail(folds: &mut Vec<Arc<dyn Fold>>, error: &LogError) {
    folds.drain(..).for_each(|fold| fold.checkpoint().fail(error.clone().into()));
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
