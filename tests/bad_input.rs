//! G11 in small: bad input is answered by a 4xx problem that names the fault, and the log is unchanged.

use crate::common::facts::{answered, call, fact, with};
use crate::common::{Answer, Server, Site, TOKEN, bison, twilio};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";
const JSON: &str = "application/json";

/// A server and the position of the last fact, to see that nothing came in between.
struct Untouched {
    server: Server,
    position: u64,
}

impl Untouched {
    async fn new() -> Self {
        let site = Site::new();
        let server = site.start().await;
        let position = server.post("acme", &call("before", "ringing", AT)).await.is(201).position();
        Self { server, position }
    }

    /// The server lives, and the next fact follows the first immediately.
    async fn still(self) {
        assert!(self.server.is_alive(), "expected the server to live; it said {}", self.server.stderr());
        let next = self.server.post("acme", &call("after", "ringing", AT)).await;
        let expected = self.position + 1;
        assert_eq!(next.is(201).position(), expected, "expected nothing to have been recorded in between");
    }
}

/// What must be refused with 422, and the member that must be named.
async fn refused(server: &Server, body: &str, field: &str) {
    server.post_raw("acme", JSON, body.to_owned()).await.is(422).names(field);
}

#[tokio::test]
async fn members_that_are_missing_wrong_or_unknown_are_named() {
    let untouched = Untouched::new().await;
    let good = answered("CA1", 45, AT);
    let mut cases: Vec<(Value, &str)> = Vec::new();
    for member in ["provider", "external_id", "kind", "occurred_at", "body"] {
        let mut without = good.clone();
        without.as_object_mut().expect("object").remove(member);
        cases.push((without, member));
        for wrong in [json!(7), json!(null), json!([]), json!(true)] {
            let mut changed = good.clone();
            changed[member] = wrong;
            cases.push((changed, member));
        }
    }
    let set = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed[member] = value;
        changed
    };
    for id in ["", " CA1", "CA1 ", "CA\u{7}1", "CA\n1", "CA\u{0}1", "CA\u{85}1", &"x".repeat(513)] {
        cases.push((set("external_id", json!(id)), "external_id"));
    }
    for provider in ["", "Twilio", "factfold", "twi-lio", "tw lio", &"x".repeat(33)] {
        cases.push((set("provider", json!(provider)), "provider"));
    }
    for at in
        ["", "yesterday", "2025-10-09", "2025-10-09T12:00:00", "2025-02-30T12:00:00Z", "2025-10-09T25:00:00Z"]
    {
        cases.push((set("occurred_at", json!(at)), "occurred_at"));
    }
    cases.push((set("kind", json!("call_teleported")), "kind"));
    cases.push((set("surprise", json!(1)), "surprise"));
    let body = |members: Value| with(good.clone(), members);
    for (members, field) in [
        (json!({"surprise": 1}), "surprise"),
        (json!({"call_id": null}), "call_id"),
        (json!({"call_id": 7}), "call_id"),
        (json!({"call_id": "  "}), "call_id"),
        (json!({"status": "exploded"}), "status"),
        (json!({"direction": "sideways"}), "direction"),
        (json!({"answered": "true"}), "answered"),
        (json!({"answered": 1}), "answered"),
        (json!({"started_at": "noon"}), "started_at"),
        (json!({"duration_seconds": 1e300}), "duration_seconds"),
        (json!({"duration_seconds": 18_446_744_073_709_551_615_u64}), "duration_seconds"),
        (json!({"agent": {"email": "ann@example.com"}}), "agent"),
    ] {
        cases.push((body(members), field));
    }
    let lead =
        with(fact("emailbison", "e1", "email_sent", AT), json!({"lead": {"id": "1", "shoe_size": 43}}));
    cases.push((lead, "shoe_size"));
    cases.push((
        with(fact("desk", "d1", "call_disposed", AT), json!({"call_id": "a", "outcome": "eloped"})),
        "outcome",
    ));
    cases.push((
        with(
            fact("desk", "t1", "target_set", AT),
            json!({"month": "2025-13", "metric": "qualified", "value": 1}),
        ),
        "month",
    ));
    for (case, field) in cases {
        refused(&untouched.server, &case.to_string(), field).await;
    }
    untouched.still().await;
}

#[tokio::test]
async fn kinds_of_the_engine_are_not_accepted_from_anyone() {
    let untouched = Untouched::new().await;
    for kind in
        ["delivery_quarantined", "conflict_observed", "conflict_accepted", "tenant_closed", "token_issued"]
    {
        let answer = untouched.server.post("acme", &fact("desk", "x1", kind, AT)).await;
        assert_eq!(answer.problem(422)["code"], "kind_not_accepted", "expected of {kind}: {answer:?}");
        let batch = untouched.server.post("acme", &json!([fact("desk", "x1", kind, AT)])).await;
        assert_eq!(batch.is(200).json["rejected"], 1, "expected {kind} to be rejected in a batch: {batch:?}");
    }
    untouched.still().await;
}

#[tokio::test]
async fn bodies_that_are_no_json_are_400() {
    let untouched = Untouched::new().await;
    let good = answered("CA1", 45, AT).to_string();
    let deep = |depth: usize| good.replace("\"CA1\"", &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b" \n".to_vec(),
        b"{".to_vec(),
        good.as_bytes()[..good.len() - 1].to_vec(),
        format!("{good}{good}").into(),
        format!("{good},").into(),
        format!("[{good},]").into(),
        format!("[{good}").into(),
        format!("[{good}]]").into(),
        good.replace("true", "True").into(),
        good.replace("45", "045").into(),
        good.replace("45", "NaN").into(),
        good.replace("45", "1e999").into(),
        good.replace("CA1:", "CA\u{1}1:").into(),
        good.replace("CA1:", "\\ud800").into(),
        [b"\xff\xfe".to_vec(), good.clone().into()].concat(),
        good.replace("CA1:", "@").bytes().map(|b| if b == b'@' { 0xC3 } else { b }).collect(),
        [good.clone().into(), vec![0]].concat(),
        deep(65).into(),
        deep(100_000).into(),
        "[".repeat(500_000).into(),
        "{\"a\":".repeat(100_000).into(),
        good.replace("\"kind\"", "\"kind\":\"call_reported\",\"kind\"").into(),
        good.replace("\"answered\"", "\"answered\":true,\"answered\"").into(),
    ];
    for body in bodies {
        let shown: String = String::from_utf8_lossy(&body).chars().take(300).collect();
        let answer = untouched.server.post_raw("acme", JSON, body).await;
        assert_eq!(answer.any_problem()["status"], 400, "expected 400 for {shown:?}: {answer:?}");
    }
    for body in ["7", "\"text\"", "null", "true"] {
        untouched.server.post_raw("acme", JSON, body).await.problem(422);
    }
    untouched.still().await;
}

#[tokio::test]
async fn lines_that_are_no_facts_are_rejected_one_by_one() {
    let untouched = Untouched::new().await;
    let lines = "{\n[]\n7\nnull\n{}\n\u{0}\n{\"kind\":\"call_reported\"}\n";
    let answer = untouched.server.post_raw("acme", "application/x-ndjson", lines).await;
    assert_eq!(answer.is(200).json["rejected"], 7, "expected each line to be rejected: {answer:?}");
    assert_eq!(answer.json["recorded"], 0, "expected nothing recorded: {answer:?}");
    let results = answer.json["results"].as_array().expect("results");
    let numbers: Vec<u64> = results.iter().filter_map(|result| result["line"].as_u64()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7], "expected each line by its number: {answer:?}");
    let binary = untouched.server.post_raw("acme", "application/x-ndjson", vec![0xFF; 3_000]).await;
    assert_eq!(binary.is(200).json["rejected"], 1, "expected it rejected: {binary:?}");
    untouched.still().await;
}

#[tokio::test]
async fn a_fact_or_delivery_over_its_limit_is_413() {
    let untouched = Untouched::new().await;
    let mebibyte = 1 << 20;
    let answer = bison::deliver_raw(&untouched.server, " ".repeat(mebibyte + 1)).await;
    answer.problem(413);
    let path = format!("/hooks/twilio/{}", twilio::ENDPOINT);
    let form =
        untouched.server.request("POST", &path).header("content-type", "application/x-www-form-urlencoded");
    untouched.server.send(form.body(format!("a={}", "b".repeat(mebibyte)))).await.problem(413);
    let huge = with(answered("CA1", 45, AT), json!({"campaign": "x".repeat(mebibyte)})).to_string();
    untouched.server.post_raw("acme", JSON, huge).await.problem(413);
    untouched.still().await;
}

#[tokio::test]
async fn a_wrong_content_type_is_415() {
    let untouched = Untouched::new().await;
    let body = answered("CA1", 45, AT).to_string();
    for media in
        ["text/plain", "application/xml", "application/x-www-form-urlencoded", "jsonish", "application/jsonx"]
    {
        untouched.server.post_raw("acme", media, body.clone()).await.problem(415);
    }
    let none =
        untouched.server.request("POST", "/api/v1/tenants/acme/facts").bearer_auth(TOKEN).body(body.clone());
    untouched.server.send(none).await.problem(415);
    let charset = "application/json; charset=utf-8";
    untouched.still().await;
    let site = Site::new();
    site.start().await.post_raw("acme", charset, body).await.is(201);
}

#[tokio::test]
async fn bad_queries_are_400_and_name_the_parameter() {
    let untouched = Untouched::new().await;
    let cases = [
        ("metrics/month?month=2025-13", "month"),
        ("metrics/month?month=2025-1", "month"),
        ("metrics/month?month=october", "month"),
        ("metrics/month?month=99999-01", "month"),
        ("metrics/month?month=2025-10&month=2025-11", "month"),
        ("metrics/month?moth=2025-10", "moth"),
        ("metrics/month?min_position=-1", "min_position"),
        ("metrics/month?min_position=x", "min_position"),
        ("metrics/month?min_position=18446744073709551616", "min_position"),
        ("metrics/days?from=2025-02-30&to=2025-03-01", "from"),
        ("metrics/days?from=2025-10-01&to=nope", "to"),
        ("metrics/days?from=2025-10-01&to=2025-10-02&zone=UTC", "zone"),
        ("calls?limit=0", "limit"),
        ("calls?limit=501", "limit"),
        ("calls?limit=-1", "limit"),
        ("calls?limit=ten", "limit"),
        ("calls?limit=99999999999999999999", "limit"),
        ("calls?cursor=%00%ff", "cursor"),
        ("calls?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("calls?status=great", "status"),
        ("calls?from=noon", "from"),
        ("calls?page=2", "page"),
        ("facts?limit=501", "limit"),
        ("facts?cursor=nonsense", "cursor"),
        ("facts?order=sideways", "order"),
        ("facts?kind=call_teleported", "kind"),
        ("facts?surprise=1", "surprise"),
        ("facts/by-key?provider=twilio", "external_id"),
        ("facts/by-key?external_id=x", "provider"),
        ("outreach/leads?stage=married", "stage"),
        ("outreach/leads?limit=501", "limit"),
        ("outreach/leads?cursor=nonsense", "cursor"),
        ("outreach/leads?surprise=1", "surprise"),
    ];
    for (query, parameter) in cases {
        let answer = untouched.server.get(&format!("/api/v1/tenants/acme/{query}")).await;
        answer.names_parameter(parameter).problem(400);
    }
    for span in
        ["from=2025-10-02&to=2025-10-01", "from=0000-01-01&to=9999-12-31", "from=2025-10-01&to=+262143-12-31"]
    {
        untouched.server.get(&format!("/api/v1/tenants/acme/metrics/days?{span}")).await.any_problem();
    }
    for position in ["0", "999999999", "-1", "x", "18446744073709551616", "%00"] {
        let answer = untouched.server.get(&format!("/api/v1/tenants/acme/facts/{position}")).await;
        assert_eq!(answer.any_problem()["status"], 404, "position {position}: {answer:?}");
    }
    untouched.still().await;
}

#[tokio::test]
async fn without_the_token_nothing_is_read_or_written() {
    let untouched = Untouched::new().await;
    let routes =
        ["facts", "metrics/month", "metrics/days?from=2025-10-01&to=2025-10-02", "calls", "outreach/leads"];
    for token in
        [None, Some(""), Some("wrong"), Some("admin-token-of-the-test"), Some("admin-token-of-the-tests1")]
    {
        for tenant in ["acme", "nobody"] {
            for (method, route) in routes.iter().map(|route| ("GET", *route)).chain([("POST", "facts")]) {
                let mut request =
                    untouched.server.request(method, &format!("/api/v1/tenants/{tenant}/{route}"));
                if let Some(token) = token {
                    request = request.header("authorization", format!("Bearer {token}"));
                }
                let request = request.header("content-type", JSON).body(answered("CA1", 45, AT).to_string());
                untouched.server.send(request).await.problem(401);
            }
        }
    }
    let basic =
        untouched.server.request("GET", "/api/v1/tenants/acme/calls").header("authorization", "Basic YTpi");
    untouched.server.send(basic).await.problem(401);
    untouched.still().await;
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems_too() {
    let untouched = Untouched::new().await;
    for path in [
        "/nothing",
        "/api/v2/tenants/acme/calls",
        "/api/v1/tenants/acme/nothing",
        "/api/v1/tenants/%ff/calls",
    ] {
        untouched.server.get(path).await.problem(404);
    }
    for (method, path) in [
        ("DELETE", "/api/v1/tenants/acme/facts"),
        ("PUT", "/api/v1/tenants/acme/calls"),
        ("POST", "/api/v1/tenants/acme/metrics/month"),
        ("DELETE", "/hooks/emailbison/eb-9c1d22aa"),
        ("POST", "/version"),
    ] {
        let request = untouched.server.request(method, path).bearer_auth(TOKEN);
        let answer: Answer = untouched.server.send(request).await;
        answer.problem(405);
    }
    untouched.still().await;
}
