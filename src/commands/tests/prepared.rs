//! What the rows of the table need before they are sent, and how it is asked for.

use std::fmt::Debug;

use bytes::Bytes;
use domain::facts::access::Role;
use domain::facts::call::CallDisposed;
use domain::facts::import::ImportFinished;
use domain::facts::outreach::LeadStage;
use domain::facts::report::{TargetMetric, TargetSet};
use domain::facts::setting::AlertStyle;
use domain::keys::TenantId;
use domain::members::{Email, Instant, LongText, Month, Text};
use domain::rules::outcomes::Outcome;
use domain::rules::reports::{Period, ReportState};
use serde_json::json;

use super::House;
use crate::access::AccessError;
use crate::commands::{
    Commands, IdempotencyKey, LoggedIn, NewEndpoint, NewNote, NewTarget, NewToken, NewUser,
};
use crate::config::{Config, Sources, TenantConfig};
use crate::directory::Endpoint;
use crate::ingest::answer::Posted;
use crate::ingest::delivery::Delivery;
use crate::ingest::post::PostingRole;
use crate::testing::{self, T0};
use crate::views::LeadAddress;

/// Runs a command on this thread.
pub fn on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

pub fn result<T, E: Debug>(result: Result<T, E>) -> Result<(), String> {
    result.map(drop).map_err(|error| format!("{error:?}"))
}

pub fn nobody() -> TenantId {
    TenantId::unassigned()
}

pub fn acme() -> TenantId {
    TenantId::new("acme").expect("tenant")
}

pub fn text(text: &str) -> Text {
    Text::new(text).expect("text")
}

pub fn email() -> Email {
    Email::new("ann@example.com").expect("email")
}

pub fn once() -> IdempotencyKey {
    IdempotencyKey::new("k-1").expect("a key")
}

pub const PASSWORD: &str = "correct horse battery";

pub fn nothing(_: &House) -> String {
    String::new()
}

pub fn new_user() -> NewUser {
    NewUser { email: email(), name: None, password: PASSWORD.to_owned(), role: None }
}

pub fn user(house: &House) -> String {
    house.commands.add_user("admin", &new_user()).expect("added").to_string()
}

pub fn member(house: &House) -> String {
    let id = user(house);
    house.commands.grant("admin", &id, &acme(), Role::Agent).expect("granted");
    id
}

pub fn login(house: &House) -> String {
    user(house);
    log_in(&house.commands).expect("heard").expect("logged in").cookie
}

/// Shows the password and logs in.
pub fn log_in(commands: &Commands) -> Result<Option<LoggedIn>, AccessError> {
    let verified = pollster::block_on(commands.access.verify(testing::attempt(email().as_str(), PASSWORD)))?;
    verified.map_or(Ok(None), |verified| commands.log_in(&verified))
}

pub fn token(house: &House) -> String {
    house.commands.issue_token("admin", &new_token()).expect("issued").id.to_string()
}

pub fn new_token() -> NewToken {
    NewToken { name: text("ci"), role: Role::Operator, tenants: Vec::new() }
}

pub fn new_endpoint(id: Option<&str>) -> NewEndpoint {
    let provider = text("emailbison");
    NewEndpoint { id: id.map(text), provider, tenant: None, event: None, secrets: Vec::new() }
}

pub fn endpoint(house: &House) -> String {
    house.commands.add_endpoint("admin", &new_endpoint(Some("endpoint-1"))).expect("added").answer.to_string()
}

pub fn new_target() -> NewTarget {
    let url = text("https://hooks.example.com/");
    NewTarget { url, style: AlertStyle::Webhook, tenants: Vec::new(), rules: Vec::new(), by: None }
}

pub fn target(house: &House) -> String {
    on(house.commands.set_alert_target(new_target())).expect("set").answer.id
}

pub fn alert(house: &House) -> String {
    target(house);
    house.arrive("alert_raised", json!({"alert_id": "al-1", "rule": "silence", "title": "Nothing came"}));
    "al-1".to_owned()
}

pub fn lead(house: &House) -> String {
    house.arrive("lead_interested", json!({"lead": {"id": "41", "email": "pat@example.com"}}));
    "41".to_owned()
}

pub fn started(commands: &Commands) -> Result<String, String> {
    let leads = ["lead-1", "lead-2"].map(text);
    let receipt = on(commands.start_session(&acme(), &email(), &text("p"), &leads));
    receipt.map(|receipt| receipt.answer.session.session_id.to_string()).map_err(|error| format!("{error:?}"))
}

pub fn session(house: &House) -> String {
    started(&house.commands).expect("started")
}

pub fn new_note() -> NewNote {
    NewNote { author: None, content: LongText::new("called back").expect("text"), contact: None }
}

pub fn note(house: &House) -> String {
    on(house.commands.write_note(&acme(), None, new_note())).expect("written").0.to_string()
}

pub fn period() -> Period {
    Period::parse("2025-10").expect("a period")
}

pub fn report(house: &House) -> String {
    on(house.commands.draft_report(&acme(), None, period(), None)).expect("drafted").0.to_string()
}

pub fn published(house: &House) -> String {
    let id = report(house);
    on(house.commands.move_report(&acme(), &text(&id), ReportState::Published)).expect("published");
    id
}

pub fn wanted() -> TargetSet {
    let month = Month::parse("2025-10").expect("a month");
    TargetSet { month, metric: TargetMetric::Qualified, value: 40 }
}

pub fn disposition() -> CallDisposed {
    let outcome = Outcome::parse("voicemail").expect("an outcome");
    CallDisposed { call_id: text("A"), outcome, agent: None, lead_id: None, session_id: None, note: None }
}

pub fn stage(commands: &Commands, key: Option<&IdempotencyKey>, lead_id: &str) -> Result<(), String> {
    let address = LeadAddress { lead_id, instance: None, workspace: None };
    result(on(commands.stage_lead(&acme(), key, &address, LeadStage::Won, None)))
}

/// The end of an import whose one line is the house's first call: new, or known.
pub fn import_of(recorded: u64) -> ImportFinished {
    let new = (recorded > 0).then_some(1);
    ImportFinished {
        file: text(&"0f".repeat(32)),
        bytes: 9,
        lines: 1,
        recorded,
        duplicates: 1 - recorded,
        conflicts: 0,
        rejected: 0,
        lowest_position: Some(1),
        first_position: new,
        last_position: new,
        by: None,
    }
}

/// The position of the evidence of a second content under one key.
pub fn conflict(house: &House) -> String {
    let lines = [45, 46].map(|seconds| {
        let fact = json!({"provider": "twilio", "external_id": "C", "kind": "call_reported", "occurred_at": "2025-10-01T10:00:00Z",
            "body": {"call_id": "C", "status": "completed", "duration_seconds": seconds, "from": "+13105550107"}});
        Bytes::from(fact.to_string())
    });
    let posted = on(house.ingest.post_batch(&acme(), PostingRole::Operator, lines.into())).expect("posted");
    assert!(matches!(posted[..], [Posted::Recorded(_), Posted::Conflict(_)]), "{posted:?}");
    house.head().to_string()
}

/// A file with one tenant, which has this workspace.
pub fn file(workspace: &str) -> Config {
    let body = json!({"name": "Acme", "timezone": "UTC", "workspaces": [workspace]});
    let id = "endpoint-of-file".to_owned();
    let endpoint =
        Endpoint { id, provider: "emailbison".into(), tenant: None, event: None, secrets: Vec::new() };
    let tenants =
        vec![TenantConfig { id: acme(), body, sources: Sources::default(), twilio: None, digest_hour: None }];
    Config { tenants, endpoints: vec![endpoint], ..Config::default() }
}

pub fn configured(house: &House) -> String {
    house.commands.load_file(&file("17")).expect("loaded");
    String::new()
}

/// The id of a delivery of a workspace that nobody had, and that acme has now.
pub fn quarantined(house: &House) -> String {
    house.commands.load_file(&file("16")).expect("loaded");
    let body = json!({
        "event": {"type": "LEAD_INTERESTED", "workspace_id": 17, "workspace_name": "Acme Client",
            "instance_url": "https://dedi.emailbison.com"},
        "data": {"lead": {"id": 41, "email": "pat@example.com"},
            "campaign_event": {"id": 6001, "type": "interested", "created_at": "2025-10-01T13:08:38Z"}},
    });
    let delivery = Delivery {
        provider: "emailbison".into(),
        endpoint: "endpoint-of-file".into(),
        method: "POST".into(),
        path_and_query: "/hooks/emailbison/endpoint-of-file".into(),
        headers: vec![("content-type".into(), Bytes::from("application/json"))],
        body: Bytes::from(body.to_string()),
        received_at: Instant(T0),
    };
    let kept = on(house.ingest.deliver(&delivery)).expect("taken").quarantine.expect("in quarantine");
    configured(house);
    kept.id
}

pub fn quarantined_at(house: &House) -> String {
    quarantined(house);
    // Behind it stands the configuration that it waited for.
    (house.head() - 1).to_string()
}

pub fn at(position: &str) -> u64 {
    position.parse().expect("a position")
}

/// The token of a setup link.
pub fn setup(house: &House) -> String {
    house.commands.access.issue_setup().expect("random").expect("nobody is there yet")
}

/// Makes the first admin by it.
pub fn set_up(commands: &Commands, token: &str) -> Result<(), String> {
    result(commands.set_up(token, &new_user()))
}
