//! The configuration (API, Configuration): refused by file, line and key; read again on SIGHUP; followed by the log.

use crate::common::{Answer, PUBLIC_URL, Server, Site, TOKEN, TWO_TENANTS, bison, twilio};
use serde_json::{Value, json};

const CONFIGURED: &str = "configuration reloaded";
const KEPT: &str = "configuration not reloaded";

/// The usual file without the tenant globex.
fn without_globex() -> String {
    let (head, rest) = TWO_TENANTS.split_once("[[tenant]]\nid = \"globex\"").expect("globex");
    format!(
        "{head}{}",
        rest.split_once("[[endpoint]]").map(|(_, rest)| format!("[[endpoint]]{rest}")).expect("endpoints")
    )
}

async fn mail_to_globex(server: &Server, n: u64) -> Answer {
    let mut event = bison::sent("EMAIL_SENT", n, bison::lead(n), "2025-10-09T12:00:00.000000Z");
    event["event"]["workspace_id"] = 18.into();
    event["event"]["workspace_name"] = "Globex".into();
    bison::deliver(server, &event).await
}

async fn kinds(server: &Server, tenant: &str) -> Vec<String> {
    let facts = server.all_facts(tenant).await;
    facts.iter().map(|fact| fact["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn reload(site: &Site, server: &Server, tables: &str, says: &str) {
    site.configure(tables);
    server.hang_up();
    server.says(says).await;
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_exit_2_naming_file_line_and_key() {
    for (tables, place, told) in [
        ("[limits]\nconections = 5\n", ":4: limits.conections", "unknown field"),
        (
            "[[tenant]]\nid = \"a\"\nname = \"A\"\ntimezone = \"Mars/Olympus\"\n",
            ":6: tenant.timezone",
            "Mars/Olympus",
        ),
        (
            "[[endpoint]]\nid = \"tw-00000001\"\nprovider = \"twilio\"\nsecrets = [\"env:NOT_THERE\"]\n",
            ":6: endpoint.secrets",
            "NOT_THERE",
        ),
        (
            "[[endpoint]]\nid = \"tw-00000001\"\nprovider = \"twilio\"\nsecrets = [\"x\"]\ntenant = \"never\"\n",
            ":7: endpoint.tenant",
            "never",
        ),
    ] {
        let site = Site::with(tables);
        let refused = site.start_refused();
        let place = format!("{}{place}", site.config().display());
        refused.exits(2);
        assert!(
            refused.stderr.contains(&place) && refused.stderr.contains(told),
            "{place}: {}",
            refused.stderr
        );
    }
}

#[tokio::test]
async fn sighup_reads_tenants_and_endpoints_again() {
    let site = Site::with(&without_globex());
    let server = site.start().await;
    server.get("/api/v1/tenants/globex/calls").await.problem(404);
    assert_eq!(mail_to_globex(&server, 1).await.is(200).outcome(), "quarantined");
    reload(&site, &server, TWO_TENANTS, CONFIGURED).await;
    assert_eq!(mail_to_globex(&server, 2).await.is(200).outcome(), "recorded");
    let new = format!(
        "{TWO_TENANTS}[[endpoint]]\nid = \"tw-22222222\"\nprovider = \"twilio\"\ntenant = \"globex\"\nsecrets = [\"env:TWILIO_TOKEN\"]\n"
    );
    let form = twilio::callback("CA1", "ringing", 1, "Thu, 09 Oct 2025 12:00:00 +0000");
    twilio::deliver_to(&server, "tw-22222222", &form).await.problem(404);
    site.configure(&new);
    server.hang_up();
    for _ in 0..500 {
        if twilio::deliver_to(&server, "tw-22222222", &form).await.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    twilio::deliver_to(&server, "tw-22222222", &form).await.is(200);
}

#[tokio::test]
async fn a_wrong_file_on_sighup_keeps_the_one_that_holds_and_says_why() {
    let site = Site::new();
    let server = site.start().await;
    reload(&site, &server, "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\n", KEPT).await;
    server.says("missing field `timezone`").await;
    assert_eq!(mail_to_globex(&server, 1).await.is(200).outcome(), "recorded");
    assert_eq!(kinds(&server, "acme").await, ["tenant_configured"]);
}

#[tokio::test]
async fn a_tenant_gone_from_the_file_is_closed_and_comes_back() {
    let site = Site::new();
    let server = site.start().await;
    assert_eq!(mail_to_globex(&server, 1).await.is(200).outcome(), "recorded");
    reload(&site, &server, &without_globex(), CONFIGURED).await;
    let kept = mail_to_globex(&server, 2).await;
    assert_eq!(kept.is(200).outcome(), "quarantined");
    assert_eq!(
        server.read("globex", "metrics/month?month=2025-10").await["emails_sent"],
        1,
        "reading goes on"
    );
    let tenants = server.get("/api/v1/tenants").await;
    let closed = |tenants: &Answer| -> Vec<bool> {
        let items = tenants.is(200).json["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["closed"].as_bool()).collect()
    };
    assert_eq!(closed(&tenants), [false, true]);
    server.stop();
    let server = site.start().await;
    assert_eq!(mail_to_globex(&server, 2).await.is(200).outcome(), "quarantined");
    server.stop();
    site.configure(TWO_TENANTS);
    let server = site.start().await;
    assert_eq!(mail_to_globex(&server, 3).await.is(200).outcome(), "recorded");
    assert_eq!(closed(&server.get("/api/v1/tenants").await), [false, false]);
    let told = kinds(&server, "globex").await;
    let told: Vec<&str> =
        told.iter().map(String::as_str).filter(|kind| kind.starts_with("tenant_")).collect();
    assert_eq!(told, ["tenant_configured", "tenant_closed", "tenant_configured"]);
}

#[tokio::test]
async fn an_endpoint_stays_when_its_tenant_went_and_keeps_what_comes() {
    let site = Site::new();
    site.start().await.stop();
    let (_, endpoints) = TWO_TENANTS.split_once("[[endpoint]]").expect("endpoints");
    site.configure(&format!("[[endpoint]]{endpoints}"));
    let server = site.start().await;
    let form = twilio::callback("CA1", "ringing", 1, "Thu, 09 Oct 2025 12:00:00 +0000");
    let kept = twilio::deliver_to(&server, twilio::ENDPOINT, &form).await;
    assert_eq!((kept.is(200).outcome(), &kept.json["reason"]), ("quarantined", &json!("unknown_tenant")));
}

#[tokio::test]
async fn a_posted_configuration_reaches_the_directory_at_once() {
    let site = Site::new();
    let server = site.start().await;
    let configured = |id: &str, number: &str| {
        json!({"provider": "desk", "external_id": id, "kind": "tenant_configured", "occurred_at": "2025-10-09T12:00:00Z",
               "body": {"name": "Acme Dental", "timezone": "America/New_York", "workspaces": ["Acme Client", "99"],
                        "tracking_numbers": [{"number": number, "agent": "bob@example.com"}]}})
    };
    server.post("acme", &configured("c1", "+12025550177")).await.is(201);
    let mut event = bison::sent("EMAIL_SENT", 1, bison::lead(1), "2025-10-09T12:00:00.000000Z");
    event["event"]["workspace_id"] = 99.into();
    event["event"]["workspace_name"] = "another name".into();
    assert_eq!(bison::deliver(&server, &event).await.is(200).outcome(), "recorded");
    let form = twilio::callback("CA1", "ringing", 1, "Thu, 09 Oct 2025 12:00:00 +0000");
    let form = twilio::with(form, "To", "+12025550177");
    let form = twilio::with(form, "Called", "+12025550177");
    twilio::deliver_to(&server, twilio::ENDPOINT, &form).await.is(200);
    assert_eq!(server.read("acme", "calls/CA1").await["agent"], "bob@example.com");

    let mut stolen = configured("c2", "+12025550166");
    stolen["body"]["workspaces"] = json!(["globex"]);
    let refused = server.post("acme", &stolen).await;
    refused.problem(422);
    refused.names("/body/workspaces");
    assert!(!refused.text.contains("Globex"), "expected no other tenant's name: {}", refused.text);
    assert_eq!(mail_to_globex(&server, 7).await.is(200).outcome(), "recorded");

    server.stop();
    let server = site.start().await;
    let told = server.read("acme", "facts?kind=tenant_configured").await;
    assert_eq!(told["items"].as_array().map(Vec::len), Some(3), "the file wins at a start: {told}");
}

#[tokio::test]
async fn endpoints_are_made_and_removed_while_it_runs() {
    let site = Site::new();
    let server = site.start().await;
    let new = json!({"provider": "twilio", "tenant": "acme", "secrets": ["env:TWILIO_TOKEN"]});
    let added = server.ask(TOKEN, "POST", "/api/v1/endpoints", new.clone()).await;
    let id = added.is(201).json["endpoint_id"].as_str().expect("id").to_owned();
    assert_eq!(added.json["url"], format!("{PUBLIC_URL}/hooks/twilio/{id}"));
    let form = twilio::callback("CA1", "ringing", 1, "Thu, 09 Oct 2025 12:00:00 +0000");
    twilio::deliver_to(&server, &id, &form).await.is(200);
    let auditor = server.token("auditor", &[]).await;
    let listed = server.ask(&auditor, "GET", "/api/v1/endpoints", Value::Null).await;
    assert!(!listed.is(200).text.contains(&id) && !listed.text.contains("tw-5b0f0d7e"), "{}", listed.text);
    let listed = server.get("/api/v1/endpoints").await;
    assert_eq!(listed.is(200).json["items"].as_array().map(Vec::len), Some(3));
    assert!(listed.text.contains(&id) && !listed.text.contains("TWILIO_TOKEN"), "{}", listed.text);

    for (member, value, field) in [
        ("provider", json!("nobody"), "/provider"),
        ("tenant", json!("nowhere"), "/tenant"),
        ("secrets", json!(["0123456789abcdef"]), "/secrets"),
        ("secrets", json!(["env:NOT_THERE"]), "/secrets"),
        ("secrets", json!([]), "/secrets"),
        ("endpoint_id", json!("short"), "/endpoint_id"),
    ] {
        let mut wrong = new.clone();
        wrong[member] = value;
        let refused = server.ask(TOKEN, "POST", "/api/v1/endpoints", wrong).await;
        refused.problem(422);
        refused.names(field);
    }
    let mut taken = new.clone();
    taken["endpoint_id"] = json!("tw-5b0f0d7e");
    server.ask(TOKEN, "POST", "/api/v1/endpoints", taken).await.problem(409);

    server.stop();
    let server = site.start().await;
    twilio::deliver_to(&server, &id, &form).await.is(200);
    let path = format!("/api/v1/endpoints/twilio/{id}");
    server.ask(TOKEN, "DELETE", &path, Value::Null).await.is(204);
    twilio::deliver_to(&server, &id, &form).await.problem(404);
    server.ask(TOKEN, "DELETE", &path, Value::Null).await.problem(404);
    server.ask(TOKEN, "DELETE", "/api/v1/endpoints/twilio/tw-5b0f0d7e", Value::Null).await.problem(404);
}
