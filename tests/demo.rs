//! The demo from outside: it plays the providers, its counts add up, and what it prints to try works.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::Server;
use crate::common::site::{Ran, bare_command, run};
use serde_json::{Value, json};

/// How long the demo may take to play its history, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// Lines that are commands to try.
fn commands(text: &str) -> Vec<String> {
    let starts = |line: &&str| line.starts_with("curl ") || line.starts_with("factfold ");
    text.lines().map(str::trim).filter(starts).map(str::to_owned).collect()
}

/// Runs a line in a shell that finds the binary under test.
fn try_out(line: &str) -> Ran {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_factfold")).parent().expect("folder").to_owned();
    let search = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env("PATH", search);
    run(shell)
}

/// The numbers of each row that has exactly an expected and a given count.
fn counts(text: &str) -> Vec<[u64; 2]> {
    let numbers = |line: &str| -> Vec<u64> {
        let words = line.split_whitespace().map(|word| word.replace(',', ""));
        words.filter_map(|word| word.parse().ok()).collect()
    };
    text.lines().filter_map(|line| numbers(line).try_into().ok()).collect()
}

#[tokio::test]
async fn the_demo_adds_up_and_prints_three_commands_that_work() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut command = bare_command(&["demo", "--listen", "127.0.0.1:0"]);
    command.current_dir(dir.path()).env_remove("FACTFOLD_ADMIN_TOKEN");
    let server = Server::spawn(command);
    let deadline = Instant::now() + PATIENCE;
    while commands(&server.said()).len() < 3 {
        assert!(Instant::now() < deadline, "expected three commands within {PATIENCE:?}: {}", server.said());
        assert!(server.is_alive(), "expected the demo to go on, it said: {}", server.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = server.said();
    assert!(said.contains("http://127.0.0.1:"), "expected a URL: {said}");
    let rows = counts(said.split("Serving").next().unwrap_or_default());
    assert!(rows.len() >= 4, "expected counts of outcomes, expected and given: {said}");
    for [expected, given] in &rows {
        assert_eq!(expected, given, "expected every delivery to come to what was expected of it: {said}");
    }
    let total: u64 = rows.iter().map(|row| row[1]).sum();
    let shown = said
        .lines()
        .find(|line| line.contains("deliveries and facts in"))
        .unwrap_or_default()
        .replace(',', "");
    assert!(shown.starts_with(&format!("{total} ")), "expected the counts to sum to {total}: {said}");

    let lines = commands(&said);
    assert_eq!(lines.len(), 3, "expected three commands: {said}");
    let answers: Vec<Value> = lines
        .iter()
        .map(|line| {
            let ran = try_out(line);
            assert_eq!(ran.code, Some(0), "expected `{line}` to work: {}", ran.all());
            serde_json::from_str(&ran.stdout)
                .unwrap_or_else(|_| panic!("expected JSON of `{line}`: {}", ran.all()))
        })
        .collect();
    assert_eq!(answers[0]["outcome"], "recorded", "expected the event to be recorded: {}", answers[0]);
    let position = answers[0]["facts"][0]["position"].as_u64().expect("a position");
    assert!(
        answers[1]["position"].as_u64() >= Some(position),
        "expected the figure after the event: {}",
        answers[1]
    );
    assert_eq!(
        answers[2]["items"][0]["position"], position,
        "expected the fact of the event: {}",
        answers[2]
    );
    // The same API and token that the printed command reads a figure with.
    let reports = try_out(&lines[1].replace("/metrics/month", "/reports"));
    let reports: Value = serde_json::from_str(&reports.stdout).expect("JSON");
    let items = reports["items"].as_array().expect("items");
    let statuses: Vec<_> = items.iter().map(|report| report["status"].as_str()).collect();
    let expected = [Some("draft"), Some("published"), Some("published")];
    assert_eq!(statuses, expected, "expected reports to read: {reports}");

    let (base, token) = (line_of(&said, "Serving   http"), line_of(&said, "Token     "));
    let api = Api { base: format!("http{base}/api/v1/tenants"), token, client: reqwest::Client::new() };
    a_placed_call_rings(&api).await;
    let crm = said
        .split("is a stand-in at ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .expect("the CRM's URL");
    tokio::join!(the_banner_turns_and_comes_back(&api, crm), every_source_is_read(&api, &said));
    server.stop();
}

/// What stands behind `start` in the first line that begins with it.
fn line_of(said: &str, start: &str) -> String {
    let line = said.lines().find_map(|line| line.strip_prefix(start));
    line.unwrap_or_else(|| panic!("expected {start:?} in {said}")).trim().to_owned()
}

struct Api {
    base: String,
    token: String,
    client: reqwest::Client,
}

impl Api {
    async fn get(&self, route: &str) -> Value {
        let answer = self.client.get(format!("{}/{route}", self.base)).bearer_auth(&self.token).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    async fn post(&self, route: &str, body: &Value) -> Value {
        let post = self.client.post(format!("{}/{route}", self.base)).bearer_auth(&self.token).json(body);
        post.header("idempotency-key", uuid::Uuid::now_v7().to_string())
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    }

    /// What is served once it is as expected.
    async fn until(&self, route: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let told = self.get(route).await;
            if is_so(&told) {
                return told;
            }
            assert!(Instant::now() < deadline, "expected another answer of {route} than {told}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn a_placed_call_rings(api: &Api) {
    let wish = json!({"to": "+14155550002", "agent": "ann@acme-dental.example"});
    let placed = api.post("acme-dental/calls", &wish).await;
    let id = placed["request_id"].as_str().expect("an id").to_owned();
    let request = format!("acme-dental/calls/requests/{id}");
    let confirmed = api.until(&request, |told| told["state"] == "confirmed").await;
    let call = format!("acme-dental/calls/{}", confirmed["call_id"].as_str().expect("a call"));
    let ended = api.until(&call, |told| told["call_status"] == "completed").await;
    assert_eq!(ended["answered"], true, "{ended}");
    api.until(&call, |told| told["recordings"].as_array().is_some_and(|known| !known.is_empty())).await;
}

/// Amber while the request is tried again, red once the run failed, and well by itself when the CRM is back.
async fn the_banner_turns_and_comes_back(api: &Api, crm: &str) {
    let status = "harbour-homes/sync/status";
    api.until(status, |told| told["status"] == "success").await;
    let tell = async |what: &str| {
        let url = format!("{crm}/stand-in/{what}");
        assert!(api.client.post(url).send().await.expect("an answer").status().is_success());
    };
    tell("stop").await;
    api.post("harbour-homes/sync/run", &json!({})).await;
    let amber = api.until(status, |told| told["retrying"].is_object()).await;
    assert_eq!(amber["status"], "running", "{amber}");
    let red = api.until(status, |told| told["status"] == "failed").await;
    assert!(red["error"].is_string() && red["retrying"].is_null(), "{red}");
    tell("start").await;
    // Nobody asks for a run: the next minute's makes it well.
    let well = api.until(status, |told| told["status"] == "success").await;
    assert!(well["error"].is_null(), "{well}");
}

/// Each source of the first tenant is read every minute: one that is down is told, the others go on, and what nobody
/// delivered is found.
async fn every_source_is_read(api: &Api, said: &str) {
    let names = ["emailbison", "google_ads", "meta"];
    let of = |told: &Value, name: &str| -> Value {
        let mut sources = told["items"].as_array().into_iter().flatten();
        sources.find(|source| source["source"] == name).cloned().unwrap_or_default()
    };
    let route = "acme-dental/sync/sources";
    api.until(route, |told| names.iter().all(|name| of(told, name)["last_success_at"].is_string())).await;

    for (tenant, source) in [("lotus-legal", "callrail"), ("harbour-homes", "ctm")] {
        api.post(&format!("{tenant}/sync/run"), &json!({"source": source})).await;
        let is_read = |told: &Value| of(told, source)["last_success_at"].is_string();
        api.until(&format!("{tenant}/sync/sources"), is_read).await;
        let told = api.get(&format!("{tenant}/facts?kind=difference_observed")).await;
        assert_eq!(told["items"][0]["body"]["missing"], 12, "{told}");
    }

    let spent = async |at_least: i64| {
        let is_more = |told: &Value| told["ad_spend_minor"]["USD"].as_i64() >= Some(at_least);
        api.until("acme-dental/metrics/month", is_more).await["ad_spend_minor"]["USD"]
            .as_i64()
            .expect("spend")
    };
    let before = spent(1).await;
    let google = said.split("Google Ads at ").nth(1).and_then(|rest| rest.split(',').next()).expect("a URL");
    let tell = async |what: &str| {
        let url = format!("{google}/stand-in/{what}");
        assert!(api.client.post(url).send().await.expect("an answer").status().is_success());
    };
    tell("stop").await;
    api.post("acme-dental/sync/run", &json!({"source": "google_ads"})).await;
    let told = api.until(route, |told| of(told, "google_ads")["error"].is_string()).await;
    for name in ["emailbison", "meta"] {
        assert!(of(&told, name)["error"].is_null(), "{told}");
    }
    tell("start").await;
    api.until(route, |told| of(told, "google_ads")["error"].is_null()).await;
    // Today goes on to cost, and only what is more is told.
    let after = spent(before + 1).await;
    assert!(after - before < 10_000, "{before} and then {after}");

    let today = chrono::Utc::now().with_timezone(&chrono_tz::America::New_York).date_naive();
    let day = |ago: i64| (today - chrono::TimeDelta::days(ago)).to_string();
    let days = json!({"source": "emailbison", "from": day(2), "to": day(0)});
    api.post("acme-dental/sync/run", &days).await;
    let differences = "acme-dental/facts?kind=difference_observed";
    let is_of_replies = |fact: &&Value| fact["body"]["source"] == "emailbison";
    let of_replies =
        |told: &Value| told["items"].as_array().into_iter().flatten().find(is_of_replies).cloned();
    let told = api.until(differences, |told| of_replies(told).is_some()).await;
    let told = of_replies(&told).unwrap_or_default();
    assert_eq!(told["body"]["missing"], 2, "{told}");
}
