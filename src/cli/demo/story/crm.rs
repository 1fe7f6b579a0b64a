//! The CRM: a whole snapshot two weeks ago, then what changed at each run, one run that failed.

use serde_json::{Value, json};

use super::{DAY, fact, instant};
use crate::cli::demo::random::Random;
use crate::cli::demo::traffic::Tenant;

const SOURCE: &str = "clienttether";
const CONTACTS: u64 = 260;
const DEALS: u64 = 60;
/// Runs: one a day for so many days, then one an hour for the last hours.
const DAILY: i64 = 14;
const HOURLY: i64 = 8;

const STAGES: [(&str, u32); 10] = [
    ("New Lead", 2),
    ("Outbound Call", 4),
    ("Initial Call Complete", 10),
    ("QR Sent", 15),
    ("QR Returned", 25),
    ("FDD Sent", 35),
    ("FDD Signed", 50),
    ("Deal Structure", 60),
    ("FA Sent", 80),
    ("FA Signed", 100),
];
const SOURCES: [&str; 6] = ["Google", "Referral", "Trade show", "Website", "Facebook", ""];
const NAMES: [&str; 8] = [
    "Dana Lee",
    "María García",
    "Priya Nair",
    "Chen Wei",
    "Zoë Brandt",
    "Olu Adeyemi",
    "Sam Ito",
    "Eva Lind",
];

/// All runs of one tenant's sync.
pub fn facts(tenant: &Tenant, now: i64, random: &mut Random) -> Vec<Value> {
    let mut facts = Vec::new();
    let daily = (1..=DAILY).rev().map(|ago| now - ago * DAY);
    let hourly = (0..HOURLY).rev().map(|ago| now - ago * 3_600 - 300);
    let mut base: Option<String> = None;
    for (number, at) in daily.chain(hourly).enumerate() {
        let run = format!("{}-run-{number}", tenant.id);
        let begun = json!({"run_id": run, "source": SOURCE, "status": "running"});
        facts.push(fact(SOURCE, &format!("{run}/started"), "sync_started", at, begun));
        if number == 9 {
            let body = json!({"run_id": run, "source": SOURCE, "status": "failed", "error": "page 2 of opportunities: 503 after four attempts"});
            facts.push(fact(SOURCE, &format!("{run}/finished"), "sync_finished", at + 45, body));
            continue;
        }
        let updated = snapshots(&run, base.as_deref(), tenant, at, now, random, &mut facts);
        let body = json!({"run_id": run, "source": SOURCE, "status": "success", "records_updated": updated});
        facts.push(fact(SOURCE, &format!("{run}/finished"), "sync_finished", at + 70, body));
        base = Some(run);
    }
    facts
}

/// Every resource of a run; answers how many records it brought.
fn snapshots(
    run: &str,
    base: Option<&str>,
    tenant: &Tenant,
    at: i64,
    now: i64,
    random: &mut Random,
    facts: &mut Vec<Value>,
) -> usize {
    let whole = base.is_none();
    let some = |count: u64, random: &mut Random| -> Vec<u64> {
        if whole {
            (0..count).collect()
        } else {
            (0..2 + random.below(4)).map(|_| random.below(count)).collect()
        }
    };
    let mut updated = 0;
    let mut push = |resource: &str, mut records: Vec<Value>| {
        records.sort_by_key(|record| record["id"].as_str().map(str::to_owned));
        records.dedup_by_key(|record| record["id"].as_str().map(str::to_owned));
        updated += records.len();
        let body = json!({"run_id": run, "source": SOURCE, "resource": resource, "observed_at": instant(at + 30),
                          "part": 1, "parts": 1, "base": base, "records": records});
        facts.push(fact(SOURCE, &format!("{run}/{resource}/1"), "snapshot_taken", at + 30, body));
    };
    let leads = some(CONTACTS, random).into_iter().map(|id| contact(id, at, random)).collect();
    push("leads", leads);
    let deals = some(DEALS, random).into_iter().map(|id| deal(id, tenant, at, random)).collect();
    push("opportunities", deals);
    let activities = some(24, random).into_iter().map(|id| activity(id, now, random)).collect();
    push("activities", activities);
    if whole {
        let cycles = (0..).zip(STAGES).map(|(order, (name, likelihood))| {
            json!({"id": format!("S{order}"), "stage": name, "order": order, "likelihood_percent": likelihood, "active": true})
        });
        push("sales_cycles", cycles.collect());
    }
    updated
}

fn contact(id: u64, at: i64, random: &mut Random) -> Value {
    let name = *random.pick(&NAMES);
    json!({"id": format!("C{id}"), "source": *random.pick(&SOURCES), "stage": random.pick(&STAGES).0, "contact_type": "1",
           "contact_name": name, "email": format!("contact{id}@prospects.example"), "phone": format!("+1415557{id:04}"),
           "created_at": instant(at - DAY), "modified_at": instant(at)})
}

fn deal(id: u64, tenant: &Tenant, at: i64, random: &mut Random) -> Value {
    let (stage, likelihood) = *random.pick(&STAGES);
    let value = if random.percent(70) { 2_500_000 + 500_000 * random.below(20) } else { 0 };
    json!({"id": format!("O{id}"), "stage": stage, "likelihood_percent": likelihood, "value_minor": value,
           "currency": tenant.currency, "contact_type": "1", "contact_name": *random.pick(&NAMES),
           "company": format!("{} market", random.pick(&["Tampa", "Austin", "Leeds", "Pune"])), "contact": format!("C{id}"),
           "modified_at": instant(at)})
}

fn activity(id: u64, now: i64, random: &mut Random) -> Value {
    let scheduled = now + 3_600 * (1 + random.below(200)) as i64;
    json!({"id": format!("A{id}"), "activity_type": *random.pick(&["Call", "Meeting", "Email"]), "status": "scheduled",
           "scheduled_at": instant(scheduled), "contact": format!("C{id}"), "contact_name": *random.pick(&NAMES),
           "content": "Follow up on the disclosure document"})
}
