//! The rules by the clock: what is raised once, what is cleared, that no tick says it twice, and that the same history
//! just short of it raises nothing.

mod counted;
mod deliveries;
mod dialer;
mod evidence;
mod sync;

use projections::entities::alerts::list::{AlertFilter, AlertItem};

use super::*;
use crate::clock::Duty;
use crate::deliveries::{Delivered, DeliveryStatus};
use crate::testing::{self, HOUR, Harness, SECOND, T0, TestClock, until};

struct House {
    parts: TickerParts,
    harness: Harness,
}

fn house() -> House {
    let harness = Harness::new(TestClock::standing(T0));
    let ingest = harness.ingest(testing::empty_directory());
    let body = serde_json::json!({"name": "Acme", "timezone": "UTC"});
    harness.append(vec![testing::draft("acme", "tenant/0", T0, "tenant_configured", body)]);
    let views = harness.views();
    let deliveries = Deliveries::start(None, harness.clock(), None).expect("deliveries");
    let auditor = Auditor::new(harness.log.clone(), views.clone(), harness.clock());
    let (clock, duty) = (harness.clock(), Duty::default());
    let parts = TickerParts { views, ingest: Arc::new(ingest), deliveries, auditor, clock, duty };
    until("the deliveries are ready", || parts.deliveries.is_ready());
    House { parts, harness }
}

impl House {
    fn deliver(&self, at: i64, status: DeliveryStatus) {
        self.deliver_with(at, status, None);
    }

    fn deliver_with(&self, at: i64, status: DeliveryStatus, error: Option<&str>) {
        let before = self.health().map_or(0, |health| health.deliveries + health.refused + health.limited);
        self.parts.deliveries.record(Delivered {
            at,
            id: [0; 16],
            provider: "twilio".into(),
            endpoint: Some("e1".into()),
            tenant: Some("acme".into()),
            event: None,
            status,
            micros: 1,
            error: error.map(Into::into),
            weak: false,
        });
        until("the delivery counts", || {
            self.health().map_or(0, |health| health.deliveries + health.refused + health.limited) > before
        });
    }

    fn health(&self) -> Option<HealthSummary> {
        self.parts.deliveries.health(Some("acme")).pop()
    }

    /// Ticks at this time, more often than once.
    fn tick_at(&self, at: i64) {
        self.harness.time.set(at);
        for _ in 0..3 {
            self.parts.tick(&mut Schedule::default()).expect("ticks");
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
        let fact = testing::envelope(tenant, &format!("{kind}/{id}"), at, kind, body);
        self.parts.ingest.append(&[fact], &Bytes::new()).expect("appended").wait().expect("durable");
        let head = self.harness.log.head().position;
        until("the fact is folded", || self.parts.views.position() >= head);
    }

    fn end(self) {
        self.parts.views.close();
        self.harness.log.close();
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
    let mut asked = Schedule::default();
    house.parts.tick(&mut asked).expect("ticks");
    house.append("acme", "lead_interested", "1", T0, serde_json::json!({"lead": {"id": "1"}}));
    let head = house.harness.log.head().position;
    house.parts.tick(&mut asked).expect("ticks");
    assert_eq!(house.harness.log.head().position, head, "a clock that stands asks nobody");
    house.harness.time.set(T0 + SECOND);
    house.parts.tick(&mut asked).expect("ticks");
    assert_eq!(house.harness.log.head().position, head + 1);
    house.end();
}
