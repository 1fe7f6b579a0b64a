//! Tokens, users and tenants from the command line, on the data directory of a stopped server.

use std::fs::{self, File};

use crate::common::site::{Ran, files, run};
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

const LEADS: &str = "/api/v1/tenants/acme/outreach/leads";
const PASSWORD: &str = "canary correct horse";

/// Runs a command with this text on standard input.
fn typed(site: &Site, args: &[&str], text: &str) -> Ran {
    let path = site.path("typed");
    fs::write(&path, text).expect("written");
    let mut command = site.command(args);
    command.stdin(File::open(&path).expect("readable"));
    let ran = run(command);
    fs::remove_file(&path).expect("removed");
    ran
}

async fn login(server: &Server, email: &str, password: &str) -> u16 {
    let body = json!({"email": email, "password": password});
    server.send(server.request("POST", "/api/v1/login").json(&body)).await.status
}

fn one(ran: &Ran) -> Value {
    let mut objects = ran.exits(0).json();
    assert_eq!(objects.len(), 1, "expected one object: {}", ran.stdout);
    objects.remove(0)
}

#[tokio::test]
async fn a_token_is_printed_once_and_opens_until_it_is_revoked() {
    let site = Site::new();
    let issued = site.cli(&["token", "create", "ci", "--role", "viewer", "--tenant", "acme"]);
    let token = issued.exits(0).stdout.trim().to_owned();
    assert!(token.starts_with("ff_") && !token.contains(char::is_whitespace), "{}", issued.all());
    // ff_, the id of 32 characters, an underscore; underscores may stand in the secret, too.
    let secret = token[36..].to_owned();
    assert_eq!(secret.len(), 43, "256 bits: {}", issued.stderr);
    assert!(!issued.stderr.contains(&secret), "the secret is data: {}", issued.stderr);
    let other = one(&site.cli(&["token", "create", "audits", "--role", "auditor", "--json"]));

    let server = site.start().await;
    server.ask(&token, "GET", LEADS, Value::Null).await.is(200);
    let audits = other["token"].as_str().expect("token").to_owned();
    server.ask(&audits, "GET", "/api/v1/tokens", Value::Null).await.is(200);
    let busy = site.cli(&["token", "revoke", "x"]);
    assert!(busy.exits(4).stderr.contains("/api/v1/tokens"), "the route is named: {}", busy.stderr);
    server.stop();

    let listed = site.cli(&["token", "list", "--json"]);
    let rows = listed.exits(0).json();
    let row = rows.iter().find(|row| row["name"] == "ci").expect("listed");
    assert_eq!((&row["role"], &row["tenants"]), (&json!("viewer"), &json!(["acme"])));
    assert_eq!((&row["issued_by"], &row["revoked_at"]), (&json!("cli"), &Value::Null));
    let table = site.cli(&["token", "list"]);
    assert!(table.exits(0).stdout.contains("audits"), "{}", table.stdout);
    for ran in [&listed, &table] {
        assert!(!ran.all().contains(&secret), "no secret is listed: {}", ran.all());
    }
    let id = row["id"].as_str().expect("id").to_owned();
    site.cli(&["token", "revoke", &id]).exits(0);
    site.cli(&["token", "revoke", &id, "--json"]).exits(0);
    assert!(site.cli(&["token", "revoke", "no-such"]).exits(1).stderr.contains("no such token"));
    let server = site.start().await;
    server.ask(&token, "GET", LEADS, Value::Null).await.problem(401);
    server.ask(&audits, "GET", "/api/v1/tokens", Value::Null).await.is(200);
    server.stop();
    for file in files(&site.data()) {
        let bytes = fs::read(&file).expect("readable");
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "expected no token in {}", file.display());
    }
}

#[test]
fn a_token_that_breaks_a_rule_is_refused_by_flag() {
    let site = Site::new();
    for (args, told) in [
        (&["token", "create", "x"][..], "--role"),
        (&["token", "create", "x", "--role", "king"], "viewer agent auditor operator admin"),
        (&["token", "create", " ", "--role", "admin"], "must be a text"),
        (&["token", "create", "x", "--role", "viewer"], "--tenant"),
        (&["token", "create", "x", "--role", "viewer", "--tenant", "acmee"], "acmee"),
        (&["token", "create", "x", "--role", "viewer", "--tenant", "_control"], "--tenant"),
    ] {
        let ran = site.cli(args);
        assert!(ran.exits(2).stderr.contains(told), "expected {told} of {args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    let none = site.cli(&["token", "list"]);
    assert!(none.exits(0).stdout.is_empty() && none.stderr.contains("token create"), "{}", none.all());
    let nowhere = site.cli(&["token", "list", "--data-dir", "nowhere"]);
    assert!(nowhere.exits(1).stderr.contains("nowhere") && !site.path("nowhere").exists());
}

#[tokio::test]
async fn users_log_in_with_the_password_that_came_by_standard_input() {
    let site = Site::new();
    let create = ["user", "create", "Ann@example.com", "--name", "Ann", "--member", "acme=agent"];
    let added = typed(&site, &create, &format!("{PASSWORD}\n"));
    assert!(!added.exits(0).all().contains("canary"), "{}", added.all());
    let root = ["user", "create", "root@example.com", "--role", "admin", "--json"];
    let id = one(&typed(&site, &root, PASSWORD))["id"].as_str().expect("id").to_owned();

    let listed = site.cli(&["user", "list", "--json"]);
    let rows = listed.exits(0).json();
    let ann = rows.iter().find(|row| row["email"] == "ann@example.com").expect("listed");
    assert_eq!((&ann["name"], &ann["role"]), (&json!("Ann"), &Value::Null));
    assert_eq!(ann["memberships"], json!({"acme": "agent"}));
    let table = site.cli(&["user", "list"]);
    assert!(table.exits(0).stdout.contains("agent of acme"), "{}", table.stdout);
    for ran in [&listed, &table] {
        assert!(!ran.all().contains("canary") && !ran.all().contains("argon2"), "{}", ran.all());
    }

    let server = site.start().await;
    assert_eq!(login(&server, "ann@example.com", PASSWORD).await, 200);
    site.cli(&["user", "remove", "ann@example.com"]).exits(4);
    server.stop();

    typed(&site, &["user", "password", "ann@example.com"], "canary another word\n").exits(0);
    site.cli(&["user", "grant", "ann@example.com", "globex=viewer"]).exits(0);
    site.cli(&["user", "revoke", "ann@example.com", "acme"]).exits(0);
    assert!(site.cli(&["user", "revoke", "ann@example.com", "acme"]).exits(1).stderr.contains("membership"));
    site.cli(&["user", "remove", &id]).exits(0);
    let rows = site.cli(&["user", "list", "--json"]).exits(0).json();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["memberships"], json!({"globex": "viewer"}));
    let server = site.start().await;
    assert_eq!(login(&server, "ann@example.com", PASSWORD).await, 401);
    assert_eq!(login(&server, "ann@example.com", "canary another word").await, 200);
    assert_eq!(login(&server, "root@example.com", PASSWORD).await, 401);
    assert!(!server.said().contains("canary"), "{}", server.said());
}

#[test]
fn a_user_who_breaks_a_rule_is_refused() {
    let site = Site::new();
    let create = ["user", "create", "ann@example.com"];
    typed(&site, &create, PASSWORD).exits(0);
    for (args, text, code, told) in [
        (&create[..], PASSWORD, 1, "another user has this email"),
        (&["user", "create", "bob@example.com"], "canary", 2, "at least 12 characters"),
        (&["user", "create", "bob@example.com"], "", 2, "the password"),
        (&["user", "create", "bob"], PASSWORD, 2, "email address"),
        (&["user", "create", "bob@example.com", "--role", "viewer"], PASSWORD, 2, "--role"),
        (&["user", "create", "bob@example.com", "--member", "acme"], PASSWORD, 2, "acme=viewer"),
        (&["user", "create", "bob@example.com", "--member", "nope=viewer"], PASSWORD, 2, "nope"),
        (&["user", "password", "eve@example.com"], PASSWORD, 1, "eve@example.com"),
        (&["user", "remove", "eve@example.com"], "", 1, "eve@example.com"),
        (&["user", "grant", "ann@example.com", "nope=viewer"], "", 2, "nope"),
        (&["user", "create", "bob@example.com", "--password", "canary"], "", 2, "--password"),
    ] {
        let ran = typed(&site, args, text);
        assert!(ran.exits(code).stderr.contains(told), "expected {told} of {args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains(PASSWORD), "{}", ran.stderr);
    }
    assert_eq!(
        site.cli(&["user", "list", "--json"]).exits(0).json().len(),
        1,
        "nobody was added by a refusal"
    );
}

#[tokio::test]
async fn tenants_are_listed_shown_and_recorded_from_the_file() {
    let site = Site::new();
    let dry = site.cli(&["tenant", "apply"]);
    assert!(dry.exits(0).stdout.contains("acme"), "a new log takes the file's tenants: {}", dry.all());
    let again = site.cli(&["tenant", "apply", "--json"]);
    assert!(again.exits(0).stdout.is_empty(), "nothing to record: {}", again.stdout);
    let renamed = TWO_TENANTS.replace("Acme Dental", "Acme Smiles");
    let (acme, _globex) = renamed.split_once("[[tenant]]\nid = \"globex\"").expect("two tenants");
    site.configure(acme);
    let plan = site.cli(&["tenant", "apply", "--dry-run", "--json"]).exits(0).json();
    let told: Vec<_> = plan.iter().map(|row| (row["id"].clone(), row["change"].clone())).collect();
    assert_eq!(told, [(json!("acme"), json!("configured")), (json!("globex"), json!("closed"))]);
    let name =
        |site: &Site| one(&site.cli(&["tenant", "show", "acme", "--json"]))["configured"]["body"].clone();
    assert_eq!(name(&site)["name"], "Acme Dental", "a dry run records nothing");
    site.cli(&["tenant", "apply"]).exits(0);
    assert_eq!(name(&site)["name"], "Acme Smiles");
    let rows = site.cli(&["tenant", "list", "--json"]).exits(0).json();
    let states: Vec<_> = rows.iter().map(|row| (row["id"].clone(), row["state"].clone())).collect();
    assert_eq!(states, [(json!("acme"), json!("open")), (json!("globex"), json!("closed"))]);
    assert_eq!(rows[1]["name"], "Globex", "a closed tenant keeps its name");
    let table = site.cli(&["tenant", "list"]);
    assert!(table.exits(0).stdout.contains("Acme Smiles"), "{}", table.stdout);
    for unknown in ["nobody", "_control"] {
        let ran = site.cli(&["tenant", "show", unknown]);
        assert!(ran.exits(2).stdout.is_empty() && ran.stderr.contains("--tenant"), "{}", ran.all());
    }
    let server = site.start().await;
    let busy = site.cli(&["tenant", "apply"]);
    assert!(busy.exits(4).stderr.contains("SIGHUP"), "{}", busy.stderr);
    let listed = server.ask(TOKEN, "GET", "/api/v1/tenants", Value::Null).await;
    assert_eq!(listed.is(200).json["items"][0]["name"], "Acme Smiles");
}
