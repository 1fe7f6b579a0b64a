//! Email Bison's side of the demo: events in the envelope that it delivers.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::feeds;
use super::random::Random;
use super::traffic::{Expected, Request, Tenant};

const FIRST: [&str; 8] = ["John", "María", "Priya", "Chen", "Fatima", "Olu", "Søren", "Zoë"];
const LAST: [&str; 8] = ["Doe", "García", "Nair", "Wei", "Haddad", "Adeyemi", "Lindqvist", "Brandt"];

/// A person who is written to.
pub struct DemoLead {
    id: u64,
    email: String,
    first: &'static str,
    last: &'static str,
}

impl DemoLead {
    /// The tenant's lead of that number.
    pub fn new(tenant: &Tenant, number: u64, random: &mut Random) -> Self {
        let (first, last) = (*random.pick(&FIRST), *random.pick(&LAST));
        let id = u64::from(tenant.workspace.0) * 10_000_000 + number;
        Self { id, email: format!("lead.{id}@prospects.example"), first, last }
    }
}

fn text(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The request that tells of one event.
pub fn event(tenant: &Tenant, lead: &DemoLead, kind: &str, at: i64, random: &mut Random) -> Request {
    let id = random.bits() >> 24;
    let mut data = json!({
        "lead": {"id": lead.id, "email": lead.email, "first_name": lead.first, "last_name": lead.last,
                 "status": "unverified", "title": null, "company": format!("{} & Co", lead.last),
                 "custom_variables": [{"name": "city", "value": "Tampa"}], "emails_sent": 1, "opens": 0},
        "campaign": {"id": 2, "name": "Autumn"},
        "campaign_event": {"id": id, "type": kind.to_lowercase(), "local_timezone": tenant.zone, "created_at": text(at)},
        "scheduled_email": {"id": id + 1, "lead_id": lead.id, "sequence_step_id": 2, "email_subject": "A question",
                            "email_body": "<p>Good morning</p>", "status": "sent", "sent_at": text(at)},
        "sender_email": {"id": 3, "name": "Sender", "email": format!("hello@{}.example", tenant.id),
                         "status": "connected", "type": "google_workspace_oauth", "daily_limit": 15},
    });
    let replied = kind.ends_with("REPLIED") || kind.ends_with("INTERESTED") || kind.ends_with("BOUNCED");
    if replied && let Value::Object(members) = &mut data {
        let bounced = kind.ends_with("BOUNCED");
        let (folder, reply_type) = if bounced { ("Bounced", "Bounced") } else { ("Inbox", "Tracked Reply") };
        members.insert(
            "reply".into(),
            json!({"id": id + 2, "type": reply_type, "folder": folder, "automated_reply": bounced,
                   "text_body": "Sounds good", "from_email_address": lead.email, "date_received": text(at)}),
        );
    }
    let body = json!({
        "event": {"type": kind, "name": kind.replace('_', " "), "instance_url": format!("https://{}", feeds::instance(tenant)),
                  "workspace_id": tenant.workspace.0, "workspace_name": tenant.workspace.1},
        "data": data,
    });
    let expected = if kind == "EMAIL_OPENED" { Expected::Ignored } else { Expected::Recorded };
    Request {
        path: format!("/hooks/emailbison/{}", tenant.emailbison),
        content_type: "application/json",
        signature: None,
        body: body.to_string(),
        expected,
    }
}
