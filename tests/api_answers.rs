//! What all answers have in common: ETags, CSV, cursors, the API document and its page.

use crate::common::facts::{answered, with};
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";
const ACME: &str = "/api/v1/tenants/acme";

async fn three_calls(server: &Server) {
    let facts = ["c1", "c2", "c3"].map(|id| with(answered(id, 45, AT), json!({"from": "+12025550123"})));
    server.record("acme", &facts).await;
    server.read("acme", "metrics/month").await;
}

async fn asked(server: &Server, route: &str, header: &str, value: &str) -> crate::common::Answer {
    let request = server.request("GET", &format!("{ACME}/{route}"));
    server.send(request.bearer_auth(TOKEN).header(header, value)).await
}

#[tokio::test]
async fn r8_an_etag_holds_until_the_tenants_next_fact_and_another_tenants_leaves_it() {
    let server = Site::new().start().await;
    three_calls(&server).await;
    for route in ["metrics/month?month=2025-10", "calls", "calls/c1", "outreach/leads", "facts"] {
        let first = server.get(&format!("{ACME}/{route}")).await;
        let tag = first.is(200).header("etag").to_owned();
        assert!(tag.starts_with("\"p") && tag.contains("-json-"), "expected an ETag of {route}, got {tag:?}");
        let again = asked(&server, route, "if-none-match", &tag).await;
        assert_eq!((again.is(304).header("etag"), again.text.as_str()), (tag.as_str(), ""));
    }
    let tag = server.get(&format!("{ACME}/calls")).await.header("etag").to_owned();
    server.record("globex", &[answered("g1", 45, AT)]).await;
    server.read("globex", "calls").await;
    asked(&server, "calls", "if-none-match", &tag).await.is(304);
    server.record("acme", &[answered("c4", 45, AT)]).await;
    server.read("acme", "calls").await;
    let changed = asked(&server, "calls", "if-none-match", &tag).await;
    assert_ne!(changed.is(200).header("etag"), tag);
}

#[tokio::test]
async fn answers_that_use_the_time_say_it_and_are_not_stored() {
    let server = Site::new().start().await;
    three_calls(&server).await;
    let current = server.read("acme", "metrics/month").await["month"].as_str().expect("month").to_owned();
    for route in ["metrics/month".to_owned(), format!("metrics/month?month={current}"), "metrics/days".into()]
    {
        let answer = server.get(&format!("{ACME}/{route}")).await;
        assert_eq!(answer.is(200).header("cache-control"), "no-store", "{route}");
        assert_eq!(answer.header("etag"), "", "{route}");
        assert!(answer.json["at"].is_string(), "expected `at`: {answer:?}");
    }
    let past = server.get(&format!("{ACME}/metrics/month?month=2025-10")).await;
    assert!(past.is(200).json["at"].is_null() && !past.header("etag").is_empty(), "{past:?}");
}

#[tokio::test]
async fn the_position_of_facts_is_that_of_the_tenants_last_one() {
    let server = Site::new().start().await;
    three_calls(&server).await;
    let before = server.read("acme", "facts").await["position"].clone();
    server.record("globex", &[answered("g1", 45, AT)]).await;
    assert_eq!(server.read("acme", "facts").await["position"], before);
    assert_eq!(server.read("acme", "calls").await["position"], before);
}

#[tokio::test]
async fn f4_a_list_as_csv_has_the_rows_of_json_and_formulas_are_texts() {
    let server = Site::new().start().await;
    three_calls(&server).await;
    let csv = asked(&server, "calls?limit=2", "accept", "text/csv").await;
    assert!(csv.is(200).header("content-type").starts_with("text/csv"), "{csv:?}");
    let mut reader = csv::Reader::from_reader(csv.text.as_bytes());
    let header = reader.headers().expect("header").clone();
    let column = |name: &str| header.iter().position(|known| known == name).expect("column");
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    let page = server.read("acme", "calls?limit=2").await;
    for (row, item) in rows.iter().zip(page["items"].as_array().expect("items")) {
        assert_eq!(row[column("call_id")], *item["call_id"].as_str().expect("id"));
        assert_eq!(row[column("duration_seconds")], item["duration_seconds"].to_string());
        assert_eq!(&row[column("from")], "'+12025550123", "a number that begins with + is no formula");
    }
    assert_eq!(rows.len(), 2);
    assert_eq!(csv.header("x-next-cursor"), page["next_cursor"].as_str().expect("a next page"));
    assert_ne!(csv.header("etag"), server.get(&format!("{ACME}/calls?limit=2")).await.header("etag"));
    let rest = format!("calls?limit=2&cursor={}", csv.header("x-next-cursor"));
    assert_eq!(asked(&server, &rest, "accept", "text/csv").await.text.lines().count(), 2);
    let empty = asked(&server, "calls?agent=nobody@example.com", "accept", "text/csv").await;
    assert_eq!(empty.is(200).text.trim_end(), csv.text.lines().next().expect("header"));
}

#[tokio::test]
async fn f4_figures_as_csv_are_a_row_a_day_or_one_of_the_month() {
    let server = Site::new().start().await;
    three_calls(&server).await;
    for (route, name, rows) in [
        (
            "metrics/days?from=2025-10-08&to=2025-10-10",
            "date",
            vec!["2025-10-08", "2025-10-09", "2025-10-10"],
        ),
        ("metrics/month?month=2025-10", "month", vec!["2025-10"]),
        ("sender-accounts/status", "accounts", vec!["0"]),
        ("provider-performance?from=2025-10-08&to=2025-10-10", "date", vec![]),
    ] {
        let csv = asked(&server, route, "accept", "text/csv").await;
        let mut reader = csv::Reader::from_reader(csv.is(200).text.as_bytes());
        let header = reader.headers().expect("header").clone();
        let column = header.iter().position(|known| known == name).expect("column");
        let found: Vec<String> = reader.records().map(|row| row.expect("row")[column].to_owned()).collect();
        assert_eq!(found, rows, "{route}: {}", csv.text);
        if route.starts_with("metrics") {
            for name in
                ["qualified", "ad_spend_minor", "ad_spend_span.from", "estimated_roi_percent", "by_agent"]
            {
                assert!(header.iter().any(|known| known == name), "expected {name} in {header:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_filter_or_tenant_is_refused() {
    let server = Site::new().start().await;
    three_calls(&server).await;
    server.record("globex", &["g1", "g2"].map(|id| answered(id, 90, AT))).await;
    let of = async |tenant: &str, route: &str| {
        let page = server.read(tenant, route).await;
        page["next_cursor"].as_str().expect("a next page").to_owned()
    };
    let calls = of("acme", "calls?limit=1&status=qualified").await;
    let facts = of("acme", "facts?limit=1").await;
    let theirs = of("globex", "calls?limit=1&status=qualified").await;
    for (route, cursor, status) in [
        ("calls?status=qualified", &calls, 200),
        ("calls?status=qualified&limit=2", &calls, 200),
        ("calls?", &calls, 400),
        ("calls?status=unqualified", &calls, 400),
        ("facts?", &calls, 400),
        ("facts?order=asc", &facts, 400),
        ("calls?status=qualified", &theirs, 400),
        ("calls?status=qualified", &"AAAA".to_owned(), 400),
    ] {
        let answer = server.get(&format!("{ACME}/{route}&cursor={cursor}")).await;
        assert_eq!(answer.status, status, "{route}: {answer:?}");
        assert!(status == 200 || answer.problem(400)["code"] == "bad_cursor", "{answer:?}");
    }
}

#[tokio::test]
async fn the_api_describes_itself_and_its_page_needs_no_other_server() {
    let server = Site::new().start().await;
    let document = server.send(server.request("GET", "/api/openapi.json")).await;
    assert!(document.is(200).json["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    assert!(document.json["paths"][format!("{}/calls", "/api/v1/tenants/{tenant}")].is_object());
    let to_the_page = server.send(server.request("GET", "/docs")).await;
    let page = server.send(server.request("GET", to_the_page.is(303).header("location"))).await;
    let names =
        page.is(200).text.split(['"', '\'']).filter(|name| name.contains(".js") || name.contains(".css"));
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 3, "expected the page's files: {}", page.text);
    for name in names {
        assert!(!name.contains("//"), "the page asks another server: {name}");
        let file =
            server.send(server.request("GET", &format!("/docs/{}", name.trim_start_matches("./")))).await;
        file.is(200);
        if name.contains("initializer") {
            assert!(file.text.contains("/api/openapi.json") && file.text.contains("none"), "{}", file.text);
        }
    }
    server.send(server.request("GET", "/docs/nothing.js")).await.problem(404);
}

#[tokio::test]
async fn e3_facts_are_asked_for_as_of_a_moment_too() {
    let server = Site::new().start().await;
    three_calls(&server).await;
    let facts = server.all_facts("acme").await;
    let calls: Vec<&Value> = facts.iter().filter(|fact| fact["kind"] == "call_reported").collect();
    let [first, second] = [calls[0], calls[1]].map(|fact| fact["position"].as_u64().expect("position"));
    let listed = server.read("acme", &format!("facts?kind=call_reported&as_of_position={first}")).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    server.get(&format!("{ACME}/facts/{first}?as_of_position={first}")).await.is(200);
    server.get(&format!("{ACME}/facts/{second}?as_of_position={first}")).await.problem(404);
    let none = server.read("acme", "facts?kind=call_reported&occurred_until=2025-10-09T11:59:59Z").await;
    assert_eq!(none["items"], json!([]));
    let all = server.read("acme", &format!("facts?kind=call_reported&occurred_until={AT}")).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(3));
    let recorded = calls[0]["recorded_at"].as_str().expect("time");
    server.get(&format!("{ACME}/facts/{first}?known_at={recorded}")).await.is(200);
    server.get(&format!("{ACME}/facts/{first}?known_at=2025-11-01T00:00:00Z")).await.problem(404);
}
