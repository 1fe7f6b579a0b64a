//! The background auditor: while the server serves, reads again what the log and the models stand on, a piece at a
//! time, and keeps what it found wrong for the rule that raises an alert of it (F2, G5, E6).
//!
//! One round is every file of the journal with the blobs its facts name, then the key index, then each tenant's
//! models folded anew. After each piece it rests a hundred times as long as the piece took, so that it takes at most
//! one part in a hundred of a core.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use domain::keys::{Position, TenantId};
use domain::members::Instant;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::log::Log;
use crate::views::{FoldError, Views};

/// How often it is asked whether a piece is due, and the shortest rest.
const TICK: Duration = Duration::from_secs(1);
/// Rests so many times as long as the last piece took.
const REST: i64 = 100;

/// Something that is not what it was, or not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// File or model.
    pub subject: String,
    /// The first that was found of it, in a line.
    pub what: String,
    /// How many were found of it.
    pub count: usize,
    /// When it was found first.
    pub since: Instant,
}

/// What was found so far.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// What is wrong, by subject.
    pub wrong: Vec<Wrong>,
    /// Whether all was read once since the start: what is not among the wrong then is right.
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
    wrong: BTreeMap<String, (Wrong, u64)>,
}

struct Inner {
    log: Log,
    views: Views,
    clock: Clock,
    round: Mutex<Round>,
    stopping: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The auditor; clones are handles of the same one.
#[derive(Clone)]
pub struct Auditor {
    inner: Arc<Inner>,
}

impl Auditor {
    /// An auditor without a thread: [`Auditor::step`] is called by somebody else.
    pub fn new(log: Log, views: Views, clock: Clock) -> Self {
        let round = Round { next: Piece::File(1), due: i64::MIN, rounds: 0, wrong: BTreeMap::new() };
        let inner = Inner {
            log,
            views,
            clock,
            round: Mutex::new(round),
            stopping: AtomicBool::new(false),
            thread: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start(log: Log, views: Views, clock: Clock) -> std::io::Result<Self> {
        let auditor = Self::new(log, views, clock);
        let on_thread = auditor.clone();
        let run = move || {
            while !on_thread.inner.stopping.load(Ordering::Relaxed) {
                thread::park_timeout(TICK);
                on_thread.step();
            }
        };
        let thread = thread::Builder::new().name("auditor".to_owned()).spawn(run)?;
        *auditor.inner.thread.lock() = Some(thread);
        Ok(auditor)
    }

    /// Ends the thread, after the piece at hand.
    pub fn close(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.inner.thread.lock().take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the auditor panicked");
            }
        }
    }

    /// What was found so far.
    pub fn findings(&self) -> Findings {
        let round = self.inner.round.lock();
        let wrong = round.wrong.values().map(|(wrong, _)| wrong.clone());
        Findings { wrong: wrong.collect(), is_whole: round.rounds > 0 }
    }

    /// Reads the next piece, if its time has come by the clock.
    pub fn step(&self) {
        let begun = (self.inner.clock)();
        let (piece, due) = {
            let round = self.inner.round.lock();
            (round.next.clone(), round.due)
        };
        if begun < due || self.inner.stopping.load(Ordering::Relaxed) {
            return;
        }
        let (found, next) = self.inner.read(&piece);
        for (subject, what, _) in &found {
            tracing::error!(subject, what, "the audit found a violation");
        }
        let ended = (self.inner.clock)();
        let rest = (REST * (ended - begun)).max(TICK.as_micros() as i64);
        self.inner.round.lock().take(found, next, Instant(begun), ended.saturating_add(rest));
    }
}

/// Subject, what is wrong in a line, and how many such there are.
type Found = (String, String, usize);

impl Inner {
    /// What is wrong with a piece, and the one after it; none at the end of the round.
    fn read(&self, piece: &Piece) -> (Vec<Found>, Option<Piece>) {
        match piece {
            Piece::File(position) => {
                let audited = self.log.audit(*position);
                let first = audited.violations.first().map(ToString::to_string);
                let found = first.map(|what| (audited.file, what, audited.violations.len()));
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
                let found = TenantId::stored(&id).map(|tenant| self.models(&tenant)).unwrap_or_default();
                (found, Some(Piece::ModelsAfter(Some(id))))
            }
        }
    }

    fn models(&self, tenant: &TenantId) -> Vec<Found> {
        let subject = |model: &str| format!("{tenant}/{model}");
        match self.views.audit(tenant) {
            Ok(strayed) => {
                let told = strayed.into_iter().map(|strayed| {
                    let what = format!(
                        "model {} of {tenant} is not what its facts up to position {} give",
                        strayed.model, strayed.position
                    );
                    (subject(strayed.model), what, 1)
                });
                told.collect()
            }
            // What the log cannot read is told of its file.
            Err(FoldError::Log(_) | FoldError::Late | FoldError::Thread(_)) => Vec::new(),
            Err(error @ (FoldError::Fact { .. } | FoldError::Record { .. })) => {
                vec![(subject("facts"), error.to_string(), 1)]
            }
        }
    }
}

impl Round {
    fn take(&mut self, found: Vec<Found>, next: Option<Piece>, at: Instant, due: i64) {
        let round = self.rounds;
        for (subject, what, count) in found {
            let since = self.wrong.get(&subject).map_or(at, |(known, _)| known.since);
            self.wrong.insert(subject.clone(), (Wrong { subject, what, count, since }, round));
        }
        self.due = due;
        match next {
            Some(next) => self.next = next,
            None => {
                // What the round that ends here did not find any more is over.
                self.wrong.retain(|_, (_, found)| *found == round);
                (self.next, self.rounds) = (Piece::File(1), round + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
