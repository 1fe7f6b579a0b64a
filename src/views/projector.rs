//! The thread that follows the log and folds each fact as it becomes durable.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use domain::facts::{Fact, kind_name};
use domain::keys::{ContentDigest, Position};
use domain::members;
use domain::record::{KindTag, Record, RecordRef};
use projections::Recorded;
use projections::tenant::folds;

use super::{FoldError, Inner, Slot, rebuild, replaced};
use crate::log::{Follow, Log};

/// How long one look for new facts may take; also how soon a stop is seen.
const LOOK: Duration = Duration::from_millis(100);
/// Facts folded under one hold of a tenant's lock: readers wait no longer than for so many.
const FACTS_AT_ONCE: usize = 32;

/// A decoded fact with what of its header orders it.
#[derive(Debug)]
pub(super) struct Decoded {
    pub position: Position,
    pub content_at: Position,
    pub recorded_at: members::Instant,
    pub occurred_at: members::Instant,
    pub content: ContentDigest,
    pub fact: Fact,
}

impl Decoded {
    /// Reads the body; none of a fact that no model folds.
    pub(super) fn of(position: Position, record: &RecordRef<'_>) -> Result<Option<Self>, FoldError> {
        let header = &record.header;
        if !folds(header.kind.group) {
            return Ok(None);
        }
        let fact = Fact::decode(header.kind, header.version, record.public, record.personal())
            .map_err(|error| FoldError::Fact { position, error })?;
        Ok(Some(Self {
            position,
            content_at: position,
            recorded_at: members::Instant(header.recorded_at),
            occurred_at: members::Instant(header.occurred_at),
            content: header.content,
            fact,
        }))
    }

    /// As a fold sees it.
    pub(super) fn recorded(&self) -> Recorded<'_> {
        Recorded {
            position: self.position,
            content_at: self.content_at,
            recorded_at: self.recorded_at,
            occurred_at: self.occurred_at,
            content: self.content,
            fact: &self.fact,
        }
    }
}

/// Starts the thread.
pub(super) fn spawn(inner: Arc<Inner>, log: Log, after: Position) -> Result<JoinHandle<()>, FoldError> {
    let run = move || {
        if let Err(error) = follow(&inner, log.follow(after)) {
            tracing::error!(%error, "folding stopped");
            *inner.failure.lock() = Some(error);
        }
    };
    let thread = thread::Builder::new().name("views".to_owned()).spawn(run);
    thread.map_err(|error| FoldError::Thread(error.to_string()))
}

/// Ends the thread and waits for it.
pub(super) fn stop(inner: &Inner) {
    inner.stopping.store(true, Ordering::Relaxed);
    if let Some(thread) = inner.projector.lock().take() {
        thread.thread().unpark();
        if thread.join().is_err() {
            tracing::error!("the projector panicked");
        }
    }
}

fn follow(inner: &Inner, mut log: Follow) -> Result<(), FoldError> {
    while !inner.stopping.load(Ordering::Relaxed) {
        let begun = Instant::now();
        match log.next(LOOK)? {
            Some(records) => fold(inner, &records)?,
            // A closed log answers at once: no reason to ask it all the time.
            None => thread::park_timeout(LOOK.saturating_sub(begun.elapsed())),
        }
    }
    Ok(())
}

/// A tenant's facts among those that are folded at once.
struct Batch<'a> {
    tenant: &'a str,
    facts: Vec<Decoded>,
    last: Position,
    /// Whether a conflict was accepted among them: then facts before them are others now.
    replaces: bool,
}

/// Folds records that follow each other, tenant by tenant, and tells who waits for their position.
fn fold(inner: &Inner, records: &[Record]) -> Result<(), FoldError> {
    let mut by_tenant: Vec<Batch<'_>> = Vec::new();
    let mut kinds: Vec<(KindTag, u64)> = Vec::new();
    for record in records {
        let position = record.position;
        let view = record.view().map_err(|error| FoldError::Record { position, error })?;
        let tenant = view.header.tenant;
        match kinds.iter_mut().find(|(kind, _)| *kind == view.header.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((view.header.kind, 1)),
        }
        let decoded = Decoded::of(position, &view)?;
        let replaces = replaced::is_accepted(view.header.kind);
        match by_tenant.iter_mut().find(|batch| batch.tenant == tenant) {
            Some(batch) => {
                batch.facts.extend(decoded);
                batch.last = position;
                batch.replaces |= replaces;
            }
            None => {
                let facts = decoded.into_iter().collect();
                by_tenant.push(Batch { tenant, facts, last: position, replaces });
            }
        }
    }
    let _folding = inner.folding.lock();
    for batch in by_tenant {
        let slot = slot_of(inner, batch.tenant);
        if batch.replaces {
            // Folded beside, and put in its place in one step: readers go on with the old.
            let state =
                rebuild::refold(&inner.log.snapshot(), batch.tenant, batch.last, None, inner.threads)?;
            *slot.write() = state;
            continue;
        }
        fold_tenant(&slot, &batch.facts);
        // Its answers are true up to its last fact, whether or not a model folds that kind.
        slot.write().position = batch.last;
    }
    for (kind, count) in kinds {
        let kind = kind_name(kind).unwrap_or("unknown");
        metrics::counter!("factfold_facts_folded_total", "kind" => kind).increment(count);
    }
    if let Some(last) = records.last() {
        inner.position.send_replace(last.position);
    }
    Ok(())
}

fn slot_of(inner: &Inner, tenant: &str) -> Slot {
    if let Some(slot) = inner.tenants.read().get(tenant) {
        return Arc::clone(slot);
    }
    Arc::clone(inner.tenants.write().entry(tenant.into()).or_default())
}

fn fold_tenant(slot: &Slot, facts: &[Decoded]) {
    for part in facts.chunks(FACTS_AT_ONCE) {
        let mut state = slot.write();
        for fact in part {
            let recorded = fact.recorded();
            if matches!(fact.fact, Fact::Tenant(_)) {
                // Every row is counted anew under the new rules: only this thread writes, so readers go on
                // meanwhile, and nothing changes between the two halves.
                drop(state);
                let prepared = slot.read().tenant.prepare(&recorded);
                state = slot.write();
                if let Some(prepared) = prepared {
                    state.tenant.reconfigure(prepared);
                }
            }
            state.tenant.fold(&recorded);
            state.position = fact.position;
        }
    }
}
