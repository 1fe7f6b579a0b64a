//! The log of deliveries across restarts, and an endpoint's health by the clock.

use super::health::Health;
use super::*;
use crate::store::faults::{Fault, Op};
use crate::testing::{HOUR, SECOND, T0, TestClock, until};

fn line(at: i64, status: DeliveryStatus) -> Delivered {
    Delivered {
        at,
        id: [7; 16],
        provider: "twilio".into(),
        endpoint: Some("e1".into()),
        tenant: Some("acme".into()),
        event: Some("completed".into()),
        status,
        micros: 1_500,
        error: None,
        weak: false,
    }
}

fn place() -> Place {
    Place { tenant: Some("acme".into()), provider: "twilio".into(), endpoint: "e1".into() }
}

#[test]
fn d4_deliveries_are_listed_newest_first_page_by_page_and_stay_over_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::at(&dir.path().join("sled"));
    let time = TestClock::standing(T0);
    let clock = time.clock();
    let deliveries = Deliveries::start(Some(store.clone()), Arc::clone(&clock), None).expect("starts");
    until("ready", || deliveries.is_ready());
    for n in 0..500 {
        let status = if n % 10 == 0 { DeliveryStatus::Quarantined } else { DeliveryStatus::Recorded };
        deliveries.record(line(T0 + n * SECOND, status));
    }
    let mine = DeliveryFilter { tenant: Some("acme".into()), ..DeliveryFilter::default() };
    let all = |deliveries: &Deliveries, filter: &DeliveryFilter| {
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let page = deliveries.page(filter, after, 7).expect("a page");
            items.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return items,
            }
        }
    };
    until("all are there", || all(&deliveries, &mine).len() == 500);
    let times: Vec<String> = all(&deliveries, &mine).into_iter().map(|item| item.received_at).collect();
    assert!(times.is_sorted_by(|a, b| a > b), "newest first, none twice");
    let bad = DeliveryFilter { outcome: Some(DeliveryStatus::Quarantined), ..mine.clone() };
    assert_eq!(all(&deliveries, &bad).len(), 50);
    assert!(all(&deliveries, &DeliveryFilter::default()).is_empty(), "another's are not shown");
    let health = deliveries.health(Some("acme"));
    assert_eq!((health.len(), health[0].deliveries), (1, 500));
    deliveries.close();

    time.set(T0 + 2 * HOUR);
    let again = Deliveries::start(Some(store.clone()), Arc::clone(&clock), None).expect("starts");
    until("ready", || again.is_ready());
    assert_eq!(all(&again, &mine).len(), 500, "kept in sled");
    assert_eq!(again.health(Some("acme")), health, "and with them the endpoint's health");
    assert_eq!(again.page(&mine, None, 1).expect("a page").kept_since, Instant(T0));
    again.close();

    time.set(T0 + 31 * 24 * HOUR);
    let later = Deliveries::start(Some(store.clone()), clock, None).expect("starts");
    until("old ones are gone", || all(&later, &mine).is_empty());
    assert!(later.page(&mine, None, 1).expect("a page").kept_since > Instant(T0));
    later.close();
    store.close();
}

#[test]
fn d4_a_delivery_is_listed_at_once_while_the_store_does_not_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::at(&dir.path().join("sled"));
    let deliveries = Deliveries::start(Some(store.clone()), Arc::new(|| T0), None).expect("starts");
    until("ready", || deliveries.is_ready());
    store.faults().arm(Op::Put, Fault::Hang, 0, 1);
    let mine = DeliveryFilter { tenant: Some("acme".into()), ..DeliveryFilter::default() };
    let (mut pages, mut after) = (Vec::new(), None);
    for n in 0..400 {
        deliveries.record(line(T0 + n * SECOND, DeliveryStatus::Recorded));
        let newest = deliveries.page(&mine, None, 1).expect("a page");
        assert_eq!(newest.items[0].received_at, Instant(T0 + n * SECOND).to_string(), "the one just noted");
    }
    let counted = || deliveries.health(Some("acme"))[0].deliveries;
    assert_eq!(counted(), 400, "and it counts for its endpoint's health");
    for page in 0..40 {
        if page == 3 {
            // The rest of the pages is asked for when what waited has gone into other blocks.
            assert_eq!(deliveries.inner.open.lock().block.number, 1, "the first block waits for the store");
            store.faults().clear();
            until("all are in blocks", || deliveries.inner.pending.hold().first().is_none());
            assert!(deliveries.inner.open.lock().block.number > 1);
            assert_eq!(counted(), 400, "once");
        }
        let found = deliveries.page(&mine, after, 10).expect("a page");
        pages.extend(found.items.into_iter().map(|item| item.received_at));
        after = found.next;
    }
    let expected: Vec<String> = (0..400).rev().map(|n| Instant(T0 + n * SECOND).to_string()).collect();
    assert_eq!(pages, expected, "newest first, each once");
    deliveries.close();
    store.close();
}

#[test]
fn d4_refused_requests_are_all_counted_and_not_all_listed() {
    let clock: Clock = Arc::new(|| T0);
    let deliveries = Deliveries::start(None, clock, None).expect("starts");
    for _ in 0..1_000 {
        deliveries.record(line(T0, DeliveryStatus::Refused));
    }
    until("counted", || {
        deliveries.health(Some("acme")).first().is_some_and(|health| health.refused == 1_000)
    });
    let mine = DeliveryFilter { tenant: Some("acme".into()), ..DeliveryFilter::default() };
    assert_eq!(deliveries.page(&mine, None, 500).expect("a page").items.len(), 60);
    let health = &deliveries.health(Some("acme"))[0];
    assert_eq!((health.deliveries, health.success_rate(), health.is_healthy()), (0, None, None));
    assert_eq!(health.last, None, "a refused one is none of the provider's");
    deliveries.close();
}

#[test]
fn d5_the_rate_is_of_a_truly_rolling_day_and_conflicts_are_neutral() {
    let mut health = Health::default();
    let at = |health: &mut Health, seconds: i64| health.at(&place(), Instant(T0 + seconds * SECOND));
    for n in 0..100 {
        health.take(&line(
            T0 + n * SECOND,
            if n < 5 { DeliveryStatus::Quarantined } else { DeliveryStatus::Duplicate },
        ));
    }
    health.take(&line(T0 + 100 * SECOND, DeliveryStatus::Conflict));
    let now = at(&mut health, 101);
    assert_eq!((now.success_rate(), now.is_healthy(), now.deliveries), (Some(95.0), Some(true), 101));
    health.take(&line(T0 + 101 * SECOND, DeliveryStatus::Failed));
    assert_eq!(at(&mut health, 102).is_healthy(), Some(false), "94.06 % of 101");
    // A day after the third second the first three are no longer of it.
    let rolled = at(&mut health, 86_400 + 2);
    assert_eq!((rolled.failure, rolled.success), (3, 95));
    assert_eq!(at(&mut health, 2 * 86_400).success_rate(), None);
}

#[test]
fn d5_the_usual_gap_is_the_95th_percentile_of_14_days_and_silence_three_of_them() {
    let mut health = Health::default();
    let mut at = T0;
    for n in 0..49 {
        health.take(&line(at, DeliveryStatus::Recorded));
        at += if n % 10 == 9 { 6 * HOUR } else { 60 * SECOND };
    }
    assert_eq!(health.at(&place(), Instant(at)).usual_gap_seconds, None, "under 50 deliveries there is none");
    for _ in 0..2 {
        health.take(&line(at, DeliveryStatus::Recorded));
        at += 60 * SECOND;
    }
    let last = at - 60 * SECOND;
    let now = health.at(&place(), Instant(at));
    // 50 gaps, 4 of them of 6 h: the 48th of them in order is one of those.
    assert_eq!(now.usual_gap_seconds, Some(6 * 3_600));
    assert_eq!(now.silent_since(Instant(last + 18 * HOUR)), None);
    assert_eq!(now.silent_since(Instant(last + 18 * HOUR + 1)), Some(Instant(last)));
    for n in 0..200 {
        health.take(&line(at + n * SECOND, DeliveryStatus::Recorded));
    }
    let busy = health.at(&place(), Instant(at + 200 * SECOND));
    assert_eq!(busy.usual_gap_seconds, Some(3_600), "at least an hour");
    let idle = health.at(&place(), Instant(at + 15 * 24 * HOUR));
    assert_eq!(idle.usual_gap_seconds, None, "gaps of 14 days only");
}
