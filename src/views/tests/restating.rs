//! Restatements over a real log (E4): a tracker that went on is the one made anew, conflicts accepted or not.

use projections::figures::restatements::RestatementItem;

use super::replacing::{accepted, tenant_at};
use super::voiding::undo;
use super::*;
use crate::views::Moment as Past;
use crate::views::kept::KeptFolds;
use crate::worker::StopSignal;

fn restated(views: &Views, past: Past) -> Vec<Vec<RestatementItem>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let of = |tenant| {
        let read = |tracker: &projections::figures::restatements::RestatementTracker| {
            tracker.page(None, None, 100_000).items
        };
        runtime.block_on(views.restatements(&TenantId::new(tenant).unwrap(), past, read)).unwrap().unwrap()
    };
    ["acme", "borealis", "cumulus"].map(of).to_vec()
}

#[test]
fn e4_given_any_history_when_asked_in_between_or_at_last_then_the_same_ledger() {
    for seed in 0..4 {
        let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(seed));
        // Ten days between groups: the months of what happened are over before all of it is recorded.
        let log = open_at_pace(&dir, 150, 10 * 86_400);
        let views = Views::start(&log, 2, SILENT).unwrap();
        let (mut next, mut then) = (0, None);
        for round in 0..5 {
            let batch = 60 + numbers.below(60);
            append(&log, (next..next + batch).map(|n| random(n, &mut numbers)).collect());
            next += batch;
            let first = 1 + numbers.below(next);
            let brought = random(1_000_000 + next, &mut numbers);
            append(&log, vec![accepted(&tenant_at(&log, first), first, next, &brought)]);
            let voids = (0..4).map(|at| 1 + (first + at * 7) % next);
            let voids = voids.map(|place| undo(&tenant_at(&log, place), "fact_voided", place, next));
            append(&log, voids.collect());
            until("folded", || views.position() == log.head().position);
            if round == 2 {
                then = Some((views.position(), restated(&views, Past::default())));
            }
        }
        let (at, rows_then) = then.unwrap();
        let rows = restated(&views, Past::default());
        for cause in ["data", "void"] {
            let mut rows = rows.iter().flatten();
            assert!(
                rows.any(|row| row.cause.as_str() == cause),
                "seed {seed}: nothing was restated by {cause}"
            );
        }
        assert_ne!(rows, rows_then, "seed {seed}");
        let again = Views::start(&log, 1, SILENT).unwrap();
        assert_eq!(restated(&again, Past::default()), rows, "seed {seed}");
        let bytes = again.kept_bytes().restatements;
        assert!(bytes > 0, "{bytes}");
        let past = Past { as_of_position: Some(at), ..Past::default() };
        assert_eq!(restated(&again, past), rows_then, "seed {seed}");
        assert_eq!(restated(&again, past), rows_then, "seed {seed}: kept");
        for views in [views, again] {
            views.close();
        }
        log.close();
    }
}

#[test]
fn given_rows_larger_than_all_that_is_kept_when_facts_come_then_the_ledger_goes_on_from_rows_folded_anew() {
    let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(7));
    let log = open_at_pace(&dir, 150, 10 * 86_400);
    let [ample, scarce] = [usize::MAX, 150_000].map(|bytes| {
        let views = Views::keeping(&log, 1, KeptFolds::within(bytes)).unwrap();
        views.fold(&StopSignal::default(), SILENT).unwrap();
        views.follow(None).unwrap();
        views
    });
    let mut sizes = Vec::new();
    for round in 0..6 {
        append(&log, (round * 80..(round + 1) * 80).map(|n| random(n, &mut numbers)).collect());
        for views in [&ample, &scarce] {
            until("folded", || views.position() == log.head().position);
        }
        assert_eq!(restated(&scarce, Past::default()), restated(&ample, Past::default()), "round {round}");
        sizes.push([&ample, &scarce].map(|views| views.kept_bytes().restatements));
    }
    let [all, kept] = sizes[5];
    assert!(all > 150_000 && kept > 0 && kept < 150_000, "{sizes:?}");
    for views in [ample, scarce] {
        views.close();
    }
    log.close();
}
