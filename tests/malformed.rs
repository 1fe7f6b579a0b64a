//! G11: malformed input on every documented route causes no 5xx, no panic, no lasting memory and no fact.

use std::net::IpAddr;
use std::time::Duration;

use crate::common::facts::{answered, mail, with};
use crate::common::random::Random;
use crate::common::routes::{Route, routes};
use crate::common::site::escape;
use crate::common::size::sized;
use crate::common::{Answer, Server, Site, TOKEN, stranger, twilio};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const AT: &str = "2025-10-09T12:00:00Z";
const SEED: u64 = 0x0B5E_55ED;
/// Memory that may be held more than before, in MiB.
const GROWTH_MAX: u64 = 64;

/// Invalid JSON, and JSON at the limits of the parser.
fn corpus() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str, levels| format!("{}{}", open.repeat(levels), close.repeat(levels));
    let texts = [
        "",
        " ",
        "null",
        "true",
        "0",
        "-",
        "-0",
        "1e",
        "1e400",
        "-1e-400",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "NaN",
        "Infinity",
        "'a'",
        "\"",
        "\"\\",
        "\"\\u\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\u0000\"",
        "\"\u{7f}\"",
        "[",
        "]",
        "[,]",
        "[1,]",
        "[1 2]",
        "{",
        "}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1}}",
        "[]]",
        "{\"a\":1,\"a\":2}",
        "{\"body\":{\"a\":1,\"a\":2}}",
        "/**/1",
        "1//",
        "\u{feff}{}",
        "\u{feff}",
        "tru",
        "nulll",
        "[1][2]",
        "{}{}",
        "\"\t\"",
        "\"\n\"",
        "\u{0}",
        "{\"\":\"\"}",
        "99999999999999999999999999999999999999999999999999",
        "-99999999999999999999999999999",
        "1.7976931348623159e308",
    ];
    let mut found: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    found.extend([
        deep("[", "]", 65).into_bytes(),
        deep("[", "]", 100_000).into_bytes(),
        "[".repeat(100_000).into_bytes(),
        deep("{\"a\":", "}", 100_000).into_bytes(),
        "{\"a\":".repeat(10_000).into_bytes(),
        b"\xff\xfe{}".to_vec(),
        b"\"\xc3\x28\"".to_vec(),
        b"\"\xed\xa0\x80\"".to_vec(),
        b"{\"a\":\"\xf0\x28\x8c\xbc\"}".to_vec(),
        format!("\"{}\"", "x".repeat(900_000)).into_bytes(),
        format!("{{\"a\":{}}}", "9".repeat(100_000)).into_bytes(),
    ]);
    found
}

/// A good fact, damaged.
fn damaged(random: &mut Random, n: u64) -> Vec<u8> {
    let good =
        with(answered(&format!("m{n}"), 45, AT), json!({"agent": "ann@example.com", "from": "+12025550123"}));
    let mut bytes = good.to_string().into_bytes();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(4) {
            0 => bytes[at] = random.below(256) as u8,
            1 => drop(bytes.remove(at)),
            2 => bytes.truncate(at.max(1)),
            _ => bytes.insert(at, *random.pick(b"{}[]\",:\\0e-\x00\xff")),
        }
    }
    bytes
}

/// What the document did not say, told together at the end.
type Unsaid = std::collections::BTreeSet<String>;

/// Fails on an answer that blames us; keeps one that the document does not know.
#[track_caller]
fn check(route: &Route, answer: &Answer, unsaid: &mut Unsaid) {
    assert!(answer.status < 500, "{} {} is answered {answer:?}", route.method, route.path);
    if !route.documents(answer.status) && answer.status != 405 {
        unsaid.insert(format!("{} {}: {} {}", route.method, route.path, answer.status, answer.json["code"]));
    }
    if answer.status >= 400 {
        answer.any_problem();
    }
}

/// A request of a route; of a stream only the head of the answer is waited for.
async fn ask(server: &Server, route: &Route, request: reqwest::RequestBuilder) -> Option<Answer> {
    if !route.streams() {
        return Some(server.send(request).await);
    }
    let answer = timeout(Duration::from_secs(20), request.send()).await.expect("in time").expect("answers");
    let status = answer.status().as_u16();
    assert!(status < 500 && route.documents(status), "{} is answered {status}", route.path);
    None
}

/// A path whose parameters match nothing.
fn strange(route: &Route, value: &str) -> String {
    route.filled(|name| if name == "tenant" { "acme".to_owned() } else { value.to_owned() })
}

struct Watched {
    server: Server,
    before: u64,
}

impl Watched {
    async fn new() -> Self {
        let server = Site::new().start().await;
        let lead = json!({"id": "7", "email": "a@example.com"});
        server.record("acme", &[answered("c1", 45, AT), mail("lead_replied", 1, lead, AT)]).await;
        let before = server.memory();
        Self { server, before }
    }

    fn sound(&self) {
        assert!(self.server.is_alive(), "the server is gone: {}", self.server.stderr());
        let said = self.server.stderr();
        assert!(!said.contains("panicked"), "a handler panicked:\n{said}");
        let grown = self.server.memory().saturating_sub(self.before);
        assert!(grown <= GROWTH_MAX, "the server holds {grown} MiB more than before");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_bodies_that_are_no_facts_are_refused_on_every_route_that_takes_a_body() {
    let watched = Watched::new().await;
    let (server, mut random) = (&watched.server, Random::new(SEED));
    let taking: Vec<Route> = routes(server)
        .await
        .into_iter()
        .filter(|route| route.method == "POST" || route.method == "PUT")
        .collect();
    let (corpus, mut unsaid) = (corpus(), Unsaid::new());
    for route in &taking {
        for body in &corpus {
            let request = server.request(&route.method, &strange(route, "x1")).bearer_auth(TOKEN);
            let request = request.header("content-type", "application/json").body(body.clone());
            if let Some(answer) = ask(server, route, request).await {
                check(route, &answer, &mut unsaid);
            }
        }
    }
    let facts = taking.iter().find(|route| route.path.ends_with("/facts")).expect("facts");
    for n in 0..sized(1_000, 50_000) {
        let body = damaged(&mut random, n);
        let media = *random.pick(&["application/json", "application/x-ndjson"]);
        let answer = server.post_raw("acme", media, body).await;
        check(facts, &answer, &mut unsaid);
    }
    assert!(unsaid.is_empty(), "the document does not say {unsaid:#?}");
    watched.sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_strange_paths_and_parameters_are_refused_on_every_route() {
    let watched = Watched::new().await;
    let server = &watched.server;
    let (long, mut unsaid) = ("x".repeat(5_000), Unsaid::new());
    let texts = [
        "",
        "0",
        "-1",
        "18446744073709551615",
        "99999999999999999999",
        "1e9",
        "\u{0}",
        "a\u{0}b",
        "../../etc",
        "%00",
        "'; drop table",
        "2025-13-45",
        "9999-12-31",
        "-9999-01-01",
        "2025-02-29T25:61:61Z",
        "0000",
        "\u{202e}",
        "💥",
        "true",
        "null",
        "{}",
        "asc",
        "AAAAAAAAAAAA",
        "+",
        "\t",
        &long,
    ];
    for route in routes(server).await {
        for text in texts {
            let mut paths = vec![strange(&route, text)];
            let plain = strange(&route, "x1");
            // Positions that are to come are waited for, as promised.
            let waits = text.parse::<u64>().is_ok_and(|position| position > 0);
            let names = route.query().into_iter().filter(|name| !(waits && name.ends_with("_position")));
            paths.extend(names.map(|name| format!("{plain}?{name}={}", escape(text))));
            for path in paths {
                let request = server.request(&route.method, &path).bearer_auth(TOKEN);
                let request =
                    request.header("if-none-match", text.replace(|c: char| !c.is_ascii_graphic(), ""));
                // A path without its last part is another route.
                let is_other = text.is_empty() || text.contains(['/', '.']);
                match ask(server, &route, request).await {
                    Some(answer) if is_other => assert!(answer.status < 500, "{answer:?}"),
                    Some(answer) => check(&route, &answer, &mut unsaid),
                    None => {}
                }
            }
        }
    }
    assert!(unsaid.is_empty(), "the document does not say {unsaid:#?}");
    watched.sound();
}

/// Logins and credentials that nobody has, on every route: each from an address of its own, as failures are limited.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_logins_and_unknown_credentials_are_refused_and_leave_no_memory() {
    let watched = Watched::new().await;
    let (server, mut unsaid) = (&watched.server, Unsaid::new());
    let table = routes(server).await;
    let login = table.iter().find(|route| route.path == "/api/v1/login").expect("a route");
    let wrong =
        (0..60).map(|n| json!({"email": format!("n{n}@example.com"), "password": "wrong horse battery"}));
    let wrong = wrong.map(|body| body.to_string().into_bytes());
    for body in corpus().into_iter().chain(wrong) {
        let request = from_elsewhere(server, login, &strange(login, "x1"));
        let answer = server.send(request.header("content-type", "application/json").body(body)).await;
        check(login, &answer, &mut unsaid);
        assert!(answer.status >= 400, "{answer:?}");
    }
    let long = "x".repeat(10_000);
    let unknown = format!("ff_{}_{}", "0".repeat(32), "A".repeat(43));
    let credentials = [
        ("authorization", format!("Bearer {unknown}")),
        ("authorization", format!("Bearer {long}")),
        ("authorization", "Basic YTpi".to_owned()),
        ("cookie", format!("factfold_session={unknown}; factfold_device={unknown}")),
        ("cookie", format!("factfold_session={long}")),
    ];
    for route in table.iter().filter(|route| !route.streams()) {
        for (name, value) in &credentials {
            let request = from_elsewhere(server, route, &strange(route, "x1")).header(*name, value);
            let answer = server.send(request).await;
            check(route, &answer, &mut unsaid);
            assert!(route.need == "open" || answer.status == 401, "{name} {value:.40}: {answer:?}");
        }
    }
    assert!(unsaid.is_empty(), "the document does not say {unsaid:#?}");
    watched.sound();
}

/// A request of the route from an address that sent none before.
fn from_elsewhere(server: &Server, route: &Route, path: &str) -> reqwest::RequestBuilder {
    let client =
        reqwest::Client::builder().local_address(IpAddr::from(stranger::fresh())).redirect(Policy::none());
    let method = route.method.parse().expect("a method");
    client.build().expect("a client").request(method, format!("{}{path}", server.base))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_one_request_is_never_taken_for_two() {
    let watched = Watched::new().await;
    let server = &watched.server;
    let address = server.base.strip_prefix("http://").expect("a plain address").to_owned();
    let post = format!(
        "POST /api/v1/tenants/acme/facts HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n"
    );
    let hidden = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    let cases: Vec<Vec<u8>> = [
        format!("{post}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nX{hidden}"),
        format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\n{hidden}"),
        format!("{post}content-length: +5\r\n\r\n{hidden}"),
        format!("{post}content-length: 5, 6\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\n\r\nZZ\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{hidden}"),
        format!("{post}content-length: 99999999999999999999\r\n\r\n{hidden}"),
        format!("{post}x: {}\r\n\r\n", "y".repeat(1 << 20)),
        format!("{}\r\n", "x: y\r\n".repeat(10_000)),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET {} HTTP/1.1\r\nhost: a\r\n\r\n", "/x".repeat(100_000)),
        "GET /healthz HTTP/1.1\r\nhost: a\r\nx: a\u{0}b\r\n\r\n".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    for case in cases {
        let mut stream = TcpStream::connect(&address).await.expect("connects");
        // The server may close before all is sent.
        let _ = stream.write_all(&case).await;
        let mut read = Vec::new();
        let _ = timeout(Duration::from_millis(700), stream.read_to_end(&mut read)).await;
        let said = String::from_utf8_lossy(&read);
        let shown: String = String::from_utf8_lossy(&case).chars().take(300).collect();
        let answers = said.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "taken for {answers} requests: {shown}\n{said}");
        assert!(!said.contains("HTTP/1.1 5") && !said.contains("\"alive\""), "{shown}\n{said}");
    }
    watched.sound();
    let form = twilio::ended("CA1", "completed", 45, "Thu, 09 Oct 2025 12:00:00 +0000");
    twilio::deliver(server, &form).await.is(200);
}

#[tokio::test]
async fn g11_null_control_a_good_fact_is_recorded_and_a_route_that_is_not_documented_is_seen() {
    let watched = Watched::new().await;
    let route = Route {
        method: "GET".into(),
        path: "/healthz".into(),
        need: "open".into(),
        roles: Vec::new(),
        operation: json!({"responses": {"404": {}}}),
    };
    let answer = watched.server.send(watched.server.request("GET", "/healthz")).await;
    assert!(!route.documents(answer.status), "the check would let it through");
    watched.server.post("acme", &answered("good", 45, AT)).await.is(201);
    assert_eq!(watched.server.read("acme", "calls/good").await["call_id"], Value::from("good"));
}
