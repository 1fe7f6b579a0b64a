//! G17, G24: `factfold backup` of a running server and `restore`: the same facts, digests and keys; whatever is changed or
//! left out is refused by name; a kill in the middle leaves no backup, and no log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::facts::answered;
use crate::common::lived::{AT, lived_in, second_configuration};
use crate::common::site::{Ran, files};
use crate::common::size::rounds;
use crate::common::{Server, Site, bison};
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8")
}

async fn digests(server: &Server) -> Value {
    let position = server.seen();
    let models =
        server.get(&format!("/api/v1/projections?min_position={position}")).await.is(200).json.clone();
    let items = models["items"].as_array().expect("models").iter();
    items.map(|model| json!([model["name"], model["digest"], model["position"]])).collect()
}

/// A site whose data directory is brought back from this backup.
fn restored(backup: &Path) -> (Site, Ran) {
    let site = Site::with(&second_configuration());
    let ran = site.cli(&["restore", text(backup), "--json"]);
    (site, ran)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_a_backup_under_load_is_restored_with_every_fact_digest_and_key() {
    let site = lived_in().await;
    let server = Arc::new(site.start().await);
    let large = json!({"id": 1, "email": "l@example.com", "notes": "y".repeat(60_000)});
    bison::deliver(&server, &bison::sent("EMAIL_SENT", 70, large, AT)).await.is(200);
    let before = server.all_facts("acme").await;
    let enough = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (server, enough) = (Arc::clone(&server), Arc::clone(&enough));
        async move {
            for n in 0.. {
                if enough.load(Ordering::Relaxed) {
                    return n;
                }
                server.post("acme", &answered(&format!("load-{n}"), 45, AT)).await.is(201);
            }
            unreachable!("it ends when it is told to")
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let backup = site.path("backup");
    let made = tokio::task::block_in_place(|| site.cli(&["backup", text(&backup), "--json"]));
    let manifest: Value = made.exits(0).json().remove(0);
    enough.store(true, Ordering::Relaxed);
    assert!(load.await.expect("loaded") > 5, "there was load");
    let again = tokio::task::block_in_place(|| site.cli(&["backup", text(&backup)]));
    assert!(again.exits(1).stderr.contains("is there already"), "nothing is overwritten");
    let key = server.get("/api/v1/log/key").await.json.clone();
    server.stop();

    let on_disk: Value =
        serde_json::from_slice(&fs::read(backup.join("backup.json")).expect("a manifest")).expect("JSON");
    assert_eq!(on_disk, manifest);
    assert!(!backup.join("sled").exists());
    site.cli(&["audit", "--data-dir", text(&backup)]).exits(0);
    let (other, ran) = restored(&backup);
    assert_eq!(ran.exits(0).json(), std::slice::from_ref(&manifest));
    let audit: Value = other.cli(&["audit", "--json"]).exits(0).json().remove(0);
    assert_eq!((&audit["position"], &audit["root"]), (&manifest["position"], &manifest["root"]));
    let models = audit["models"].as_array().expect("models").iter();
    let models: Vec<Value> = models.map(|model| json!([model["name"], model["digest"]])).collect();
    let told = manifest["models"].as_array().expect("models").iter();
    assert_eq!(models, told.map(|model| json!([model["name"], model["digest"]])).collect::<Vec<_>>());

    let server = other.start().await;
    let facts = server.all_facts("acme").await;
    assert_eq!(facts[..before.len()], before, "every fact from before the backup began");
    assert_eq!(server.get("/api/v1/log/key").await.json, key, "it signs as the same log");
    let mail = facts.iter().rev().find(|fact| fact["kind"] == "email_sent").expect("the large one");
    let raw = server.get(&format!("/api/v1/tenants/acme/facts/{}?raw=true", mail["position"])).await;
    assert!(raw.is(200).text.contains(&"y".repeat(1_000)), "its original is there");
    assert_eq!(
        server.post("acme", &answered("CA11", 44, AT)).await.is(200).outcome(),
        "duplicate",
        "a known key"
    );
    server.record("acme", &[answered("after", 45, AT)]).await;
    let live = digests(&server).await;
    server.stop();
    let server = other.start().await;
    assert_eq!(digests(&server).await, live);
    server.stop();
    other.cli(&["audit"]).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_every_backup_of_a_log_that_grows_restores_to_its_digests_with_an_index_made_anew() {
    let site = lived_in().await;
    let server = site.start().await;
    for round in 0..rounds(2, 100) {
        let facts: Vec<Value> = (0..40).map(|n| answered(&format!("g17-{round}-{n}"), 45, AT)).collect();
        server.record("acme", &facts).await;
        let backup = site.path(&format!("backup-{round}"));
        let made = tokio::task::block_in_place(|| site.cli(&["backup", text(&backup), "--json"]));
        let manifest: Value = made.exits(0).json().remove(0);
        assert!(!backup.join("sled").exists(), "round {round}: the index is in no backup");
        let (other, ran) = restored(&backup);
        assert_eq!(ran.exits(0).json(), std::slice::from_ref(&manifest), "round {round}");
        let audit: Value = other.cli(&["audit", "--json"]).exits(0).json().remove(0);
        let told = |found: &Value| {
            let models = found["models"].as_array().expect("models").iter();
            let models: Vec<_> = models.map(|model| json!([model["name"], model["digest"]])).collect();
            json!([found["position"], found["root"], models])
        };
        assert_eq!(told(&audit), told(&manifest), "round {round}");
        let again = other.start().await;
        let known = again.post("acme", &facts[7]).await;
        assert_eq!(known.is(200).outcome(), "duplicate", "round {round}: the new index knows every key");
        again.stop();
    }
    server.stop();
}

fn copy(from: &Path, to: &Path) {
    let mut command = std::process::Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    crate::common::site::run(command).exits(0);
}

#[tokio::test]
async fn g24_a_backup_with_anything_changed_or_left_out_is_refused_by_name() {
    let site = lived_in().await;
    let backup = site.path("backup");
    site.cli(&["backup", text(&backup)]).exits(0);
    restored(&backup).1.exits(0);
    let refused = |what: &str, name: &str, change: &dyn Fn(&Path)| {
        let bent = site.path("bent");
        copy(&backup, &bent);
        change(&bent);
        let (other, ran) = restored(&bent);
        assert!(ran.exits(3).all().contains(name), "{what}: {}", ran.all());
        assert!(!other.data().join("journal").exists(), "{what}: nothing is brought back");
        fs::remove_dir_all(&bent).expect("removed");
    };
    let all: Vec<PathBuf> = files(&backup);
    assert!(all.len() > 4, "{all:?}");
    for file in &all {
        let name = file.strip_prefix(&backup).expect("below").to_path_buf();
        let is_manifest = name == Path::new("backup.json");
        refused("removed", text(&name), &|bent| fs::remove_file(bent.join(&name)).expect("removed"));
        let len = fs::metadata(file).expect("there").len() as usize;
        for at in [0, len / 2, len - 1] {
            // A manifest that is no JSON any more, or says something else of the log.
            let told = if is_manifest { "" } else { text(&name) };
            refused("a bit flipped", told, &|bent| {
                let mut bytes = fs::read(bent.join(&name)).expect("read");
                bytes[at] ^= 4;
                fs::write(bent.join(&name), bytes).expect("written");
            });
        }
    }
    refused("added", "journal/99999999999999999999.open", &|bent| {
        fs::write(bent.join("journal/99999999999999999999.open"), "x").expect("written");
    });
    let manifest: Value =
        serde_json::from_slice(&fs::read(backup.join("backup.json")).expect("read")).expect("JSON");
    for (member, value) in [
        ("root", json!("00".repeat(32))),
        ("position", json!(1)),
        ("log", json!("factfold/other")),
        ("format", json!(2)),
        ("strange", json!(1)),
    ] {
        refused(member, "backup.json", &|bent| {
            let mut manifest = manifest.clone();
            manifest[member] = value.clone();
            fs::write(bent.join("backup.json"), manifest.to_string()).expect("written");
        });
    }
    refused("a model's digest", "folds to another digest", &|bent| {
        let mut manifest = manifest.clone();
        manifest["models"][0]["digest"] = "0".into();
        fs::write(bent.join("backup.json"), manifest.to_string()).expect("written");
    });
}

#[tokio::test]
async fn g17_a_restore_overwrites_no_log_and_may_be_made_again_after_a_kill() {
    let site = lived_in().await;
    let backup = site.path("backup");
    site.cli(&["backup", text(&backup)]).exits(0);
    assert!(
        site.cli(&["restore", text(&backup)]).exits(1).stderr.contains("there is a log"),
        "it is left alone"
    );
    site.cli(&["audit"]).exits(0);
    let other = Site::new();
    fs::create_dir_all(other.data().join("keys")).expect("made");
    fs::write(other.data().join("keys/log-secret"), [7; 32]).expect("written");
    let ran = other.cli(&["restore", text(&backup)]);
    assert!(ran.exits(3).stderr.contains("another log's"), "{}", ran.all());

    let mut whole = 0;
    for delay in [0, 2, 5, 10, 20, 40, 80] {
        let other = Site::with(&second_configuration());
        let mut child =
            other.command(&["restore", text(&backup)]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        std::thread::sleep(Duration::from_millis(delay));
        let child = child.as_mut().expect("started");
        child.kill().expect("killed");
        child.wait().expect("gone");
        if other.data().join("journal").exists() {
            whole += 1;
        } else {
            if other.data().join("restoring").exists() {
                assert!(
                    other.start_refused().exits(3).stderr.contains("was not finished"),
                    "no log is begun beside it"
                );
            }
            other.cli(&["restore", text(&backup)]).exits(0);
        }
        other.cli(&["audit"]).exits(0);
        other.start().await.stop();
        assert!(!other.data().join("restoring").exists());
    }
    assert!(whole < 7, "some were killed in time");
}

#[tokio::test]
async fn g17_a_backup_that_was_killed_does_not_pass_for_one() {
    let site = lived_in().await;
    let mut killed = 0;
    for delay in [0, 3, 8, 15, 30, 60, 120] {
        let backup = site.path(&format!("backup-{delay}"));
        let mut child =
            site.command(&["backup", text(&backup)]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        std::thread::sleep(Duration::from_millis(delay));
        let child = child.as_mut().expect("started");
        child.kill().expect("killed");
        child.wait().expect("gone");
        if backup.exists() {
            restored(&backup).1.exits(0);
        } else {
            killed += 1;
        }
    }
    assert!(killed > 0, "some were killed in time");
    let left = fs::read_dir(site.path("")).expect("the folder").flatten().map(|entry| entry.path());
    for left in left.filter(|path| path.to_string_lossy().contains(".factfold-backup-")) {
        if left.join("backup.json").exists() {
            continue;
        }
        let (_, ran) = restored(&left);
        assert!(ran.exits(3).stderr.contains("not finished"), "{}", ran.all());
    }
}
