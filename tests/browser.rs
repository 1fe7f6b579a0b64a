//! The pages in a real browser, through the real binary: `node` runs `dashboard/web/e2e/all.mjs` with Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chrono::{Months, SecondsFormat, TimeDelta, Utc};
use factfold::standins::StandIn;
use factfold::standins::clienttether::CtAccount;
use serde_json::{Value, json};

use crate::common::crm::{ended, page, started};
use crate::common::facts::{answered, disposed, fact, mail, with};
use crate::common::servers::nats::NatsCluster;
use crate::common::site::run_within;
use crate::common::{PUBLIC_URL, Server, Site, TOKEN, TWO_TENANTS};

/// Where it is set, no browser is needed and nothing is tested.
const SKIP: &str = "FACTFOLD_SKIP_BROWSER";
/// How long all flows may take.
const PATIENCE: Duration = Duration::from_secs(900);
const PASSWORD: &str = "correct horse battery";
/// Texts that a page must show and never run.
const HOSTILE: &str = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";

fn ago(minutes: i64) -> String {
    (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Chromium, installed where it is missing and can be.
fn chromium() -> PathBuf {
    let given = std::env::var_os("FACTFOLD_CHROMIUM").map(PathBuf::from);
    let path = given.unwrap_or_else(|| PathBuf::from("/usr/bin/chromium"));
    if !path.exists() {
        let installed =
            Command::new("apt-get").args(["install", "-y", "--no-install-recommends", "chromium"]).output();
        let said = installed
            .map_or_else(|error| error.to_string(), |ran| String::from_utf8_lossy(&ran.stderr).into_owned());
        assert!(
            path.exists(),
            "no browser at {}, and apt-get could not install chromium ({said}); FACTFOLD_CHROMIUM names one that is \
             elsewhere, {SKIP}=1 skips the tests of the pages",
            path.display()
        );
    }
    path
}

/// What the scripts import, installed where it is missing: the build does so, too.
fn packages(web: &Path) {
    if !web.join("node_modules/playwright-core").exists() {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(web);
        let ran = run_within(npm, Duration::from_secs(120));
        assert_eq!(ran.code, Some(0), "npm ci failed; {SKIP}=1 skips the tests of the pages\n{}", ran.all());
    }
}

/// Calls of this month and the one before, outreach, CRM, notes, sessions, and texts that want to run.
async fn seed(server: &Server) {
    // Where acme is, it may be the month before UTC's.
    let here = Utc::now().with_timezone(&chrono_tz::America::New_York);
    let before = (here - Months::new(1)).format("%Y-%m-05T15:00:00Z").to_string();
    let mut facts = Vec::new();
    for n in 0..6 {
        let agent = json!({"agent": "ann@example.com", "direction": "inbound", "from": "+12025550123"});
        facts.push(with(
            answered(&format!("now{n}"), if n < 4 { 95 } else { 12 }, &ago(10 + n)),
            agent.clone(),
        ));
        facts.push(with(answered(&format!("old{n}"), 45, &before), agent));
    }
    facts.push(disposed("now0", 1, "connected", &ago(9)));
    facts.push(disposed("now1", 1, "voicemail", &ago(8)));
    for n in 0..20 {
        let lead = json!({"id": format!("L{n}"), "email": format!("lead{n}@example.com"), "first_name": HOSTILE, "company": "\u{202e}evil\u{202c} الشركة"});
        facts.push(mail("email_sent", n, lead.clone(), &ago(40 + i64::from(n))));
        if n < 5 {
            facts.push(mail("lead_interested", n, lead, &ago(20 + i64::from(n))));
        }
    }
    let spend = json!({"source": "meta", "account_id": "a", "date": here.format("%Y-%m-%d").to_string(), "amount_minor": 40_000, "currency": "USD"});
    facts.push(with(fact("desk", "spend/1", "ad_spend_observed", &ago(5)), spend));
    let recording = json!({"call_id": "now0", "recording_id": "r1", "url": "javascript:window.hacked=1"});
    facts.push(with(fact("desk", "rec/1", "call_recorded", &ago(5)), recording));
    server.record("acme", &facts).await;
    server.record("acme", &crm()).await;
    for n in 0..60 {
        let note = json!({"content": format!("Note {n} {HOSTILE}"), "author": if n % 2 == 0 { "ann@example.com" } else { HOSTILE }});
        server.command("acme", "notes", &note).await.is(201);
    }
    let report =
        json!({"period": here.format("%Y-%m").to_string(), "narrative": format!("A good month. {HOSTILE}")});
    server.command("acme", "reports", &report).await.is(201);
    server
        .ask(
            TOKEN,
            "PUT",
            &format!("/api/v1/tenants/acme/targets/{}/qualified", here.format("%Y-%m")),
            json!({"value": 480}),
        )
        .await
        .is(201);
    server
        .record(
            "globex",
            &[with(answered("g1", 95, &ago(3)), json!({"agent": HOSTILE.replace(' ', "") + "@x.example"}))],
        )
        .await;
}

fn crm() -> Vec<Value> {
    let stage = |n: usize, of: [&'static str; 3]| of[n % 3];
    let (at, due) = (ago(5), ago(-60));
    let lead = |n: usize| json!({"id": n.to_string(), "source": if n.is_multiple_of(3) { HOSTILE.to_owned() } else { format!("Source {}", n % 4) }, "stage": stage(n, ["New Lead", "QR Returned", "FDD Sent"]), "contact_type": "1", "contact_name": HOSTILE});
    let deal = |n: usize| json!({"id": n.to_string(), "stage": stage(n, ["FA Sent", "Deal Structure", "FDD Sent"]), "value_minor": 9_000_000, "contact_name": HOSTILE, "company": HOSTILE});
    let activity = json!([{"id": "1", "scheduled_at": due, "activity_type": "Call", "contact": "1", "content": HOSTILE}]);
    let run = "r1";
    vec![
        started(run, &at),
        page(run, "leads", (1, 1), &at, (0..12).map(lead).collect()),
        page(run, "opportunities", (1, 1), &at, (0..12).map(deal).collect()),
        page(run, "activities", (1, 1), &at, activity),
        ended(run, "success", &at),
    ]
}

async fn people(server: &Server) {
    for (email, role) in [
        ("admin@example.com", Some("admin")),
        ("aud@example.com", Some("auditor")),
        ("ann@example.com", None),
        ("vic@example.com", None),
    ] {
        let body = json!({"email": email, "name": email, "password": PASSWORD, "role": role});
        let id = server.ask(TOKEN, "POST", "/api/v1/users", body).await.is(201).json["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let membership = match email {
            "ann@example.com" => ("acme", "agent"),
            "vic@example.com" => ("globex", "viewer"),
            _ => continue,
        };
        let path = format!("/api/v1/users/{id}/memberships/{}", membership.0);
        server.ask(TOKEN, "PUT", &path, json!({"role": membership.1})).await.is(204);
    }
}

/// Sites of its own for flows that stop servers, change configurations or play providers.
struct Sites {
    /// Not started: the scripts do.
    own: Site,
    /// Its CRM is read every five seconds, and can be stopped.
    synced: Site,
    crm: StandIn,
}

impl Sites {
    async fn new() -> Self {
        let crm = StandIn::start(CtAccount::with_leads("demo-web-key", 6)).await.expect("a port");
        let synced = Site::with(&format!(
            "[outbound]\nallow = [\"127.0.0.1\"]\n[sync]\nschedule = \"*/5 * * * * *\"\n[[tenant]]\nid = \"acme\"\n\
             name = \"Acme Dental\"\ntimezone = \"UTC\"\n[tenant.clienttether]\nbase_url = \"{}/v2/api/\"\n\
             web_key = \"demo-web-key\"\n[[tenant]]\nid = \"globex\"\nname = \"Globex\"\ntimezone = \"UTC\"\n",
            crm.url()
        ));
        Self { own: Site::with(TWO_TENANTS), synced, crm }
    }
}

/// A node of two that share a log.
fn node_of(name: &str, cluster: &NatsCluster) -> Site {
    let secret = "5f1d5a0e4c0b4e5c9a7d3f2b1c0e9d8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d";
    Site::with(&format!(
        "[node]\nname = {name:?}\n[log]\nengine = \"jetstream\"\nsecret = {secret:?}\ncheckpoint_key = {secret:?}\n\
         [log.jetstream]\nservers = {:?}\nreplicas = 1\n{TWO_TENANTS}",
        cluster.urls()
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flows_of_the_pages_in_a_browser() {
    if std::env::var_os(SKIP).is_some() {
        return;
    }
    let (browser, web) = (chromium(), PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dashboard/web"));
    packages(&web);
    let no_data = "[[tenant]]\nid = \"empty\"\nname = \"Empty & Co\"\ntimezone = \"UTC\"\n";
    let endpoint = "[[endpoint]]\nid = \"tw-5b0f0d7e\"";
    let site = Site::with(&TWO_TENANTS.replace(endpoint, &format!("{no_data}{endpoint}")));
    let server = site.start().await;
    seed(&server).await;
    people(&server).await;
    let empty = Site::new().start().await;
    let said = empty.stderr();
    let setup = said.split_whitespace().find(|word| word.contains("/welcome?setup=")).expect("a setup link");
    // What leads from the public name to the server is not here.
    let setup = setup.replace(PUBLIC_URL, &empty.base);
    let sites = Sites::new().await;
    let synced = sites.synced.start().await;
    people(&synced).await;
    let cluster = NatsCluster::start(1);
    let nodes = ["n0", "n1"].map(|name| node_of(name, &cluster));
    let (first, second) = (nodes[0].start().await, nodes[1].start().await);
    people(&first).await;
    let mut node = Command::new("node");
    node.arg("e2e/all.mjs").current_dir(&web).env("BASE", &server.base).env("CHROMIUM", browser);
    node.env("SETUP", setup).env("PASSWORD", PASSWORD).env("TOKEN", TOKEN);
    node.env("BIN", env!("CARGO_BIN_EXE_factfold")).env("OWN", sites.own.config());
    node.env("SYNCED", &synced.base).env("CRM", sites.crm.url());
    node.env("NODES", &first.base);
    let ran = tokio::task::spawn_blocking(move || run_within(node, PATIENCE)).await.expect("ran");
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let passed = ran.stdout.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(passed >= 30, "expected at least 30 flows:\n{}", ran.all());
    server.stop();
    drop(second);
}
