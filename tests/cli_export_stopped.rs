//! Exports of a running server that are stopped: by a kill they go on when they are run again, by right they end.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::facts::answered;
use crate::common::site::run_within;
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// Bytes of an answer that are let through before the rest is held.
const LET_THROUGH: usize = 2 << 20;

/// What stands between client and server: it holds each export until it is opened, and tells what was asked for.
struct Gate {
    base: String,
    open: watch::Sender<bool>,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn gate(upstream: &str) -> Gate {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let upstream = upstream.trim_start_matches("http://").parse().expect("an address");
    let ((open, opened), asked) = (watch::channel(false), Arc::<Mutex<Vec<String>>>::default());
    let notes = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.expect("a client");
            // Little waits between server and gate, so that the server still has most of it.
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(64 << 10).expect("set");
            let mut server = socket.connect(upstream).await.expect("the server");
            let (mut opened, notes) = (opened.clone(), Arc::clone(&notes));
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                let read = client.read(&mut request).await.unwrap_or_default();
                let head = String::from_utf8_lossy(&request[..read]).into_owned();
                server.write_all(&request[..read]).await.ok();
                let first = head.lines().next().unwrap_or_default().to_owned();
                if !first.contains("/export") {
                    // One answer a connection, so that the next request is seen too.
                    let read = server.read(&mut request).await.unwrap_or_default();
                    client.write_all(&request[..read]).await.ok();
                    return;
                }
                notes.lock().expect("not poisoned").push(first);
                let mut part = (&mut server).take(LET_THROUGH as u64);
                tokio::io::copy(&mut part, &mut client).await.ok();
                opened.wait_for(|open| *open).await.ok();
                copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    Gate { base, open, asked }
}

/// A server with so many calls that no buffers between it and a client hold them all.
async fn filled(site: &Site) -> Server {
    let lines: Vec<String> =
        (0..25_000).map(|n| answered(&format!("CA{n}"), 45, "2025-10-09T12:00:00Z").to_string()).collect();
    fs::write(site.path("calls.ndjson"), lines.join("\n")).expect("written");
    // A fact that no export shows, in front of what is.
    site.cli(&["token", "create", "copy", "--role", "viewer", "--tenant", "acme"]).exits(0);
    let import =
        site.command(&["import", "--tenant", "acme", site.path("calls.ndjson").to_str().expect("UTF-8")]);
    run_within(import, Duration::from_secs(120)).exits(0);
    site.start().await
}

fn export(site: &Site, server: &str, token: &str, args: &[&str]) -> Child {
    let mut export = site.command(&[&["export", "--server", server], args].concat());
    export.env("FACTFOLD_TOKEN", token).stdout(Stdio::null()).stderr(Stdio::piped());
    export.spawn().expect("the binary starts")
}

async fn grows(path: &Path, bytes: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::metadata(path).map_or(0, |file| file.len()) < bytes {
        assert!(Instant::now() < deadline, "{} does not grow", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_an_export_that_was_killed_goes_on_when_it_is_run_again_and_its_file_is_that_of_one_go() {
    let site = Site::new();
    let server = filled(&site).await;
    let gate = gate(&server.base).await;
    for selection in [&[][..], &["--tenant", "acme"]] {
        gate.open.send_replace(false);
        gate.asked.lock().expect("not poisoned").clear();
        let name = |name: &str| site.path(&format!("{name}{}.ndjson", selection.len()));
        let (out, part) = (name("stopped"), format!("{}.part", name("stopped").display()));
        let args = [selection, &["--out", out.to_str().expect("UTF-8")]].concat();
        let mut killed = export(&site, &gate.base, TOKEN, &args);
        grows(Path::new(&part), 1 << 20).await;
        killed.kill().expect("killed");
        killed.wait().expect("waits");
        let there = fs::read(&part).expect("kept");
        let last = there.split(|byte| *byte == b'\n').rev().nth(1).expect("a line");
        let last =
            serde_json::from_slice::<Value>(last).expect("JSON")["position"].as_u64().expect("a position");
        assert!(!out.exists());

        gate.open.send_replace(true);
        let again = [&["export", "--server", &gate.base][..], &args].concat();
        let ran = run_within(site.command(&again), Duration::from_secs(120));
        assert!(ran.exits(0).stderr.contains(&format!("goes on behind position {last}")), "{}", ran.stderr);
        let asked = gate.asked.lock().expect("not poisoned").clone();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(
            !asked[0].contains("after=") && asked[1].contains(&format!("after={last}&up_to=")),
            "{asked:?}"
        );
        assert!(!Path::new(&part).exists() && !Path::new(&format!("{part}.notes")).exists());
        let whole = name("whole");
        let args =
            [&["export", "--server", &server.base], selection, &["--out", whole.to_str().expect("UTF-8")]];
        run_within(site.command(&args.concat()), Duration::from_secs(120)).exits(0);
        let [stopped, whole] = [out, whole].map(|path| fs::read(path).expect("written"));
        // The server may record an alert meanwhile, behind what was exported.
        assert!(stopped.len() > 4 << 20 && whole.starts_with(&stopped), "the same bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g21_an_export_ends_when_its_token_is_revoked_and_says_so() {
    let site = Site::new();
    let server = filled(&site).await;
    let gate = gate(&server.base).await;
    let body = json!({"name": "copy", "role": "viewer", "tenants": ["acme"]});
    let issued = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await.is(201).json.clone();
    let (id, token) = (issued["id"].as_str().expect("id"), issued["token"].as_str().expect("token"));
    let out = site.path("revoked.ndjson");
    let args = ["--tenant", "acme", "--out", out.to_str().expect("UTF-8")];
    let child = export(&site, &gate.base, token, &args);
    let part = format!("{}.part", out.display());
    grows(Path::new(&part), 1 << 20).await;
    server.ask(TOKEN, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.is(204);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let opened = Instant::now();
    gate.open.send_replace(true);
    let ended =
        tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("joined").expect("waits");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("401") && !told.contains(token), "{told}");
    assert!(opened.elapsed() < Duration::from_secs(60), "{:?}", opened.elapsed());
    assert!(!out.exists(), "no part of an export is one");
    let kept = fs::read(&part).expect("kept").len();

    // Null control: by another token the same export goes on to its end, which the first had not come to.
    let viewer = server.token("viewer", &["acme"]).await;
    let rest = export(&site, &gate.base, &viewer, &args);
    let ended =
        tokio::task::spawn_blocking(|| rest.wait_with_output()).await.expect("joined").expect("waits");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let whole = fs::metadata(&out).expect("written").len() as usize;
    assert!(kept + (1 << 20) < whole, "{kept} of {whole} bytes were sent before the right was lost");
}
