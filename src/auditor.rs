//! The background auditor: while the server serves, reads again what the log and the models stand on, a piece at a
//! time, and keeps what it found wrong for the rule that raises an alert of it (F2, G5, E6).
//!
//! One round is every file of the journal with the blobs its facts name, then the key index, then each tenant's
//! models folded anew. After each piece it rests a hundred times as long as the piece took, so that it takes at most
//! one part in a hundred of a core.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::keys::{Position, TenantId};
use domain::members::Instant;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::log::Log;
use crate::views::{DigestMismatch, FoldError, Views};
use crate::worker::Worker;

/// How often it is asked whether a piece is due, and the shortest rest.
const TICK: Duration = Duration::from_secs(1);
/// Rests so many times as long as the last piece took.
const REST: i64 = 100;

/// A file or a model with violations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditViolation {
    /// Path of the file, or `<tenant>/<model>`.
    pub subject: String,
    /// The first violation, in a line.
    pub what: String,
    /// How many violations the subject has.
    pub count: usize,
    /// When the first of them was found.
    pub since: Instant,
}

/// The audit's result so far.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// By subject.
    pub violations: Vec<AuditViolation>,
    /// Whether a whole round was read since the start. If so, every subject without a violation is intact.
    pub is_whole: bool,
}

/// The next piece of the round.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// The file of the journal that holds this position.
    File(Position),
    /// The key index.
    Index,
    /// The models of the first tenant after this one.
    ModelsAfter(Option<Box<str>>),
}

struct Round {
    next: Piece,
    due: i64,
    rounds: u64,
    /// With the round in which each was found last.
    violations: BTreeMap<String, (AuditViolation, u64)>,
}

struct Inner {
    log: Log,
    views: Views,
    clock: Clock,
    round: Mutex<Round>,
}

/// The auditor; clones are handles of the same one.
#[derive(Clone)]
pub struct Auditor {
    inner: Arc<Inner>,
}

impl Auditor {
    /// An auditor that reads nothing by itself, see [`Auditor::start`].
    pub fn new(log: Log, views: Views, clock: Clock) -> Self {
        let round = Round { next: Piece::File(1), due: i64::MIN, rounds: 0, violations: BTreeMap::new() };
        Self { inner: Arc::new(Inner { log, views, clock, round: Mutex::new(round) }) }
    }

    /// Starts the thread that reads piece after piece. Closing it waits for the piece at hand.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(&self) -> std::io::Result<Worker> {
        let auditor = self.clone();
        Worker::ticking("auditor", TICK, move |_| {
            if auditor.inner.views.is_folded() {
                auditor.step();
            }
        })
    }

    /// The result so far.
    pub fn findings(&self) -> Findings {
        let round = self.inner.round.lock();
        let violations = round.violations.values().map(|(violation, _)| violation.clone());
        Findings { violations: violations.collect(), is_whole: round.rounds > 0 }
    }

    /// Reads the next piece, if its time has come by the clock.
    pub fn step(&self) {
        let begun = (self.inner.clock)();
        let (piece, due) = {
            let round = self.inner.round.lock();
            (round.next.clone(), round.due)
        };
        if begun < due {
            return;
        }
        let (found, next) = self.inner.read(&piece, Instant(begun));
        for AuditViolation { subject, what, .. } in &found {
            tracing::error!(subject, what, "the audit found a violation");
        }
        let ended = (self.inner.clock)();
        let rest = (REST * (ended - begun)).max(TICK.as_micros() as i64);
        self.inner.round.lock().record(found, next, ended.saturating_add(rest));
    }
}

impl Inner {
    /// Audits a piece at the time `at`; also returns the next piece, `None` at the end of the round.
    fn read(&self, piece: &Piece, at: Instant) -> (Vec<AuditViolation>, Option<Piece>) {
        match piece {
            Piece::File(position) => {
                let audited = self.log.audit(*position);
                let first = audited.violations.first().map(ToString::to_string);
                let count = audited.violations.len();
                let found =
                    first.map(|what| AuditViolation { subject: audited.file, what, count, since: at });
                let is_last = audited.next > self.log.head().position;
                (
                    found.into_iter().collect(),
                    Some(if is_last { Piece::Index } else { Piece::File(audited.next) }),
                )
            }
            Piece::Index => {
                // Doubt is no violation: what is damaged is rebuilt from the log.
                match self.log.index().audit() {
                    Ok(0) => {}
                    Ok(runs) => tracing::warn!(runs, "runs of the key index were damaged and are rebuilt"),
                    Err(error) => tracing::error!(%error, "the key index cannot be read"),
                }
                (Vec::new(), Some(Piece::ModelsAfter(None)))
            }
            Piece::ModelsAfter(last) => {
                let mut ids = self.views.tenants().into_iter().map(|(id, _)| id);
                let Some(id) = ids.find(|id| last.as_ref().is_none_or(|last| id > last)) else {
                    return (Vec::new(), None);
                };
                let found = TenantId::stored(&id).map(|tenant| self.models(&tenant, at)).unwrap_or_default();
                (found, Some(Piece::ModelsAfter(Some(id))))
            }
        }
    }

    fn models(&self, tenant: &TenantId, at: Instant) -> Vec<AuditViolation> {
        let violation = |model: &str, what: String| AuditViolation {
            subject: format!("{tenant}/{model}"),
            what,
            count: 1,
            since: at,
        };
        match self.views.audit(tenant) {
            Ok(mismatches) => {
                let violations = mismatches.into_iter().map(|mismatch| {
                    let DigestMismatch { model, position } = mismatch;
                    violation(
                        model,
                        format!(
                            "model {model} of {tenant} is not what its facts up to position {position} give; \
                             POST /api/v1/projections/{model}/rebuild mends it"
                        ),
                    )
                });
                violations.collect()
            }
            // A log that does not read is a violation of its file.
            Err(FoldError::Log(_) | FoldError::Late | FoldError::Unfolded | FoldError::Thread(_)) => {
                Vec::new()
            }
            Err(error @ (FoldError::Fact { .. } | FoldError::Record { .. })) => {
                vec![violation("facts", error.to_string())]
            }
        }
    }
}

impl Round {
    fn record(&mut self, found: Vec<AuditViolation>, next: Option<Piece>, due: i64) {
        let round = self.rounds;
        for mut violation in found {
            if let Some((known, _)) = self.violations.get(&violation.subject) {
                violation.since = known.since;
            }
            self.violations.insert(violation.subject.clone(), (violation, round));
        }
        self.due = due;
        match next {
            Some(next) => self.next = next,
            None => {
                // A violation that this round did not find again is over.
                self.violations.retain(|_, (_, found)| *found == round);
                (self.next, self.rounds) = (Piece::File(1), round + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
