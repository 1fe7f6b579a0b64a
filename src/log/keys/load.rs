//! Which runs of sled may be used for this log, at open.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::Position;

use super::entry::{KeyEntry, Packed, prefix_of};
use super::manifest::{HEAD, RunHead, RunId, TABLE, id_of};
use super::run::{MemRun, Range, Run};
use super::sled_run::{Lookup, SledRun, look_up};
use super::{BeyondHead, KeySource, Shape};
use crate::store::{Db, StoreError};

/// Why the whole database is set aside.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the index belongs to another log")]
    OtherLog,
    #[error(transparent)]
    BeyondHead(#[from] BeyondHead),
    #[error("position {0} of the index is another fact in the log")]
    OtherFact(Position),
    #[error("the log could not be read: {0}")]
    Source(String),
}

/// The log that the runs must belong to.
pub(super) struct Log<'a> {
    pub(super) id: [u8; 16],
    pub(super) head: Position,
    pub(super) source: &'a dyn KeySource,
}

/// Runs without a gap from position 1 on: those in sled that are whole, and what is missing between them from the
/// log.
///
/// The log's id tells it from other logs, and samples from an older state of the same log that went another way.
pub(super) fn load(db: &Db, log: &Log<'_>, shape: Shape) -> Result<Vec<Run>, LoadError> {
    let mut heads = heads(db, log)?;
    let mut runs: Vec<Run> = Vec::new();
    loop {
        let next = runs.last().map_or(1, |run| run.range().last + 1);
        // Of runs that begin at one place the longest, as the others were merged into it, and the newest.
        let best = heads
            .iter()
            .filter(|(_, head)| head.range.first >= next)
            .min_by_key(|(id, head)| (head.range.first, Reverse(head.range.last), Reverse(**id)))
            .map(|(id, head)| (*id, *head));
        let Some((id, head)) = best else { return Ok(runs) };
        heads.remove(&id);
        let Some(run) = SledRun::load(db, id, head, shape.check)? else {
            tracing::warn!(run = id, "key run is damaged and is rebuilt from the log");
            continue;
        };
        if !sample(&run, log.source, shape.samples)? {
            // Damage, not another log: the run is left out, and its range comes from the log.
            continue;
        }
        if head.range.first > next {
            let range = Range { first: next, last: head.range.first - 1 };
            runs.push(Run::Mem(Arc::new(MemRun::sort(range, from_log(log.source, range)?))));
        }
        runs.push(Run::Sled(Arc::new(run)));
    }
}

fn heads(db: &Db, log: &Log<'_>) -> Result<BTreeMap<RunId, RunHead>, LoadError> {
    let found = db.read(|view| {
        let mut found: Vec<(RunId, Option<RunHead>)> = Vec::new();
        view.table(TABLE)?.scan(&[HEAD], |key, value| {
            if key[0] != HEAD {
                return false;
            }
            found.extend(id_of(key).map(|id| (id, RunHead::from_bytes(value))));
            true
        })?;
        Ok(found)
    })?;
    let mut heads = BTreeMap::new();
    for (id, head) in found {
        let Some(head) = head else { continue };
        if head.log_id != log.id {
            return Err(LoadError::OtherLog);
        }
        if head.range.last > log.head {
            return Err(BeyondHead(head.range.last).into());
        }
        if head.range.first <= head.range.last && head.range.first > 0 {
            heads.insert(id, head);
        }
    }
    Ok(heads)
}

/// Whether facts spread over the run's range stand in it as they do in the log. False when a chunk is damaged.
fn sample(run: &SledRun, source: &dyn KeySource, samples: u64) -> Result<bool, LoadError> {
    let Range { first, last } = run.range;
    let mut entries: Vec<KeyEntry> = Vec::new();
    for number in 0..samples {
        let position = first + (last - first) * number / (samples - 1).max(1);
        source
            .entries(position - 1, position, &mut |entry| entries.push(entry))
            .map_err(|error| LoadError::Source(error.to_string()))?;
    }
    for entry in &entries {
        let Some(query) = run.filter.may_hold(prefix_of(&entry.key)).then(|| run.query(&entry.key)).flatten()
        else {
            return Err(LoadError::OtherFact(entry.position));
        };
        match look_up(&run.db, vec![query])?.first() {
            Some(Lookup::Found(found)) if found == entry => {}
            Some(Lookup::Damaged) => return Ok(false),
            Some(Lookup::Found(_) | Lookup::Absent) | None => {
                return Err(LoadError::OtherFact(entry.position));
            }
        }
    }
    Ok(true)
}

fn from_log(source: &dyn KeySource, range: Range) -> Result<Vec<Packed>, LoadError> {
    let mut entries = Vec::new();
    source
        .entries(range.first - 1, range.last, &mut |entry| entries.push(entry.pack()))
        .map_err(|error| LoadError::Source(error.to_string()))?;
    Ok(entries)
}
