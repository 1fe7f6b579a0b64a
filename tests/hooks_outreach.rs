//! Quirks of Email Bison and of other outreach senders: the spellings of events, workspaces and ids, and additional
//! members of payloads. `docs/providers.md` says which test shows which quirk.

use crate::common::bison::{self, account, envelope, lead, replied, sent};
use crate::common::tracker::{deliver, with};
use crate::common::{Server, Site, TWO_TENANTS};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00.000000Z";

/// An event of this type in its usual shape.
fn event(kind: &str, n: u64) -> Value {
    let folded = kind.to_lowercase().replace('-', "_").replace("contact_", "lead_");
    match folded.as_str() {
        "lead_replied" | "lead_interested" | "email_bounced" => replied(kind, n, lead(n), AT),
        _ if folded.starts_with("email_account") || folded.starts_with("warmup") => {
            account(kind, n, "connected", AT)
        }
        "tag_attached" | "tag_removed" => envelope(
            kind,
            json!({"tag_id": n, "tag_name": "Interested", "taggable_id": 20, "taggable_type": "Campaign"}),
        ),
        _ => sent(kind, n, lead(n), AT),
    }
}

#[tokio::test]
async fn d1_every_event_type_is_known_in_any_case_and_by_both_names_and_is_one_event() {
    let server = Site::new().start().await;
    let counted = [
        "email_sent",
        "lead_replied",
        "lead_interested",
        "email_bounced",
        "lead_unsubscribed",
        "email_account_added",
        "email_account_removed",
        "email_account_disconnected",
        "email_account_reconnected",
    ];
    let known = [
        "manual_email_sent",
        "lead_first_contacted",
        "untracked_reply_received",
        "email_opened",
        "tag_attached",
        "tag_removed",
        "warmup_disabled_receiving_bounces",
        "warmup_disabled_causing_bounces",
        "blacklisted_email_added",
        "blacklisted_email_removed",
        "blacklisted_domain_added",
        "blacklisted_domain_removed",
    ];
    for (n, kind) in counted.iter().chain(&known).enumerate() {
        let contact = kind.replace("lead_", "contact_").replace("first_contacted", "first_emailed");
        let spellings = [
            kind.to_uppercase(),
            (*kind).to_owned(),
            contact.to_uppercase(),
            contact,
            kind.replace('_', "-"),
        ];
        for (m, spelling) in spellings.iter().enumerate() {
            let answer = bison::deliver(&server, &event(spelling, 100 + n as u64)).await;
            let expected = match (counted.contains(kind), m) {
                (false, _) => "ignored",
                (true, 0) => "recorded",
                (true, _) => "duplicate",
            };
            assert_eq!(answer.is(200).outcome(), expected, "{spelling}: {answer:?}");
        }
    }
    let unknown = bison::deliver(&server, &event("CAMPAIGN_COMPLETED", 1)).await;
    assert_eq!(unknown.is(200).outcome(), "quarantined", "an unknown type is kept: {unknown:?}");
    assert_eq!(unknown.json["reason"], "unknown_event_type");
}

#[tokio::test]
async fn l6_a_workspace_is_known_by_id_and_by_name_in_any_case_with_blanks_around_it() {
    let tables = TWO_TENANTS.replace("\"Acme Client\"", "\" Acme Client  \"");
    let server = Site::with(&tables).start().await;
    let spellings = [
        json!({"workspace_id": 17, "workspace_name": "renamed"}),
        json!({"workspace_id": "17", "workspace_name": null}),
        json!({"workspace_id": " 17 ", "workspace_name": ""}),
        json!({"workspace_id": 9_000, "workspace_name": "Acme Client "}),
        json!({"workspace_id": null, "workspace_name": "\tACME CLIENT"}),
        json!({"workspace_id": null, "workspace_name": "acme client  "}),
    ];
    for (n, spelling) in spellings.iter().enumerate() {
        let mut event = sent("EMAIL_SENT", n as u64, lead(1), AT);
        event["event"] = with(event["event"].clone(), spelling.clone());
        let answer = bison::deliver(&server, &event).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{spelling}: {answer:?}");
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["emails_sent"], 6, "{month}");
    let mut strange = sent("EMAIL_SENT", 99, lead(1), AT);
    strange["event"]["workspace_id"] = json!(9_000);
    strange["event"]["workspace_name"] = json!("Acme Clients");
    let answer = bison::deliver(&server, &strange).await;
    assert_eq!(answer.json["reason"], "unknown_workspace", "null control: another name: {answer:?}");
}

#[tokio::test]
async fn an_event_is_known_again_in_other_bytes_with_other_counters_and_from_the_list_of_events() {
    let server = Site::new().start().await;
    let first = bison::deliver(&server, &replied("LEAD_REPLIED", 1, lead(7), AT)).await;
    assert_eq!(first.is(200).outcome(), "recorded", "{first:?}");
    let mut ids_as_text = replied("LEAD_REPLIED", 1, lead(7), AT);
    ids_as_text["data"]["lead"]["id"] = json!("7");
    ids_as_text["data"]["campaign_event"]["id"] = json!("2000001");
    ids_as_text["event"]["workspace_id"] = json!("17");
    let mut counters = replied("LEAD_REPLIED", 1, lead(7), AT);
    counters["data"]["lead"]["emails_sent"] = json!("12");
    counters["data"]["sender_email"]["unique_replies"] = json!(9);
    counters["data"]["bounce"] = json!({"type": "hard", "reason": null, "message": "550"});
    let mut host = replied("LEAD_REPLIED", 1, lead(7), AT);
    host["event"]["instance_url"] = json!("https://DEDI.emailbison.com/");
    let pretty = serde_json::to_string_pretty(&replied("LEAD_REPLIED", 1, lead(7), AT)).expect("json");
    for body in [ids_as_text.to_string(), counters.to_string(), host.to_string(), pretty] {
        let again = bison::deliver_raw(&server, body).await;
        assert_eq!((again.is(200).outcome(), again.position()), ("duplicate", first.position()), "{again:?}");
    }
    let other = bison::deliver(&server, &replied("LEAD_REPLIED", 2, lead(7), AT)).await;
    assert_eq!(other.is(200).outcome(), "recorded", "null control: another reply: {other:?}");
}

#[tokio::test]
async fn a_mail_of_ours_a_bounce_and_an_empty_event_are_what_they_are() {
    let server = Site::new().start().await;
    let mut outgoing = replied("LEAD_REPLIED", 1, lead(1), AT);
    outgoing["data"]["reply"]["type"] = json!("Outgoing Email");
    outgoing["data"]["reply"]["folder"] = json!("Sent");
    assert_eq!(bison::deliver(&server, &outgoing).await.is(200).outcome(), "ignored");
    bison::deliver(&server, &replied("EMAIL_BOUNCED", 2, lead(1), AT)).await.is(200);
    let bare = bison::deliver(&server, &envelope("LEAD_REPLIED", json!({}))).await;
    assert_eq!((bare.is(200).outcome(), &bare.json["identity"]), ("recorded", &json!("weak")), "{bare:?}");
    let month = server.read("acme", &format!("metrics/month?month={}", "2025-10")).await;
    assert_eq!((&month["replies"], &month["bounces"]), (&json!(0), &json!(1)), "{month}");
}

/// Senders whose events are flat: Instantly, Smartlead and PlusVibe by the names of their documentation.
const FLAT: &str = r#"
[[mapping]]
name = "instantly"
signature = "unsigned"
event = "event_type"
external_id = ["campaign_id", "event_type", "email_id", "timestamp"]
occurred_at = "timestamp"
workspace = ["workspace"]
[[mapping.on]]
event = ["email_sent"]
kind = "email_sent"
[mapping.on.body]
workspace = "workspace"
lead.email = "lead_email"
campaign = "campaign_name"
sender_email = "email_account"
[[mapping.on]]
event = ["reply_received"]
kind = "lead_replied"
[mapping.on.body]
workspace = "workspace"
lead.email = "lead_email"
reply.text = "reply_text"
[[mapping.on]]
event = ["email_opened"]
kind = "ignored"

[[mapping]]
name = "smartlead"
signature = "unsigned"
event = "event_type"
external_id = ["campaign_id", "event_type", "sequence_number", "sent_message.message_id"]
occurred_at = { paths = ["event_timestamp", "time_sent"] }
[[mapping.on]]
event = ["EMAIL_SENT"]
kind = "email_sent"
[mapping.on.body]
lead.email = "to_email"
sender_email = "from_email"
[[mapping.on]]
event = ["EMAIL_BOUNCE"]
kind = "email_bounced"
[mapping.on.body]
lead.email = "to_email"

[[mapping]]
name = "plusvibe"
signature = "unsigned"
event = "webhook_event"
external_id = ["webhook_id"]
[[mapping.on]]
event = ["bounced_email"]
kind = "email_bounced"
[mapping.on.body]
lead.email = "lead_email"
sender_email = "sender_email"

[[endpoint]]
id = "instantly-1"
provider = "instantly"
[[endpoint]]
id = "smartlead-1"
provider = "smartlead"
tenant = "acme"
[[endpoint]]
id = "plusvibe-1"
provider = "plusvibe"
tenant = "acme"
"#;

async fn flat(server: &Server, provider: &str, body: &Value) -> String {
    let answer = deliver(server, &format!("{provider}/{provider}-1"), body.to_string(), &[]).await;
    answer.is(200).outcome().to_owned()
}

#[tokio::test]
async fn flat_events_of_other_senders_are_read_by_a_mapping_and_counted_alike() {
    let server = Site::with(&format!("{TWO_TENANTS}{FLAT}")).start().await;
    let said = server.said();
    assert!(
        said.contains("deliveries are not signed") && said.contains("\"plusvibe\""),
        "it is told: {said}"
    );
    assert!(!said.contains("\"twilio\"") && !said.contains("plusvibe-1"), "of no other, and no id: {said}");
    let instantly = json!({"timestamp": "2025-10-09T12:00:00.000Z", "event_type": "email_sent", "workspace": "17",
        "campaign_id": "c1", "campaign_name": "test", "lead_email": "Lead@Example.com", "email_account": "from@example.com",
        "step": 1, "variant": 1, "is_first": true, "email_id": "m1", "email_subject": "hello"});
    let reply = with(
        instantly.clone(),
        json!({"event_type": "reply_received", "reply_text": "yes", "email_id": "m2"}),
    );
    let smartlead = json!({"event_type": "EMAIL_SENT", "event_timestamp": "2025-10-09T12:00:00Z", "from_email": "from@example.com",
        "to_email": "lead@example.com", "campaign_id": 7, "sequence_number": 1, "secret_key": "s",
        "sent_message": {"message_id": "<m1@x>", "html": "", "text": "", "time": "2025-10-09T12:00:00Z"}});
    let of_old = with(
        smartlead.clone(),
        json!({"event_timestamp": null, "time_sent": "2025-10-09T12:00:00Z", "event_type": "EMAIL_BOUNCE"}),
    );
    let plusvibe = json!({"webhook_event": "bounced_email", "webhook_id": "w1", "lead_email": "lead@example.com",
        "sender_email": "from@example.com", "msg": "550 5.1.1"});
    let opened = with(instantly.clone(), json!({"event_type": "email_opened"}));
    let events = [
        ("instantly", &instantly, "recorded"),
        ("instantly", &instantly, "duplicate"),
        ("instantly", &reply, "recorded"),
        ("instantly", &opened, "ignored"),
        ("smartlead", &smartlead, "recorded"),
        ("smartlead", &of_old, "recorded"),
        ("plusvibe", &plusvibe, "recorded"),
        ("plusvibe", &plusvibe, "duplicate"),
    ];
    for (provider, body, expected) in events {
        assert_eq!(flat(&server, provider, body).await, expected, "{provider}: {body}");
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    let figures = ["emails_sent", "replies", "bounces"].map(|name| month[name].clone());
    assert_eq!(figures, [json!(2), json!(1), json!(1)], "without a time plusvibe's is of today: {month}");
}
