//! The first fold after a start: some tenants at a time, those that are asked for first, while facts come in.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::follow::Ahead;
use crate::worker::StopSignal;

fn history(log: &Log) {
    let mut numbers = Numbers(7);
    append(log, (0..300).map(|n| random(n, &mut numbers)).collect());
}

fn id(tenant: &str) -> TenantId {
    TenantId::new(tenant).unwrap()
}

#[test]
fn given_nothing_folded_then_nobody_reads_a_figure_that_is_not_whole_and_in_the_end_all_are_as_ever() {
    let dir = TempDir::new().unwrap();
    let log = open(&dir, 50);
    history(&log);
    let views = Views::unfolded_of(&log, 2).unwrap();
    assert_eq!(views.unfolded(), ["acme", "borealis", "cumulus"].map(Box::from));
    for tenant in ["acme", "borealis", "cumulus"].map(id) {
        assert!(matches!(views.ask_for(&tenant), Err(FoldError::Unfolded)));
        assert!(views.tenant(&tenant).is_none(), "no empty models stand in for those to come");
    }
    assert!(views.ask_for(&id("nobody")).is_ok(), "who has no facts has nothing to wait for");
    assert!(!views.is_folded() && !views.wait_folded_for(Duration::ZERO));
    // What comes meanwhile is followed, not folded twice.
    append(
        &log,
        vec![draft("acme", "late", 5, "call_reported", json!({"call_id": "L", "status": "completed"}))],
    );
    views.fold_behind(Arc::new(Ahead::new(&log, 0, Vec::new()))).unwrap();
    assert!(views.wait_folded(&StopSignal::default()));
    let now = folded(&views, &log);
    assert!(views.unfolded().is_empty() && views.ask_for(&id("acme")).is_ok());
    let fresh = Views::start(&log, 1, SILENT).unwrap();
    assert_eq!(now, folded(&fresh, &log));
    assert_eq!(served(&views), served(&fresh));
    views.close();
    fresh.close();
}

#[test]
fn given_a_tenant_that_is_asked_for_then_it_is_the_next() {
    let dir = TempDir::new().unwrap();
    let log = open(&dir, 50);
    history(&log);
    let views = Views::unfolded_of(&log, 1).unwrap();
    assert!(views.ask_for(&id("cumulus")).is_err());
    let next = |part| views.inner.unfolded.next(part);
    assert_eq!(next(u64::MAX), [Box::from("cumulus")].into());
    assert_eq!(next(u64::MAX).len(), 3, "nobody else was asked for: all at once");
    assert_eq!(next(1).len(), 1, "a part of one fact is the smallest tenant");
}

#[test]
fn given_a_stop_then_the_fold_ends_and_says_so() {
    let dir = TempDir::new().unwrap();
    let log = open(&dir, 50);
    // The stop is looked for every 8,192 facts.
    let call = |n| {
        draft(
            "acme",
            &format!("f{n}"),
            n,
            "call_reported",
            json!({"call_id": n.to_string(), "status": "busy"}),
        )
    };
    for part in 0..4 {
        append(&log, (0..5_000).map(|n| call(part * 5_000 + n)).collect());
    }
    let views = Views::unfolded_of(&log, 1).unwrap();
    let stop = StopSignal::default();
    stop.flag().store(true, Ordering::Relaxed);
    assert!(!views.fold(&stop, SILENT).unwrap());
    assert!(!views.unfolded().is_empty() && !views.is_folded());
}
