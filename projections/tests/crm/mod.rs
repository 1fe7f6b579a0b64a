//! The CRM's models: worked examples, laws over random runs, and an independent naive model (B4 to B11, B13, B14).

mod laws;
mod naive;
mod random;
mod worked;

pub use self::random::{rules, runs};

use crate::common::{Given, at, given, recorded};
use domain::facts::sync::Resource;
use domain::members::Instant;
use projections::entities::crm::hot_list::HotList;
use projections::entities::crm::note_list::NoteList;
use projections::entities::crm::schedule::Activities;
use projections::figures::{lead_summary, pipeline};
use projections::store::Cursor;
use projections::tenant::Tenant;
use serde_json::{Value, json};

/// The time at which clock-dependent answers are made.
const NOW: &str = "2025-10-10T12:00:00Z";

fn fold(facts: &[Given]) -> Tenant {
    crate::common::live(&recorded(facts))
}

fn part(run: &str, resource: &str, observed: &str, records: Value) -> Given {
    let body = json!({"run_id": run, "source": "clienttether", "resource": resource, "observed_at": observed,
        "part": 1, "parts": 1, "records": records});
    given("snapshot_taken", at(observed), body)
}

/// A member of a part's body changed.
fn but(part: &Given, members: Value) -> Given {
    let mut body = part.body.clone();
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    given(part.kind, part.occurred_at, body)
}

fn started(run: &str, when: &str) -> Given {
    given("sync_started", at(when), json!({"run_id": run, "source": "clienttether", "status": "running"}))
}

fn ended(run: &str, when: &str, status: &str) -> Given {
    let body = json!({"run_id": run, "source": "clienttether", "status": status, "records_updated": 3});
    given("sync_finished", at(when), body)
}

fn summary(tenant: &Tenant) -> Value {
    let taken = lead_summary::LeadSummaryInput::new(&tenant.crm.rows, &tenant.profile.timeline);
    serde_json::to_value(taken.answer(0)).unwrap()
}

fn pipeline(tenant: &Tenant) -> Value {
    let taken = pipeline::PipelineInput::new(&tenant.crm.rows, &tenant.profile.timeline);
    serde_json::to_value(taken.answer(0)).unwrap()
}

fn hot_list(tenant: &Tenant) -> Vec<Value> {
    let list = HotList::new(&tenant.crm.rows, &tenant.profile.timeline);
    crate::common::all_pages(|after| list.page(0, after, 2))
}

fn notes(tenant: &Tenant) -> Vec<Value> {
    let list = NoteList::new(&tenant.crm.rows, &tenant.notes.rows);
    let whole: Vec<_> = list.behind(None).collect();
    // Going on behind any row gives the rest, whatever the size of a page.
    for (n, item) in whole.iter().enumerate() {
        let cursor: Cursor = item.cursor.clone().unwrap().to_string().parse().unwrap();
        assert!(list.behind(Some(cursor)).eq(whole[n + 1..].iter().cloned()));
    }
    whole.iter().map(|item| serde_json::to_value(item).unwrap()).collect()
}

fn schedule(tenant: &Tenant) -> Value {
    let (items, total) = Activities::new(&tenant.crm.rows).after(at(NOW));
    json!({"items": items, "total": total})
}

fn run_list(tenant: &Tenant) -> Vec<Value> {
    let list = tenant.crm.rows.runs().list(tenant.crm.rows.texts());
    crate::common::all_pages(|after| list.page(0, after, 2))
}

fn status(tenant: &Tenant, now: Instant) -> Value {
    let list = tenant.crm.rows.runs().list(tenant.crm.rows.texts());
    serde_json::to_value(list.status(0, now)).unwrap()
}

/// How many records of each source and resource there are, and their fingerprints.
fn fingerprints(tenant: &Tenant) -> Vec<(Resource, String, (u64, u64))> {
    let fingerprints = tenant.crm.rows.fingerprints();
    let mut fingerprints: Vec<_> =
        fingerprints.map(|(of, source, fingerprint)| (of, source.to_owned(), fingerprint)).collect();
    fingerprints.sort_unstable();
    fingerprints
}

/// All that is served of the CRM.
fn served_crm(tenant: &Tenant) -> Value {
    json!({"summary": summary(tenant), "pipeline": pipeline(tenant), "hot": hot_list(tenant),
        "notes": notes(tenant), "schedule": schedule(tenant), "runs": run_list(tenant),
        "status": status(tenant, at(NOW)), "fingerprints": format!("{:?}", fingerprints(tenant))})
}
