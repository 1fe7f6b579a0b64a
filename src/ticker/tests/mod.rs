//! The rules by the clock: what is raised once, what is cleared, that no tick says it twice, and that the same history
//! just short of it raises nothing.

mod counted;
mod deliveries;
mod dialer;
mod evidence;
mod sync;

use std::sync::atomic::AtomicI64;

use domain::facts::Fact;
use domain::keys::LogSecret;
use projections::entities::alerts::{AlertFilter, AlertItem};

use super::*;
use crate::deliveries::{Became, Delivered};
use crate::ingest::directory::Directory;
use crate::log::disk::RealDisk;
use crate::log::{Log, LogOptions};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const T0: i64 = 1_760_000_000 * SECOND;

struct House {
    parts: Parts,
    log: Log,
    time: Arc<AtomicI64>,
    data: tempfile::TempDir,
}

fn house() -> House {
    let data = tempfile::tempdir().expect("a folder");
    let time = Arc::new(AtomicI64::new(T0));
    let clock: Clock = {
        let time = Arc::clone(&time);
        Arc::new(move || time.load(Ordering::Relaxed))
    };
    let secret = LogSecret::new(&[7; 32]);
    let options = LogOptions::new(secret.clone(), Arc::clone(&clock), None);
    let (log, _) = Log::open(Arc::new(RealDisk::new(data.path())), &options).expect("a log");
    let directory = Directory::new(Vec::new(), Vec::new()).expect("directory");
    let ingest = Ingest::new(log.clone(), secret, Arc::clone(&clock), "https://h.example".into(), directory);
    let acme = TenantId::new("acme").expect("tenant");
    let body = serde_json::json!({"name": "Acme", "timezone": "UTC"});
    ingest.configure(&acme, &body, 0).expect("configured");
    let views = Views::start(&log, 1, &|_| {}).expect("views");
    let deliveries = Deliveries::start(None, Arc::clone(&clock)).expect("deliveries");
    let auditor = Auditor::new(log.clone(), views.clone(), Arc::clone(&clock));
    let parts = Parts { views, ingest: Arc::new(ingest), deliveries, auditor, clock };
    let house = House { parts, log, time, data };
    while !house.parts.deliveries.is_ready() {
        thread::sleep(Duration::from_millis(1));
    }
    house
}

impl House {
    fn deliver(&self, at: i64, became: Became) {
        self.deliver_with(at, became, None);
    }

    fn deliver_with(&self, at: i64, became: Became, error: Option<&str>) {
        let before = self.health().map_or(0, |health| health.deliveries + health.refused);
        self.parts.deliveries.note(Delivered {
            at,
            id: [0; 16],
            provider: "twilio".into(),
            endpoint: Some("e1".into()),
            tenant: Some("acme".into()),
            event: None,
            became,
            micros: 1,
            error: error.map(Into::into),
        });
        while self.health().map_or(0, |health| health.deliveries + health.refused) == before {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn health(&self) -> Option<Endpoint> {
        self.parts.deliveries.health(Some("acme")).pop()
    }

    /// Ticks at this time, more often than once.
    fn tick_at(&self, at: i64) {
        self.time.store(at, Ordering::Relaxed);
        for _ in 0..3 {
            self.parts.tick(&mut Asked::default()).expect("ticks");
        }
    }

    /// Rule and state of each alert after ticks at this time, oldest first.
    fn alerts_at(&self, at: i64) -> Vec<(String, &'static str)> {
        self.tick_at(at);
        let view = self.parts.views.tenant(&TenantId::new("acme").expect("tenant")).expect("known");
        listed(&view).into_iter().map(|item| (item.rule, item.state)).collect()
    }

    /// Appends a fact of a tenant and waits until it is folded.
    fn append(&self, tenant: &str, kind: &str, id: &str, at: i64, body: serde_json::Value) {
        let fact = Envelope {
            tenant: TenantId::stored(tenant).expect("tenant"),
            provider: Provider::new("test").expect("provider"),
            external_id: ExternalId::new(&format!("{kind}/{id}")).expect("id"),
            occurred_at: Instant(at),
            time_received: false,
            fact: Fact::from_json(kind, body, "").expect("kind").expect("body"),
            mapping: 0,
        };
        self.parts.ingest.append_blocking(&[fact]).expect("appended");
        let head = self.log.head().position;
        while self.parts.views.position() < head {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn end(self) {
        self.parts.views.close();
        self.log.close();
    }
}

/// Every alert, oldest first.
fn listed(view: &TenantView) -> Vec<AlertItem> {
    let rows = view.with(|tenant, _| tenant.alerts.rows.clone());
    let mut items = rows.page(0, &AlertFilter::default(), None, 100).items;
    items.reverse();
    items
}

fn alert(rule: &str, state: &'static str) -> (String, &'static str) {
    (rule.to_owned(), state)
}

#[test]
fn a_rule_is_asked_only_when_its_time_has_come_by_the_clock() {
    let house = house();
    let mut asked = Asked::default();
    house.parts.tick(&mut asked).expect("ticks");
    house.append("acme", "lead_interested", "1", T0, serde_json::json!({"lead": {"id": "1"}}));
    let head = house.log.head().position;
    house.parts.tick(&mut asked).expect("ticks");
    assert_eq!(house.log.head().position, head, "a clock that stands asks nobody");
    house.time.store(T0 + SECOND, Ordering::Relaxed);
    house.parts.tick(&mut asked).expect("ticks");
    assert_eq!(house.log.head().position, head + 1);
    house.end();
}
