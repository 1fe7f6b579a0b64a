//! The setup link: from an empty directory to its first admin, once.

use serde_json::json;

use crate::common::{Server, Site, TOKEN};

const PASSWORD: &str = "correct horse battery";

/// The token of the link that the server printed at its start.
fn printed(server: &Server) -> Option<String> {
    let said = server.stderr();
    let link = said.lines().find_map(|line| line.split("/welcome?setup=").nth(1).map(str::to_owned));
    link.map(|token| token.trim().to_owned())
}

#[tokio::test]
async fn an_empty_directory_is_set_up_by_the_printed_link_once() {
    let site = Site::new();
    let server = site.start().await;
    let token = printed(&server).expect("a link");
    let accept = async |token: &str, body| {
        let path = format!("/api/v1/invitations/{token}/accept");
        server.send(server.request("POST", &path).json(&body)).await
    };
    let ann = json!({"email": "ann@example.com", "name": "Ann", "password": PASSWORD});
    let mut other = token.clone();
    let last = if other.pop() == Some('A') { 'B' } else { 'A' };
    other.push(last);
    for wrong in [other.as_str(), "none", "ff_1_"] {
        accept(wrong, ann.clone()).await.problem(404);
    }
    accept(&token, json!({"email": "ann@example.com", "password": "short"}))
        .await
        .names("/password")
        .problem(422);
    accept(&token, json!({"password": PASSWORD})).await.names("/email").problem(422);
    // What was refused has used nothing up.
    accept(&token, ann.clone()).await.is(201);
    accept(&token, ann).await.problem(404);
    let login = json!({"email": "ann@example.com", "password": PASSWORD});
    server.send(server.request("POST", "/api/v1/login").json(&login)).await.is(200);
    let users = server.get("/api/v1/users").await;
    assert_eq!(users.is(200).json["items"][0]["role"], "admin");
    server.stop();

    let again = site.start().await;
    assert_eq!(printed(&again), None, "whoever reads the log of a later start gets nothing");
    again
        .send(again.request("POST", &format!("/api/v1/invitations/{token}/accept")).json(&login))
        .await
        .problem(404);
    again.stop();
}

#[tokio::test]
async fn the_link_is_one_that_a_person_can_open() {
    // Every address of the machine, as in a container, is none that a browser opens.
    let everywhere = async |head: &str| {
        let site = Site::new();
        let text = format!("data_dir = {:?}\n{head}", site.data().display().to_string());
        std::fs::write(site.config(), text).expect("writes");
        let mut command = site.command(&["serve", "--listen", "0.0.0.0:0"]);
        command.env_remove("FACTFOLD_PUBLIC_URL");
        let server = Server::started(command).await;
        let said = server.stderr();
        server.stop();
        said.lines().find(|line| line.contains("/welcome?setup=")).expect("a link").to_owned()
    };
    let link = everywhere("").await;
    assert!(link.contains(" http://localhost:") && !link.contains("0.0.0.0"), "{link}");
    let link = everywhere("public_url = \"https://facts.example.com\"\n").await;
    assert!(link.contains(" https://facts.example.com/welcome?setup="), "{link}");
}

#[tokio::test]
async fn a_directory_with_a_token_prints_no_link() {
    let site = Site::new();
    let server = site.start().await;
    assert!(printed(&server).is_some());
    let token = json!({"name": "ci", "role": "admin", "tenants": []});
    server.ask(TOKEN, "POST", "/api/v1/tokens", token).await.is(201);
    server.stop();
    let server = site.start().await;
    assert_eq!(printed(&server), None);
    server.stop();
}
