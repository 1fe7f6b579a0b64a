//! What comes with time: one thread with an injected clock asks a table of pure rules what is due, and appends it
//! under derived keys, so that folds see only facts (RULINGS, Things that come with time).
//!
//! A rule reads a tenant's models, the endpoints' health and the time. What it finds due has a key made of what it
//! was decided on: two ticks, two starts or two servers append it once.

mod alert;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use domain::keys::TenantId;
use domain::members::Instant;
use domain::rules::decision::NewFact;
use parking_lot::Mutex;

use self::rules::equal_snapshots::Holders;
use crate::auditor::{Auditor, Findings};
use crate::clock::Clock;
use crate::deliveries::Deliveries;
use crate::deliveries::health::HealthSummary;
use crate::ingest::Ingest;
use crate::ingest::error::IngestError;
use crate::views::{TenantView, Views};

/// How often the rules are asked.
const TICK: Duration = Duration::from_secs(1);
/// How long a tick waits for what it appended to be folded; then it is asked again anyway, and the keys hold.
const FOLD_WAIT: Duration = Duration::from_secs(5);

/// What a rule is told.
pub struct Situation<'s> {
    /// The tenant; `_unassigned` of what has none.
    pub tenant: &'s TenantId,
    /// Its models.
    pub view: &'s TenantView,
    /// The time.
    pub now: Instant,
    /// The health of the endpoints through which its deliveries come.
    pub health: &'s [HealthSummary],
    /// How many tenants hold the same records of a CRM.
    pub holders: &'s Holders,
    /// What the background auditor found; of what has no tenant only.
    pub audit: Option<&'s Findings>,
}

/// Says what is due: facts under names made of what they were decided on, such as
/// `session/<id>/timeout/<last position>`. Pure: no clock, no IO.
pub struct Rule {
    /// How often it is asked; as seldom as its matter allows.
    every: Duration,
    due: fn(&Situation<'_>) -> Vec<NewFact>,
}

const fn each(seconds: u64, due: fn(&Situation<'_>) -> Vec<NewFact>) -> Rule {
    Rule { every: Duration::from_secs(seconds), due }
}

/// Every rule: one file and one line.
const RULES: &[Rule] = &[
    each(1, rules::session::due),
    each(1, rules::audit_violation::due),
    each(1, rules::conflict::due),
    each(1, rules::quarantine::due),
    each(1, rules::refused::due),
    each(1, rules::silence::due),
    each(1, rules::unknown_number::due),
    each(1, rules::positive_reply::due),
    each(10, rules::sync_failing::due),
    each(10, rules::equal_snapshots::due),
    each(60, rules::figures::due),
];

/// The thread that asks the rules.
pub struct Ticker {
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread works with.
pub struct Parts {
    /// Read models.
    pub views: Views,
    /// The one way in.
    pub ingest: Arc<Ingest>,
    /// The endpoints' health.
    pub deliveries: Deliveries,
    /// What is verified while the server serves.
    pub auditor: Auditor,
    /// The time.
    pub clock: Clock,
}

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let run = move || {
            let mut asked = Asked::default();
            while !stop.load(Ordering::Relaxed) {
                thread::park_timeout(TICK);
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = parts.tick(&mut asked) {
                    tracing::warn!(%error, "what is due was not appended; the next tick tries again");
                }
            }
        };
        let thread = thread::Builder::new().name("ticker".to_owned()).spawn(run)?;
        Ok(Self { stopping, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the ticker panicked");
            }
        }
    }
}

/// When each rule was asked last, by the injected clock.
#[derive(Default)]
struct Asked([Option<i64>; RULES.len()]);

impl Asked {
    /// The rules whose time has come at `now`. A clock that was set back asks all.
    fn come(&mut self, now: Instant) -> Vec<&'static Rule> {
        let mut come = Vec::new();
        for (rule, last) in RULES.iter().zip(&mut self.0) {
            let every = rule.every.as_micros() as i64;
            if last.is_none_or(|last| now.0 < last || now.0 - last >= every) {
                *last = Some(now.0);
                come.push(rule);
            }
        }
        come
    }
}

impl Parts {
    /// Asks every rule whose time has come about every tenant, appends what is due, and waits until it is folded.
    fn tick(&self, asked: &mut Asked) -> Result<(), IngestError> {
        // Before they are known again, every endpoint would look silent.
        if !self.deliveries.is_ready() {
            return Ok(());
        }
        let now = Instant((self.clock)());
        let rules = asked.come(now);
        let holders = &rules::equal_snapshots::holders(&self.views);
        let mut last = 0;
        for (id, view) in self.views.tenants() {
            if let Ok(tenant) = TenantId::stored(&id) {
                let health = self.deliveries.health(Some(&id));
                let situation =
                    Situation { tenant: &tenant, view: &view, now, health: &health, holders, audit: None };
                last = last.max(self.append(&rules, &situation)?);
            }
        }
        let nobody = TenantId::unassigned();
        let view = self.views.internal(&nobody).unwrap_or_default();
        let health = self.deliveries.health(None);
        let audit = Some(&self.auditor.findings());
        let situation = Situation { tenant: &nobody, view: &view, now, health: &health, holders, audit };
        last = last.max(self.append(&rules, &situation)?);
        let appended = std::time::Instant::now();
        while self.views.position() < last && appended.elapsed() < FOLD_WAIT {
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn append(&self, rules: &[&Rule], situation: &Situation<'_>) -> Result<u64, IngestError> {
        let due = rules.iter().flat_map(|rule| (rule.due)(situation));
        let facts = due.map(|due| due.envelope(situation.tenant.clone(), situation.now));
        let facts = facts.collect::<Result<Vec<_>, _>>()?;
        if facts.is_empty() {
            return Ok(0);
        }
        let appended = self.ingest.append(&facts, &Bytes::new())?.wait()?;
        Ok(appended.iter().map(|appended| appended.position()).max().unwrap_or(0))
    }
}
