//! Changes that arrive through the log alone, past the node's own commands.

use std::sync::Arc;
use std::time::Duration;

use domain::facts::access::Role;
use domain::keys::TenantId;
use domain::members::{Email, Phone, Text};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Engine;
use crate::commands::{CommandError, EndpointRejection, NewEndpoint, NewToken, NewUser};
use crate::config::Config;
use crate::follow::Fold;
use crate::log::Log;
use crate::testing::{T0, draft};

const WAIT: Duration = Duration::from_secs(30);
/// A secret that another node gave out.
const SECRET: &str = "kJ0d";

fn text(text: &str) -> Text {
    Text::new(text).expect("text")
}

fn email() -> Email {
    Email::new("ann@example.com").expect("email")
}

/// An engine, and a second handle of its log.
struct Node {
    engine: Engine,
    log: Log,
    dir: TempDir,
}

impl Node {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
        let engine = Engine::start(&config, Arc::new(|| T0)).expect("an engine");
        let log = engine.log.clone();
        Self { engine, log, dir }
    }

    /// Appends to the log past every command, and waits until the folds have it where something feeds them.
    fn arrive(&self, is_fed: bool, tenant: &str, kind: &str, body: Value) {
        let key = format!("elsewhere/{}", self.log.head().position);
        // Drafted under the secret of the unit tests: no fold looks at what it keys.
        let fact = draft(tenant, &key, T0, kind, body);
        self.log.append(vec![fact]).expect("appended").wait().expect("durable");
        let position = self.log.head().position;
        let folds = &self.engine.folds;
        let folds =
            [folds.access.checkpoint(), folds.registry.checkpoint(), folds.alert_targets.checkpoint()];
        assert!(!is_fed || folds.iter().all(|fold| fold.wait(position, WAIT)), "{kind}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.engine.close();
    }
}

/// What is seen of each change.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    issued_token_opens: bool,
    revoked_token_opens: bool,
    login_of_removed_user_opens: bool,
    target_gets_alerts: bool,
    removed_target_gets_alerts: bool,
    added_endpoint_is_live: bool,
    removed_endpoint_is_live: bool,
    configured_tenant_is_known: bool,
    closed_tenant_is_known: bool,
    number_has_an_owner: bool,
}

/// Which threads feed the folds ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feeders {
    Both,
    /// The follower of the read models is gone.
    Own,
    None,
}

/// The changes on a node whose folds are fed by these threads.
fn seen(feeders: Feeders) -> Seen {
    let node = Node::start();
    let access = &node.engine.access;
    let new = NewToken { name: text("ci"), role: Role::Operator, tenants: Vec::new() };
    let revoked = node.engine.commands.issue_token("admin", &new).expect("issued");
    let password = "correct horse battery";
    let user = NewUser { email: email(), name: None, password: password.to_owned(), role: None };
    let user = node.engine.commands.add_user("admin", &user).expect("added");
    let attempt = crate::testing::attempt(email().as_str(), password);
    let verified = pollster::block_on(access.verify(attempt)).expect("heard").expect("verified");
    let login = node.engine.commands.log_in(&verified).expect("heard").expect("logged in");
    node.arrive(true, "_control", "alert_target_set", target("at_1"));
    node.arrive(true, "_control", "endpoint_added", endpoint("endpoint-one"));
    node.arrive(true, "globex", "tenant_configured", tenant("+12125550102"));
    assert!(access.bearer(&revoked.token).is_some() && access.cookie(&login.cookie).is_some());
    if feeders != Feeders::Both {
        node.engine.views.close();
    }
    if feeders == Feeders::None {
        node.engine.folds.close();
    }
    let is_fed = feeders != Feeders::None;

    let arrive = |tenant: &str, kind: &str, body: Value| node.arrive(is_fed, tenant, kind, body);
    let digest: String = Sha256::digest(SECRET).iter().map(|byte| format!("{byte:02x}")).collect();
    let token = json!({"token_id": "t1", "name": "other", "role": "operator", "secret_digest": digest, "tenants": []});
    arrive("_control", "token_issued", token);
    arrive("_control", "token_revoked", json!({"token_id": revoked.id.as_str()}));
    arrive("_control", "user_removed", json!({"user_id": user.as_str()}));
    arrive("_control", "alert_target_set", target("at_2"));
    arrive("_control", "alert_target_removed", json!({"target_id": "at_1"}));
    arrive("_control", "endpoint_added", endpoint("endpoint-two"));
    arrive("_control", "endpoint_removed", endpoint("endpoint-one"));
    arrive("acme", "tenant_configured", tenant("+12125550101"));
    arrive("globex", "tenant_closed", json!({}));
    let (_, targets) = node.engine.commands.alert_targets();
    let directory = node.engine.registry.directory();
    let knows = |id: &str| directory.has_tenant(&TenantId::new(id).expect("tenant"));
    let number = Phone::new("+12125550101").expect("a number");
    let has_target =
        |id: &str| targets.iter().any(|target| target.id == id && target.wants("acme", "silence"));
    Seen {
        issued_token_opens: access.bearer(&format!("ff_t1_{SECRET}")).is_some(),
        revoked_token_opens: access.bearer(&revoked.token).is_some(),
        login_of_removed_user_opens: access.cookie(&login.cookie).is_some(),
        target_gets_alerts: has_target("at_2"),
        removed_target_gets_alerts: has_target("at_1"),
        added_endpoint_is_live: directory.endpoint("callrail", "endpoint-two").is_some(),
        removed_endpoint_is_live: directory.endpoint("callrail", "endpoint-one").is_some(),
        configured_tenant_is_known: knows("acme"),
        closed_tenant_is_known: knows("globex"),
        number_has_an_owner: directory.number(&number).is_some(),
    }
}

fn target(id: &str) -> Value {
    json!({"target_id": id, "style": "webhook", "tenants": [], "rules": [], "url": "https://hooks.example.com/"})
}

fn endpoint(id: &str) -> Value {
    json!({"endpoint_id": id, "provider": "callrail"})
}

fn tenant(number: &str) -> Value {
    json!({"name": "A tenant", "timezone": "America/New_York", "effective_from": "2025-10-01",
        "tracking_numbers": [{"number": number, "agent": "ann@example.com"}]})
}

#[test]
fn given_changes_that_arrive_through_the_log_alone_then_they_hold_within_one_fold() {
    let holds = Seen {
        issued_token_opens: true,
        revoked_token_opens: false,
        login_of_removed_user_opens: false,
        target_gets_alerts: true,
        removed_target_gets_alerts: false,
        added_endpoint_is_live: true,
        removed_endpoint_is_live: false,
        configured_tenant_is_known: true,
        closed_tenant_is_known: false,
        number_has_an_owner: true,
    };
    assert_eq!(seen(Feeders::Both), holds);
    assert_eq!(seen(Feeders::Own), holds);
}

#[test]
fn null_control_folds_that_nothing_feeds_miss_every_change_that_arrives_through_the_log() {
    let missed = Seen {
        issued_token_opens: false,
        revoked_token_opens: true,
        login_of_removed_user_opens: true,
        target_gets_alerts: false,
        removed_target_gets_alerts: true,
        added_endpoint_is_live: false,
        removed_endpoint_is_live: true,
        configured_tenant_is_known: false,
        closed_tenant_is_known: true,
        number_has_an_owner: false,
    };
    assert_eq!(seen(Feeders::None), missed);
}

#[test]
fn given_an_endpoint_when_a_secret_is_written_out_then_it_is_refused() {
    let node = Node::start();
    node.arrive(true, "acme", "tenant_configured", tenant("+12125550101"));
    let secret = node.dir.path().join("twilio-token");
    std::fs::write(&secret, "sesame").expect("written");
    let (commands, registry) = (&node.engine.commands, &node.engine.registry);
    let mut new = NewEndpoint {
        id: None,
        provider: text("twilio"),
        tenant: Some(TenantId::new("acme").expect("tenant")),
        event: None,
        secrets: vec![text("hunter2-in-the-clear")],
    };
    let refused = commands.add_endpoint("admin", &new);
    assert!(matches!(
        refused,
        Err(CommandError::Rejected(EndpointRejection::Invalid { pointer: "/secrets", .. }))
    ));
    new.secrets = vec![text(&format!("file:{}", secret.display()))];
    let id = commands.add_endpoint("admin", &new).expect("added").answer;
    assert_eq!(id.as_str().len(), 32);
    assert_eq!(registry.state().endpoints().len(), 1);
    new.id = Some(id.clone());
    let taken = commands.add_endpoint("admin", &new);
    assert!(matches!(taken, Err(CommandError::Rejected(EndpointRejection::Taken(_)))));
    commands.remove_endpoint("admin", "twilio", id.as_str()).expect("removed");
    commands.add_endpoint("admin", &new).expect("an id comes back");
    assert_eq!(registry.state().endpoints().len(), 1);
}
