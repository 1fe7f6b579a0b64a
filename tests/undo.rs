//! E13: facts are voided and restored over HTTP and the command line, one, many, or all that a file names.

use std::fs;

use crate::common::alerts::await_alerts;
use crate::common::bison;
use crate::common::facts::{answered, disposed, mail};
use crate::common::site::Ran;
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-08-09T16:00:00Z";

async fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    server.ask(TOKEN, method, &format!("/api/v1/tenants/acme/{path}"), body.clone()).await
}

async fn void(server: &Server, position: u64) -> Answer {
    ask(server, "POST", &format!("facts/{position}/void"), &json!({"reason": "a mistake"})).await
}

async fn restore(server: &Server, position: u64) -> Answer {
    ask(server, "DELETE", &format!("facts/{position}/void"), &Value::Null).await
}

async fn calls(server: &Server, more: &str) -> Value {
    server.read("acme", &format!("metrics/month?month=2025-08{more}")).await["calls"].clone()
}

async fn fact(server: &Server, position: u64) -> Value {
    server.read("acme", &format!("facts/{position}")).await
}

#[tokio::test]
async fn e13_a_voided_fact_counts_as_if_it_had_never_come_and_restored_as_if_never_voided() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("CA1", 45, AT), answered("CA2", 45, AT)]).await;
    let second = server.seen();
    assert_eq!(calls(&server, "").await, 2);
    assert_eq!(fact(&server, second).await["voided"], Value::Null);
    let before =
        server.get("/api/v1/tenants/acme/metrics/month?month=2025-08").await.header("etag").to_owned();

    let voided = void(&server, second).await;
    let at = voided.is(201).position();
    assert_eq!((voided.outcome(), at), ("recorded", second + 1));
    let recorded = fact(&server, at).await;
    assert_eq!(recorded["kind"], "fact_voided");
    assert_eq!(recorded["external_id"], format!("void/{second}/0"));
    assert_eq!(recorded["body"]["voided_position"], second);
    assert_eq!(calls(&server, "").await, 1, "without waiting: the answer came after the fold");
    assert_eq!(calls(&server, &format!("&as_of_position={second}")).await, 2, "as of then it stands");
    let after =
        server.get("/api/v1/tenants/acme/metrics/month?month=2025-08").await.header("etag").to_owned();
    assert_ne!(before, after);
    let shown = fact(&server, second).await;
    assert_eq!((&shown["voided"]["position"], &shown["voided"]["reason"]), (&json!(at), &json!("a mistake")));
    assert!(shown["voided"]["by"].is_string() && shown["voided"]["voided_at"].is_string(), "{shown}");
    let listed = server.all_facts("acme").await;
    let of = |position: u64| listed.iter().find(|fact| fact["position"] == position).expect("listed");
    assert_eq!((&of(second)["voided"]["position"], &of(second - 1)["voided"]), (&json!(at), &Value::Null));
    let calls_now = server.read("acme", "calls").await;
    assert_eq!(calls_now["items"].as_array().map(Vec::len), Some(1), "{calls_now}");
    server.get("/api/v1/tenants/acme/calls/CA2").await.problem(404);

    // Its key stays taken.
    let again = server.post("acme", &answered("CA2", 45, AT)).await;
    assert_eq!(
        (again.is(200).outcome(), again.position(), &again.json["voided"]),
        ("duplicate", second, &json!(true))
    );
    let batch = server.post("acme", &json!([answered("CA1", 45, AT), answered("CA2", 45, AT)])).await;
    let results = &batch.is(200).json["results"];
    assert_eq!((&results[0]["voided"], &results[1]["voided"]), (&Value::Null, &json!(true)), "{results}");
    let twice = void(&server, second).await;
    assert_eq!(
        (&twice.problem(409)["code"], &twice.json["void_position"]),
        (&json!("already_voided"), &json!(at))
    );

    let restored = restore(&server, second).await;
    assert_eq!((restored.is(200).outcome(), restored.position()), ("recorded", at + 1));
    assert_eq!(fact(&server, at + 1).await["external_id"], format!("void/{second}/0/restored"));
    assert_eq!(calls(&server, "").await, 2);
    assert_eq!(calls(&server, &format!("&as_of_position={at}")).await, 1, "as of then it is out");
    assert_eq!(fact(&server, second).await["voided"], Value::Null);
    assert_eq!(restore(&server, second).await.is(200).outcome(), "existing");
    assert_eq!(restore(&server, second - 1).await.problem(409)["code"], "not_voided");
    let third = void(&server, second).await.is(201).position();
    assert_eq!(fact(&server, third).await["external_id"], format!("void/{second}/1"));

    server.kill();
    let server = site.start().await;
    assert_eq!(calls(&server, "").await, 1, "voids are facts");
    server.stop();
    site.cli(&["audit"]).exits(0);
}

#[tokio::test]
async fn e13_what_is_not_voided_is_refused_by_name() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    let call = server.seen();
    server.record("globex", &[answered("G1", 45, AT)]).await;
    let others = server.seen();
    let configured = server.all_items("acme", "facts?kind=tenant_configured").await[0]["position"].clone();
    let at = void(&server, call).await.is(201).position();
    for (position, kind) in
        [(at, "fact_voided"), (configured.as_u64().expect("a position"), "tenant_configured")]
    {
        let refused = void(&server, position).await;
        assert_eq!(
            (&refused.problem(409)["code"], &refused.json["kind"]),
            (&json!("not_voidable"), &json!(kind))
        );
    }
    for position in [others, 999_999] {
        void(&server, position).await.problem(404);
        restore(&server, position).await.problem(404);
    }
    ask(&server, "POST", "facts/x/void", &json!({"reason": "r"})).await.problem(404);
    ask(&server, "POST", &format!("facts/{call}/void"), &json!({})).await.names("reason").is(422);
    ask(&server, "POST", &format!("facts/{call}/void"), &json!({"reason": " "}))
        .await
        .names("reason")
        .is(422);
    let why = json!({"reason": "r", "because": "x"});
    ask(&server, "POST", &format!("facts/{call}/void"), &why).await.names("because").is(422);
    for body in [
        json!({"reason": "r"}),
        json!({"positions": [1], "provider": "twilio", "reason": "r"}),
        json!({"positions": [call]}),
        json!({"kind": "call_invented", "reason": "r"}),
        json!({"keys": [{"provider": "twilio"}], "reason": "r"}),
    ] {
        ask(&server, "POST", "void", &body).await.problem(422);
    }
    for (role, status) in [("viewer", 403), ("agent", 403), ("auditor", 403), ("operator", 409)] {
        let token = server.token(role, &["acme"]).await;
        let path = format!("/api/v1/tenants/acme/facts/{call}/void");
        server.ask(&token, "POST", &path, json!({"reason": "r"})).await.problem(status);
    }
}

#[tokio::test]
async fn e13_an_idempotency_key_makes_one_void_of_a_request_sent_again() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT), answered("CA2", 45, AT)]).await;
    let call = server.seen();
    let send = async |position: u64, reason: &str| {
        let path = format!("/api/v1/tenants/acme/facts/{position}/void");
        let request = server.request("POST", &path).bearer_auth(TOKEN).header("idempotency-key", "K");
        server.send(request.json(&json!({"reason": reason}))).await
    };
    let first = send(call, "twice").await;
    let again = send(call, "twice").await;
    assert_eq!((first.is(201).position(), first.outcome()), (again.is(200).position(), "recorded"));
    assert_eq!(again.outcome(), "existing");
    for (position, reason) in [(call, "another reason"), (call - 1, "twice")] {
        assert_eq!(send(position, reason).await.problem(422)["code"], "idempotency_mismatch");
    }
    restore(&server, call).await.is(200);
    assert_eq!(send(call, "twice").await.is(200).outcome(), "existing", "for ever");
    assert_eq!(calls(&server, "").await, 2);
}

#[tokio::test]
async fn e13_many_are_voided_each_by_itself_and_a_dry_run_says_what_would_change() {
    let server = Site::new().start().await;
    let facts: Vec<Value> = (0..20).map(|n| answered(&format!("CA{n}"), 45, AT)).collect();
    server.record("acme", &facts).await;
    let last = server.seen();
    server.record("acme", &[disposed("CA0", 1, "voicemail", AT)]).await;
    void(&server, last).await.is(201);
    let head = server.seen();

    let positions =
        json!({"positions": [last - 2, last - 1, last, head, 999_999], "reason": "test", "dry_run": true});
    let preview = ask(&server, "POST", "void", &positions).await;
    let told = &preview.is(200).json;
    assert_eq!(
        (&told["dry_run"], &told["facts"], &told["duplicates"], &told["rejected"]),
        (&json!(true), &json!(2), &json!(1), &json!(2)),
        "{told}"
    );
    let change = |figure: &str| {
        let changes = told["changes"].as_array().expect("changes");
        changes.iter().find(|change| change["figure"] == figure).cloned()
    };
    let month = |old: u64, new: u64, figure: &str| json!({"month": "2025-08", "figure": figure, "old": old, "new": new});
    assert_eq!(change("calls"), Some(month(19, 17, "calls")));
    assert_eq!(change("talk_seconds"), Some(month(19 * 45, 17 * 45, "talk_seconds")));
    assert_eq!(change("outcomes.voicemail"), None, "only what changes");
    assert_eq!(
        server.get("/api/v1/tenants/acme/facts?limit=1").await.json["items"][0]["position"],
        head,
        "nothing was recorded"
    );
    assert_eq!(calls(&server, "").await, 19);

    let mut wanted = positions;
    wanted["dry_run"] = false.into();
    let done = ask(&server, "POST", "void?results=all", &wanted).await;
    let told = &done.is(200).json;
    assert_eq!(
        (&told["recorded"], &told["duplicates"], &told["rejected"]),
        (&json!(2), &json!(1), &json!(2))
    );
    let outcomes: Vec<&Value> =
        told["results"].as_array().expect("results").iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["recorded", "recorded", "duplicate", "rejected", "rejected"]);
    assert_eq!(told["last_position"], head + 2);
    assert_eq!(calls(&server, "").await, 17);

    let keys = json!({"keys": [{"provider": "twilio", "external_id": "CA0:completed"},
        {"provider": "twilio", "external_id": "CA-unknown"}], "reason": "by key"});
    let done = ask(&server, "POST", "void", &keys).await;
    assert_eq!((&done.is(200).json["recorded"], &done.json["rejected"]), (&json!(1), &json!(1)));
    assert_eq!(done.json["results"][0]["line"], 2, "only what was not recorded: {:?}", done.json);
    // The disposition alone is a call that was disposed of, and counts.
    assert_eq!(calls(&server, "").await, 17);

    let first = fact(&server, last - 19).await["recorded_at"].clone();
    let span = json!({"provider": "twilio", "kind": "call_reported", "recorded_from": first,
        "recorded_to": "2099-01-01T00:00:00Z", "reason": "all of it"});
    assert_eq!(ask(&server, "POST", "void", &span).await.is(200).json["recorded"], 16);
    assert_eq!(calls(&server, "").await, 1);
    let before = json!({"kind": "call_reported", "recorded_to": first, "reason": "none is so old"});
    let none = ask(&server, "POST", "void", &before).await;
    assert_eq!((&none.is(200).json["recorded"], &none.json["last_position"]), (&json!(0), &Value::Null));
    let undo = json!({"kind": "call_reported", "undo": true});
    assert_eq!(ask(&server, "POST", "void", &undo).await.is(200).json["recorded"], 20);
    assert_eq!(calls(&server, "").await, 20);
}

#[tokio::test]
async fn e13_a_redelivery_by_webhook_says_that_the_fact_is_voided_and_the_alert_it_raised_is_cleared() {
    let server = Site::new().start().await;
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let event = bison::replied("LEAD_INTERESTED", 7, json!({"id": 41, "email": "pat@example.com"}), &now);
    let position = bison::deliver(&server, &event).await.is(200).position();
    let alerts = "/api/v1/tenants/acme/alerts?rule=positive_reply";
    await_alerts(&server, alerts, |items| items.len() == 1 && items[0]["state"] == "open").await;
    void(&server, position).await.is(201);
    await_alerts(&server, alerts, |items| items[0]["state"] == "cleared").await;
    let again = bison::deliver(&server, &event).await;
    assert_eq!((again.is(200).outcome(), &again.json["facts"][0]["voided"]), ("duplicate", &json!(true)));
    let leads = server.read("acme", "outreach/leads").await;
    assert_eq!(leads["items"], json!([]), "nobody is interested: {leads}");
}

#[tokio::test]
async fn e13_a_first_interest_that_is_voided_gives_way_to_the_next_one() {
    let server = Site::new().start().await;
    let lead = json!({"id": "7"});
    let [first, next] = ["2025-07-01T12:00:00Z", "2025-08-01T12:00:00Z"];
    server.record("acme", &[mail("lead_interested", 1, lead.clone(), first)]).await;
    let position = server.seen();
    server.record("acme", &[mail("lead_interested", 2, lead, next)]).await;
    let positive = async |month: &str| {
        server.read("acme", &format!("metrics/month?month={month}")).await["positive_replies"].clone()
    };
    assert_eq!((positive("2025-07").await, positive("2025-08").await), (json!(1), json!(0)));
    void(&server, position).await.is(201);
    assert_eq!((positive("2025-07").await, positive("2025-08").await), (json!(0), json!(1)));
}

/// A file of ten calls of August, imported by mistake, and one call of another file.
fn imported(site: &Site) -> String {
    let lines: Vec<String> = (0..10).map(|n| answered(&format!("wrong{n}"), 45, AT).to_string()).collect();
    fs::write(site.path("calls.ndjson"), lines.join("\n") + "\n").expect("written");
    fs::write(site.path("right.ndjson"), answered("right", 45, AT).to_string() + "\n").expect("written");
    for file in ["right.ndjson", "calls.ndjson"] {
        site.cli(&["import", "--tenant", "acme", site.path(file).to_str().expect("UTF-8")]).exits(0);
    }
    site.path("calls.ndjson").to_str().expect("UTF-8").to_owned()
}

/// The lines of docs/undo.md that run `factfold void`, without what follows them.
fn documented() -> Vec<Vec<String>> {
    let text =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/undo.md")).expect("the document");
    let lines = text.lines().filter_map(|line| line.strip_prefix("factfold "));
    let words = |line: &str| -> Vec<String> {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let mut parts = line.split('\'');
        let (before, quoted, after) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        [split(before), quoted.map(str::to_owned).into_iter().collect(), split(after.unwrap_or_default())]
            .concat()
    };
    lines.map(words).collect()
}

#[tokio::test]
async fn e13_the_import_was_wrong_undo_it_by_the_documented_commands() {
    let site = Site::new();
    imported(&site);
    let commands = documented();
    assert_eq!(commands.len(), 3, "{commands:?}");
    let run = |command: &[String]| -> Ran {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        site.cli(&words)
    };
    let dry = run(&commands[0]);
    assert!(dry.exits(0).stdout.contains("calls"), "{}", dry.stdout);
    let row = dry.stdout.lines().find(|line| line.contains(" calls ")).expect("a row of calls");
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>(),
        ["acme", "2025-08", "calls", "11", "1"],
        "{}",
        dry.stdout
    );
    assert!(dry.stderr.contains("10 facts would be voided"), "{}", dry.stderr);
    run(&commands[1]).exits(0);
    let server = site.start().await;
    assert_eq!(calls(&server, "").await, 1);
    let rows = server.all_items("acme", "restatements?month=2025-08").await;
    let of_calls: Vec<&Value> =
        rows.iter().filter(|row| row["figure"] == "calls" && row["cause"] == "void").collect();
    assert_eq!(of_calls.len(), 1, "{rows:?}");
    let row = of_calls[0];
    assert_eq!((&row["old"], &row["new"], &row["causes"]), (&json!(11), &json!(1), &json!(10)), "{row}");
    assert_eq!(row["positions"].as_array().map(Vec::len), Some(10));
    server.stop();
    run(&commands[2]).exits(0);
    let server = site.start().await;
    assert_eq!(calls(&server, "").await, 11);
    server.stop();
    site.cli(&["audit"]).exits(0);
}

#[tokio::test]
async fn e13_a_file_is_undone_on_a_running_server_twice_and_what_is_not_there_is_told() {
    let site = Site::new();
    let file = imported(&site);
    let server = site.start().await;
    let undo = |more: &[&str]| -> Value {
        let args = ["void", "--tenant", "acme", "--json", "--server", &server.base, &file];
        site.cli(&[&args[..], more].concat()).exits(0).json()[0].clone()
    };
    let dry = undo(&["--dry-run"]);
    assert_eq!((&dry["facts"], &dry["dry_run"]), (&json!(10), &json!(true)), "{dry}");
    let changes = dry["changes"].as_array().expect("changes");
    let calls_of_august = changes.iter().find(|change| change["figure"] == "calls").expect("calls");
    assert_eq!(
        *calls_of_august,
        json!({"of": "acme", "month": "2025-08", "figure": "calls", "old": 11, "new": 1})
    );
    assert_eq!(calls(&server, "").await, 11);
    assert_eq!(undo(&[]), json!({"recorded": 10, "duplicates": 0, "rejected": 0}));
    assert_eq!(calls(&server, "").await, 1);
    assert_eq!(undo(&[]), json!({"recorded": 0, "duplicates": 10, "rejected": 0}));
    // While a server has the directory, the stopped way is refused and names the other.
    let refused = site.cli(&["void", "--tenant", "acme", &file]);
    assert!(refused.exits(4).stderr.contains("--server"), "{}", refused.stderr);
    assert_eq!(undo(&["--undo"]), json!({"recorded": 10, "duplicates": 0, "rejected": 0}));
    assert_eq!(calls(&server, "").await, 11);

    fs::write(site.path("other.ndjson"), answered("never-came", 45, AT).to_string() + "\n").expect("written");
    let other = site.path("other.ndjson");
    let told =
        site.cli(&["void", "--tenant", "acme", "--server", &server.base, other.to_str().expect("UTF-8")]);
    assert!(told.exits(1).stderr.contains("never-came"), "{}", told.stderr);
    fs::write(site.path("broken.ndjson"), "{\"provider\": 7}\n").expect("written");
    let broken = site.path("broken.ndjson");
    let told =
        site.cli(&["void", "--tenant", "acme", "--server", &server.base, broken.to_str().expect("UTF-8")]);
    assert!(told.exits(1).stderr.contains("broken.ndjson:1"), "{}", told.stderr);
}

#[tokio::test]
async fn e13_voids_go_along_with_an_export() {
    let (here, there) = (Site::new(), Site::new());
    let file = imported(&here);
    here.cli(&["void", "--tenant", "acme", &file]).exits(0);
    let out = here.path("facts.ndjson");
    let out = out.to_str().expect("UTF-8");
    here.cli(&["export", "--out", out]).exits(0);
    there.cli(&["import", out]).exits(0);
    let server = there.start().await;
    assert_eq!(calls(&server, "").await, 1);
    let voided = server.all_items("acme", "facts?kind=fact_voided").await;
    assert_eq!(voided.len(), 10);
    for void in &voided {
        let place = void["body"]["voided_position"].as_u64().expect("a position");
        let fact = fact(&server, place).await;
        assert!(fact["external_id"].as_str().expect("an id").starts_with("wrong"), "{fact}");
        assert_eq!(fact["voided"]["position"], void["position"]);
    }
}
