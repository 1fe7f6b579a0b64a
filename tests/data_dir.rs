//! The data directory: its owner's alone, one server's alone, and no longer written to when it is another one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::facts::answered;
use crate::common::{Server, Site};

const AT: &str = "2025-10-09T12:00:00Z";
/// Within it a server has noticed that its directory is another one; looked for each second.
const NOTICED: Duration = Duration::from_secs(5);

fn copied(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copied(&entry.path(), &to) } else { drop(fs::copy(entry.path(), to)) }
    }
}

/// Posts facts until one is refused; the status and text of the refusal.
async fn refused(server: &Server) -> (u16, String) {
    let begun = Instant::now();
    for n in 0.. {
        let answer = server.post("acme", &answered(&format!("late-{n}"), 45, AT)).await;
        if ![200, 201].contains(&answer.status) {
            return (answer.status, answer.json["detail"].as_str().unwrap_or_default().to_owned());
        }
        assert!(begun.elapsed() < NOTICED, "facts are still acknowledged");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("facts are endless")
}

#[tokio::test]
async fn all_that_a_server_makes_is_its_owners_alone() {
    let site = Site::new();
    let server = site.start().await;
    server.post("acme", &answered("a", 45, AT)).await.is(201);
    server.stop();
    let mut folders = vec![site.data()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                assert_eq!(mode(&entry), 0o600, "{}", entry.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 3, "a segment, a mark and a secret at least, found {seen}");
}

#[tokio::test]
async fn no_file_can_be_removed_for_a_second_server_to_start() {
    let site = Site::new();
    let server = site.start().await;
    site.start_refused().exits(4);
    let beside: Vec<_> =
        fs::read_dir(site.data()).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    beside.iter().filter(|path| path.is_file()).for_each(|path| fs::remove_file(path).expect("removed"));
    site.start_refused().exits(4);
    server.post("acme", &answered("a", 45, AT)).await.is(201);
    server.stop();
    site.start().await.stop();
}

#[tokio::test]
async fn given_a_directory_that_is_gone_or_replaced_then_nothing_more_is_acknowledged() {
    for what in ["deleted", "replaced by a backup"] {
        let site = Site::new();
        let server = site.start().await;
        server.post("acme", &answered("a", 45, AT)).await.is(201);
        copied(&site.data(), &site.path("backup"));
        fs::rename(site.data(), site.path("old")).expect("moved");
        if what == "deleted" {
            fs::remove_dir_all(site.path("old")).expect("removed");
        } else {
            fs::rename(site.path("backup"), site.data()).expect("put in its place");
        }
        let (status, why) = refused(&server).await;
        assert_eq!(status, 503, "{what}: {why}");
        assert!(why.contains("until the server is restarted"), "{what}: {why}");
        let ready = server.get("/readyz").await;
        assert_eq!(ready.status, 503, "{what}");
        let cause = ready.json.to_string();
        assert!(cause.contains("the data directory was"), "{what}: {cause}");
        server.get("/healthz").await.is(200);
        server.get("/api/v1/tenants/acme/calls").await.is(200);
        server.kill();
        if what != "deleted" {
            // What was put there is as it was put there, and a server starts on it.
            let server = site.start().await;
            server.post("acme", &answered("a", 45, AT)).await.is(200);
            server.stop();
        }
    }
}
