//! Time travel (E3): a moment of the past is a fresh fold of the log that holds only what the moment knows.

use super::*;
use crate::views::kept::KeptFolds;
use crate::views::{KeptBytes, Moment as Past, TenantView};
use crate::worker::StopSignal;

const TENANTS: [&str; 3] = ["acme", "borealis", "cumulus"];

fn one_at(views: &Views, tenant: &str, past: Past) -> Option<TenantView> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(views.at(&TenantId::new(tenant).unwrap(), past)).unwrap()
}

/// Every tenant's models at a moment; a tenant without facts then is served as an empty one.
fn at(views: &Views, past: Past) -> Vec<TenantView> {
    TENANTS.iter().map(|tenant| one_at(views, tenant, past).unwrap()).collect()
}

fn digests(views: &[TenantView]) -> Vec<Vec<String>> {
    let of = |view: &TenantView| {
        view.with(|tenant, _| tenant.digests("t").iter().map(ToString::to_string).collect())
    };
    views.iter().map(of).collect()
}

/// Served values without the positions, which differ between a log and its filtered copy.
fn without_positions(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("position");
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut value);
    value
}

fn recorded_at(log: &Log, position: u64) -> Moment {
    let record = log.read(position).unwrap().unwrap();
    Moment(record.view().unwrap().header.recorded_at)
}

#[test]
fn e3_given_any_cut_when_asked_as_of_it_or_as_known_then_then_as_it_was_served_then() {
    for seed in 0..4 {
        let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(seed));
        let log = open(&dir, 150);
        let views = Views::start(&log, 2, SILENT).unwrap();
        // Each tenant has a fact from the start, so that each is served at every cut.
        append(&log, TENANTS.map(|t| draft(t, "first", 0, "email_sent", json!({}))).to_vec());
        let mut cuts = Vec::new();
        let mut next = 0;
        for _ in 0..5 {
            let batch = numbers.below(120) + 1;
            append(&log, (next..next + batch).map(|n| random(n, &mut numbers)).collect());
            next += batch;
            until("folded", || views.position() == log.head().position);
            let now: Vec<_> = views.tenants().into_iter().map(|(_, view)| view).collect();
            cuts.push((views.position(), digests(&now), served(&views)));
        }
        for (position, then, served_then) in cuts {
            let as_of = Past { as_of_position: Some(position), ..Past::default() };
            let known = Past { known_at: Some(recorded_at(&log, position)), ..Past::default() };
            let both = Past { known_at: Some(Moment(i64::MAX)), ..as_of };
            for past in [as_of, known, both] {
                let views = at(&views, past);
                assert_eq!(digests(&views), then, "seed {seed} {past:?}");
                assert_eq!(
                    views.iter().map(served_of).collect::<Vec<_>>(),
                    served_then,
                    "seed {seed} {past:?}"
                );
            }
        }
        let before_all = Past { known_at: Some(Moment(recorded_at(&log, 1).0 - 1)), ..Past::default() };
        assert!(at(&views, before_all).iter().all(|view| view.position() == 0));
        views.close();
        log.close();
    }
}

/// Facts of a random history whose `occurred_at` is at most `until`, and all configurations.
fn history(seed: u64, count: u64, until: i64) -> Vec<Draft> {
    let mut numbers = Numbers(seed);
    let drafts = (0..count).map(|n| random(n, &mut numbers));
    drafts
        .filter(|draft| {
            let mut stored = Vec::new();
            draft.clone().stamp(0, &mut stored);
            let header = RecordRef::read(&stored).unwrap().header;
            header.occurred_at <= until || header.kind.group == 10
        })
        .collect()
}

#[test]
fn e3_given_a_time_when_only_what_had_happened_by_then_is_asked_for_then_the_fold_of_the_filtered_log() {
    for seed in 10..14 {
        let until = T0 + (20 + seed as i64 * 3) * 86_400_000_000;
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [whole, filtered] = [open(&dirs[0], 150), open(&dirs[1], 150)];
        append(&whole, history(seed, 500, i64::MAX));
        append(&filtered, history(seed, 500, until));
        assert!(filtered.head().position < whole.head().position);
        let views = Views::start(&whole, 2, SILENT).unwrap();
        let fresh = Views::start(&filtered, 1, SILENT).unwrap();
        let past = at(&views, Past { occurred_until: Some(Moment(until)), ..Past::default() });
        let past: Vec<_> = past.iter().map(served_of).map(without_positions).collect();
        let fresh_now: Vec<_> = served(&fresh).into_iter().map(without_positions).collect();
        assert_eq!(past, fresh_now, "seed {seed}");
        // Null control: what is served now is something else.
        assert_ne!(
            past,
            served(&views).into_iter().map(without_positions).collect::<Vec<_>>(),
            "seed {seed}"
        );
        for (views, log) in [(views, whole), (fresh, filtered)] {
            views.close();
            log.close();
        }
    }
}

/// A log of 200 random facts and read models of it that keep so many bytes of folds.
fn keeping(dir: &tempfile::TempDir, bytes: usize) -> (Log, Views) {
    let (log, mut numbers) = (open(dir, 150), Numbers(1));
    append(&log, (0..200).map(|n| random(n, &mut numbers)).collect());
    let views = Views::keeping(&log, 1, KeptFolds::within(bytes)).unwrap();
    views.fold(&StopSignal::default(), SILENT).unwrap();
    views.follow(None).unwrap();
    (log, views)
}

fn as_of(position: u64) -> Past {
    Past { as_of_position: Some(position), ..Past::default() }
}

#[test]
fn given_a_past_moment_when_asked_again_then_it_is_not_folded_again_and_old_ones_are_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let (log, views) = keeping(&dir, 200_000);
    let first = one_at(&views, "acme", as_of(50)).unwrap();
    let again = one_at(&views, "acme", as_of(50)).unwrap();
    assert!(Arc::ptr_eq(first.slot(), again.slot()));
    for position in 51..90 {
        one_at(&views, "acme", as_of(position));
        assert!((1..200_000).contains(&views.kept_bytes().past_states), "{:?}", views.kept_bytes());
    }
    let later = one_at(&views, "acme", as_of(50)).unwrap();
    assert!(!Arc::ptr_eq(first.slot(), later.slot()), "kept no longer");
    assert_eq!(served_of(&first), served_of(&later));
    let ahead = one_at(&views, "acme", as_of(1_000_000)).unwrap();
    append(&log, vec![draft("acme", "more", 5, "email_sent", json!({"lead": {"id": "1"}}))]);
    until("folded", || views.position() == log.head().position);
    assert!(ahead.position() <= 200, "it does not move when facts come");
    assert!(one_at(&views, "nobody", as_of(50)).is_none());
    views.close();
    log.close();
}

#[test]
fn given_a_past_state_larger_than_all_that_is_kept_when_asked_then_it_is_answered_and_not_kept() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [(log, views), (whole_log, whole)] = [keeping(&dirs[0], 10_000), keeping(&dirs[1], 1_000_000)];
    let [first, again] = [0, 1].map(|_| one_at(&views, "acme", as_of(150)).unwrap());
    assert!(!Arc::ptr_eq(first.slot(), again.slot()));
    assert_eq!(views.kept_bytes(), KeptBytes::default());
    // Null control: with room for it, it is kept, and says the same.
    let [kept, again] = [0, 1].map(|_| one_at(&whole, "acme", as_of(150)).unwrap());
    assert!(Arc::ptr_eq(kept.slot(), again.slot()));
    assert_eq!(served_of(&first), served_of(&kept));
    for (views, log) in [(views, log), (whole, whole_log)] {
        views.close();
        log.close();
    }
}
