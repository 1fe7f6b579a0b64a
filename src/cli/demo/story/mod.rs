//! What the demo's tenants have in other systems than webhooks: ad spend, mailboxes, CRM, dialer, notes, targets.
//!
//! These come as facts over `POST /facts`, as a program that syncs them would send them. What people do here, such as
//! reports, is done by the API's own commands.

mod crm;
mod dialer;
mod mailboxes;
pub mod reports;
pub mod spend;

use chrono::{DateTime, Datelike, SecondsFormat};
use serde_json::{Value, json};

use super::random::Random;
use super::traffic::Tenant;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The facts of one tenant's other systems, oldest systems first. `now` is in seconds since 1970.
pub fn facts(tenant: &Tenant, now: i64) -> Vec<Value> {
    let mut random = Random::new(0x0057_0123 ^ u64::from(tenant.workspace.0));
    let mut facts = targets(now);
    facts.extend(spend::facts(tenant, now, &mut random));
    facts.extend(mailboxes::facts(tenant, now, &mut random));
    if !super::crm::is_read(tenant.id) {
        facts.extend(crm::facts(tenant, now, &mut random));
    }
    facts.extend(dialer::facts(tenant, now, &mut random));
    facts
}

/// One fact in the contract's shape.
fn fact(provider: &str, external_id: &str, kind: &str, at: i64, body: Value) -> Value {
    json!({"provider": provider, "external_id": external_id, "kind": kind, "occurred_at": instant(at), "body": body})
}

fn instant(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn date(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap_or_default().date_naive().to_string()
}

/// Targets of this month and the one before.
fn targets(now: i64) -> Vec<Value> {
    let today = DateTime::from_timestamp(now, 0).unwrap_or_default();
    let last = DateTime::from_timestamp(now - i64::from(today.day()) * DAY, 0).unwrap_or_default();
    let mut facts = Vec::new();
    for month in [last, today] {
        let month = month.format("%Y-%m").to_string();
        for (metric, value) in [("positive_replies", 70), ("emails_sent", 3_600), ("qualified", 600)] {
            let id = format!("target/{month}/{metric}");
            let body = json!({"month": month, "metric": metric, "value": value});
            facts.push(fact("planning", &id, "target_set", now - 60 * DAY, body));
        }
    }
    facts
}
