//! What the writer, the readers and the keeper share: the tail, the list of runs, and the look-up over both.

use std::sync::Arc;

use domain::keys::{KeyHash, Position};
use parking_lot::RwLock;

use super::entry::{KeyEntry, Packed, prefix_of};
use super::run::{MemRun, Range, Run};
use super::tail::Tail;
use super::{KeyError, Shape};

/// Unsorted runs that may wait for the keeper before `insert` sorts one itself: a bound on how long a look-up
/// takes when the keeper cannot keep up.
const TAILS_MAX: usize = 16;

/// The index as every thread sees it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) shape: Shape,
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    tail: Tail,
    /// The tail answers for the positions after this one.
    settled: Position,
    last: Position,
    runs: Arc<Vec<Run>>,
}

impl Shared {
    pub(super) fn new(shape: Shape, runs: Vec<Run>) -> Self {
        let settled = runs.last().map_or(0, |run| run.range().last);
        let inner = Inner { tail: Tail::new(), settled, last: settled, runs: Arc::new(runs) };
        Self { shape, inner: RwLock::new(inner) }
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
        let range = Range { first: inner.settled + 1, last: inner.last };
        let full = Run::Tail(range, Arc::new(std::mem::replace(&mut inner.tail, Tail::new())));
        inner.settled = inner.last;
        Arc::make_mut(&mut inner.runs).push(full);
        true
    }

    /// Puts `new` in the place of the neighbouring runs `old`, unless these were replaced meanwhile.
    pub(super) fn replace(&self, old: &[Run], new: Run) -> bool {
        let mut inner = self.inner.write();
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

    /// Merges `fan` neighbours in memory that are of one level; false when there are none.
    pub(super) fn merge_in_memory(&self) -> bool {
        let runs = self.runs();
        let Some(group) = self.mergeable(&runs) else { return false };
        let members: Vec<Arc<MemRun>> = group
            .iter()
            .filter_map(|run| if let Run::Mem(run) = run { Some(Arc::clone(run)) } else { None })
            .collect();
        members.len() == group.len() && self.replace(group, Run::Mem(Arc::new(MemRun::merge(&members))))
    }

    /// The oldest `fan` neighbours that are of one level and of one kind.
    pub(super) fn mergeable<'a>(&self, runs: &'a [Run]) -> Option<&'a [Run]> {
        let Shape { run_entries, fan, level_max, .. } = self.shape;
        let kind = |run: &Run| {
            let level = run.level(run_entries, fan);
            (level < level_max).then_some((std::mem::discriminant(run), level))
        };
        runs.windows(fan).find(|group| {
            let first = kind(&group[0]);
            !matches!(group[0], Run::Tail(..))
                && first.is_some()
                && group.iter().all(|run| kind(run) == first)
        })
    }

    /// Looks up every key; `found` gets one answer per key, in order.
    pub(super) fn find_many(
        &self,
        keys: &[KeyHash],
        found: &mut Vec<Option<KeyEntry>>,
    ) -> Result<(), KeyError> {
        found.clear();
        let runs = {
            let inner = self.inner.read();
            found.extend(keys.iter().map(|key| inner.tail.find(key)));
            Arc::clone(&inner.runs)
        };
        // Run by run rather than key by key: the probes of one filter then wait for memory together.
        for run in runs.iter().rev() {
            for (key, found) in keys.iter().zip(found.iter_mut()).filter(|(_, found)| found.is_none()) {
                match run {
                    Run::Tail(_, tail) => *found = tail.find(key),
                    Run::Mem(run) => {
                        if run.filter.may_hold(prefix_of(key)) {
                            *found = run.find(key);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Bytes held in memory by entries and filters.
    pub(super) fn bytes(&self) -> usize {
        let inner = self.inner.read();
        let run = |run: &Run| match run {
            Run::Tail(_, tail) => tail.len() * (size_of::<Packed>() + 8),
            Run::Mem(run) => run.entries.len() * size_of::<Packed>() + run.filter.bytes(),
        };
        inner.tail.len() * (size_of::<Packed>() + 8) + inner.runs.iter().map(run).sum::<usize>()
    }
}
