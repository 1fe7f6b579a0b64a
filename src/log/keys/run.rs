//! Runs: immutable, sorted stretches of the index, each covering a range of positions.

use std::sync::Arc;

use domain::keys::{KeyHash, Position};

use super::entry::{KeyEntry, Packed, prefix_of};
use super::filter::{Filter, FilterBuilder};
use super::sled_run::SledRun;
use super::tail::Tail;

/// The positions that a run answers for: it holds every entry of `first..=last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: Position,
    pub(super) last: Position,
}

/// A stretch of the index on its way from memory to sled.
#[derive(Debug, Clone)]
pub(super) enum Run {
    /// A full tail, not yet sorted.
    Tail(Range, Arc<Tail>),
    /// Sorted, in memory: not yet in sled, or sled cannot be used.
    Mem(Arc<MemRun>),
    /// In sled, written, synced and read back.
    Sled(Arc<SledRun>),
}

impl Run {
    pub(super) fn range(&self) -> Range {
        match self {
            Run::Tail(range, _) => *range,
            Run::Mem(run) => run.range,
            Run::Sled(run) => run.range,
        }
    }

    pub(super) fn count(&self) -> u64 {
        match self {
            Run::Tail(_, tail) => tail.len() as u64,
            Run::Mem(run) => run.entries.len() as u64,
            Run::Sled(run) => run.count,
        }
    }

    /// Whether both are the same run, not merely equal ones.
    pub(super) fn same(&self, other: &Run) -> bool {
        match (self, other) {
            (Run::Tail(_, a), Run::Tail(_, b)) => Arc::ptr_eq(a, b),
            (Run::Mem(a), Run::Mem(b)) => Arc::ptr_eq(a, b),
            (Run::Sled(a), Run::Sled(b)) => Arc::ptr_eq(a, b),
            (Run::Tail(..) | Run::Mem(_) | Run::Sled(_), _) => false,
        }
    }

    /// How often runs were merged into this one: a run of level n has about `run × fan^n` entries.
    pub(super) fn level(&self, run_entries: usize, fan: usize) -> u32 {
        let mut level = 0;
        let mut reach = (run_entries * fan) as u64;
        // Half, because a merge drops what stands twice and a rebuilt range may hold a few less.
        while self.count() > reach / 2 {
            level += 1;
            reach = reach.saturating_mul(fan as u64);
        }
        level
    }
}

/// A sorted run in memory: 24 bytes an entry and 2.3 for the filter.
#[derive(Debug)]
pub(super) struct MemRun {
    pub(super) range: Range,
    pub(super) entries: Vec<Packed>,
    pub(super) filter: Arc<Filter>,
}

impl MemRun {
    pub(super) fn sort(range: Range, mut entries: Vec<Packed>) -> Self {
        entries.sort_unstable();
        Self::from_sorted(range, entries)
    }

    /// What a run in sled held, read again from the log; its filter, checked when it was loaded, still serves.
    pub(super) fn restored(run: &SledRun, mut entries: Vec<Packed>) -> Self {
        entries.sort_unstable();
        Self { range: run.range, entries, filter: Arc::clone(&run.filter) }
    }

    fn from_sorted(range: Range, entries: Vec<Packed>) -> Self {
        let mut builder = FilterBuilder::new(entries.len() as u64);
        for entry in &entries {
            builder.push(prefix_of(entry));
        }
        Self { range, entries, filter: Arc::new(builder.finish()) }
    }

    /// Merges neighbours, oldest first.
    pub(super) fn merge(runs: &[Arc<MemRun>]) -> Self {
        let range = Range {
            first: runs.first().map_or(1, |run| run.range.first),
            last: runs.last().map_or(0, |run| run.range.last),
        };
        let mut entries = Vec::with_capacity(runs.iter().map(|run| run.entries.len()).sum());
        let mut heads: Vec<&[Packed]> = runs.iter().map(|run| run.entries.as_slice()).collect();
        while let Some(entry) = pop_lowest(&mut heads) {
            entries.push(entry);
        }
        Self::from_sorted(range, entries)
    }

    pub(super) fn find(&self, key: &KeyHash) -> Option<KeyEntry> {
        find_sorted(&self.entries, key)
    }
}

fn pop_lowest(heads: &mut [&[Packed]]) -> Option<Packed> {
    let mut lowest: Option<(usize, &Packed)> = None;
    for (at, head) in heads.iter().enumerate() {
        if let Some(entry) = head.first()
            && lowest.is_none_or(|(_, other)| entry < other)
        {
            lowest = Some((at, entry));
        }
    }
    let (at, entry) = lowest.map(|(at, entry)| (at, *entry))?;
    heads[at] = &heads[at][1..];
    Some(entry)
}

/// The entry of `key` in sorted entries.
pub(super) fn find_sorted(entries: &[Packed], key: &KeyHash) -> Option<KeyEntry> {
    let at = entries.partition_point(|entry| entry[..11] < key[..]);
    let entry = entries.get(at)?;
    (entry[..11] == key[..]).then(|| KeyEntry::unpack(entry))
}
