//! Who may do what (API, Conventions; RELIABILITY, Tokens): tokens, users, logins, over real sockets.

use crate::common::site::files;
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};

const LEADS: &str = "/api/v1/tenants/acme/outreach/leads";

fn disposed(id: &str) -> Value {
    json!({"provider": "desk", "external_id": id, "kind": "call_disposed",
           "occurred_at": "2025-10-09T12:00:00Z", "body": {"call_id": "CA1", "outcome": "busy"}})
}

fn reported(id: &str) -> Value {
    json!({"provider": "desk", "external_id": id, "kind": "call_reported",
           "occurred_at": "2025-10-09T12:00:00Z", "body": {"call_id": "CA1", "status": "completed"}})
}

async fn get(server: &Server, token: &str, path: &str) -> Answer {
    server.ask(token, "GET", path, Value::Null).await
}

#[tokio::test]
async fn tokens_are_shown_once_valid_at_once_and_refused_at_once() {
    let site = Site::new();
    let server = site.start().await;
    let body = json!({"name": "ci", "role": "viewer", "tenants": ["acme"]});
    let issued = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await;
    let (id, token) = (issued.is(201).json["id"].clone(), issued.json["token"].clone());
    let (id, token) = (id.as_str().expect("id"), token.as_str().expect("token"));
    assert!(
        token.starts_with(&format!("ff_{id}_")) && token.len() == 3 + 32 + 1 + 43,
        "expected 256 bits: {token}"
    );
    get(&server, token, LEADS).await.is(200);

    let listed = get(&server, TOKEN, "/api/v1/tokens").await;
    let item = &listed.is(200).json["items"][0];
    assert_eq!(
        (&item["id"], &item["role"], &item["tenants"]),
        (&json!(id), &json!("viewer"), &json!(["acme"]))
    );
    assert!(item["last_used_at"].is_string() && item["revoked_at"].is_null(), "{item}");
    let secret = token.rsplit_once(&format!("{id}_")).expect("parts").1;
    assert!(!listed.text.contains(secret), "expected the secret to be shown once: {}", listed.text);

    server.ask(TOKEN, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.is(204);
    get(&server, token, LEADS).await.problem(401);
    server.ask(TOKEN, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.is(204);
    server.ask(TOKEN, "DELETE", "/api/v1/tokens/none", Value::Null).await.problem(404);

    let other = server.token("operator", &[]).await;
    server.stop();
    let server = site.start().await;
    get(&server, token, LEADS).await.problem(401);
    get(&server, &other, LEADS).await.is(200);
    for file in files(&site.data()) {
        let bytes = std::fs::read(&file).expect("readable");
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "expected no token in {}", file.display());
    }
    assert!(!server.said().contains(secret));
}

#[tokio::test]
async fn every_role_may_what_it_may_and_no_more() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[reported("seed")]).await;
    let facts = "/api/v1/tenants/acme/facts";
    for (role, disposes, reports, lists_tokens, issues) in [
        ("viewer", 403, 403, 404, 404),
        ("agent", 201, 403, 404, 404),
        ("auditor", 403, 403, 200, 403),
        ("operator", 201, 201, 200, 403),
        ("admin", 201, 201, 200, 201),
    ] {
        let tenants: &[&str] = if ["viewer", "agent"].contains(&role) { &["acme"] } else { &[] };
        let token = server.token(role, tenants).await;
        get(&server, &token, "/api/v1/tenants/acme/calls").await.is(200);
        let unknown = if tenants.is_empty() { 200 } else { 404 };
        get(&server, &token, "/api/v1/tenants/globex/calls").await.is(unknown);
        server.ask(&token, "POST", facts, disposed(&format!("{role}:d"))).await.is(disposes);
        server.ask(&token, "POST", facts, reported(&format!("{role}:r"))).await.is(reports);
        get(&server, &token, "/api/v1/tokens").await.is(lists_tokens);
        let body = json!({"name": "x", "role": "auditor"});
        server.ask(&token, "POST", "/api/v1/tokens", body).await.is(issues);
    }
    let bound = server.token("admin", &["acme"]).await;
    get(&server, &bound, "/api/v1/tokens").await.problem(404);
    get(&server, &bound, "/api/v1/tenants/globex/calls").await.problem(404);
    get(&server, &bound, "/api/v1/tenants/nowhere/calls").await.problem(404);
}

#[tokio::test]
async fn bad_tokens_are_refused_by_field() {
    let server = Site::new().start().await;
    for (body, field) in [
        (json!({"role": "viewer", "tenants": ["acme"]}), "/name"),
        (json!({"name": "x", "role": "king"}), "/role"),
        (json!({"name": "x", "role": "viewer"}), "/tenants"),
        (json!({"name": "x", "role": "agent", "tenants": ["*"]}), "/tenants"),
        (json!({"name": "x", "role": "admin", "tenants": ["nowhere"]}), "/tenants"),
        (json!({"name": "x", "role": "admin", "tenants": ["_control"]}), "/tenants"),
        (json!({"name": "x", "role": "admin", "secret": "mine"}), "/secret"),
    ] {
        let answer = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await;
        answer.problem(422);
        answer.names(field);
    }
    for bad in ["", "ff_", "ff_x_y", "nonsense", "Bearer"] {
        get(&server, bad, LEADS).await.problem(401);
    }
}

async fn user(server: &Server, email: &str, password: &str) -> String {
    let body = json!({"email": email, "name": "Ann", "password": password});
    let added = server.ask(TOKEN, "POST", "/api/v1/users", body).await;
    added.is(201).json["id"].as_str().expect("id").to_owned()
}

async fn log_in(server: &Server, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    server.send(server.request("POST", "/api/v1/login").json(&body)).await
}

fn cookie(login: &Answer) -> String {
    let set = login.is(200).header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(set.contains(part), "expected {part} in {set}");
    }
    set.split(';').next().expect("a cookie").to_owned()
}

async fn with_cookie(server: &Server, cookie: &str, method: &str, path: &str, site: Option<&str>) -> Answer {
    let mut request = server.request(method, path).header("cookie", cookie);
    if let Some(site) = site {
        request = request.header("sec-fetch-site", site);
    }
    server.send(request).await
}

#[tokio::test]
async fn f5_people_log_in_see_their_tenants_and_log_out() {
    let site = Site::new();
    let server = site.start().await;
    let id = user(&server, "Ann@Example.com", "correct horse battery").await;
    let membership = format!("/api/v1/users/{id}/memberships/acme");
    log_in(&server, "ann@example.com", "wrong horse battery").await.problem(401);
    log_in(&server, "nobody@example.com", "correct horse battery").await.problem(401);
    let cookie = cookie(&log_in(&server, "ann@example.com", "correct horse battery").await);

    let tenants = with_cookie(&server, &cookie, "GET", "/api/v1/tenants", None).await;
    assert_eq!(tenants.is(200).json["items"], json!([]));
    with_cookie(&server, &cookie, "GET", LEADS, None).await.problem(404);
    server.ask(TOKEN, "PUT", &membership, json!({"role": "viewer"})).await.is(204);
    with_cookie(&server, &cookie, "GET", LEADS, None).await.is(200);
    let tenants = with_cookie(&server, &cookie, "GET", "/api/v1/tenants", None).await;
    let item = &tenants.is(200).json["items"];
    assert_eq!(
        (&item[0]["id"], &item[0]["name"], &item[0]["role"], item.as_array().map(Vec::len)),
        (&json!("acme"), &json!("Acme Dental"), &json!("viewer"), Some(1)),
        "{item}"
    );
    let me = with_cookie(&server, &cookie, "GET", "/api/v1/me", None).await;
    assert_eq!(
        (&me.is(200).json["email"], &me.json["tenants"]),
        (&json!("ann@example.com"), &json!({"acme": "viewer"}))
    );

    server.stop();
    let server = site.start().await;
    with_cookie(&server, &cookie, "GET", LEADS, None).await.is(200);
    with_cookie(&server, &cookie, "POST", "/api/v1/logout", Some("cross-site")).await.problem(403);
    with_cookie(&server, &cookie, "POST", "/api/v1/logout", Some("same-origin")).await.is(204);
    with_cookie(&server, &cookie, "GET", LEADS, None).await.problem(401);
}

#[tokio::test]
async fn what_another_sites_page_asks_for_is_refused_with_a_cookie_and_taken_with_a_token() {
    let server = Site::new().start().await;
    let body = json!({"email": "root@example.com", "password": "correct horse battery", "role": "admin"});
    server.ask(TOKEN, "POST", "/api/v1/users", body).await.is(201);
    let cookie = cookie(&log_in(&server, "root@example.com", "correct horse battery").await);
    let body = json!({"name": "x", "role": "auditor"});
    let issue = |name: &'static str, value: String| {
        let request = server.request("POST", "/api/v1/tokens").header("cookie", &cookie).json(&body);
        server.send(request.header(name, value))
    };
    assert_eq!(issue("sec-fetch-site", "cross-site".into()).await.problem(403)["code"], "cross_site");
    issue("sec-fetch-site", "same-site".into()).await.problem(403);
    issue("origin", "https://evil.example".into()).await.problem(403);
    issue("origin", server.base.clone()).await.is(201);
    issue("sec-fetch-site", "same-origin".into()).await.is(201);
    // Reading is for the pages of our own site, and for a user who follows a link from elsewhere.
    let read = |headers: &[(&'static str, &str)]| {
        let request = server.request("GET", "/api/v1/tokens").header("cookie", &cookie);
        server.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    };
    let refused = read(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")]).await;
    assert_eq!(refused.problem(403)["code"], "cross_site");
    read(&[("origin", "https://evil.example")]).await.problem(403);
    read(&[("sec-fetch-site", "same-site")]).await.is(200);
    read(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]).await.is(200);
    read(&[]).await.is(200);
    let by_token = server.request("POST", "/api/v1/tokens").bearer_auth(TOKEN).json(&body);
    server.send(by_token.header("sec-fetch-site", "cross-site")).await.is(201);
}

#[tokio::test]
async fn users_are_changed_and_removed_and_their_logins_end() {
    let server = Site::new().start().await;
    let id = user(&server, "ann@example.com", "correct horse battery").await;
    let path = format!("/api/v1/users/{id}");
    let taken = json!({"email": "ANN@example.com", "password": "correct horse battery"});
    server.ask(TOKEN, "POST", "/api/v1/users", taken).await.problem(409);
    for (body, field) in [
        (json!({"password": "short"}), "/password"),
        (json!({"role": "viewer"}), "/role"),
        (json!({"colour": "red"}), "/colour"),
    ] {
        let answer = server.ask(TOKEN, "PATCH", &path, body).await;
        answer.problem(422);
        answer.names(field);
    }
    server.ask(TOKEN, "PATCH", &path, json!({"role": "auditor"})).await.is(204);
    let cookie = cookie(&log_in(&server, "ann@example.com", "correct horse battery").await);
    with_cookie(&server, &cookie, "GET", "/api/v1/tokens", None).await.is(200);
    server
        .ask(TOKEN, "PATCH", &path, json!({"role": "none", "password": "another horse battery"}))
        .await
        .is(204);
    with_cookie(&server, &cookie, "GET", "/api/v1/me", None).await.problem(401);
    log_in(&server, "ann@example.com", "correct horse battery").await.problem(401);
    log_in(&server, "ann@example.com", "another horse battery").await.is(200);
    let listed = get(&server, TOKEN, "/api/v1/users").await;
    assert_eq!(listed.is(200).json["items"][0]["role"], Value::Null);
    assert!(!listed.text.contains("argon2"), "expected no hash: {}", listed.text);
    server.ask(TOKEN, "DELETE", &path, Value::Null).await.is(204);
    log_in(&server, "ann@example.com", "another horse battery").await.problem(401);
    server.ask(TOKEN, "DELETE", &path, Value::Null).await.problem(404);
}

#[tokio::test]
async fn passwords_cannot_be_tried_one_after_the_other() {
    let server = Site::new().start().await;
    user(&server, "ann@example.com", "correct horse battery").await;
    for _ in 0..10 {
        log_in(&server, "ann@example.com", "wrong").await.problem(401);
    }
    let waits = log_in(&server, "ann@example.com", "correct horse battery").await;
    waits.problem(429);
    assert!(waits.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 800), "{waits:?}");
}

#[tokio::test]
async fn payloads_as_they_came_are_for_those_who_may_read_evidence() {
    let server = Site::new().start().await;
    let position = server.post("acme", &reported("seed")).await.is(201).position();
    for (role, may) in
        [("viewer", false), ("agent", false), ("auditor", true), ("operator", true), ("admin", true)]
    {
        let token = server.token(role, &["acme"]).await;
        for fact in [format!("facts/{position}?"), "facts/by-key?provider=desk&external_id=seed&".to_owned()]
        {
            let path = format!("/api/v1/tenants/acme/{fact}min_position={position}");
            get(&server, &token, &path).await.is(200);
            let raw = get(&server, &token, &format!("{path}&raw=true")).await;
            if may {
                assert!(raw.is(200).json["original"].is_string(), "{raw:?}");
            } else {
                assert_eq!(raw.problem(403)["code"], "forbidden", "{role}");
            }
        }
    }
}

/// Canaries in everything of the control tenant; then every tenant route and global list is searched for them.
#[tokio::test]
async fn r7_the_control_tenant_shows_nowhere() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[reported("seed")]).await;
    user(&server, "canary-mail@example.com", "canary-password-7f3a").await;
    let token = server.token("auditor", &[]).await;
    let head = get(&server, TOKEN, "/readyz").await.json["position"].as_u64().expect("position");
    for tenant in ["_control", "_unassigned", "%5Fcontrol"] {
        get(&server, TOKEN, &format!("/api/v1/tenants/{tenant}/facts")).await.problem(404);
        get(&server, TOKEN, &format!("/api/v1/tenants/{tenant}/calls")).await.problem(404);
    }
    for position in 1..=head {
        for tenant in ["acme", "globex"] {
            let fact =
                get(&server, &token, &format!("/api/v1/tenants/{tenant}/facts/{position}?raw=true")).await;
            let kind = fact.json["kind"].as_str().unwrap_or_default().to_owned();
            let is_own = ["", "call_reported", "tenant_configured"].contains(&kind.as_str());
            assert!(is_own, "expected no {kind} of the control tenant: {}", fact.text);
            assert!(!fact.text.contains("canary"), "{}", fact.text);
        }
    }
    let tenants = get(&server, TOKEN, "/api/v1/tenants").await;
    assert!(!tenants.is(200).text.contains("_control"), "{}", tenants.text);
    let told = server.said();
    assert!(!told.contains("canary") && !told.contains(&token[40..]), "{told}");
    server.stop();
    let listed = site.cli(&["log", "list", "--tenant", "_control"]);
    assert!(!listed.all().contains("canary") && !listed.all().contains("argon2"), "{}", listed.all());
    for position in 1..=head {
        let shown = site.cli(&["log", "show", &position.to_string(), "--raw"]);
        assert!(!shown.all().contains("canary") && !shown.all().contains("argon2"), "{}", shown.all());
    }
}
