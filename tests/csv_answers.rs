//! CSV (F4): asked for by header or parameter, with a file's name, whole, a column for each nested member.

use std::time::Duration;

use crate::common::facts::{answered, disposed, fact, with};
use crate::common::{Answer, Server, Site, TOKEN};
use csv::{Reader, StringRecord};
use reqwest::Response;
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";
const ACME: &str = "/api/v1/tenants/acme";

async fn table(server: &Server, route: &str) -> (StringRecord, Vec<StringRecord>) {
    let answer = server.get(&format!("{ACME}/{route}&min_position={}", server.seen())).await;
    rows(&answer.is(200).text)
}

fn rows(text: &str) -> (StringRecord, Vec<StringRecord>) {
    let mut reader = Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    (header, reader.records().collect::<Result<_, _>>().expect("rows of one length"))
}

fn column(header: &StringRecord, name: &str) -> usize {
    header.iter().position(|known| known == name).unwrap_or_else(|| panic!("no {name} in {header:?}"))
}

async fn accepting(server: &Server, route: &str, accept: &str) -> Answer {
    let request = server.request("GET", &format!("{ACME}/{route}")).bearer_auth(TOKEN);
    server.send(request.header("accept", accept)).await
}

#[tokio::test]
async fn f4_a_list_as_csv_is_whole_and_in_the_order_of_its_pages() {
    let server = Site::new().start().await;
    let calls: Vec<Value> = (0..1_003).map(|n| answered(&format!("c{n:04}"), 45, AT)).collect();
    server.record("acme", &calls).await;
    let (header, found) = table(&server, "calls?format=csv").await;
    let id = column(&header, "call_id");
    let found: Vec<&str> = found.iter().map(|row| &row[id]).collect();
    let paged = server.all_items("acme", "calls?limit=500").await;
    let expected: Vec<&str> = paged.iter().filter_map(|item| item["call_id"].as_str()).collect();
    assert_eq!((found.len(), &found), (1_003, &expected), "each call once, as the pages have them");
    // Null control: JSON pages, and CSV does where a page is asked for.
    assert_eq!(server.read("acme", "calls").await["items"].as_array().map(Vec::len), Some(50));
    let page = server.get(&format!("{ACME}/calls?format=csv&limit=2")).await;
    assert_eq!(rows(&page.is(200).text).1.len(), 2);
    let next = format!("calls?format=csv&cursor={}", page.header("x-next-cursor"));
    assert_eq!(table(&server, &next).await.1.len(), 50, "expected a page behind the cursor");
    let whole = server.get(&format!("{ACME}/calls?format=csv")).await;
    assert!(whole.header("x-next-cursor").is_empty(), "expected no next page of a whole list: {whole:?}");
    assert_eq!(whole.header("x-position"), page.header("x-position"));
    let filtered = table(&server, "facts?format=csv&kind=call_reported&order=asc").await.1;
    assert_eq!(filtered.len(), 1_003, "expected filters to hold on every page");
}

#[tokio::test]
async fn f4_csv_is_asked_for_by_parameter_or_header_and_has_a_files_name() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    // Folded, so that both answers are of one position.
    server.read("acme", "calls").await;
    let route = "calls?from=2025-10-01&to=2025-10-31";
    let by_header = accepting(&server, route, "text/csv").await;
    let by_name = server.get(&format!("{ACME}/{route}&format=csv")).await;
    assert_eq!(by_header.is(200).text, by_name.is(200).text);
    for answer in [&by_header, &by_name] {
        assert_eq!(
            answer.header("content-disposition"),
            "attachment; filename=\"acme-calls-2025-10-01-2025-10-31.csv\""
        );
        assert!(answer.header("content-type").starts_with("text/csv"), "{answer:?}");
        assert!(answer.text.starts_with("call_id,"), "expected no byte order mark: {answer:?}");
    }
    let marked = server.get(&format!("{ACME}/{route}&format=csv&bom=true")).await;
    // The client reads the mark and leaves it out of the text.
    assert_eq!(marked.is(200).text, by_name.text);
    let length = |answer: &Answer| answer.header("content-length").parse::<usize>().expect("a length");
    assert_eq!(length(&marked), length(&by_name) + 3, "expected a byte order mark: {marked:?}");
    // The parameter is stronger than the header.
    let json = accepting(&server, &format!("{route}&format=json"), "text/csv").await;
    assert!(json.is(200).json["items"].is_array() && json.header("content-disposition").is_empty());
    for query in ["format=xml", "bom=true", "format=csv&bom=1"] {
        server.get(&format!("{ACME}/calls?{query}")).await.problem(400);
    }
}

#[tokio::test]
async fn f4_a_route_without_csv_answers_406_where_nothing_else_is_taken() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    let health = accepting(&server, "webhook-health", "text/csv").await;
    assert!(health.is(200).text.starts_with("provider,endpoint,"), "a list: {health:?}");
    for route in ["sync/status", "calls/c1", "facts/1", "facts/stream"] {
        let answer = accepting(&server, route, "text/csv").await;
        assert_eq!(answer.problem(406)["code"], "not_acceptable", "{route}");
        server.get(&format!("{ACME}/{route}?format=csv")).await.problem(406);
    }
    for accept in ["text/csv, application/json;q=0.1", "text/csv, */*;q=0.1", "text/html", "*/*"] {
        accepting(&server, "sync/status", accept).await.is(200);
    }
    // Not before the caller is known.
    let request = server.request("GET", &format!("{ACME}/sync/status")).header("accept", "text/csv");
    server.send(request).await.problem(401);
}

#[tokio::test]
async fn f4_figures_of_the_crm_and_targets_of_alerts_are_tables_too() {
    let server = Site::new().start().await;
    let deal = |id: &str, stage: &str, source: &str, minor: i64| json!({"id": id, "stage": stage, "source": source, "contact_type": "1", "value_minor": minor, "currency": "USD"});
    let taken = |resource: &str, records: Value| {
        let taken = fact("clienttether", resource, "snapshot_taken", AT);
        with(
            taken,
            json!({"run_id": "r1", "source": "clienttether", "resource": resource, "observed_at": AT, "part": 1,
                "parts": 1, "records": records}),
        )
    };
    let run = json!({"run_id": "r1", "source": "clienttether"});
    let facts = [
        with(fact("clienttether", "start", "sync_started", AT), run.clone()),
        taken("leads", json!([deal("1", "QR Sent", "Web", 0), deal("2", "QR Sent", "Radio", 0)])),
        taken("opportunities", json!([deal("1", "QR Sent", "Web", 5), deal("2", "FA Sent", "Web", 7)])),
        with(with(fact("clienttether", "end", "sync_finished", AT), run), json!({"status": "success"})),
    ];
    server.record("acme", &facts).await;
    let plain = |(header, rows): (StringRecord, Vec<StringRecord>)| {
        let texts = |row: StringRecord| row.iter().map(str::to_owned).collect::<Vec<_>>();
        (texts(header), rows.into_iter().map(texts).collect::<Vec<_>>())
    };
    let (header, found) = plain(table(&server, "leads/summary?format=csv").await);
    assert_eq!(header, ["by", "name", "leads"]);
    assert_eq!(found, [["source", "Radio", "1"], ["source", "Web", "1"], ["status", "QR Sent", "2"]]);
    let (header, found) = plain(table(&server, "pipeline?format=csv").await);
    assert_eq!(header, ["stage", "count", "value_minor", "likelihood_percent"]);
    assert_eq!(found, [["QR Sent", "1", "5", ""], ["FA Sent", "1", "7", ""]], "in the tenant's order");

    let target = json!({"url": "https://example.com/alerts", "rules": ["silence"], "tenants": ["acme"]});
    server.ask(TOKEN, "POST", "/api/v1/alert-targets", target).await.is(201);
    let targets = server.get("/api/v1/alert-targets?format=csv").await;
    assert_eq!(targets.is(200).header("content-disposition"), "attachment; filename=\"alert-targets.csv\"");
    let (header, found) = rows(&targets.text);
    let cell = |name: &str| found[0][column(&header, name)].to_owned();
    assert_eq!(["style", "host", "tenants"].map(cell), ["webhook", "example.com", r#"["acme"]"#]);
    let listed = server.get("/api/v1/alert-targets?limit=1").await.is(200).json.clone();
    assert!(listed["position"].is_u64() && listed["next_cursor"].is_null(), "a list as others are: {listed}");
}

#[tokio::test]
async fn f4_the_date_comes_first_and_every_nested_member_has_a_column() {
    let server = Site::new().start().await;
    let spent = |n: u32, currency: &str, minor: i64| {
        let spent = fact("meta", &format!("spend/{n}"), "ad_spend_observed", AT);
        with(
            spent,
            json!({"source": "meta", "account_id": format!("a{n}"), "date": "2025-10-09",
                "amount_minor": minor, "currency": currency}),
        )
    };
    let facts = [
        answered("c1", 45, AT),
        disposed("c1", 1, "appointment-set", "2025-10-09T12:05:00Z"),
        spent(1, "USD", 12_345),
        spent(2, "EUR", 900),
    ];
    server.record("acme", &facts).await;
    let (header, rows) = table(&server, "metrics/days?format=csv&from=2025-10-08&to=2025-10-09").await;
    assert_eq!(&header[0], "date", "{header:?}");
    let cell = |row: usize, name: &str| rows[row][column(&header, name)].to_owned();
    assert_eq!([cell(0, "date"), cell(1, "date")], ["2025-10-08", "2025-10-09"]);
    assert_eq!(cell(1, "outcomes.appointment-set"), "1");
    assert_eq!(cell(1, "ad_spend_span.from"), "2025-10-09");
    assert_eq!(
        [cell(0, "ad_spend_minor.USD"), cell(1, "ad_spend_minor.USD"), cell(1, "ad_spend_minor.EUR")],
        ["", "12345", "900"]
    );
    let (header, _) = table(&server, "provider-performance?format=csv&from=2025-10-08&to=2025-10-09").await;
    assert_eq!(&header[0], "date", "{header:?}");
    let (header, _) = table(&server, "notes?format=csv").await;
    assert_eq!(&header[0], "date", "{header:?}");
}

#[tokio::test]
async fn formulas_of_any_width_are_texts_in_answers_and_exports() {
    let site = Site::new();
    let server = site.start().await;
    let signs = ["=1+1", "+1", "-1", "@x", "＝1+1", "＋1", "－1", "＠x"];
    let named =
        |(n, sign): (usize, &&str)| with(answered(&format!("c{n}"), 45, AT), json!({"lead_id": sign}));
    let mut facts: Vec<Value> = signs.iter().enumerate().map(named).collect();
    let mut last = answered("plain", 45, AT);
    last["external_id"] = json!("＝cmd|' /C calc'!A1");
    facts.push(last);
    server.record("acme", &facts).await;
    let (header, found) = table(&server, "calls?format=csv").await;
    let mut leads: Vec<&str> = found.iter().map(|row| &row[column(&header, "lead_id")]).collect();
    leads.retain(|lead| !lead.is_empty());
    leads.sort_unstable();
    let mut expected: Vec<String> = signs.iter().map(|sign| format!("'{sign}")).collect();
    expected.sort_unstable();
    assert_eq!(leads, expected);
    server.terminate();
    let exported = site.cli(&["export", "--tenant", "acme", "--format", "csv"]);
    let (header, found) = rows(&exported.exits(0).stdout);
    let ids: Vec<&str> = found.iter().map(|row| &row[column(&header, "external_id")]).collect();
    assert!(ids.contains(&"'＝cmd|' /C calc'!A1"), "{ids:?}");
}

/// Notes of 4 KiB: 16 MB of CSV, more than sockets hold back, so that the server is not done when reading begins.
async fn long_notes(server: &Server) {
    let content = "x".repeat(4_096);
    let note = |n: usize| {
        let note = fact("office", &format!("note/{n}"), "note_written", AT);
        with(note, json!({"note_id": format!("n{n}"), "content": content}))
    };
    for at in 0..8 {
        let notes: Vec<Value> = (at * 500..(at + 1) * 500).map(note).collect();
        server.record("acme", &notes).await;
    }
}

async fn opened(server: &Server, token: &str) -> Response {
    // A list begins at what is folded.
    server.get(&format!("/api/v1/projections?min_position={}", server.seen())).await.is(200);
    let request = server.request("GET", &format!("{ACME}/facts?format=csv&kind=note_written&order=asc"));
    let response =
        request.bearer_auth(token).timeout(Duration::from_secs(120)).send().await.expect("answers");
    assert_eq!(response.status(), 200);
    response
}

#[tokio::test]
async fn f4_a_whole_list_ends_where_it_was_when_it_began() {
    let server = Site::new().start().await;
    long_notes(&server).await;
    let mut response = opened(&server, TOKEN).await;
    let mut text = response.chunk().await.expect("a chunk").expect("rows").to_vec();
    server
        .record("acme", &[with(fact("office", "late", "note_written", AT), json!({"note_id": "late"}))])
        .await;
    while let Some(chunk) = response.chunk().await.expect("a whole list") {
        text.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(text).expect("utf-8");
    assert_eq!(rows(&text).1.len(), 4_000, "expected the notes that were there when the list began");
    // Null control: it is there for who asks now.
    let (_, now) = rows(&opened(&server, TOKEN).await.text().await.expect("text"));
    assert_eq!(now.len(), 4_001);
}

#[tokio::test]
async fn g21_a_whole_list_is_cut_off_with_the_right_to_it_and_nobody_takes_the_part_for_the_whole() {
    let server = Site::new().start().await;
    long_notes(&server).await;
    let body = json!({"name": "reader", "role": "viewer", "tenants": ["acme"]});
    let issued = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await.is(201).json.clone();
    let mut response = opened(&server, issued["token"].as_str().expect("a token")).await;
    response.chunk().await.expect("a chunk").expect("rows");
    let token = format!("/api/v1/tokens/{}", issued["id"].as_str().expect("an id"));
    server.ask(TOKEN, "DELETE", &token, Value::Null).await.is(204);
    let broken = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "expected an error at the end of what was sent, not the end of a list");
}
