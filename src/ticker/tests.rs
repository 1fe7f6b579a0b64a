//! The rules by the clock: what is raised once, what is cleared, and that no tick says it twice.

use std::sync::atomic::AtomicI64;

use domain::facts::Fact;
use domain::keys::LogSecret;
use projections::entities::alerts::AlertFilter;

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
    _data: tempfile::TempDir,
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
    let parts = Parts { views, ingest: Arc::new(ingest), deliveries, clock };
    let house = House { parts, log, time, _data: data };
    while !house.parts.deliveries.is_ready() {
        thread::sleep(Duration::from_millis(1));
    }
    house
}

impl House {
    fn deliver(&self, at: i64, became: Became) {
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
            error: None,
        });
        while self.health().map_or(0, |health| health.deliveries + health.refused) == before {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn health(&self) -> Option<Endpoint> {
        self.parts.deliveries.health(Some("acme")).pop()
    }

    /// Rule and state of each alert after ticks at this time, oldest first.
    fn alerts_at(&self, at: i64) -> Vec<(String, &'static str)> {
        self.time.store(at, Ordering::Relaxed);
        for _ in 0..3 {
            self.parts.tick(&mut Asked::default()).expect("ticks");
        }
        let view = self.parts.views.tenant(&TenantId::new("acme").expect("tenant")).expect("known");
        let rows = view.with(|tenant, _| tenant.alerts.rows.clone());
        let mut items = rows.page(0, &AlertFilter::default(), None, 100).items;
        items.reverse();
        items.into_iter().map(|item| (item.rule, item.state)).collect()
    }
}

fn alert(rule: &str, state: &'static str) -> (String, &'static str) {
    (rule.to_owned(), state)
}

#[test]
fn d5_a_silence_raises_one_alert_and_the_next_delivery_ends_it() {
    let house = house();
    for n in 0..60 {
        house.deliver(T0 + n * 60 * SECOND, Became::Recorded);
    }
    let last = T0 + 59 * 60 * SECOND;
    assert_eq!(house.alerts_at(last + 3 * HOUR), [], "three times the usual gap is not longer than that");
    assert_eq!(house.alerts_at(last + 3 * HOUR + SECOND), [alert("silence", "open")]);
    let head = house.log.head().position;
    assert_eq!(house.alerts_at(last + 9 * HOUR).len(), 1, "one alert a silence");
    assert_eq!(house.log.head().position, head, "and nothing more is appended");
    house.deliver(last + 9 * HOUR, Became::Recorded);
    assert_eq!(house.alerts_at(last + 9 * HOUR + SECOND), [alert("silence", "cleared")]);
    let again = house.alerts_at(last + 9 * HOUR + 4 * HOUR);
    assert_eq!(again, [alert("silence", "cleared"), alert("silence", "open")], "the next silence is another");
    house.parts.views.close();
    house.log.close();
}

#[test]
fn l6_refused_requests_raise_one_alert_for_their_endpoint() {
    let house = house();
    house.deliver(T0, Became::Recorded);
    assert_eq!(house.alerts_at(T0 + SECOND), []);
    house.deliver(T0 + 2 * SECOND, Became::Refused);
    assert_eq!(house.alerts_at(T0 + 3 * SECOND), [alert("refused", "open")]);
    house.deliver(T0 + 4 * SECOND, Became::Refused);
    assert_eq!(house.alerts_at(T0 + 5 * SECOND), [alert("refused", "open")]);
    assert_eq!(house.alerts_at(T0 + 25 * HOUR), [alert("refused", "cleared")]);
    house.parts.views.close();
    house.log.close();
}

/// A run of a tenant that read these leads.
fn synced(house: &House, tenant: &str, run: &str, status: &str, leads: &[&str]) {
    let records: Vec<_> = leads.iter().map(|id| serde_json::json!({"id": id})).collect();
    let when = Instant(house.time.fetch_add(SECOND, Ordering::Relaxed)).to_string();
    let part = serde_json::json!({"run_id": run, "source": "clienttether", "resource": "leads",
        "observed_at": when, "part": 1, "parts": 1, "records": records});
    let end = serde_json::json!({"run_id": run, "source": "clienttether", "status": status});
    let facts = [("snapshot_taken", part), ("sync_finished", end)].map(|(kind, body)| Envelope {
        tenant: TenantId::new(tenant).expect("tenant"),
        provider: Provider::new("clienttether").expect("provider"),
        external_id: ExternalId::new(&format!("{run}/{kind}")).expect("id"),
        occurred_at: Instant(house.time.fetch_add(SECOND, Ordering::Relaxed)),
        time_received: false,
        fact: Fact::from_json(kind, body, "").expect("kind").expect("body"),
        mapping: 0,
    });
    house.parts.ingest.append_blocking(&facts).expect("appended");
    let head = house.log.head().position;
    while house.parts.views.position() < head {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn b4_runs_that_fail_raise_one_alert_until_one_succeeds() {
    let house = house();
    synced(&house, "acme", "r1", "success", &["1"]);
    assert_eq!(house.alerts_at(T0 + HOUR), []);
    synced(&house, "acme", "r2", "failed", &["1"]);
    assert_eq!(house.alerts_at(T0 + 2 * HOUR), [alert("sync_failing", "open")]);
    synced(&house, "acme", "r3", "failed", &["1"]);
    assert_eq!(
        house.alerts_at(T0 + 3 * HOUR),
        [alert("sync_failing", "open")],
        "one alert, however many fail"
    );
    synced(&house, "acme", "r4", "success", &["1"]);
    assert_eq!(house.alerts_at(T0 + 4 * HOUR), [alert("sync_failing", "cleared")]);
    house.parts.views.close();
    house.log.close();
}

#[test]
fn b13_equal_snapshots_of_two_tenants_raise_an_alert_that_does_not_name_the_other() {
    let house = house();
    synced(&house, "acme", "r1", "success", &["1", "2"]);
    synced(&house, "globex", "r1", "success", &["2", "3"]);
    assert_eq!(house.alerts_at(T0 + HOUR), [], "other records");
    synced(&house, "globex", "r2", "success", &["2", "1"]);
    assert_eq!(house.alerts_at(T0 + 2 * HOUR), [alert("equal_snapshots", "open")]);
    let said = house.log.read(house.log.head().position).expect("reads").expect("the last fact");
    assert_eq!(said.view().expect("record").header.tenant, "globex", "both are told");
    let about = |name: &str| said.bytes.windows(name.len()).any(|part| part == name.as_bytes());
    assert!(about("globex") && !about("acme"));
    synced(&house, "globex", "r3", "success", &["7"]);
    assert_eq!(house.alerts_at(T0 + 3 * HOUR), [alert("equal_snapshots", "cleared")]);
    house.parts.views.close();
    house.log.close();
}
