//! Invitations (F5): a link makes one login, once, within seven days, and says nothing to whoever has none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::site::files;
use crate::common::stranger::{ask, fresh, post};
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const PASSWORD: &str = "correct horse battery";
const INVITATIONS: &str = "/api/v1/invitations";

async fn invite(server: &Server, body: Value) -> Answer {
    server.ask(TOKEN, "POST", INVITATIONS, body).await
}

/// A viewer of acme is invited: the invitation's id, and the token of its link.
async fn viewer(server: &Server, email: &str) -> (String, String) {
    let invited = invite(server, json!({"email": email, "memberships": {"acme": "viewer"}})).await;
    let url = invited.is(201).json["url"].as_str().expect("a link").to_owned();
    let token = url.split_once("/welcome?invitation=").expect("a page").1;
    (invited.json["id"].as_str().expect("an id").to_owned(), token.to_owned())
}

async fn accept(server: &Server, token: &str, body: &Value) -> Answer {
    let path = format!("{INVITATIONS}/{token}/accept");
    server.send(server.request("POST", &path).json(body)).await
}

fn ann() -> Value {
    json!({"name": "Ann", "password": PASSWORD})
}

async fn listed(server: &Server, id: &str) -> Value {
    let list = server.ask(TOKEN, "GET", INVITATIONS, Value::Null).await;
    let items = list.is(200).json["items"].as_array().expect("items").clone();
    items.into_iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id} in {}", list.text))
}

async fn log_in(server: &Server, email: &str) -> Answer {
    let body = json!({"email": email, "password": PASSWORD});
    server.send(server.request("POST", "/api/v1/login").json(&body)).await
}

#[tokio::test]
async fn f5_an_invited_person_makes_a_login_once_and_sees_the_tenants_of_the_invitation() {
    let site = Site::new();
    let server = site.start().await;
    let body = json!({"email": " Ann@Example.com", "memberships": {"acme": "viewer", "globex": "agent"}});
    let invited = invite(&server, body).await;
    let (id, url) = (invited.is(201).json["id"].as_str().expect("id"), invited.json["url"].as_str());
    let (base, token) = url.and_then(|url| url.split_once("/welcome?invitation=")).expect("a link");
    assert!(base.starts_with("http") && token.len() == 3 + 32 + 1 + 43, "expected 256 bits: {token}");
    assert_eq!(invited.header("cache-control"), "no-store");
    let open = listed(&server, id).await;
    assert_eq!(
        (&open["state"], &open["email"], &open["memberships"], &open["user_id"]),
        (
            &json!("open"),
            &json!("ann@example.com"),
            &json!({"acme": "viewer", "globex": "agent"}),
            &Value::Null
        )
    );
    assert_eq!(open["expires_at"], invited.json["expires_at"]);

    for (body, field) in [
        (json!({"name": "Ann"}), "/password"),
        (json!({"password": "short"}), "/password"),
        (json!({"password": PASSWORD, "email": "other@example.com"}), "/email"),
    ] {
        accept(&server, token, &body).await.names(field).problem(422);
    }
    // What was refused has used nothing up.
    let accepted = accept(&server, token, &ann()).await;
    assert_eq!(accepted.is(201).json["email"], "ann@example.com");
    accept(&server, token, &ann()).await.problem(404);
    let login = log_in(&server, "ann@example.com").await;
    let cookie = login.is(200).header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let me = server.send(server.request("GET", "/api/v1/me").header("cookie", &cookie)).await;
    assert_eq!(
        (&me.is(200).json["name"], &me.json["role"], &me.json["tenants"]),
        (&json!("Ann"), &Value::Null, &json!({"acme": "viewer", "globex": "agent"}))
    );
    let ended = listed(&server, id).await;
    assert_eq!((&ended["state"], &ended["user_id"]), (&json!("accepted"), &accepted.json["id"]));
    server.ask(TOKEN, "DELETE", &format!("{INVITATIONS}/{id}"), Value::Null).await.problem(409);

    let list = server.ask(TOKEN, "GET", INVITATIONS, Value::Null).await;
    let secret = token.rsplit_once(&format!("{id}_")).expect("parts").1;
    assert!(!list.text.contains(secret) && !server.said().contains(secret), "the secret is shown once");
    server.stop();
    let server = site.start().await;
    accept(&server, token, &ann()).await.problem(404);
    log_in(&server, "ann@example.com").await.is(200);
    for file in files(&site.data()) {
        let bytes = std::fs::read(&file).expect("readable");
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "expected no link in {}", file.display());
    }
}

#[tokio::test]
async fn an_admin_is_invited_for_all_tenants() {
    let server = Site::new().start().await;
    let invited = invite(&server, json!({"email": "root@example.com", "role": "admin"})).await;
    let url = invited.is(201).json["url"].as_str().expect("a link").to_owned();
    accept(&server, url.split_once("invitation=").expect("a token").1, &ann()).await.is(201);
    let users = server.get("/api/v1/users").await;
    assert_eq!(users.is(200).json["items"][0]["role"], "admin");
}

#[tokio::test]
async fn bad_invitations_are_refused_by_field_and_only_admins_invite() {
    let server = Site::new().start().await;
    for (body, field) in [
        (json!({"memberships": {"acme": "viewer"}}), "/email"),
        (json!({"email": 7, "memberships": {"acme": "viewer"}}), "/email"),
        (json!({"email": "ann@example.com"}), "/memberships"),
        (json!({"email": "ann@example.com", "memberships": {}}), "/memberships"),
        (json!({"email": "ann@example.com", "memberships": ["acme"]}), "/memberships"),
        (json!({"email": "ann@example.com", "memberships": {"nowhere": "viewer"}}), "/memberships"),
        (json!({"email": "ann@example.com", "memberships": {"_control": "admin"}}), "/memberships"),
        (json!({"email": "ann@example.com", "memberships": {"acme": "king"}}), "/memberships/acme"),
        (json!({"email": "ann@example.com", "role": "viewer"}), "/role"),
        (json!({"email": "ann@example.com", "role": "admin", "days": 90}), "/days"),
    ] {
        invite(&server, body).await.names(field).problem(422);
    }
    let body = json!({"email": "ann@example.com", "memberships": {"acme": "viewer"}});
    for (role, status) in [("auditor", 403), ("operator", 403)] {
        let token = server.token(role, &[]).await;
        server.ask(&token, "POST", INVITATIONS, body.clone()).await.problem(status);
        server.ask(&token, "GET", INVITATIONS, Value::Null).await.is(200);
    }
    let bound = server.token("admin", &["acme"]).await;
    server.ask(&bound, "POST", INVITATIONS, body).await.problem(404);
    server.ask(TOKEN, "DELETE", &format!("{INVITATIONS}/none"), Value::Null).await.problem(404);
}

#[tokio::test]
async fn unknown_used_withdrawn_and_replaced_links_are_answered_alike() {
    let server = Site::new().start().await;
    let (id, withdrawn) = viewer(&server, "ann@example.com").await;
    for _ in 0..2 {
        server.ask(TOKEN, "DELETE", &format!("{INVITATIONS}/{id}"), Value::Null).await.is(204);
    }
    assert_eq!(listed(&server, &id).await["state"], "withdrawn");
    let (replaced_id, replaced) = viewer(&server, "bob@example.com").await;
    let (_, used) = viewer(&server, "BOB@example.com").await;
    assert_eq!(listed(&server, &replaced_id).await["state"], "withdrawn");
    accept(&server, &used, &ann()).await.is(201);
    let (other_id, open) = viewer(&server, "cat@example.com").await;
    let wrong_secret = format!("ff_{other_id}_{}", used.rsplit_once('_').expect("a secret").1);
    let mut told = Vec::new();
    for token in [&withdrawn, &replaced, &used, &wrong_secret, "none", "ff_1_", "ff_1_2"] {
        let mut answer = accept(&server, token, &ann()).await.problem(404).clone();
        answer["request_id"] = Value::Null;
        told.push(answer);
        // A body that would be refused says no more.
        accept(&server, token, &json!({"colour": "red"})).await.problem(404);
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
    // Null control.
    accept(&server, &open, &ann()).await.is(201);
}

#[tokio::test]
async fn an_address_with_a_login_is_not_invited_and_keeps_its_password() {
    let server = Site::new().start().await;
    let (_, token) = viewer(&server, "ann@example.com").await;
    let added = json!({"email": "ann@example.com", "password": PASSWORD});
    let added = server.ask(TOKEN, "POST", "/api/v1/users", added).await;
    let path = format!("/api/v1/users/{}", added.is(201).json["id"].as_str().expect("an id"));
    let other = json!({"password": "another horse battery"});
    accept(&server, &token, &other).await.problem(409);
    log_in(&server, "ann@example.com").await.is(200);
    let again = invite(&server, json!({"email": "Ann@example.com", "memberships": {"acme": "agent"}})).await;
    assert_eq!(again.problem(409)["code"], "taken");
    // Once the login is gone, the link opens what it promised.
    server.ask(TOKEN, "DELETE", &path, Value::Null).await.is(204);
    accept(&server, &token, &ann()).await.is(201);
}

#[tokio::test]
async fn of_many_who_accept_at_once_one_makes_the_login() {
    let server = Arc::new(Site::new().start().await);
    let (_, token) = viewer(&server, "ann@example.com").await;
    let bodies: Vec<Value> =
        (0..8).map(|n| json!({"name": format!("Ann {n}"), "password": format!("{PASSWORD} {n}")})).collect();
    let mut all = JoinSet::new();
    for body in bodies {
        let (server, token) = (Arc::clone(&server), token.clone());
        all.spawn(async move { accept(&server, &token, &body).await });
    }
    let answers = all.join_all().await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    // 503: too many hashes wait on a busy machine. None of them has made a login.
    let refused = answers.iter().filter(|answer| [404, 409, 503].contains(&answer.status)).count();
    assert_eq!((made, refused), (1, 7), "{answers:?}");
    let users = server.get("/api/v1/users").await;
    assert_eq!(users.is(200).json["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn links_cannot_be_tried_one_after_the_other() {
    let server = Site::new().start().await;
    let (_, token) = viewer(&server, "ann@example.com").await;
    let here = fresh();
    let try_from = async |from, token: &str| {
        let body = ann().to_string();
        let head = post(&format!("{INVITATIONS}/{token}/accept"), "", body.len());
        ask(&server, from, &format!("{head}{body}")).await
    };
    for n in 0..60 {
        let answer = try_from(here, &format!("ff_{n}_guess")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    let waits = try_from(here, &token).await;
    assert!(waits.starts_with("HTTP/1.1 429") && waits.contains("retry-after"), "{waits}");
    // Null control: another address is not concerned.
    let answer = try_from(fresh(), &token).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn a_link_that_opens_nothing_takes_no_time_of_a_hash() {
    let server = Site::new().start().await;
    let (id, token) = viewer(&server, "ann@example.com").await;
    server.ask(TOKEN, "DELETE", &format!("{INVITATIONS}/{id}"), Value::Null).await.is(204);
    let mut took = [Duration::MAX; 3];
    for _ in 0..5 {
        let [withdrawn, unknown, hashed] = &mut took;
        for (least, token) in [(withdrawn, token.as_str()), (unknown, "ff_unknown_guess")] {
            let begun = Instant::now();
            accept(&server, token, &ann()).await.problem(404);
            *least = (*least).min(begun.elapsed());
        }
        // A login hashes, whether or not there is such a user.
        let begun = Instant::now();
        log_in(&server, "ann@example.com").await.problem(401);
        *hashed = (*hashed).min(begun.elapsed());
    }
    assert!(took[0] < took[2] && took[1] < took[2], "{took:?}");
}
