//! G13: every route of the server's route table answers every sort of caller exactly as its row says.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::planted::{Ids, plant, site};
use crate::common::routes::{Route, routes};
use crate::common::{Answer, Server, TOKEN};
use serde_json::{Value, json};

const ROLES: [&str; 5] = ["viewer", "agent", "auditor", "operator", "admin"];
const PASSWORD: &str = "correct horse battery";

/// Routes that see to the caller's page and password themselves; `access` asks them.
const LOGINS: [&str; 2] = ["/api/v1/login", "/api/v1/logout"];

/// What a caller shows.
#[derive(Debug, Clone)]
enum Shows {
    Nothing,
    Token(String),
    Cookie(String),
    /// A cookie, from a page of another site.
    Elsewhere(String),
}

/// Who asks, and what the server should know of him.
#[derive(Debug, Clone)]
struct Caller {
    name: String,
    shows: Shows,
    /// None where the server knows nobody by it.
    role: Option<&'static str>,
    /// The one tenant that he is tied to; all without.
    tied: Option<&'static str>,
}

/// What an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Refused(u16),
    /// Let through by the gate: a reading is answered, a change is taken or refused for what it asks.
    Reached,
}

/// What the table's row says of a caller who asks for acme's.
fn expected(route: &Route, caller: &Caller) -> Expected {
    if route.need == "open" {
        return Expected::Reached;
    }
    let Some(role) = caller.role else { return Expected::Refused(401) };
    if matches!(caller.shows, Shows::Elsewhere(_)) {
        return Expected::Refused(403);
    }
    let knows = match caller.tied {
        _ if route.need == "known" => true,
        Some(tied) => route.is_of_a_tenant() && tied == "acme",
        None => true,
    };
    if !knows {
        return Expected::Refused(404);
    }
    let may = route.need == "known" || route.roles.iter().any(|known| known == role);
    if may { Expected::Reached } else { Expected::Refused(403) }
}

/// How the answer differs from what was expected.
fn breach(route: &Route, expected: Expected, answer: &Answer) -> Option<String> {
    let code = answer.json["code"].as_str().unwrap_or_default();
    let detail = answer.json["detail"].as_str().unwrap_or_default();
    let by_the_gate = match answer.status {
        401 => route.need != "open",
        403 => true,
        404 => ["tenant not found", "route not found"].contains(&detail),
        _ => false,
    };
    let is_so = match expected {
        Expected::Refused(status) => answer.status == status && by_the_gate,
        Expected::Reached if route.method == "GET" && route.need != "open" => answer.status == 200,
        Expected::Reached => answer.status < 500 && !by_the_gate,
    };
    let told =
        || format!("{} {}: expected {expected:?}, got {} {code}", route.method, route.path, answer.status);
    (!is_so).then(told)
}

/// Asks as such a caller. Credentials that are not known are counted by address: each request has one of its own.
async fn ask(server: &Server, caller: &Caller, route: &Route, ids: &Ids) -> Answer {
    static ADDRESS: AtomicU32 = AtomicU32::new(0);
    let mut path = route.filled(|name| match name {
        "tenant" => "acme".to_owned(),
        "file" => "index.html".to_owned(),
        "endpoint" | "token" => "none".to_owned(),
        _ => ids.get(name).unwrap_or_else(|| panic!("{}: nothing is planted as {name}", route.path)).clone(),
    });
    let query = route.needed_query(ids);
    if !query.is_empty() {
        path = format!("{path}?{query}");
    }
    let mut request = if caller.role.is_none() {
        let address = Ipv4Addr::from_bits(0x7f01_0000 + ADDRESS.fetch_add(1, Ordering::Relaxed));
        let client = reqwest::Client::builder().local_address(std::net::IpAddr::from(address)).build();
        let method = route.method.parse().expect("a method");
        client.expect("a client").request(method, format!("{}{path}", server.base))
    } else {
        server.request(&route.method, &path)
    };
    request = match &caller.shows {
        Shows::Nothing => request,
        Shows::Token(token) => request.bearer_auth(token),
        Shows::Cookie(cookie) => request.header("cookie", cookie).header("sec-fetch-site", "same-origin"),
        Shows::Elsewhere(cookie) => request.header("cookie", cookie).header("sec-fetch-site", "cross-site"),
    };
    if route.takes_body() {
        request = request.json(&json!({}));
    }
    server.send(request).await
}

async fn log_in(server: &Server, email: &str) -> String {
    let body = json!({"email": email, "password": PASSWORD});
    let login = server.send(server.request("POST", "/api/v1/login").json(&body)).await;
    let set = login.is(200).header("set-cookie").to_owned();
    set.split(';').next().expect("a cookie").to_owned()
}

async fn user(server: &Server, email: &str) -> String {
    let body = json!({"email": email, "name": "Someone", "password": PASSWORD});
    let added = server.ask(TOKEN, "POST", "/api/v1/users", body).await;
    added.is(201).json["id"].as_str().expect("id").to_owned()
}

/// Tokens of each role for one tenant, the other or none; logins; and invalid credentials.
async fn callers(server: &Server) -> Vec<Caller> {
    let mut all = Vec::new();
    for role in ROLES {
        for tied in [Some("acme"), Some("globex"), None] {
            if tied.is_none() && ["viewer", "agent"].contains(&role) {
                continue;
            }
            let shows = Shows::Token(server.token(role, tied.as_slice()).await);
            all.push(Caller { name: format!("{role} of {tied:?}"), shows, role: Some(role), tied });
        }
    }
    for (tied, role, email) in
        [("acme", "agent", "of-acme@example.com"), ("globex", "operator", "of-globex@example.com")]
    {
        let id = user(server, email).await;
        let membership = format!("/api/v1/users/{id}/memberships/{tied}");
        server.ask(TOKEN, "PUT", &membership, json!({"role": role})).await.is(204);
        let cookie = log_in(server, email).await;
        for shows in [Shows::Cookie(cookie.clone()), Shows::Elsewhere(cookie)] {
            all.push(Caller { name: email.to_owned(), shows, role: Some(role), tied: Some(tied) });
        }
    }
    let body = json!({"name": "gone", "role": "admin", "tenants": ["acme"]});
    let revoked = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await.is(201).json.clone();
    let path = format!("/api/v1/tokens/{}", revoked["id"].as_str().expect("id"));
    server.ask(TOKEN, "DELETE", &path, Value::Null).await.is(204);
    let over = log_in(server, "of-acme@example.com").await;
    let logout = server.request("POST", "/api/v1/logout").header("cookie", &over);
    server.send(logout).await.is(204);
    let nobody = [
        ("nobody", Shows::Nothing),
        ("revoked", Shows::Token(revoked["token"].as_str().expect("token").to_owned())),
        ("made up", Shows::Token(format!("ff_{}_{}", "0".repeat(32), "A".repeat(43)))),
        ("logged out", Shows::Cookie(over)),
    ];
    all.extend(nobody.map(|(name, shows)| Caller { name: name.to_owned(), shows, role: None, tied: None }));
    all
}

/// Sends every request as every caller: readings first, then changes that must be refused, then those that may succeed.
async fn breaches(server: &Server, table: &[Route], callers: &[Caller], ids: &Ids) -> Vec<String> {
    let mut rows: Vec<(&Route, &Caller, Expected)> = Vec::new();
    for route in table.iter().filter(|route| !route.streams() && !LOGINS.contains(&route.path.as_str())) {
        rows.extend(callers.iter().map(|caller| (route, caller, expected(route, caller))));
    }
    rows.sort_by_key(|(route, _, expected)| (route.method != "GET", *expected == Expected::Reached));
    let mut found = Vec::new();
    for (route, caller, expected) in rows {
        let answer = ask(server, caller, route, ids).await;
        found.extend(breach(route, expected, &answer).map(|breach| format!("{}: {breach}", caller.name)));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_every_route_answers_every_caller_as_the_table_says() {
    let server = site().start().await;
    let ids = plant(&server).await;
    let (table, callers) = (routes(&server).await, callers(&server).await);
    let found = breaches(&server, &table, &callers, &ids).await;
    assert!(found.is_empty(), "{} breaches: {found:#?}", found.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_null_control_a_route_that_lets_through_whom_the_table_refuses_is_a_breach() {
    let server = site().start().await;
    let ids = plant(&server).await;
    let (mut table, mut callers) = (routes(&server).await, callers(&server).await);
    table.retain(|route| route.method == "GET" && route.path.ends_with("/calls"));
    assert_eq!(breaches(&server, &table, &callers, &ids).await, Vec::<String>::new());
    // A table that asks for more than the server does.
    let mut stricter = table.clone();
    stricter[0].roles = vec!["admin".to_owned()];
    let found = breaches(&server, &stricter, &callers, &ids).await;
    assert!(found.iter().any(|breach| breach.contains("viewer of Some(\"acme\")")), "{found:?}");
    // One that asks for less.
    let mut open = table.clone();
    open[0].need = "open".to_owned();
    let found = breaches(&server, &open, &callers, &ids).await;
    assert!(found.iter().any(|breach| breach.contains("of Some(\"globex\")")), "{found:?}");
    // A token of acme in the hands of globex, and one that was not revoked.
    let own = callers.iter().find(|caller| caller.tied == Some("acme")).expect("one").shows.clone();
    let other = callers.iter_mut().find(|caller| caller.tied == Some("globex")).expect("one");
    (other.name, other.shows) = ("stolen".into(), own.clone());
    let revoked = callers.iter_mut().find(|caller| caller.name == "revoked").expect("one");
    revoked.shows = own;
    let found = breaches(&server, &table, &callers, &ids).await;
    assert!(
        ["stolen", "revoked"].iter().all(|name| found.iter().any(|breach| breach.starts_with(name))),
        "{found:?}"
    );
}
