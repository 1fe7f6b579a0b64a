//! What is no email address is no login, however it is to be made.

use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

async fn ask(server: &Server, method: &str, path: &str, body: Value) -> crate::common::Answer {
    server.ask(TOKEN, method, path, body).await
}

#[tokio::test]
async fn a_login_by_what_is_no_address_is_refused_by_the_field() {
    let site = Site::new();
    let server = site.start().await;
    for wrong in ["ann", "ann@", "@example.com", "ann@b@example.com", "ann smith@example.com"] {
        let user = json!({"email": wrong, "password": PASSWORD, "role": "auditor"});
        ask(&server, "POST", "/api/v1/users", user).await.names("email").is(422);
        let invited = json!({"email": wrong, "memberships": {"acme": "viewer"}});
        ask(&server, "POST", "/api/v1/invitations", invited).await.names("email").is(422);
    }
    let good = json!({"email": "Ann@Example.com", "password": PASSWORD, "role": "auditor"});
    let added = ask(&server, "POST", "/api/v1/users", good).await.is(201).json["id"].clone();
    let path = format!("/api/v1/users/{}", added.as_str().expect("an id"));
    ask(&server, "PATCH", &path, json!({"email": "ann"})).await.names("email").is(422);
    ask(&server, "PATCH", &path, json!({"email": "ann.b@example.com"})).await.is(204);
    ask(&server, "PATCH", &path, json!({"name": "Ann"})).await.is(204);
    let invited = json!({"email": "bob@example.com", "memberships": {"acme": "viewer"}});
    ask(&server, "POST", "/api/v1/invitations", invited).await.is(201);
    let users = ask(&server, "GET", "/api/v1/users", Value::Null).await;
    assert_eq!(users.is(200).json["items"].as_array().map(Vec::len), Some(1), "{users:?}");
}
