//! The pull side from outside (B1 to B5, B9, B11, B13; L7 to L9, L12): a real server reads a stand-in over real sockets.

mod by_clock;
mod credentials;
mod large;

use std::time::{Duration, Instant};

use crate::common::site::files;
use crate::common::{Answer, Server, Site, TOKEN};
use factfold::standins::clienttether::CtAccount;
use factfold::standins::{PlayedAnswer, StandIn, StandInFault};
use serde_json::{Value, json};

const KEY: &str = "web-key-canary-51";
const LEADS: &str = "read_client_list";
const DEALS: &str = "read_opportunity_list";

fn site(url: &str) -> Site {
    Site::with(&tables(url, KEY))
}

fn tables(url: &str, key: &str) -> String {
    format!(
        "[outbound]\nallow = [\"127.0.0.1\"]\n[sync]\nschedule = \"0 0 1 1 *\"\n\
         [[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"America/Chicago\"\ncurrency = \"USD\"\n\
         [tenant.clienttether]\nbase_url = \"{url}/v2/api/\"\nweb_key = \"{key}\"\naccess_token = \"access-canary-52\"\n\
         activities = {{ path = \"read_my_activities\", fields = {{ id = \"activity_id\", scheduled_at = \"due\", \
         activity_type = \"kind\", status = \"state\" }} }}\n\
         [[tenant]]\nid = \"globex\"\nname = \"Globex\"\ntimezone = \"UTC\"\n"
    )
}

async fn begin(server: &Server) -> Answer {
    server.command("acme", "sync/run", &json!({})).await
}

/// The run of this id once it has ended.
async fn ended(server: &Server, run_id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        let runs = server.all_items("acme", "sync/runs").await;
        let run = runs.into_iter().find(|run| run["run_id"] == run_id).expect("the run is listed");
        if run["status"] != "running" {
            return run;
        }
        assert!(Instant::now() < deadline, "expected an end of {run}; {}", server.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs the sync to its end.
async fn sync(server: &Server) -> Value {
    let begun = begin(server).await;
    let id = begun.is(202).json["run_id"].as_str().expect("an id").to_owned();
    assert_eq!(begun.json["status"], "running", "{}", begun.text);
    ended(server, &id).await
}

async fn succeeds(server: &Server) -> Value {
    let run = sync(server).await;
    assert_eq!((&run["status"], &run["error"]), (&json!("success"), &json!(null)), "{run}");
    run
}

async fn fails(server: &Server, words: &str) -> Value {
    let run = sync(server).await;
    assert_eq!((&run["status"], &run["records_updated"]), (&json!("failed"), &json!(0)), "{run}");
    assert!(run["error"].as_str().is_some_and(|error| error.contains(words)), "expected {words:?} in {run}");
    run
}

/// Figures of the CRM, without positions.
async fn figures(server: &Server) -> Vec<Value> {
    let mut figures = Vec::new();
    for route in ["leads/summary", "pipeline", "hot-list", "notes", "schedule"] {
        let mut told = server.read("acme", route).await;
        if let Some(members) = told.as_object_mut() {
            members.remove("position");
            members.remove("at");
        }
        figures.push(told);
    }
    figures
}

/// Snapshots of the main runs; the first pass over notes comes when it comes.
async fn snapshots(server: &Server) -> Vec<Value> {
    let facts = server.all_items("acme", "facts?kind=snapshot_taken&limit=500").await;
    facts.into_iter().filter(|fact| fact["body"]["source"] == "clienttether").collect()
}

/// The main runs, newest first.
async fn main_runs(server: &Server) -> Vec<Value> {
    let runs = server.all_items("acme", "sync/runs").await;
    runs.into_iter().filter(|run| run["source"] == "clienttether").collect()
}

async fn source(server: &Server, name: &str) -> Value {
    let sources = server.read("acme", "sync/sources").await;
    let found =
        sources["items"].as_array().and_then(|items| items.iter().find(|item| item["source"] == name));
    found.unwrap_or_else(|| panic!("expected {name} among {sources}")).clone()
}

async fn played(leads: usize) -> (StandIn, CtAccount) {
    let account = CtAccount::with_leads(KEY, leads);
    (StandIn::start(account.clone()).await.expect("a port"), account)
}

#[tokio::test]
async fn b1_everything_is_read_and_then_only_what_changed_becomes_facts() {
    let (crm, account) = played(250).await;
    account.put_activity("A1", "2099-01-20 09:00:00", "Call");
    let server = site(&crm.url()).start().await;
    let never = source(&server, "clienttether").await;
    assert_eq!((&never["state"], &never["complete_through"]), (&json!("never"), &json!(null)), "{never}");
    let first = succeeds(&server).await;
    // 250 leads, 63 deals, 6 sales cycles, 1 activity.
    assert_eq!(first["records_updated"], 320, "{first}");
    let leads = server.read("acme", "leads/summary").await;
    assert_eq!((&leads["total_leads"], &leads["source_count"]), (&json!(250), &json!(1)), "{leads}");
    let pipeline = server.read("acme", "pipeline").await;
    assert_eq!(pipeline["total_value_minor"], 63 * 4_500_000, "{pipeline}");
    let hot = server.all_items("acme", "hot-list").await;
    assert_eq!(
        (&hot[0]["candidate"], &hot[0]["market"]),
        (&json!(null), &json!("Tampa market")),
        "a placeholder"
    );
    assert_eq!(server.read("acme", "schedule").await["items"][0]["scheduled_at"], "2099-01-20T15:00:00Z");
    let facts = snapshots(&server).await.len();

    assert_eq!(succeeds(&server).await["records_updated"], 0);
    assert_eq!(snapshots(&server).await.len(), facts, "nothing changed, nothing is recorded");

    account.set_client("8000007", "clients_sales_cycle", "FA Signed");
    account.remove_client("8000008");
    account.put_client("8000999", "New Lead", "Referral");
    assert_eq!(succeeds(&server).await["records_updated"], 3);
    let changes = snapshots(&server).await;
    let body = &changes.iter().find(|fact| fact["body"]["base"].is_string()).expect("changes")["body"];
    assert_eq!((&body["removed"], &body["resource"]), (&json!(["8000008"]), &json!("leads")), "{body}");
    assert_eq!(body["records"].as_array().map(Vec::len), Some(2), "{body}");
    let leads = server.read("acme", "leads/summary").await;
    assert_eq!((&leads["total_leads"], &leads["source_count"]), (&json!(250), &json!(2)), "{leads}");

    let state = source(&server, "clienttether").await;
    assert_eq!((&state["state"], &state["error"]), (&json!("success"), &json!(null)), "{state}");
    assert!(state["complete_through"].is_string() && state["next_run_at"].is_string(), "{state}");
}

#[tokio::test]
async fn b4_a_page_that_is_missing_or_a_refusal_changes_no_figure_and_the_status_tells_the_truth() {
    let (crm, account) = played(250).await;
    let server = site(&crm.url()).start().await;
    succeeds(&server).await;
    let before = figures(&server).await;
    let success = source(&server, "clienttether").await["last_success_at"].clone();
    account.set_client("8000001", "clients_sales_cycle", "FA Signed");

    let refusal = |status| StandInFault::Answer(PlayedAnswer::json(status, json!({"ResultCode": "CT_400"})));
    let code = |code: &str| {
        let body = json!({"ResultCode": code, "Message": "down", "TotalRecord": 0, "data": []});
        StandInFault::Answer(PlayedAnswer::json(200, body))
    };
    let broken = |body: &str| {
        StandInFault::Answer(PlayedAnswer { body: body.to_owned(), ..PlayedAnswer::json(200, "") })
    };
    for (on, fault, told) in [
        ("read_client_list?limit=100&offset=100", refusal(404), "read_client_list: answered 404"),
        ("read_client_list?limit=100&offset=0", refusal(401), "read_client_list: answered 401"),
        (LEADS, code("CT_500"), "refused with CT_500: read_client_list: down"),
        (DEALS, code("CT501"), "refused with CT501"),
        (DEALS, broken("<html>"), "not JSON"),
        (DEALS, broken("{\"data\": [1]}"), "no ResultCode"),
        (
            LEADS,
            broken("{\"ResultCode\": \"CT_200\", \"TotalRecord\": 250, \"data\": []}"),
            "0 of 250 records",
        ),
        (LEADS, broken("{\"ResultCode\": \"CT_200\", \"data\": []}"), "neither records nor TotalRecord"),
    ] {
        crm.heal();
        crm.forget_requests();
        crm.script(on, (0, 100), fault);
        fails(&server, told).await;
        let again = crm.requests().iter().filter(|request| request.path.contains("read_client_list")).count();
        assert!(again <= 3, "{told}: no request is made again, {again} were made");
        assert_eq!(figures(&server).await, before, "{told}");
        let status = server.read("acme", "sync/status").await;
        assert_eq!((&status["status"], &status["is_stale"]), (&json!("failed"), &json!(false)), "{status}");
        assert!(status["error"].as_str().is_some_and(|error| error.contains(told)), "{status}");
        assert_eq!(
            source(&server, "clienttether").await["last_success_at"],
            success,
            "age of the last success"
        );
    }
    // Null control.
    crm.heal();
    assert_eq!(succeeds(&server).await["records_updated"], 1);
    assert_ne!(figures(&server).await, before);
    assert_eq!(server.read("acme", "sync/status").await["error"], json!(null));
}

#[tokio::test]
async fn b3_storms_slow_and_cut_answers_pass_where_another_try_helps_and_fail_where_none_does() {
    let (crm, _) = played(120).await;
    let server = site(&crm.url()).start().await;
    let busy = StandInFault::Answer(PlayedAnswer {
        headers: vec![("retry-after", "0".to_owned())],
        ..PlayedAnswer::json(429, "{}")
    });
    crm.script("offset=100", (0, 3), busy.clone());
    crm.script(DEALS, (0, 1), StandInFault::Cut);
    crm.script("read_sales_cycle_list", (0, 1), StandInFault::Closed);
    let run = succeeds(&server).await;
    assert_eq!(run["records_updated"], 120 + 30 + 6, "{run}");
    let asked = |path: &str| crm.requests().iter().filter(|request| request.path.contains(path)).count();
    assert_eq!((asked(LEADS), asked(DEALS), asked("read_sales_cycle_list")), (2 + 3, 2, 2));

    // One try and three retries, then the run fails: while it waits, the banner says so.
    crm.script("offset=100", (0, 4), busy);
    crm.forget_requests();
    fails(&server, "read_client_list: answered 429").await;
    assert_eq!(asked(LEADS), 1 + 4);
    crm.script(DEALS, (0, 100), StandInFault::Cut);
    let begun = begin(&server).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let amber = loop {
        let status = server.read("acme", "sync/status").await;
        if status["retrying"].is_object() {
            break status;
        }
        assert!(Instant::now() < deadline, "expected a retry: {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        (&amber["status"], &amber["message"]),
        (&json!("running"), &json!("Sync in progress...")),
        "{amber}"
    );
    assert!(amber["retrying"]["next_try_at"].is_string(), "{amber}");
    let run = ended(&server, begun.json["run_id"].as_str().expect("an id")).await;
    let error = run["error"].as_str().expect("an error");
    assert!(error.starts_with("read_opportunity_list: the connection broke"), "{run}");
    let red = server.read("acme", "sync/status").await;
    assert_eq!((&red["status"], &red["retrying"]), (&json!("failed"), &json!(null)), "{red}");
}

#[tokio::test]
async fn b4_of_two_runs_at_once_there_is_one_and_a_run_can_be_canceled() {
    let (crm, _) = played(3).await;
    let server = site(&crm.url()).start().await;
    crm.script(LEADS, (0, 1), StandInFault::Slow(Duration::from_secs(20)));
    let first = begin(&server).await.is(202).json.clone();
    let second = begin(&server).await.is(202).json.clone();
    assert_eq!((&first["run_id"], &first["position"]), (&second["run_id"], &second["position"]));
    let id = first["run_id"].as_str().expect("an id");
    let cancel = format!("sync/runs/{id}/cancel");
    server.command("globex", &cancel, &json!({})).await.problem(409);
    server.command("acme", &cancel, &json!({})).await.is(202);
    assert_eq!(ended(&server, id).await["error"], "canceled");
    server.command("acme", &cancel, &json!({})).await.problem(409);
    assert_eq!(main_runs(&server).await.len(), 1);
    succeeds(&server).await;
    let none = server.command("globex", "sync/run", &json!({})).await;
    assert_eq!(none.problem(409)["code"], "source_not_configured");
    let days = json!({"from": "2025-10-01", "to": "2025-10-02"});
    assert_eq!(server.command("acme", "sync/run", &days).await.problem(409)["code"], "no_days");
    server.command("acme", "sync/run", &json!({"source": "carrier_pigeon"})).await.problem(422);
    server.command("acme", "sync/run", &json!({"from": "2025-10-01"})).await.problem(422);
}

#[tokio::test]
async fn b4_a_run_that_was_killed_is_abandoned_at_the_next_start_and_the_next_one_succeeds() {
    let (crm, account) = played(250).await;
    let site = site(&crm.url());
    let server = site.start().await;
    succeeds(&server).await;
    account.set_client("8000001", "clients_sales_cycle", "FA Signed");
    let before = figures(&server).await;
    crm.script(DEALS, (0, 1), StandInFault::Slow(Duration::from_secs(20)));
    let killed = begin(&server).await.is(202).json.clone();
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.kill();
    let server = site.start().await;
    let run = ended(&server, killed["run_id"].as_str().expect("an id")).await;
    assert_eq!((&run["status"], &run["error"]), (&json!("failed"), &json!("abandoned")), "{run}");
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.read("acme", "sync/status").await["status"] != "success" {
        assert!(Instant::now() < deadline, "expected a run that makes up for it: {}", server.stderr());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(figures(&server).await, before);
    let runs = main_runs(&server).await;
    let statuses: Vec<_> = runs.iter().map(|run| run["status"].clone()).collect();
    assert_eq!(statuses, [json!("success"), json!("failed"), json!("success")], "{runs:?}");
    server.stop();
}

#[tokio::test]
async fn b9_notes_are_read_of_all_once_then_of_changed_contacts_and_peoples_own_survive() {
    let (crm, account) = played(5).await;
    account.put_note("8000001", "N1", "asked for the brochure");
    account.put_note("8000002", "N2", "calls back on Monday");
    let server = site(&crm.url()).start().await;
    server.command("acme", "notes", &json!({"content": "my own"})).await.is(201);
    succeeds(&server).await;
    let contents = async || {
        let notes = server.all_items("acme", "notes").await;
        let mut contents: Vec<String> =
            notes.iter().filter_map(|note| note["content"].as_str().map(str::to_owned)).collect();
        contents.sort_unstable();
        contents
    };
    // The first pass over all contacts is a run of its own, which begins by itself.
    let deadline = Instant::now() + Duration::from_secs(60);
    while contents().await.len() < 3 {
        assert!(Instant::now() < deadline, "expected the notes: {}", server.stderr());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(contents().await, ["asked for the brochure", "calls back on Monday", "my own"]);
    let state = source(&server, "clienttether_notes").await;
    assert_eq!(state["state"], "success", "{state}");
    let asked = || crm.requests().iter().filter(|request| request.path.contains("history_notes")).count();
    assert_eq!(asked(), 5, "each contact once");

    account.put_note("8000001", "N3", "has it");
    account.set_client("8000001", "last_modified_date", "2026-02-01 08:15:00");
    account.put_note("8000002", "N4", "of a contact that did not change");
    succeeds(&server).await;
    assert_eq!(asked(), 6, "only of the contact that changed");
    assert_eq!(contents().await, ["asked for the brochure", "calls back on Monday", "has it", "my own"]);
}

#[tokio::test]
async fn l12_no_secret_is_in_a_log_an_error_a_fact_or_the_configuration_as_shown() {
    let (crm, _) = played(3).await;
    let site = site(&crm.url());
    let server = site.start().await;
    // A provider that quotes what it was sent.
    let quoting =
        json!({"ResultCode": "CT_400", "Message": format!("key {KEY} and access-canary-52 are wrong")});
    crm.script(LEADS, (0, 1), StandInFault::Answer(PlayedAnswer::json(200, quoting)));
    fails(&server, "key *** and *** are wrong").await;
    crm.script(LEADS, (0, 1), StandInFault::Answer(PlayedAnswer::json(401, "{}")));
    fails(&server, "answered 401").await;
    succeeds(&server).await;
    let shown = site.cli(&["config", "show"]);
    let facts = Value::from(server.all_facts("acme").await).to_string();
    for text in [server.said(), shown.all(), facts] {
        assert!(!text.contains("canary"), "{text}");
    }
    server.stop();
    for file in files(&site.data()) {
        let bytes = std::fs::read(&file).expect("read");
        let has = |secret: &str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!has(KEY) && !has("access-canary"), "{}", file.display());
    }
}

#[tokio::test]
async fn b5_answers_are_kept_as_they_came_once_by_content() {
    let (crm, _) = played(0).await;
    let site = site(&crm.url());
    let server = site.start().await;
    succeeds(&server).await;
    let kept = || files(&site.data().join("blobs/pages")).len();
    // No leads, deals and activities in the same words, sales cycles, and the list of the four digests.
    assert_eq!(kept(), 3);
    succeeds(&server).await;
    assert_eq!(kept(), 3, "equal answers are one file");
    let ends = server.all_items("acme", "facts?kind=sync_finished").await;
    let position = ends[0]["position"].as_u64().expect("a position");
    let path = format!("/api/v1/tenants/acme/facts/{position}?raw=true");
    let fact = server.send(server.request("GET", &path).bearer_auth(TOKEN)).await.is(200).text.clone();
    assert!(fact.contains("digests_sha256"), "{fact}");
}
