//! What the writer, the readers and the keeper share: the tail, the list of runs, and the look-up over both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use domain::keys::{KeyHash, Position};
use parking_lot::{Mutex, RwLock};

use super::entry::{KeyEntry, Packed, prefix_of};
use super::keeper::Signal;
use super::run::{MemRun, Range, Run};
use super::sled_run::{ChunkQuery, Lookup, SledRun, look_up};
use super::tail::Tail;
use super::{KeyError, KeySource, Shape};
use crate::store::Db;

/// Unsorted runs that may wait for the keeper before `insert` sorts one itself: a bound on how long a look-up
/// takes when the keeper cannot keep up.
const TAILS_MAX: usize = 16;
/// Repairs within one look-up. More than one only when sled fails, is replaced and fails again meanwhile.
const TRIES_MAX: usize = 6;

/// What a look-up stumbled over.
pub(super) enum Trouble {
    /// sled itself: an error, a panic, no answer in time.
    Db(Db),
    /// A chunk of a run is missing or is not what was written.
    Run(Arc<SledRun>),
}

impl Trouble {
    fn strikes(&self, run: &Arc<SledRun>) -> bool {
        match self {
            Trouble::Db(db) => run.db.same(db),
            Trouble::Run(lost) => Arc::ptr_eq(lost, run),
        }
    }
}

/// The index as every thread sees it.
pub(super) struct Shared {
    pub(super) shape: Shape,
    inner: RwLock<Inner>,
    source: Option<Arc<dyn KeySource>>,
    repair: Mutex<()>,
    /// sled was lost and does not yet hold all runs again.
    pub(super) rebuilding: AtomicBool,
    /// Why sled is not used.
    pub(super) without_sled: Mutex<Option<String>>,
    /// Damaged runs that the keeper shall remove from sled.
    dropped: Mutex<Vec<Arc<SledRun>>>,
    pub(super) signal: Arc<Signal>,
}

#[derive(Debug)]
struct Inner {
    tail: Tail,
    /// The tail answers for the positions after this one.
    tail_base: Position,
    last: Position,
    runs: Arc<Vec<Run>>,
}

impl Shared {
    pub(super) fn new(shape: Shape, source: Option<Arc<dyn KeySource>>, runs: Vec<Run>) -> Self {
        let tail_base = runs.last().map_or(0, |run| run.range().last);
        let inner = Inner { tail: Tail::new(), tail_base, last: tail_base, runs: Arc::new(runs) };
        Self {
            shape,
            inner: RwLock::new(inner),
            source,
            repair: Mutex::default(),
            rebuilding: AtomicBool::new(false),
            without_sled: Mutex::default(),
            dropped: Mutex::default(),
            signal: Arc::default(),
        }
    }

    pub(super) fn last(&self) -> Position {
        self.inner.read().last
    }

    pub(super) fn runs(&self) -> Arc<Vec<Run>> {
        Arc::clone(&self.inner.read().runs)
    }

    /// True when a run became full, so that the keeper has work.
    pub(super) fn insert(&self, entry: &KeyEntry) -> bool {
        let mut inner = self.inner.write();
        inner.tail.insert(entry.pack());
        inner.last = inner.last.max(entry.position);
        if inner.tail.len() < self.shape.run_entries {
            return false;
        }
        let range = Range { first: inner.tail_base + 1, last: inner.last };
        let full = Run::Tail(range, Arc::new(std::mem::replace(&mut inner.tail, Tail::new())));
        inner.tail_base = inner.last;
        Arc::make_mut(&mut inner.runs).push(full);
        true
    }

    /// Puts `new` in the place of the neighbouring runs `old`, unless these were replaced meanwhile.
    pub(super) fn replace(&self, old: &[Run], new: Run) -> bool {
        let mut inner = self.inner.write();
        if matches!(&new, Run::Sled(run) if run.db.dead().is_some()) {
            return false;
        }
        let Some(at) = old.first().and_then(|first| inner.runs.iter().position(|run| run.same(first))) else {
            return false;
        };
        let there = inner.runs.get(at..at + old.len());
        if !there.is_some_and(|there| there.iter().zip(old).all(|(a, b)| a.same(b))) {
            return false;
        }
        Arc::make_mut(&mut inner.runs).splice(at..at + old.len(), [new]);
        true
    }

    /// Sorts the oldest unsorted run; false when there is none.
    pub(super) fn sort_one(&self) -> bool {
        let runs = self.runs();
        let Some(run) = runs.iter().find(|run| matches!(run, Run::Tail(..))) else { return false };
        let Run::Tail(range, tail) = run else { return false };
        let sorted = MemRun::sort(*range, tail.entries().to_vec());
        self.replace(std::slice::from_ref(run), Run::Mem(Arc::new(sorted)))
    }

    /// Sorts in the inserting thread what the keeper left lying.
    pub(super) fn relieve(&self) {
        while self.runs().iter().filter(|run| matches!(run, Run::Tail(..))).count() > TAILS_MAX {
            if !self.sort_one() {
                return;
            }
        }
    }

    /// Merges `fan` neighbours in memory that are of one level below `level_max`; false when there are none.
    pub(super) fn merge_in_memory(&self, level_max: u32) -> bool {
        let runs = self.runs();
        let Some(group) = self.mergeable(&runs, level_max, |run| matches!(run, Run::Mem(_))) else {
            return false;
        };
        let members: Vec<Arc<MemRun>> = group
            .iter()
            .filter_map(|run| if let Run::Mem(run) = run { Some(Arc::clone(run)) } else { None })
            .collect();
        self.replace(group, Run::Mem(Arc::new(MemRun::merge(&members))))
    }

    /// The oldest `fan` neighbours of `kind` that are of one level below `level_max`.
    pub(super) fn mergeable<'a>(
        &self,
        runs: &'a [Run],
        level_max: u32,
        kind: impl Fn(&Run) -> bool,
    ) -> Option<&'a [Run]> {
        let Shape { run_entries, fan, .. } = self.shape;
        let level_max = level_max.min(self.shape.level_max);
        runs.windows(fan).find(|group| {
            let level = group[0].level(run_entries, fan);
            level < level_max && group.iter().all(|run| kind(run) && run.level(run_entries, fan) == level)
        })
    }

    /// Looks up every key; `found` gets one answer per key, in order. What fails in sled is repaired first.
    pub(super) fn find_many(
        &self,
        keys: &[KeyHash],
        found: &mut Vec<Option<KeyEntry>>,
    ) -> Result<(), KeyError> {
        for _ in 0..TRIES_MAX {
            match self.try_find(keys, found) {
                Ok(()) => return Ok(()),
                Err(trouble) => {
                    self.repair(&trouble)?;
                }
            }
        }
        Err(KeyError::RepairsExhausted)
    }

    /// Asks memory first, then sled once for all keys that its filters may hold.
    ///
    /// Newest run first: a key stands in one run only, and recent keys are the likely ones. Sled is asked in one job for
    /// the whole group, since a job costs more than its look-ups. A damaged chunk ends the try: the caller repairs the
    /// run and asks again, because "absent" would be a guess.
    fn try_find(&self, keys: &[KeyHash], found: &mut Vec<Option<KeyEntry>>) -> Result<(), Trouble> {
        found.clear();
        let runs = {
            let inner = self.inner.read();
            found.extend(keys.iter().map(|key| inner.tail.find(key)));
            Arc::clone(&inner.runs)
        };
        let mut queries: Vec<(usize, &Arc<SledRun>, ChunkQuery)> = Vec::new();
        // Run by run rather than key by key: the probes of one filter then wait for memory together.
        for run in runs.iter().rev() {
            for (at, (key, found)) in keys.iter().zip(found.iter_mut()).enumerate() {
                if found.is_some() {
                    continue;
                }
                match run {
                    Run::Tail(_, tail) => *found = tail.find(key),
                    Run::Mem(run) if run.filter.may_hold(prefix_of(key)) => *found = run.find(key),
                    Run::Sled(run) if run.filter.may_hold(prefix_of(key)) => {
                        queries.extend(run.query(key).map(|query| (at, run, query)));
                    }
                    Run::Mem(_) | Run::Sled(_) => {}
                }
            }
        }
        while let Some((_, first, _)) = queries.first() {
            // One database for all, but for the moment in which another takes its place.
            let (db, batch) = (&first.db, queries.iter().take_while(|(_, run, _)| run.db.same(&first.db)));
            let batch_queries: Vec<ChunkQuery> = batch.map(|(_, _, query)| *query).collect();
            let count = batch_queries.len();
            let answers = look_up(db, batch_queries).map_err(|_| Trouble::Db(db.clone()))?;
            for ((at, run, _), answer) in queries.drain(..count).zip(answers) {
                match answer {
                    Lookup::Found(entry) => found[at] = Some(entry),
                    Lookup::Absent => {}
                    Lookup::Damaged => return Err(Trouble::Run(Arc::clone(run))),
                }
            }
        }
        Ok(())
    }

    /// Brings back from the log what sled lost, into memory, and so for every thread; false when another thread did.
    pub(super) fn repair(&self, trouble: &Trouble) -> Result<bool, KeyError> {
        // One repairs, the others wait for it and then find nothing left to do.
        let _alone = self.repair.lock();
        if let Trouble::Db(db) = trouble {
            // From here on no run of it is added any more (`replace` looks).
            db.give_up("a look-up failed");
        }
        let mut repaired = false;
        loop {
            let runs = self.runs();
            let lost = runs.iter().find_map(|run| match run {
                Run::Sled(run) if trouble.strikes(run) => Some(run),
                Run::Tail(..) | Run::Mem(_) | Run::Sled(_) => None,
            });
            let Some(run) = lost else { return Ok(repaired) };
            self.rebuilding.store(true, Relaxed);
            tracing::warn!(
                run = run.id,
                first = run.range.first,
                last = run.range.last,
                "key run rebuilt from the log"
            );
            let entries = self.read_log(run.range, run.count)?;
            let restored = Run::Mem(Arc::new(MemRun::restored(run, entries)));
            repaired |= self.replace(&[Run::Sled(Arc::clone(run))], restored);
            if let Trouble::Run(run) = trouble {
                self.dropped.lock().push(Arc::clone(run));
            }
            self.signal.wake();
        }
    }

    pub(super) fn take_dropped(&self) -> Vec<Arc<SledRun>> {
        std::mem::take(&mut *self.dropped.lock())
    }

    /// The entries of a range as they stand in the log, at least `count`.
    pub(super) fn read_log(&self, range: Range, count: u64) -> Result<Vec<Packed>, KeyError> {
        let Some(source) = &self.source else { return Err(KeyError::Source("no log was given".to_owned())) };
        let mut entries = Vec::with_capacity(count as usize);
        source
            .entries(range.first.saturating_sub(1), range.last, &mut |entry| entries.push(entry.pack()))
            .map_err(|error| KeyError::Source(error.to_string()))?;
        if (entries.len() as u64) < count {
            let (Range { first, last }, got) = (range, entries.len());
            return Err(KeyError::Source(format!("positions {first} to {last} gave {got} of {count} keys")));
        }
        Ok(entries)
    }

    /// Bytes held in memory by entries and filters.
    pub(super) fn bytes(&self) -> usize {
        let inner = self.inner.read();
        let run = |run: &Run| match run {
            Run::Tail(_, tail) => tail.len() * (size_of::<Packed>() + 8),
            Run::Mem(run) => run.entries.len() * size_of::<Packed>() + run.filter.bytes(),
            Run::Sled(run) => run.bytes(),
        };
        inner.tail.len() * (size_of::<Packed>() + 8) + inner.runs.iter().map(run).sum::<usize>()
    }
}
