//! Exports of a running server: the bytes of its directory's, resumed where they were cut off, and by right.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::lived::lived_in;
use crate::common::site::run;
use serde_json::Value;

/// A server whose first answers are cut off after so many bytes each.
async fn cut_off(upstream: &str, after: &'static [usize]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
    use tokio::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let here = format!("http://{}", listener.local_addr().expect("an address"));
    let upstream = upstream.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let mut cuts = after.iter();
        loop {
            let (mut client, _) = listener.accept().await.expect("a client");
            let mut server = TcpStream::connect(&upstream).await.expect("the server");
            let mut request = vec![0; 8192];
            let read = client.read(&mut request).await.expect("a request");
            server.write_all(&request[..read]).await.expect("taken");
            // The first request asks whether the server is there.
            let is_export = request[..read].windows(7).any(|window| window == b"/export");
            if let (true, None) = (is_export, cuts.as_slice().first()) {
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await.ok() });
                continue;
            }
            // One answer a connection, so that the next request is seen too.
            let mut part = vec![0; if is_export { cuts.next().copied().unwrap_or_default() } else { 8192 }];
            if is_export {
                server.read_exact(&mut part).await.expect("an answer");
            } else {
                let read = server.read(&mut part).await.expect("an answer");
                part.truncate(read);
            }
            client.write_all(&part).await.expect("sent");
        }
    });
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_an_export_of_a_running_server_is_that_of_its_directory_however_often_it_is_cut_off() {
    let site = lived_in().await;
    let server = site.start().await;
    let file = |name: &str| site.path(name).to_str().expect("utf-8").to_owned();
    let export = |args: &[&str]| site.cli(&[&["export"], args].concat());
    export(&["--raw", "--server", &server.base, "--out", &file("served.ndjson")]).exits(0);
    let flaky = cut_off(&server.base, &[400, 9_000, 25_000]).await;
    let ran = export(&["--raw", "--server", &flaky, "--out", &file("cut.ndjson")]);
    assert!(ran.exits(0).stderr.contains("goes on behind position"), "it was cut off: {}", ran.stderr);
    // The server may record an alert meanwhile, behind what was exported.
    export(&["--raw", "--out", &file("here.ndjson")]).exits(0);
    let here = fs::read_to_string(file("here.ndjson")).expect("export");
    for name in ["served.ndjson", "cut.ndjson"] {
        let there = fs::read_to_string(file(name)).expect("export");
        assert!(there.lines().count() > 40 && here.starts_with(&there), "{name} has other bytes");
        verified(&site.path(name));
    }
    for args in [
        &["--tenant", "acme"][..],
        &["--kind", "call_reported"],
        &["--tenant", "acme", "--from", "2025-10-09", "--to", "2025-10-09", "--format", "csv"],
    ] {
        let (here, there) = (export(args), export(&[args, &["--server", &server.base]].concat()));
        assert!(here.exits(0).stdout.lines().count() > 1, "{args:?}");
        assert!(there.exits(0).stdout.starts_with(&here.stdout), "{args:?}");
    }

    // What a caller may have of it.
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let viewer = server.token("viewer", &["acme"]).await;
    let path = "/api/v1/tenants/acme/facts/export";
    let answer = server.ask(&viewer, "GET", path, Value::Null).await;
    let all = lines(&answer.is(200).text);
    assert!(all[0].starts_with("{\"log\":") && all[all.len() - 1].starts_with("{\"end\":"), "{}", all[0]);
    assert!(!answer.text.contains("globex") && !answer.text.contains("bridge"), "one tenant's facts alone");
    server.ask(&viewer, "GET", &format!("{path}?raw=true"), Value::Null).await.problem(403);
    server.ask(&viewer, "GET", "/api/v1/log/export", Value::Null).await.problem(404);
    server.ask(&viewer, "GET", "/api/v1/tenants/globex/facts/export", Value::Null).await.problem(404);
    let rest = server.get(&format!("{path}?after=20&up_to=30")).await;
    let positions: Vec<u64> = lines(&rest.is(200).text)
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).expect("JSON")["position"].as_u64())
        .collect();
    assert!(!positions.is_empty() && positions.iter().all(|at| (21..=30).contains(at)), "{positions:?}");
    for ahead in ["after=100000", "up_to=100000"] {
        let problem = server.get(&format!("{path}?{ahead}")).await;
        assert_eq!(problem.problem(409)["code"], "position_ahead", "{ahead}");
    }
    let gone = server.base.clone();
    server.stop();
    let ran = export(&["--server", &gone, "--out", &file("gone.ndjson")]);
    assert!(
        ran.exits(1).stderr.contains("factfold serve") && !site.path("gone.ndjson").exists(),
        "{}",
        ran.stderr
    );
}

/// An independent program agrees.
fn verified(path: &Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/verify.py");
    let mut python = Command::new("python3");
    python.arg(script).arg("export").arg(path);
    run(python).exits(0);
}
