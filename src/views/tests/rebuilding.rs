//! Rebuilds beside the live models (E5): a damaged model is found row by row, mended in one step, and taken back.

use projections::entity::Entity;
use projections::tenant::{MODELS, Tenant};

use super::*;
use crate::views::rebuilds::{RebuildError, RebuildState, RebuildStatus};

fn ready(views: &Views, name: &str, id: &str) -> RebuildStatus {
    let is_ready = || views.rebuild_status(name, id).unwrap().state == RebuildState::Ready;
    until("ready", is_ready);
    views.rebuild_status(name, id).unwrap()
}

fn started(views: &Views, name: &str, tenant: Option<&str>) -> String {
    let tenant = tenant.map(|tenant| TenantId::new(tenant).unwrap());
    views.start_rebuild(name, tenant.as_ref()).unwrap()
}

/// Damages the live calls of a tenant: as if facts had been lost.
fn damage(views: &Views, tenant: &str) {
    let slot = Arc::clone(&views.inner.tenants.read()[tenant]);
    let mut state = slot.write();
    let timeline = Arc::clone(&state.tenant.profile.timeline);
    state.tenant.calls = projections::entity::Folded::default();
    state.tenant.calls.complete(&timeline);
    drop(state);
    views.inner.swaps.send_modify(|swaps| *swaps += 1);
}

fn calls_of(views: &Views, tenant: &str) -> i64 {
    let view = views.tenant(&TenantId::new(tenant).unwrap()).unwrap();
    view.month(Month::parse("2025-10").unwrap(), domain::members::Instant(0)).figures.calls
}

#[test]
fn e5_given_any_history_when_rebuilt_at_any_cut_then_nothing_differs() {
    for seed in 0..3 {
        let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(seed));
        let log = open(&dir, 150);
        let views = Views::start(&log, 2, SILENT).unwrap();
        let mut n = 0;
        for name in MODELS.iter().map(|(name, _)| *name).chain(["all"]) {
            let id = started(&views, name, None);
            // What comes meanwhile is folded by both.
            append(&log, (n..n + 40).map(|n| random(n, &mut numbers)).collect());
            n += 40;
            let status = ready(&views, name, &id);
            let found = status.differences.unwrap();
            assert_eq!((found.rows, found.figures), (0, 0), "seed {seed} {name}: {found:?}");
            append(&log, (n..n + 40).map(|n| random(n, &mut numbers)).collect());
            n += 40;
            let position = views.swap_rebuild(name, &id).unwrap();
            assert!(position <= log.head().position);
            let live = folded(&views, &log);
            assert_eq!(Views::fold_once(&log.snapshot(), 2, SILENT).unwrap(), live, "seed {seed} {name}");
            views.roll_back(name).unwrap();
            assert_eq!(folded(&views, &log), live, "seed {seed} {name} rolled back");
        }
        views.close();
        log.close();
    }
}

#[test]
fn e5_given_a_damaged_model_when_rebuilt_then_rows_and_figures_are_told_and_readers_see_old_or_new() {
    let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(5));
    let log = open(&dir, 150);
    let views = Views::start(&log, 2, SILENT).unwrap();
    append(&log, (0..600).map(|n| random(n, &mut numbers)).collect());
    let right = folded(&views, &log);
    let calls = calls_of(&views, "acme");
    damage(&views, "acme");
    assert_ne!(views.digests(), right, "null control: damage shows");
    let id = started(&views, "calls", None);
    let status = ready(&views, "calls", &id);
    assert_eq!((status.facts_done, status.facts_total, status.eta_seconds), (600, 600, None));
    let found = status.differences.unwrap();
    let rows: Vec<_> = found.listed.iter().filter(|one| one.row.is_some()).collect();
    assert!(rows.len() as u64 == found.rows && found.rows > 20, "{found:?}");
    assert!(rows.iter().all(|one| one.tenant == "acme" && one.model == "calls" && one.old.is_null()));
    assert!(rows.iter().any(|one| one.row.as_deref().is_some_and(|row| row.starts_with("CA"))), "{rows:?}");
    let figure = |name: &str| {
        let mut all = found.listed.iter();
        all.find(|one| one.month.as_deref() == Some("2025-10") && one.figure.as_deref() == Some(name))
            .cloned()
    };
    let of_calls = figure("calls").unwrap();
    assert_eq!((of_calls.old, of_calls.new), (json!(0), json!(calls)));
    assert_eq!(figure("emails_sent"), None, "what another model counts does not differ");
    // Only one at a time, and only of a model that is there.
    assert!(matches!(views.start_rebuild("all", None), Err(RebuildError::Running(running)) if running == id));
    assert!(matches!(views.start_rebuild("clocks", None), Err(RebuildError::UnknownModel)));
    assert!(
        matches!(views.rebuild_status("leads", &id), Err(RebuildError::NotFound)),
        "it is of another model"
    );

    // Readers beside the swap see nothing between old and new.
    let stop = Arc::new(AtomicBool::new(false));
    let reader = {
        let (views, stop) = (views.clone(), Arc::clone(&stop));
        thread::spawn(move || {
            let mut seen = std::collections::BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                let view = views.tenant(&TenantId::new("acme").unwrap()).unwrap();
                let rows = view.with(|tenant, _| {
                    let figures =
                        tenant.month(0, Month::parse("2025-10").unwrap(), domain::members::Instant(0));
                    (tenant.calls.rows.row_ids().count(), figures.figures.calls)
                });
                seen.insert(rows);
            }
            seen
        })
    };
    thread::sleep(Duration::from_millis(20));
    views.swap_rebuild("calls", &id).unwrap();
    assert_eq!(views.digests(), right);
    assert_eq!(calls_of(&views, "acme"), calls);
    thread::sleep(Duration::from_millis(20));
    views.roll_back("calls").unwrap();
    assert_ne!(views.digests(), right, "the damaged model is live again");
    thread::sleep(Duration::from_millis(20));
    stop.store(true, Ordering::Relaxed);
    let seen = reader.join().unwrap();
    assert_eq!(seen.len(), 2, "old and new, whole: {seen:?}");
    assert!(matches!(views.roll_back("calls"), Err(RebuildError::NoFormer)));
    assert!(matches!(views.swap_rebuild("calls", &id), Err(RebuildError::NotReady(RebuildState::Swapped))));
    views.close();
    log.close();
}

#[test]
fn e5_given_a_tenant_when_its_models_are_rebuilt_then_the_others_stay() {
    let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(6));
    let log = open(&dir, 150);
    let views = Views::start(&log, 2, SILENT).unwrap();
    append(&log, (0..400).map(|n| random(n, &mut numbers)).collect());
    folded(&views, &log);
    damage(&views, "acme");
    damage(&views, "borealis");
    let id = started(&views, "all", Some("acme"));
    let found = ready(&views, "all", &id).differences.unwrap();
    assert!(found.rows > 0 && found.listed.iter().all(|one| one.tenant == "acme"));
    views.swap_rebuild("all", &id).unwrap();
    assert!(calls_of(&views, "acme") > 0);
    assert_eq!(calls_of(&views, "borealis"), 0, "still damaged");
    let unknown = views.start_rebuild("all", Some(&TenantId::new("nobody").unwrap()));
    assert!(matches!(unknown, Err(RebuildError::UnknownTenant)));
    let id = started(&views, "calls", None);
    views.discard_rebuild("calls", &id).unwrap();
    assert_eq!(views.rebuild_status("calls", &id).unwrap().state, RebuildState::Discarded);
    assert!(matches!(views.swap_rebuild("calls", &id), Err(RebuildError::NotReady(RebuildState::Discarded))));
    assert_eq!(calls_of(&views, "borealis"), 0);
    // The models of before the first swap are those that a roll back of it gives, with what came since.
    append(&log, (400..500).map(|n| random(n, &mut numbers)).collect());
    folded(&views, &log);
    let whole = views
        .tenant(&TenantId::new("acme").unwrap())
        .unwrap()
        .with(|tenant: &Tenant, _| tenant.digests("acme"));
    views.roll_back("all").unwrap();
    let damaged =
        views.tenant(&TenantId::new("acme").unwrap()).unwrap().with(|tenant, _| tenant.digests("acme"));
    let differing = whole.iter().zip(&damaged).filter(|(whole, damaged)| whole != damaged).count();
    assert_eq!(differing, 2, "calls and the cells of months");
    views.close();
    log.close();
}
