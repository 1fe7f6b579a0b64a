//! E4: an import ends with a fact, from which on the months that it filled are closed, and rows are of one import.

use std::fs;
use std::process::Command;

use crate::common::facts::answered;
use crate::common::site::{Ran, run};
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

/// A file of calls of a month in 2025 and its digest, as another program tells it.
fn file(site: &Site, name: &str, month: u32, calls: std::ops::Range<u32>) -> String {
    let lines: Vec<String> = calls.map(|n| call(month, n).to_string()).collect();
    fs::write(site.path(name), lines.join("\n") + "\n").expect("written");
    let mut program = Command::new("sha256sum");
    program.arg(site.path(name));
    run(program).exits(0).stdout.split(' ').next().unwrap_or_default().to_owned()
}

fn call(month: u32, n: u32) -> Value {
    answered(&format!("m{month}-{n}"), 45, &format!("2025-{month:02}-{:02}T16:00:00Z", n % 28 + 1))
}

fn import(site: &Site, args: &[&str]) -> Ran {
    site.cli(&[&["import", "--tenant", "acme", "--json"], args].concat())
}

async fn ends(server: &Server) -> Vec<Value> {
    let mut ends = server.all_items("acme", "facts?kind=import_finished").await;
    ends.sort_by_key(|end| end["position"].as_u64());
    ends
}

/// Import, old, new and causes of the rows of a figure of a month.
async fn rows(server: &Server, month: &str, figure: &str) -> Vec<[Value; 4]> {
    let items = server.all_items("acme", &format!("restatements?month={month}&limit=3")).await;
    let of_figure = items.iter().filter(|item| item["figure"] == figure);
    of_figure.map(|item| ["import", "old", "new", "causes"].map(|name| item[name].clone())).collect()
}

#[tokio::test]
async fn e4_a_month_from_before_the_log_is_closed_once_the_import_that_filled_it_ends() {
    let site = Site::new();
    let august = file(&site, "client-of-acme.ndjson", 8, 0..10);
    import(&site, &[site.path("client-of-acme.ndjson").to_str().expect("UTF-8")]).exits(0);
    let server = site.start().await;
    let found = ends(&server).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let (position, body) = (found[0]["position"].as_u64().expect("a position"), &found[0]["body"]);
    let bytes = fs::metadata(site.path("client-of-acme.ndjson")).expect("there").len();
    let expected = json!({"file": august, "bytes": bytes, "lines": 10, "recorded": 10, "duplicates": 0,
        "conflicts": 0, "rejected": 0, "lowest_position": position - 10, "first_position": position - 10,
        "last_position": position - 1});
    assert_eq!(*body, expected, "and nothing of the file's name");
    assert!(server.all_items("acme", "restatements").await.is_empty(), "what fills a month restates nothing");

    server.record("acme", &[call(8, 20), call(9, 20)]).await;
    let late = server.seen();
    assert_eq!(rows(&server, "2025-08", "calls").await, [[json!(null), json!(10), json!(11), json!(1)]]);
    let items = server.all_items("acme", "restatements").await;
    assert!(items.iter().all(|item| item["month"] == "2025-08"), "no import filled September: {items:?}");
    assert_eq!(items[0]["positions"], json!([late - 1]));

    // Over the server the end is the client's to tell, and names who.
    file(&site, "september.ndjson", 9, 0..5);
    let september = site.path("september.ndjson");
    let served = ["--server", &server.base, september.to_str().expect("UTF-8")];
    import(&site, &served).exits(0);
    let found = ends(&server).await;
    let body = &found[1]["body"];
    assert_eq!((&body["recorded"], &body["by"]), (&json!(5), &json!("admin")), "{body}");
    assert_eq!(body["first_position"], late + 1);
    assert_eq!(body["last_position"], late + 5);
    assert!(rows(&server, "2025-09", "calls").await.is_empty(), "it was not closed before");
    server.record("acme", &[call(9, 21)]).await;
    assert_eq!(rows(&server, "2025-09", "calls").await, [[json!(null), json!(6), json!(7), json!(1)]]);

    // Again all is known, and the end as well; what is new of the file since has an end of its own.
    import(&site, &served).exits(0);
    server.stop();
    import(&site, &[september.to_str().expect("UTF-8")]).exits(0);
    let server = site.start().await;
    assert_eq!(ends(&server).await, found);
    file(&site, "september.ndjson", 9, 0..6);
    let served = ["--server", &server.base, september.to_str().expect("UTF-8")];
    import(&site, &served).exits(0);
    let found = ends(&server).await;
    let body = &found[2]["body"];
    assert_eq!((found.len(), &body["recorded"], &body["duplicates"]), (3, &json!(1), &json!(5)), "{body}");
}

#[tokio::test]
async fn e4_null_control_facts_that_are_posted_without_an_end_close_nothing() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &(0..10).map(|n| call(8, n)).collect::<Vec<_>>()).await;
    server.record("acme", &[call(8, 20)]).await;
    assert!(server.all_items("acme", "restatements").await.is_empty());
}

#[tokio::test]
async fn e4_rows_are_of_one_import_also_where_facts_came_before_and_behind_it_on_that_day() {
    let site = Site::new();
    file(&site, "first.ndjson", 8, 0..10);
    import(&site, &[site.path("first.ndjson").to_str().expect("UTF-8")]).exits(0);
    let server = site.start().await;
    server.record("acme", &[call(8, 100)]).await;
    // Asked for here, so that the ledger goes on from before the import.
    assert_eq!(rows(&server, "2025-08", "calls").await, [[json!(null), json!(10), json!(11), json!(1)]]);
    for (name, calls) in [("second.ndjson", 10..12), ("third.ndjson", 12..13)] {
        file(&site, name, 8, calls);
        import(&site, &["--server", &server.base, site.path(name).to_str().expect("UTF-8")]).exits(0);
    }
    server.record("acme", &[call(8, 101)]).await;
    let ends: Vec<Value> = ends(&server).await.iter().map(|end| end["position"].clone()).collect();
    let expected = [
        [json!(null), json!(10), json!(15), json!(2)],
        [ends[1].clone(), json!(11), json!(13), json!(2)],
        [ends[2].clone(), json!(13), json!(14), json!(1)],
    ];
    assert_eq!(rows(&server, "2025-08", "calls").await, expected);
    // As of before the second import ended its facts are of none.
    let past = format!("restatements?as_of_position={}", ends[1].as_u64().expect("a position") - 1);
    let items = server.all_items("acme", &past).await;
    let calls: Vec<&Value> = items.iter().filter(|item| item["figure"] == "calls").collect();
    assert_eq!((calls.len(), &calls[0]["new"]), (1, &json!(13)), "{items:?}");
    server.stop();
    let server = site.start().await;
    assert_eq!(rows(&server, "2025-08", "calls").await, expected, "and made anew");

    // A ledger that has folded facts of an import before its end came is made anew, for they are of it now.
    server.record("acme", &[call(8, 102)]).await;
    let late = server.seen();
    assert_eq!(rows(&server, "2025-08", "calls").await[0], [json!(null), json!(10), json!(16), json!(3)]);
    let end = json!({"file": "0f".repeat(32), "bytes": 9, "lines": 1, "recorded": 1, "duplicates": 0, "conflicts": 0,
        "rejected": 0, "lowest_position": late, "first_position": late, "last_position": late});
    let position = server.command("acme", "imports", &end).await.is(201).position();
    let found = rows(&server, "2025-08", "calls").await;
    assert_eq!(found[..3], expected);
    assert_eq!(found[3..], [[json!(position), json!(15), json!(16), json!(1)]]);
}

#[tokio::test]
async fn the_end_of_an_import_names_facts_of_its_tenant_alone() {
    let site = Site::new();
    let server = site.start().await;
    server.record("globex", &[call(8, 1)]).await;
    let other = server.seen();
    server.record("acme", &[call(8, 1), call(8, 2)]).await;
    let own = server.seen();
    let end = json!({"file": "0f".repeat(32), "bytes": 9, "lines": 2, "recorded": 2, "duplicates": 0, "conflicts": 0,
        "rejected": 0, "lowest_position": own - 1, "first_position": own - 1, "last_position": own});
    let told = async |member: &str, value: Value| {
        let mut end = end.clone();
        end[member] = value;
        server.command("acme", "imports", &end).await
    };
    for (member, value) in [
        ("lowest_position", json!(other)),
        ("first_position", json!(other)),
        ("last_position", json!(own + 100)),
        ("last_position", json!(own - 2)),
        ("first_position", json!(null)),
        ("file", json!("../secret.ndjson")),
        ("file", json!("0F".repeat(32))),
        ("lines", json!(3)),
        ("recorded", json!(u64::MAX)),
        ("by", json!("somebody")),
    ] {
        let answer = told(member, value.clone()).await;
        assert_eq!(answer.status, 422, "{member} {value}: {answer:?}");
    }
    let agent = server.token("agent", &["acme"]).await;
    server.ask(&agent, "POST", "/api/v1/tenants/acme/imports", end.clone()).await.problem(403);
    let recorded = told("lines", json!(2)).await;
    assert_eq!(recorded.is(201).json["outcome"], "recorded");
    assert_eq!(told("lines", json!(2)).await.is(200).json["position"], recorded.json["position"]);
    // A run that brought something new has an end of its own, a run that did not has none.
    let none = json!({"file": end["file"], "bytes": 9, "lines": 2, "recorded": 0, "duplicates": 2, "conflicts": 0,
        "rejected": 0, "lowest_position": own - 1});
    server.command("acme", "imports", &none).await.is(200);
    assert_eq!(ends(&server).await.len(), 1);
    server.ask(TOKEN, "POST", "/api/v1/tenants/globex/imports", end).await.problem(422);
}
