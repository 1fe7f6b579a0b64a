//! Facts that are due with time, such as time-outs and alerts. One thread with an injected clock asks a table of pure
//! rules and appends their facts, so that folds see only facts (RULINGS, Things that come with time).
//!
//! A rule reads a tenant's models, the endpoints' health and the time. The key of a due fact is made of the state that
//! it was decided on: two ticks, two starts or two servers append it once.

mod alert;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use domain::keys::TenantId;
use domain::members::Instant;
use domain::rules::decision::NewFact;

use self::rules::equal_snapshots::Holders;
use crate::auditor::{Auditor, Findings};
use crate::clock::{Clock, Duty};
use crate::deliveries::Deliveries;
use crate::deliveries::health::HealthSummary;
use crate::ingest::Ingest;
use crate::ingest::error::IngestError;
use crate::views::{TenantView, Views};
use crate::worker::Worker;

/// How often the thread looks for due rules.
const TICK: Duration = Duration::from_secs(1);
/// How long a tick waits until its facts are folded. A tick that asks too early finds the same facts due under the same
/// keys.
const FOLD_WAIT: Duration = Duration::from_secs(5);

/// What a rule decides on.
pub struct Situation<'s> {
    /// The tenant; `_unassigned` for facts that have none.
    pub tenant: &'s TenantId,
    /// Read models of the tenant.
    pub view: &'s TenantView,
    /// Time of the tick.
    pub now: Instant,
    /// Health of the tenant's endpoints.
    pub health: &'s [HealthSummary],
    /// How many tenants hold the same CRM records.
    pub holders: &'s Holders,
    /// Findings of the background auditor; `None` for a tenant, since they belong to none.
    pub audit: Option<&'s Findings>,
    /// How far the log's last fact was recorded ahead of the clock; `None` for a tenant, or where it was not.
    pub head_ahead: Option<Duration>,
}

/// Finds the facts that are due. Pure: no clock, no IO.
pub struct Rule {
    /// Shortest time between two asks.
    every: Duration,
    /// Whether it judges endpoints by their deliveries: those of all nodes, or it is not asked.
    by_deliveries: bool,
    due: fn(&Situation<'_>) -> Vec<NewFact>,
}

const fn each(seconds: u64, due: fn(&Situation<'_>) -> Vec<NewFact>) -> Rule {
    Rule { every: Duration::from_secs(seconds), by_deliveries: false, due }
}

const fn by_deliveries(seconds: u64, due: fn(&Situation<'_>) -> Vec<NewFact>) -> Rule {
    Rule { every: Duration::from_secs(seconds), by_deliveries: true, due }
}

/// Every rule: one file and one line.
const RULES: &[Rule] = &[
    each(1, rules::session::due),
    each(1, rules::audit_violation::due),
    each(1, rules::call_unknown::due),
    each(10, rules::clock_ahead::due),
    each(1, rules::conflict::due),
    each(1, rules::quarantine::due),
    by_deliveries(1, rules::refused::due),
    by_deliveries(1, rules::silence::due),
    by_deliveries(1, rules::unknown_number::due),
    each(1, rules::positive_reply::due),
    each(10, rules::sync_failing::due),
    each(10, rules::equal_snapshots::due),
    by_deliveries(60, rules::figures::due),
];

/// What the ticker reads and writes.
pub struct TickerParts {
    /// Read models that the rules decide on.
    pub views: Views,
    /// Where due facts are appended.
    pub ingest: Arc<Ingest>,
    /// Deliveries, for the health of endpoints.
    pub deliveries: Deliveries,
    /// The background auditor, for its findings.
    pub auditor: Auditor,
    /// The time.
    pub clock: Clock,
    /// Whether this node appends what is due.
    pub duty: Duty,
}

/// Starts the thread that asks the rules.
///
/// # Errors
/// The operating system gives no thread.
pub fn start(parts: TickerParts) -> std::io::Result<Worker> {
    let mut schedule = Schedule::default();
    Worker::ticking("ticker", TICK, move |_| {
        if !parts.views.is_folded() || !parts.duty.is_mine() {
            return;
        }
        if let Err(error) = parts.tick(&mut schedule) {
            tracing::warn!(%error, "due facts were not appended; the next tick tries again");
        }
    })
}

/// When each rule was last asked, by the injected clock.
#[derive(Default)]
struct Schedule([Option<i64>; RULES.len()]);

impl Schedule {
    /// The rules that are due at `now`, which are marked as asked. After a clock was set back all are due.
    /// `knows_deliveries`: whether endpoints may be judged.
    fn due_rules(&mut self, now: Instant, knows_deliveries: bool) -> Vec<&'static Rule> {
        let mut due = Vec::new();
        for (rule, last) in RULES.iter().zip(&mut self.0) {
            if rule.by_deliveries && !knows_deliveries {
                continue;
            }
            let every = rule.every.as_micros() as i64;
            if last.is_none_or(|last| now.0 < last || now.0 - last >= every) {
                *last = Some(now.0);
                due.push(rule);
            }
        }
        due
    }
}

impl TickerParts {
    /// Asks every due rule about every tenant, appends the facts that are due, and waits until they are folded.
    fn tick(&self, schedule: &mut Schedule) -> Result<(), IngestError> {
        // Until the deliveries are loaded, every endpoint would look silent.
        if !self.deliveries.is_ready() {
            return Ok(());
        }
        let now = Instant((self.clock)());
        let rules = schedule.due_rules(now, self.deliveries.is_whole());
        let holders = &rules::equal_snapshots::holders(&self.views);
        let mut last = 0;
        for (id, view) in self.views.tenants() {
            if let Ok(tenant) = TenantId::stored(&id) {
                let health = self.deliveries.health(Some(&id));
                let (audit, head_ahead) = (None, None);
                let situation = Situation {
                    tenant: &tenant,
                    view: &view,
                    now,
                    health: &health,
                    holders,
                    audit,
                    head_ahead,
                };
                last = last.max(self.append(&rules, &situation)?);
            }
        }
        let nobody = TenantId::unassigned();
        let view = self.views.internal(&nobody).unwrap_or_default();
        let health = self.deliveries.health(None);
        let audit = Some(&self.auditor.findings());
        let head_ahead = self.ingest.head_ahead(now)?;
        let situation =
            Situation { tenant: &nobody, view: &view, now, health: &health, holders, audit, head_ahead };
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
