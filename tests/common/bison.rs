//! Email Bison as a sender: events in the envelope of its documentation, with made-up values.

use serde_json::{Value, json};

use super::{Answer, Server};

/// The endpoint of the usual site, bound to no tenant: the workspace names it.
pub const ENDPOINT: &str = "eb-9c1d22aa";

/// A lead of the provider with an id, and the email that follows from it.
pub fn lead(id: u64) -> Value {
    json!({"id": id, "email": format!("lead{id}@example.com"), "first_name": "John", "last_name": "Doe",
           "status": "unverified", "title": null, "company": null, "custom_variables": [{"name": "city", "value": "Tampa"}],
           "emails_sent": 1, "opens": 0, "unique_opens": 0, "replies": 0, "unique_replies": 0, "bounces": 0})
}

/// The envelope around the data, for workspace 17 of the usual site.
pub fn envelope(kind: &str, data: Value) -> Value {
    json!({"event": {"type": kind, "name": "A name", "instance_url": "https://dedi.emailbison.com",
                     "workspace_id": 17, "workspace_name": "Acme Client"}, "data": data})
}

/// A mail that was sent; also the shape of opened, first contacted and unsubscribed.
pub fn sent(kind: &str, n: u64, lead: Value, at: &str) -> Value {
    let data = json!({
        "scheduled_email": {"id": n, "lead_id": lead["id"], "sequence_step_id": 2, "sequence_step_order": 1,
            "sequence_step_variant": 2, "email_subject": "test subject", "email_body": "<p>test</p>", "status": "sent",
            "sent_at": at, "opens": 0, "replies": 0, "unique_opens": "0", "unique_replies": 0, "interested": null,
            "raw_message_id": format!("<{n}@example.com>")},
        "campaign_event": {"id": 1_000_000 + n, "type": "sent", "created_at": at, "local_timezone": "America/New_York"},
        "lead": lead, "campaign": {"id": 2, "name": "test"},
        "sender_email": {"id": 3, "name": "Sender", "email": "from@example.com", "status": "connected"}});
    envelope(kind, data)
}

/// A reply; also the shape of interested and bounced.
pub fn replied(kind: &str, n: u64, lead: Value, at: &str) -> Value {
    let bounced = kind.to_lowercase().contains("bounced");
    let (sort, folder) = if bounced { ("Bounced", "Bounced") } else { ("Tracked Reply", "Inbox") };
    let event = if bounced { "bounce" } else { "replied" };
    let data = json!({
        "reply": {"id": n, "uuid": format!("7d0c5a3e-0000-4000-8000-{n:012}"), "email_subject": "Re: test subject",
            "interested": false, "automated_reply": bounced, "html_body": "<p>Sounds good</p>", "text_body": "Sounds good",
            "raw_body": null, "headers": null, "date_received": at, "type": sort, "folder": folder,
            "from_name": "John Doe", "from_email_address": lead["email"], "parent_id": null, "attachments": [],
            "created_at": at, "updated_at": at},
        "campaign_event": {"id": 2_000_000 + n, "type": event, "created_at": at},
        "lead": lead, "campaign": {"id": 2, "name": "test"},
        "scheduled_email": {"id": 4, "lead_id": lead["id"], "sequence_step_id": 2, "status": "sent"},
        "sender_email": {"id": 3, "email": "from@example.com", "status": "connected"}});
    envelope(kind, data)
}

/// An event of a sender account.
pub fn account(kind: &str, id: u64, status: &str, at: &str) -> Value {
    let data = json!({"sender_email": {"id": id, "name": "Sender", "email": format!("from{id}@example.com"),
        "status": status, "type": "google_workspace_oauth", "daily_limit": 15, "emails_sent": 100, "replied": 7,
        "opened": 0, "unsubscribed": 0, "bounced": 1, "created_at": "2024-07-01T00:00:00.000000Z", "updated_at": at}});
    envelope(kind, data)
}

/// Posts the event to the usual endpoint.
pub async fn deliver(server: &Server, event: &Value) -> Answer {
    deliver_raw(server, event.to_string()).await
}

/// Posts raw bytes as JSON to the usual endpoint.
pub async fn deliver_raw(server: &Server, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request("POST", &format!("/hooks/emailbison/{ENDPOINT}"));
    server.send(request.header("content-type", "application/json").body(body)).await
}
