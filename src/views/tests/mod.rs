//! Read models over a real log: live = rebuilt at any cut (G9), restarts, waiting, and readers that take long.

mod past;
mod rebuilding;
mod replacing;
mod restating;
mod starting;
mod voiding;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::facts::Fact;
use domain::keys::TenantId;
use domain::members::{Instant as Moment, Month};
use domain::record::{Draft, Private, RecordRef};
use projections::entities::calls::list::CallFilter;
use projections::entities::crm::note_list::NoteList;
use projections::entities::leads::list::LeadFilter;
use projections::figures::lead_summary;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{FoldError, ModelDigest, Progress, Views};
use crate::log::{Log, Sizes};
use crate::testing::{self, SECOND, T0, TestClock, until};

const WAIT: Duration = Duration::from_secs(30);
const SILENT: &(dyn Fn(Progress) + Sync) = &|_| {};

fn open(dir: &TempDir, seal_facts: u64) -> Log {
    open_at_pace(dir, seal_facts, 1)
}

/// A log whose groups of facts are recorded so many seconds apart.
fn open_at_pace(dir: &TempDir, seal_facts: u64, seconds: i64) -> Log {
    let sizes = Sizes { seal_facts, ..Sizes::default() };
    testing::open_log(dir, &TestClock::stepping(T0, seconds * SECOND), sizes)
}

/// A fact that happened so many seconds after the clock's beginning.
fn draft(tenant: &str, external_id: &str, at: i64, kind: &str, body: Value) -> Draft {
    testing::draft(tenant, external_id, T0 + at * SECOND, kind, body)
}

/// A small stream of numbers that a seed decides.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Fact `n` of a random history of three tenants: calls with legs, leads by id and email, configurations.
fn random(n: u64, numbers: &mut Numbers) -> Draft {
    let tenant = ["acme", "borealis", "cumulus"][numbers.below(3) as usize];
    let at = numbers.below(90 * 86_400) as i64;
    let key = format!("f{n}");
    let status = ["initiated", "ringing", "in_progress", "completed", "busy"][numbers.below(5) as usize];
    match numbers.below(20) {
        0 => {
            let zone = ["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"][numbers.below(3) as usize];
            let from = ["2025-10-09", "2025-11-02"][numbers.below(2) as usize];
            let rules = json!({"qualified_min_seconds": numbers.below(60)});
            let body = json!({"name": tenant, "timezone": zone, "effective_from": from, "rules": rules});
            draft(tenant, &key, at, "tenant_configured", body)
        }
        1..10 => {
            let call = format!("CA{}", numbers.below(60));
            let parent = (numbers.below(5) == 0).then(|| format!("CA{}", numbers.below(60)));
            let body = json!({"call_id": call, "parent_call_id": parent, "status": status,
                "answered": numbers.below(2) == 0, "duration_seconds": numbers.below(90),
                "agent": format!("agent{}", numbers.below(3)), "from": format!("+1555010{}", numbers.below(10))});
            draft(tenant, &key, at, "call_reported", body)
        }
        10 => {
            let body = json!({"call_id": format!("CA{}", numbers.below(60)), "outcome": "voicemail"});
            draft(tenant, &key, at, "call_disposed", body)
        }
        11 => {
            let run = numbers.below(40);
            let base = (!run.is_multiple_of(4)).then(|| format!("r{}", run - 1));
            let id = |numbers: &mut Numbers| json!({"id": numbers.below(9).to_string(), "stage": "FDD Sent"});
            let body = json!({"run_id": format!("r{run}"), "source": "ct", "resource": "leads", "base": base,
                "part": 1 + numbers.below(2), "parts": 2, "records": [id(numbers), id(numbers)],
                "observed_at": Moment(T0 + run as i64 / 2 * 3_600_000_000).to_string()});
            draft(tenant, &key, at, "snapshot_taken", body)
        }
        12 => {
            let status = ["success", "success", "failed"][numbers.below(3) as usize];
            let body = json!({"run_id": format!("r{}", numbers.below(40)), "source": "ct", "status": status});
            draft(tenant, &key, at, "sync_finished", body)
        }
        13 => {
            let kind = ["note_written", "note_removed"][numbers.below(2) as usize];
            draft(tenant, &key, at, kind, json!({"note_id": numbers.below(9).to_string(), "content": "hi"}))
        }
        _ => {
            let kind =
                ["email_sent", "lead_replied", "lead_interested", "email_bounced"][numbers.below(4) as usize];
            let id = (numbers.below(2) == 0).then(|| numbers.below(30).to_string());
            let email = format!("p{}@x.example", numbers.below(30));
            let body = json!({"instance": "i", "workspace": "1", "lead": {"id": id, "email": email}});
            draft(tenant, &key, at, kind, body)
        }
    }
}

fn append(log: &Log, drafts: Vec<Draft>) {
    log.append(drafts).unwrap().wait().unwrap();
}

fn folded(views: &Views, log: &Log) -> Vec<ModelDigest> {
    until("folded", || views.position() == log.head().position);
    views.digests()
}

/// Everything that is served of a tenant, to be compared word by word.
fn served_of(tenant: &super::TenantView) -> Value {
    let month = |month| {
        serde_json::to_value(tenant.month(Month::parse(month).unwrap(), domain::members::Instant(0))).unwrap()
    };
    let calls = serde_json::to_value(tenant.calls(&CallFilter::default(), None, 500)).unwrap();
    let leads = serde_json::to_value(tenant.leads(&LeadFilter::default(), None, 500)).unwrap();
    let crm = tenant.with(|tenant, _| {
        let taken = lead_summary::LeadSummaryInput::new(&tenant.crm.rows, &tenant.profile.timeline);
        let notes = NoteList::new(&tenant.crm.rows, &tenant.notes.rows);
        let runs = tenant.crm.rows.runs().list(tenant.crm.rows.texts());
        let notes: Vec<_> = notes.behind(None).collect();
        json!([taken.answer(0), notes, runs.page(0, None, 500)])
    });
    json!([tenant.name(), month("2025-10"), month("2025-11"), month("2025-12"), calls, leads, crm])
}

fn served(views: &Views) -> Vec<Value> {
    views.tenants().iter().map(|(_, tenant)| served_of(tenant)).collect()
}

#[test]
fn g9_given_any_history_when_followed_restarted_or_rebuilt_then_digests_and_answers_are_equal() {
    for seed in 0..testing::rounds(10, 2_000) {
        let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(seed));
        let log = open(&dir, 150);
        let views = Views::start(&log, 1, SILENT).unwrap();
        let facts = numbers.below(700);
        let mut at_cut = None;
        let cut = numbers.below(facts + 1);
        let mut next = 0;
        while next < facts {
            let batch = (1 + numbers.below(40)).min(facts - next);
            append(&log, (next..next + batch).map(|n| random(n, &mut numbers)).collect());
            next += batch;
            if next >= cut && at_cut.is_none() {
                at_cut = Some(Views::start(&log, 2, SILENT).unwrap());
            }
        }
        let live = folded(&views, &log);
        for threads in [1, 2, 3] {
            assert_eq!(Views::fold_once(&log.snapshot(), threads, SILENT).unwrap(), live, "seed {seed}");
        }
        let answers = served(&views);
        if let Some(from_cut) = at_cut {
            assert_eq!(folded(&from_cut, &log), live, "seed {seed}");
            assert_eq!(served(&from_cut), answers, "seed {seed}");
            from_cut.close();
        }
        views.close();
        log.close();
        let log = open(&dir, 150);
        let again = Views::start(&log, 2, SILENT).unwrap();
        assert_eq!((again.digests(), served(&again)), (live, answers), "seed {seed}");
        again.close();
        log.close();
    }
}

#[test]
fn digests_that_are_kept_are_those_of_now() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let mut numbers = Numbers(78);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let views = Views::start(&log, 1, SILENT).unwrap();
    for n in 0..20 {
        append(&log, vec![random(n, &mut numbers)]);
        let now = folded(&views, &log);
        let models = || runtime.block_on(views.models()).unwrap();
        assert_eq!((models(), models()), (now.clone(), now));
    }
    views.close();
    log.close();
}

#[test]
fn null_control_a_fact_more_or_less_shows_in_the_digests() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let mut numbers = Numbers(77);
    append(&log, (0..200).map(|n| random(n, &mut numbers)).collect());
    let before = Views::fold_once(&log.snapshot(), 1, SILENT).unwrap();
    append(&log, vec![draft("acme", "more", 5, "email_sent", json!({"lead": {"id": "1"}}))]);
    let after = Views::fold_once(&log.snapshot(), 1, SILENT).unwrap();
    let changed = |name| before.iter().zip(&after).any(|(b, a)| b.name == name && b.digest != a.digest);
    assert_eq!(["tenants", "calls", "outreach_leads", "month"].map(changed), [false, false, true, true]);
    log.close();
}

#[test]
fn given_a_long_tenant_when_cut_into_shards_then_the_same_as_in_one_piece() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 8_192);
    let mut numbers = Numbers(3);
    for from in (0..24_000).step_by(4_000) {
        append(&log, (from..from + 4_000).map(|n| random(n, &mut numbers)).collect());
    }
    until("sealed", || log.snapshot().sealed() >= 16_000);
    let scope = super::Scope { shard_facts: 1_000, ..super::Scope::all(&log.snapshot()) };
    let one = super::rebuild::rebuild(&log.snapshot(), &scope, 1, SILENT).unwrap();
    let many = super::rebuild::rebuild(&log.snapshot(), &scope, 4, SILENT).unwrap();
    for (id, state) in &one {
        assert_eq!(state.tenant.digests(id), many[id].tenant.digests(id));
        assert_eq!(state.position, many[id].position);
    }
    log.close();
}

#[tokio::test]
async fn given_a_write_when_its_position_is_waited_for_then_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let views = Views::start(&log, 1, SILENT).unwrap();
    let acme = TenantId::new("acme").unwrap();
    assert!(views.tenant(&acme).is_none());
    let sent = draft("acme", "a", 0, "email_sent", json!({"lead": {"id": "1"}}));
    let position = log.append(vec![sent]).unwrap().await.unwrap()[0].position();
    assert!(views.wait_for(position, WAIT).await);
    let tenant = views.tenant(&acme).unwrap();
    let month = tenant.month(Month::parse("2025-10").unwrap(), domain::members::Instant(0));
    assert_eq!((month.figures.emails_sent, month.position, tenant.position()), (1, position, position));
    assert!(!views.wait_for(position + 1, Duration::from_millis(20)).await);
    views.close();
    log.close();
}

#[test]
fn given_internal_tenants_and_other_kinds_then_the_first_are_not_shown_and_the_position_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let views = Views::start(&log, 1, SILENT).unwrap();
    let note = draft("acme", "n", 0, "note_written", json!({"note_id": "1", "content": "hello"}));
    append(&log, vec![note, draft("_unassigned", "u", 0, "email_sent", json!({}))]);
    until("folded", || views.position() == 2);
    let positions = |views: &Views| {
        let tenants = views.tenants();
        tenants.iter().map(|(id, view)| (id.to_string(), view.position())).collect::<Vec<_>>()
    };
    // Its answers are true up to its note, though no model folds notes; the engine's own tenant is not served.
    assert_eq!(positions(&views), [("acme".to_owned(), 1)]);
    let unassigned = TenantId::stored("_unassigned").unwrap();
    assert!(views.tenant(&unassigned).is_none());
    assert_eq!(views.internal(&unassigned).map(|view| view.position()), Some(2));
    assert!(views.internal(&TenantId::new("acme").unwrap()).is_none());
    views.close();
    assert_eq!(positions(&Views::start(&log, 1, SILENT).unwrap()), [("acme".to_owned(), 1)]);
    log.close();
}

#[test]
fn given_a_body_that_does_not_decode_then_folding_stops_by_name_and_nothing_is_made_up() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let views = Views::start(&log, 1, SILENT).unwrap();
    append(&log, vec![draft("acme", "a", 0, "email_sent", json!({"lead": {"id": "1"}}))]);
    let header = domain::record::Header {
        recorded_at: 0,
        occurred_at: T0,
        time_received: false,
        kind: domain::record::KindTag { group: 3, tag: 99 },
        version: 1,
        mapping: 1,
        content: [1; 16],
        subject: 1,
        tenant: "acme",
        provider: "test",
        external_id: "newer",
    };
    append(&log, vec![Draft::new([7; 11], &header, b"?", [1; 16], b"", &Bytes::new())]);
    until("stopped", || views.failure().is_some());
    assert!(matches!(views.failure(), Some(FoldError::Fact { position: 2, .. })));
    assert!(matches!(Views::start(&log, 2, SILENT), Err(FoldError::Fact { position: 2, .. })));
    views.close();
    log.close();
}

#[test]
fn given_a_reader_that_takes_a_second_then_folding_and_other_readers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 65_536);
    let mut numbers = Numbers(5);
    append(&log, (0..2_000).map(|n| random(n, &mut numbers)).collect());
    let views = Views::start(&log, 1, SILENT).unwrap();
    let tenant = views.tenant(&TenantId::new("acme").unwrap()).unwrap();
    let done = AtomicBool::new(false);
    let (from, begun) = (views.position(), Instant::now());
    thread::scope(|scope| {
        scope.spawn(|| {
            // What a long list does: takes the rows once, then works on them for a second.
            let list = tenant.slot().read().tenant.call_list();
            let first = list.page(0, &CallFilter::default(), None, 500);
            while begun.elapsed() < Duration::from_secs(1) {
                assert_eq!(list.page(0, &CallFilter::default(), None, 500), first, "what was taken stays");
            }
            done.store(true, Ordering::Release);
        });
        let (mut n, mut longest) = (2_000, Duration::ZERO);
        while !done.load(Ordering::Acquire) {
            append(&log, (n..n + 50).map(|n| random(n, &mut numbers)).collect());
            n += 50;
            until("folded while a reader reads", || views.position() == n);
            let asked = Instant::now();
            assert!(tenant.position() > 0);
            longest = longest.max(asked.elapsed());
        }
        assert!(views.position() > from + 100, "folded only to {}", views.position());
        assert!(longest < Duration::from_millis(500), "another reader waited {longest:?}");
    });
    views.close();
    log.close();
}

#[test]
fn null_control_a_reader_that_keeps_the_lock_stops_the_fold() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    append(&log, vec![draft("acme", "a", 0, "email_sent", json!({"lead": {"id": "1"}}))]);
    let views = Views::start(&log, 1, SILENT).unwrap();
    let tenant = views.tenant(&TenantId::new("acme").unwrap()).unwrap();
    let kept = tenant.slot().read();
    append(&log, vec![draft("acme", "b", 0, "email_sent", json!({"lead": {"id": "1"}}))]);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(views.position(), 1);
    drop(kept);
    until("folded", || views.position() == 2);
    views.close();
    log.close();
}

#[test]
fn given_an_erased_recording_then_it_has_no_url_and_nothing_fails() {
    let body = json!({"call_id": "A", "recording_id": "RE1", "url": "https://r.example/1"});
    let mut stored = Vec::new();
    draft("acme", "r", 0, "call_recorded", body).stamp(0, &mut stored);
    let mut record = RecordRef::read(&stored).unwrap();
    let url = |record: &RecordRef<'_>| super::facts::recording_url(1, record).unwrap();
    assert_eq!(url(&record).as_deref(), Some("https://r.example/1"));
    record.private = Private::Erased { personal: [0; 32], original: [0; 32] };
    assert_eq!(url(&record), None);
}
