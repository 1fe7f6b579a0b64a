//! Accepted conflicts (RULINGS, Conflict): the second content stands in the place of the first, live and rebuilt alike.

use domain::record::Draft;

use super::*;
use crate::views::{Moment as Past, TenantView};

/// The acceptance of what `brought` says in the place of the fact at `first`.
pub(super) fn accepted(tenant: &str, first: u64, n: u64, brought: &Draft) -> Draft {
    let mut stored = Vec::new();
    brought.clone().stamp(0, &mut stored);
    let record = RecordRef::read(&stored).unwrap();
    let header = &record.header;
    let fact = Fact::decode(header.kind, header.version, record.public, record.personal()).unwrap();
    let digest: String = header.content.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = json!({"first_position": first, "second_digest": digest, "kind": fact.kind(), "body": fact.json(),
        "occurred_at": Moment(header.occurred_at).to_string()});
    draft(tenant, &format!("accepted/{first}/{n}"), 0, "conflict_accepted", body)
}

pub(super) fn tenant_at(log: &Log, position: u64) -> String {
    log.read(position).unwrap().unwrap().view().unwrap().header.tenant.to_owned()
}

#[test]
fn r1_given_conflicts_accepted_anywhere_when_followed_rebuilt_or_in_order_then_digests_and_answers_are_equal()
{
    for seed in 0..8 {
        let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(seed));
        let log = open(&dir, 150);
        let views = Views::start(&log, 2, SILENT).unwrap();
        let (mut next, mut then) = (0, None);
        for round in 0..6 {
            let batch = 20 + numbers.below(100);
            append(&log, (next..next + batch).map(|n| random(n, &mut numbers)).collect());
            next += batch;
            let head = log.head().position;
            // Of any kind, over any earlier fact, some of them twice.
            let accept = |n: u64| {
                let first = 1 + numbers.below(head);
                accepted(&tenant_at(&log, first), first, next + n, &random(1_000_000 + n, &mut numbers))
            };
            append(&log, (0..3).map(accept).collect());
            if round == 2 {
                until("folded", || views.position() == log.head().position);
                then = Some((views.position(), served(&views)));
            }
        }
        let live = folded(&views, &log);
        let answers = served(&views);
        assert_eq!(Views::fold_once(&log.snapshot(), 3, SILENT).unwrap(), live, "seed {seed}");
        assert_eq!(Views::fold_in_order(&log.snapshot()).unwrap(), live, "seed {seed}");
        let scope = super::super::Scope { shard_facts: 1, ..super::super::Scope::all(&log.snapshot()) };
        let shards = super::super::rebuild::rebuild(&log.snapshot(), &scope, 4, SILENT).unwrap();
        for (id, view) in views.tenants() {
            let digests = view.with(|tenant, _| tenant.digests(&id));
            assert_eq!(shards[&id].tenant.digests(&id), digests, "seed {seed} {id}");
        }
        let again = Views::start(&log, 2, SILENT).unwrap();
        assert_eq!((again.digests(), served(&again)), (live, answers), "seed {seed}");
        again.close();
        // The past knows only what had been accepted by then.
        let (position, served_then) = then.unwrap();
        let past = Past { as_of_position: Some(position), ..Past::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let at = |tenant: &str| -> TenantView {
            runtime.block_on(views.at(&TenantId::new(tenant).unwrap(), past)).unwrap().unwrap()
        };
        assert_eq!(["acme", "borealis", "cumulus"].map(|id| served_of(&at(id))).to_vec(), served_then);
        views.close();
        log.close();
    }
}

fn call(key: &str, agent: &str, at: i64, seconds: u32) -> Draft {
    let body = json!({"call_id": "CA1", "status": "completed", "answered": true, "duration_seconds": seconds,
        "agent": agent});
    draft("acme", key, at, "call_reported", body)
}

#[test]
fn r1_given_a_conflict_when_accepted_then_the_call_is_as_if_the_second_content_had_come_first() {
    let (dirs, day) = ([tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()], 86_400);
    let [log, clean] = [open(&dirs[0], 150), open(&dirs[1], 150)];
    append(&log, vec![call("a", "wrong@x.example", 0, 10)]);
    append(&clean, vec![call("a", "right@x.example", 30 * day, 45)]);
    let views = Views::start(&log, 1, SILENT).unwrap();
    let before = folded(&views, &log);
    append(&log, vec![accepted("acme", 1, 0, &call("a", "right@x.example", 30 * day, 45))]);
    let after = folded(&views, &log);
    let reference = Views::start(&clean, 1, SILENT).unwrap();
    let rows = |views: &Views| {
        let (_, view) = views.tenants().remove(0);
        let months = ["2025-10", "2025-11"]
            .map(|month| view.month(Month::parse(month).unwrap(), domain::members::Instant(0)).figures);
        (view.calls(&CallFilter::default(), None, 10).items, months)
    };
    assert_eq!(rows(&views), rows(&reference));
    assert_eq!(rows(&views).1.map(|figures| figures.qualified), [0, 1]);
    // Null control: without the acceptance the digests are others.
    assert_ne!(before[1].digest, after[1].digest);
    for (views, log) in [(views, log), (reference, clean)] {
        views.close();
        log.close();
    }
}

#[test]
fn r1_given_an_accepted_recording_then_its_url_is_read_from_the_correction() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let recorded = |url| {
        let body = json!({"call_id": "CA1", "recording_id": "RE1", "url": url});
        draft("acme", "r", 0, "call_recorded", body)
    };
    append(&log, vec![recorded("https://r.example/old")]);
    append(&log, vec![accepted("acme", 1, 0, &recorded("https://r.example/new"))]);
    let views = Views::start(&log, 1, SILENT).unwrap();
    let mut page = views.tenants().remove(0).1.calls(&CallFilter::default(), None, 10);
    crate::views::facts::fill_recording_urls(&log.snapshot(), &mut page.items).unwrap();
    assert_eq!(page.items[0].recordings[0].url.as_deref(), Some("https://r.example/new"));
    views.close();
    log.close();
}
