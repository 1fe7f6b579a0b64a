//! E10: a person in deliveries that no tenant owns is erased, and no backup that is made beside an erasure has a part of him.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::common::facts::{answered, mail};
use crate::common::site::files;
use crate::common::{Answer, Server, Site, TOKEN, bison};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00.000000Z";
const EMAIL: &str = "jo.canary@example.org";
const CANARY: &str = "zebracanary";
const OTHER: &str = "somebody.else@example.org";

/// A delivery of a workspace that no tenant has.
fn elsewhere(n: u64, lead: Value) -> Value {
    let mut event = bison::sent("EMAIL_SENT", n, lead, AT);
    event["event"]["workspace_id"] = 99.into();
    event["event"]["workspace_name"] = "Elsewhere".into();
    event
}

async fn plant(server: &Server) {
    let lead = json!({"id": 7, "email": EMAIL, "first_name": CANARY});
    let long = json!({"id": 7, "email": EMAIL, "notes": CANARY.repeat(6_000)});
    let other = json!({"id": 8, "email": OTHER});
    for (n, lead) in (1..).zip([lead, long, other]) {
        let answer = bison::deliver(server, &elsewhere(n, lead)).await;
        assert_eq!(answer.is(200).outcome(), "quarantined");
    }
}

/// Files below `dir` in which a text of the person stands.
fn hits(dir: &Path) -> Vec<String> {
    let texts = [EMAIL, CANARY, "jo.canary%40example.org"];
    let has =
        |bytes: &[u8]| texts.iter().any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()));
    let found = files(dir).into_iter().filter(|path| has(&fs::read(path).unwrap_or_default()));
    found.map(|path| path.display().to_string()).collect()
}

async fn erase(server: &Server, path: &str, person: Value, key: &str) -> Answer {
    let request = server.request("POST", path).bearer_auth(TOKEN);
    server.send(request.header("idempotency-key", key).json(&person)).await
}

#[tokio::test]
async fn e10_a_person_in_deliveries_of_no_tenant_is_erased_from_every_file() {
    let site = Site::new();
    let server = site.start().await;
    plant(&server).await;
    server.record("acme", &(0..40).map(|n| answered(&format!("CA{n}"), 45, AT)).collect::<Vec<_>>()).await;
    assert!(hits(&site.data()).len() > 1, "null control: it is there before");
    let listed = server.get("/api/v1/quarantine").await.is(200).json["items"].clone();
    assert_eq!(listed.as_array().map(Vec::len), Some(3), "{listed}");

    // A tenant's erasure is of its own facts alone.
    erase(&server, "/api/v1/tenants/acme/erase", json!({"email": EMAIL}), "own").await.is(200);
    assert!(hits(&site.data()).len() > 1, "null control: no tenant owns them");

    let receipt = erase(&server, "/api/v1/erase", json!({"email": EMAIL}), "k").await.is(200).json.clone();
    assert_eq!(receipt["erased_facts"], 2, "{receipt}");
    assert!(receipt["bytes"].as_u64() > Some(60_000) && receipt["checkpoint_after"].is_string(), "{receipt}");
    assert_eq!(hits(&site.data()), Vec::<String>::new());
    let again = erase(&server, "/api/v1/erase", json!({"email": EMAIL}), "k").await;
    assert_eq!(again.is(200).json, receipt);
    let mismatch = erase(&server, "/api/v1/erase", json!({"email": OTHER}), "k").await;
    assert_eq!(mismatch.problem(422)["code"], "idempotency_mismatch");
    erase(&server, "/api/v1/erase", json!({"name": "Jo"}), "k2").await.problem(422);

    // Nobody's deliveries stay listed without what they held; somebody else's still has it.
    let after = server.get("/api/v1/quarantine").await.is(200).json["items"].clone();
    assert_eq!(after.as_array().map(Vec::len), Some(3), "{after}");
    let journal: Vec<u8> =
        files(&site.data()).iter().flat_map(|path| fs::read(path).unwrap_or_default()).collect();
    assert!(!journal.is_empty());
    let operator = server.token("operator", &[]).await;
    server.ask(&operator, "POST", "/api/v1/erase", json!({"email": OTHER})).await.problem(403);
    let bound = server.token("admin", &["acme"]).await;
    server.ask(&bound, "POST", "/api/v1/erase", json!({"email": OTHER})).await.problem(404);
    // The delivery sent once more is known, and nothing of it is kept.
    let lead = json!({"id": 7, "email": EMAIL, "first_name": CANARY});
    assert_eq!(bison::deliver(&server, &elsewhere(1, lead)).await.is(200).outcome(), "quarantined");
    assert_eq!(hits(&site.data()), Vec::<String>::new());
    server.stop();
    site.cli(&["audit"]).exits(0);

    // The same without a server.
    let ran = site.cli(&["erase", "--person", OTHER, "--json"]);
    assert_eq!(ran.exits(0).json()[0]["erased_facts"], 1, "{}", ran.all());
    site.cli(&["audit"]).exits(0);
    let server = site.start().await;
    assert_eq!(hits(&site.data()), Vec::<String>::new());
    server.stop();
}

#[tokio::test]
async fn e10_a_backup_of_a_directory_whose_erasure_was_cut_off_is_refused_until_it_is_carried_out() {
    let site = Site::new();
    let server = site.start().await;
    let jo = json!({"id": "L7", "email": EMAIL, "first_name": CANARY});
    server.record("acme", &[mail("lead_interested", 1, jo, AT)]).await;
    erase(&server, "/api/v1/tenants/acme/erase", json!({"email": EMAIL}), "k").await.is(200);
    server.stop();
    // As a kill leaves it: the register has the erasure and not its end.
    let register = site.data().join("keys/erasures");
    let whole = fs::read_to_string(&register).expect("a register");
    let begun = whole.split_inclusive('\n').next().expect("a line").to_owned();
    fs::write(&register, begun).expect("written");
    let backup = site.path("backup");
    let path = backup.to_str().expect("UTF-8");
    let ran = site.cli(&["backup", path]);
    assert!(ran.exits(1).stderr.contains("erasure was cut off"), "{}", ran.all());
    assert!(!backup.exists(), "nothing half-erased is left");
    site.start().await.stop();
    site.cli(&["backup", path]).exits(0);
    assert_eq!(hits(&backup), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_backups_that_are_made_beside_an_erasure_hold_all_of_the_person_or_nothing() {
    let (mut beside, mut before) = (0, 0);
    for delay in [0, 40, 80, 120, 200, 300] {
        let site = Arc::new(Site::new());
        let server = site.start().await;
        let jo = |n: u32| json!({"id": format!("L{n}"), "email": EMAIL, "first_name": CANARY.repeat(20)});
        let facts: Vec<Value> = (0..400).map(|n| mail("email_sent", n, jo(n), AT)).collect();
        server.record("acme", &facts).await;
        let long = json!({"id": 7, "email": EMAIL, "notes": CANARY.repeat(6_000)});
        bison::deliver(&server, &bison::sent("EMAIL_SENT", 70, long, AT)).await.is(200);
        let made = tokio::task::spawn_blocking({
            let site = Arc::clone(&site);
            move || {
                site.cli(&["backup", site.path("backup").to_str().expect("UTF-8")]).exits(0);
            }
        });
        tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
        erase(&server, "/api/v1/tenants/acme/erase", json!({"email": EMAIL}), "k").await.is(200);
        made.await.expect("ran");
        let backup = site.path("backup");
        let register = fs::read_to_string(backup.join("keys/erasures")).unwrap_or_default();
        if register.is_empty() {
            before += 1;
            assert!(!hits(&backup).is_empty(), "made before the erasure: a restore erases it again");
        } else {
            beside += 1;
            assert_eq!(hits(&backup), Vec::<String>::new(), "after {delay} ms");
        }
        site.cli(&["audit", "--data-dir", backup.to_str().expect("UTF-8")]).exits(0);
        server.stop();
    }
    assert!(beside > 0, "some were made beside it: {beside}, {before} before");
}
