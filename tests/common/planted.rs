//! A site whose tenant acme has a secret in every kind of its data, which must appear nowhere else (R7).

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::bison::{self, sent};
use super::crm::{ended, page, started};
use super::facts::{answered, disposed, fact, mail, with};
use super::{Server, Site, TOKEN, TWO_TENANTS};

/// What is in every text of acme.
pub const CANARY: &str = "canary7f3a91";
/// Digits of acme's callers.
pub const PHONE: &str = "2025557391";
const AT: &str = "2025-10-09T12:00:00Z";

/// The tenants of the tests, acme with secrets in its own name, agent and workspace.
pub fn site() -> Site {
    let tables = TWO_TENANTS
        .replace("Acme Dental", &format!("Acme {CANARY}"))
        .replace("Acme Client", &format!("{CANARY} Client"))
        .replace("Ann@example.com", &format!("ann@{CANARY}.example"));
    // An account whose requests are refused by the outbound rules, at once.
    let account = "[tenant.twilio]\nbase_url = \"https://127.0.0.1\"\naccount_sid = \"AC1\"\n\
                   auth_token = \"env:TWILIO_TOKEN\"\nfrom = \"+12025550199\"\nendpoint = \"tw-5b0f0d7e\"\n";
    let globex = "[[tenant]]\nid = \"globex\"";
    let tables = tables.replace(globex, &format!("{account}{globex}"));
    Site::with(&format!("[outbound]\nallow = [\"{CANARY}.example\"]\n{tables}"))
}

/// What acme has: by the name of a parameter in a path, its value.
pub type Ids = BTreeMap<&'static str, String>;

fn named(what: &str) -> String {
    format!("{CANARY}-{what}")
}

/// Plants it, and something harmless of globex.
pub async fn plant(server: &Server) -> Ids {
    let (email, call) = (format!("lead@{CANARY}.example"), named("call"));
    let agent = format!("ann@{CANARY}.example");
    let lead = json!({"id": named("lead"), "email": email, "first_name": CANARY, "company": CANARY});
    let reply = json!({"id": "1", "text": format!("call {CANARY}")});
    let reported = json!({"agent": agent, "lead_id": named("lead"), "from": format!("+1{PHONE}"),
        "to": "+12025550199", "tracking_number": "+12025550199", "campaign": CANARY, "source": CANARY});
    let recording = json!({"call_id": call, "recording_id": named("recording"), "agent": agent,
        "url": format!("https://{CANARY}.example/r.mp3"), "lead_id": named("lead")});
    let account = json!({"instance": "dedi.emailbison.com", "workspace": "17", "account_id": named("account"),
        "email": format!("from@{CANARY}.example"), "status": "connected", "sends": 9, "replies": 1, "bounces": 0,
        "email_provider": CANARY, "reseller": CANARY, "tags": [CANARY]});
    let spend = json!({"source": "meta", "account_id": named("ads"), "date": "2025-10-09",
        "amount_minor": 7, "currency": "USD"});
    let facts = [
        with(answered(&call, 45, AT), reported),
        with(answered(&named("now"), 45, &ago(0)), json!({"agent": agent, "source": CANARY})),
        with(disposed(&call, 1, "callback", AT), json!({"note": CANARY, "agent": agent})),
        with(fact("desk", &named("r"), "call_recorded", AT), recording),
        with(mail("lead_interested", 1, lead.clone(), AT), json!({"reply": reply, "campaign": CANARY})),
        with(fact("desk", &named("a"), "sender_account_observed", AT), account),
        with(fact("desk", &named("s"), "ad_spend_observed", AT), spend),
    ];
    server.record("acme", &facts).await;
    server.record("acme", &synced()).await;
    let conflict = with(answered(&call, 46, AT), json!({"agent": agent, "campaign": CANARY}));
    server.post("acme", &conflict).await.problem(409);
    let mut ids = Ids::from([("call_id", call), ("lead_id", named("lead")), ("agent", agent.clone())]);
    ids.insert("run_id", "r1".into());
    ids.extend([("level", "0".into()), ("index", "000.p/1".into()), ("from", "1".into())]);
    ids.extend([("month", "2025-10".into()), ("metric", "qualified".into())]);
    ids.extend([("model", "month".into()), ("field", "calls".into())]);
    ids.extend([("external_id", "lead_interested/1".into()), ("pipeline_id", CANARY.into())]);
    let facts = server.all_facts("acme").await;
    let interested = facts.iter().find(|fact| fact["kind"] == "lead_interested").expect("recorded");
    ids.insert("position", interested["position"].to_string());
    ids.extend(made_by_commands(server, &agent).await);
    ids.extend(of_the_control_tenant(server).await);
    bison::deliver(server, &sent("EMAIL_SENT", 7, lead, AT)).await.is(200);
    let strange = json!({"id": named("strange"), "email": format!("strange@{CANARY}.example")});
    let unmapped = bison::deliver(server, &sent(&named("event"), 8, strange, AT)).await;
    assert_eq!(unmapped.is(200).outcome(), "quarantined");
    ids.insert("quarantine_id", text(&unmapped.json, "quarantine_id"));
    ids.insert("conflict_id", first(server, "conflicts", "conflict_id").await);
    let alert = first(server, "alerts", "alert_id").await;
    // What is told of an alert has its name.
    ids.extend([("message_id", alert.clone()), ("alert_id", alert)]);
    let rebuild = server.ask(TOKEN, "POST", "/api/v1/projections/calls/rebuild", Value::Null).await;
    ids.extend([("name", "calls".into()), ("rebuild_id", text(&rebuild.is(202).json, "rebuild_id"))]);
    server.record("globex", &[answered("g1", 95, AT), mail("lead_replied", 1, json!({"id": "7"}), AT)]).await;
    ids
}

fn ago(minutes: i64) -> String {
    (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A synced CRM, and a run that failed.
fn synced() -> Vec<Value> {
    let (at, due) = (ago(5), ago(-60));
    let contact =
        json!([{"id": "1", "source": CANARY, "stage": CANARY, "contact_type": "1", "contact_name": CANARY}]);
    let deal = json!([{"id": "1", "stage": "FA Sent", "value_minor": 900, "contact_name": CANARY, "company": CANARY}]);
    let hot = json!([{"id": "1", "stage": CANARY, "value_minor": 5, "contact_name": CANARY}]);
    let deals = json!([deal[0], {"id": "2", "stage": hot[0]["stage"], "value_minor": 5}]);
    let due =
        json!([{"id": "1", "scheduled_at": due, "activity_type": "Call", "contact": "1", "content": CANARY}]);
    let run = "r1";
    vec![
        started(run, &at),
        page(run, "leads", (1, 1), &at, contact),
        page(run, "opportunities", (1, 1), &at, deals),
        page(run, "activities", (1, 1), &at, due),
        ended(run, "success", &at),
        with(ended("r0", "failed", &ago(90)), json!({"error": CANARY})),
    ]
}

/// Records made by commands, whose ids the server chooses.
async fn made_by_commands(server: &Server, agent: &str) -> Ids {
    let session = json!({"agent": agent, "pipeline_id": CANARY, "lead_ids": [named("lead"), named("other")]});
    let session = server.command("acme", "sessions", &session).await;
    let call = json!({"to": format!("+1{PHONE}"), "agent": agent, "lead_id": named("lead")});
    let call = server.command("acme", "calls", &call).await;
    assert_eq!(call.is(202).json["state"], "failed", "{call:?}");
    let note = server.command("acme", "notes", &json!({"content": CANARY, "author": CANARY})).await;
    let report = json!({"period": "2025-10", "narrative": CANARY});
    let report = server.command("acme", "reports", &report).await;
    let report_id = text(&report.is(201).json, "report_id");
    server.command("acme", &format!("reports/{report_id}/publish"), &json!({})).await.is(200);
    Ids::from([
        ("session_id", text(&session.is(201).json, "session_id")),
        ("note_id", text(&note.is(201).json, "note_id")),
        ("request_id", text(&call.json, "request_id")),
        ("report_id", report_id),
    ])
}

/// A token, a user, an invitation, an endpoint and an alert target of acme.
async fn of_the_control_tenant(server: &Server) -> Ids {
    let make = async |what: &str, body: Value, id: &str| {
        let made = server.ask(TOKEN, "POST", &format!("/api/v1/{what}"), body).await;
        text(&made.is(201).json, id)
    };
    let user = json!({"email": format!("user@{CANARY}.example"), "name": CANARY, "password": "correct horse battery"});
    let user_id = make("users", user, "id").await;
    let membership = format!("/api/v1/users/{user_id}/memberships/acme");
    server.ask(TOKEN, "PUT", &membership, json!({"role": "viewer"})).await.is(204);
    let token = json!({"name": CANARY, "role": "viewer", "tenants": ["acme"]});
    let invitation = json!({"email": format!("invited@{CANARY}.example"), "memberships": {"acme": "viewer"}});
    let endpoint = json!({"provider": "emailbison", "tenant": "acme"});
    let target = json!({"url": format!("https://{CANARY}.example/hook"), "tenants": ["acme"]});
    Ids::from([
        ("user_id", user_id),
        ("member_of", "acme".into()),
        ("token_id", make("tokens", token, "id").await),
        ("invitation_id", make("invitations", invitation, "id").await),
        ("provider", "emailbison".into()),
        ("endpoint_id", make("endpoints", endpoint, "endpoint_id").await),
        ("target_id", make("alert-targets", target, "target_id").await),
    ])
}

/// The first of a list, once it is there.
async fn first(server: &Server, list: &str, member: &str) -> String {
    for _ in 0..1_000 {
        if let Some(item) = server.all_items("acme", list).await.first() {
            return item[member].as_str().map_or_else(|| item[member].to_string(), str::to_owned);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("expected something in {list}");
}

fn text(json: &Value, member: &str) -> String {
    json[member].as_str().unwrap_or_else(|| panic!("expected {member}: {json}")).to_owned()
}
