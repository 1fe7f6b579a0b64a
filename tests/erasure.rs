//! E10: a person's data is erased from every file of the data directory, from a backup and from an export made later, while
//! the tree, positions, figures and keys stay; a kill in the middle is made good; a restored backup is erased again.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::common::facts::{answered, disposed, fact, mail, with};
use crate::common::site::files;
use crate::common::{Answer, Server, Site, TOKEN, bison};
use serde_json::{Value, json};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, check_tree};

const AT: &str = "2025-10-09T12:00:00Z";
const EMAIL: &str = "jo.canary@example.org";
/// In every text about the person.
const CANARY: &str = "zebracanary";
const PHONE: &str = "+12025557391";
/// Somebody else, who stays.
const OTHER: &str = "somebody.else@example.org";

fn jo() -> Value {
    json!({"id": "L7", "email": EMAIL, "first_name": CANARY, "last_name": CANARY, "company": CANARY})
}

/// Facts of the person in every form, and of somebody else; some large enough to be blobs.
async fn plant(server: &Server) {
    let call =
        json!({"from": PHONE, "direction": "inbound", "lead_id": "L7", "tracking_number": "+12025550199"});
    let recording =
        json!({"call_id": "CA1", "recording_id": "R1", "url": format!("https://x.example/{CANARY}.mp3")});
    let reply = json!({"id": "r1", "text": format!("It is {CANARY} who writes.")});
    let record = json!([{"id": "5", "contact_name": CANARY, "email": EMAIL, "phone": PHONE, "stage": "New Lead", "contact_type": "1"}]);
    let mut facts = vec![
        with(answered("CA1", 95, AT), call),
        with(disposed("CA1", 1, "connected", AT), json!({"note": CANARY})),
        with(fact("desk", "r", "call_recorded", AT), recording),
        mail("email_sent", 1, jo(), AT),
        with(mail("lead_replied", 2, jo(), AT), json!({"reply": reply})),
        mail("lead_interested", 3, jo(), AT),
        with(answered("CA2", 45, AT), json!({"from": "+12025550222"})),
        mail("lead_interested", 4, json!({"id": "L8", "email": OTHER}), AT),
    ];
    facts.extend(crate::common::crm::good("run-1", "leads", AT, record));
    server.record("acme", &facts).await;
    let other = with(mail("lead_interested", 3, jo(), AT), json!({"campaign": "autumn"}));
    server.post("acme", &other).await.problem(409);
    let lead = json!({"id": 7, "email": EMAIL, "notes": CANARY.repeat(6_000)});
    bison::deliver(server, &bison::sent("EMAIL_SENT", 70, lead, AT)).await.is(200);
    let strange = json!({"id": "x", "email": EMAIL});
    assert_eq!(
        bison::deliver(server, &bison::sent("NEVER_SEEN", 71, strange, AT)).await.is(200).outcome(),
        "quarantined"
    );
    server.record("acme", &(0..40).map(|n| answered(&format!("more-{n}"), 45, AT)).collect::<Vec<_>>()).await;
}

/// Files below `dir` in which a text of the person stands.
fn hits(dir: &Path) -> Vec<String> {
    let texts = [EMAIL, CANARY, PHONE, "jo.canary%40example.org", "2025557391"];
    let has =
        |bytes: &[u8]| texts.iter().any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()));
    let found = files(dir).into_iter().filter(|path| has(&fs::read(path).unwrap_or_default()));
    found.map(|path| path.display().to_string()).collect()
}

async fn erase(server: &Server, person: Value, key: &str) -> Answer {
    let request = server.request("POST", "/api/v1/tenants/acme/erase").bearer_auth(TOKEN);
    server.send(request.header("idempotency-key", key).json(&person)).await
}

/// Every figure that the person's facts are in.
async fn figures(server: &Server) -> Vec<Value> {
    let mut all = Vec::new();
    for route in [
        "metrics/month?month=2025-10",
        "metrics/days?from=2025-10-01&to=2025-10-31",
        "leads/summary",
        "pipeline",
    ] {
        let mut read = server.read("acme", route).await;
        read.as_object_mut().expect("an object").remove("position");
        all.push(read);
    }
    for route in ["calls?limit=500", "outreach/leads?limit=500"] {
        all.push(json!(server.all_items("acme", route).await.len()));
    }
    all
}

/// Everything that is told of the tenant.
async fn told(server: &Server) -> String {
    let mut told = String::new();
    for route in [
        "facts?limit=500",
        "facts?limit=500&raw=true",
        "calls?limit=500",
        "outreach/leads?limit=500",
        "notes",
        "hot-list",
        "schedule",
        "conflicts?state=all",
        "quarantine?state=all",
        "deliveries",
        "calls/CA1",
        "calls/CA1/recordings",
        "facts/export?raw=true",
    ] {
        let answer = server.get(&format!("/api/v1/tenants/acme/{route}")).await;
        told.push_str(&answer.text);
    }
    told
}

fn opened(text: &Value, key: &str) -> (u64, tlog_tiles::Hash) {
    let note = Note::from_bytes(text.as_str().expect("a checkpoint").as_bytes()).expect("a note");
    let verifier = StandardVerifier::new(key).expect("a key");
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).expect("it is signed");
    let checkpoint = Checkpoint::from_bytes(note.text()).expect("a checkpoint");
    (checkpoint.size(), *checkpoint.hash())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_nothing_of_a_person_is_left_and_everything_else_is_as_it_was() {
    let site = Site::new();
    let server = site.start().await;
    plant(&server).await;
    let (before, facts) = (figures(&server).await, server.all_facts("acme").await);
    let old = server.get("/api/v1/log/consistency?from=1").await.json.clone();
    assert!(hits(&site.data()).len() > 1, "null control: it is there before");
    assert!(told(&server).await.contains(CANARY));

    let receipt = erase(&server, json!({"email": "Jo.Canary@Example.org"}), "k1").await.is(200).json.clone();
    assert!(
        receipt["erased_facts"].as_u64() >= Some(9) && receipt["bytes"].as_u64() > Some(60_000),
        "{receipt}"
    );
    assert_eq!(hits(&site.data()), Vec::<String>::new());
    let said = told(&server).await;
    for text in [EMAIL, CANARY, "2025557391"] {
        assert!(!said.contains(text), "{text} is told");
    }
    assert!(said.contains(OTHER) && said.contains("2025550222"), "somebody else stays");

    // The log: each fact at its position with its digest, the tree as before and one fact longer.
    let after = server.all_facts("acme").await;
    for (one, other) in facts.iter().zip(&after) {
        for member in
            ["position", "provider", "external_id", "kind", "occurred_at", "recorded_at", "digest", "subject"]
        {
            assert_eq!(one[member], other[member]);
        }
    }
    let told = after.iter().find(|fact| fact["position"] == receipt["position"]).expect("recorded");
    assert_eq!(
        (&told["kind"], &told["body"]["erased_facts"]),
        (&json!("person_erased"), &receipt["erased_facts"])
    );
    assert!(!told.to_string().contains("example.org"), "it names nobody");
    let key = server.get("/api/v1/log/key").await.json["key"].as_str().expect("a key").to_owned();
    let (size, root) = opened(&receipt["checkpoint_before"], &key);
    let (grown, grown_root) = opened(&receipt["checkpoint_after"], &key);
    assert_eq!((grown, receipt["position"].as_u64()), (size + 1, Some(grown)));
    let proof =
        server.get(&format!("/api/v1/log/consistency?from={size}&to={grown}")).await.is(200).json.clone();
    let hash = |text: &Value| {
        tlog_tiles::Hash(hex::decode(text.as_str().expect("digits")).expect("digits").try_into().expect("32"))
    };
    let hashes = proof["proof"].as_array().expect("a proof").iter().map(hash).collect();
    check_tree(&hashes, grown, grown_root, size, root).expect("the log only grew");
    let to = old["to"].as_u64().expect("a size");
    let again = server.get(&format!("/api/v1/log/consistency?from=1&to={to}")).await.is(200).json.clone();
    assert_eq!(again["to_root"], old["to_root"], "the tree of before is as it was");
    assert_eq!(figures(&server).await, before, "no figure changes");

    // Keys are known, and what changed under one is still a conflict.
    assert_eq!(
        server.post("acme", &mail("lead_interested", 3, jo(), AT)).await.is(200).outcome(),
        "duplicate"
    );
    let strange = json!({"id": "x", "email": EMAIL});
    let again = bison::deliver(&server, &bison::sent("NEVER_SEEN", 71, strange, AT)).await;
    assert_eq!(again.is(200).outcome(), "quarantined", "the same delivery again");
    assert_eq!(hits(&site.data()), Vec::<String>::new(), "and nothing of it is kept");

    // The same request again, and another one under its key.
    let second = erase(&server, json!({"email": EMAIL}), "k1").await;
    assert_eq!(second.is(200).json, receipt);
    assert_eq!(
        erase(&server, json!({"email": OTHER}), "k1").await.problem(422)["code"],
        "idempotency_mismatch"
    );
    for wrong in
        [json!({}), json!({"email": EMAIL, "lead": "L7"}), json!({"phone": "x"}), json!({"name": "Jo"})]
    {
        erase(&server, wrong, "k2").await.problem(422);
    }
    let operator = server.token("operator", &["acme"]).await;
    server.ask(&operator, "POST", "/api/v1/tenants/acme/erase", json!({"email": OTHER})).await.problem(403);

    let (site, server) = (Arc::new(site), Arc::new(server));
    tokio::task::block_in_place(|| {
        let backup = site.path("backup");
        site.cli(&["backup", backup.to_str().expect("utf-8")]).exits(0);
        assert_eq!(hits(&backup), Vec::<String>::new());
        let out = site.path("facts.ndjson");
        site.cli(&["export", "--raw", "--out", out.to_str().expect("utf-8")]).exits(0);
        let text = fs::read_to_string(&out).expect("an export");
        assert!(
            text.contains(OTHER) && !text.contains(EMAIL) && !text.contains(CANARY) && !text.contains(PHONE)
        );
        site.cli(&["audit"]).exits(0);
    });
    let live = server.get("/api/v1/projections").await.json["items"].clone();
    server.stop();
    site.cli(&["audit"]).exits(0);
    let server = site.start().await;
    let digests = |items: &Value| {
        items.as_array().expect("models").iter().map(|model| model["digest"].clone()).collect::<Vec<_>>()
    };
    let restarted = server.get("/api/v1/projections").await.json["items"].clone();
    assert_eq!(digests(&restarted), digests(&live), "folded live = folded anew");
    let verified = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/verify.py");
    let mut python = std::process::Command::new("python3");
    python.arg(verified).arg("export").arg(site.path("facts.ndjson"));
    crate::common::site::run(python).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_a_kill_in_the_middle_of_an_erasure_is_made_good() {
    let mut cut = 0;
    for delay in [0, 5, 10, 20, 30, 45, 60, 90] {
        let site = Site::new();
        let server = Arc::new(site.start().await);
        plant(&server).await;
        let erasing = tokio::spawn({
            let server = Arc::clone(&server);
            async move {
                let request = server.request("POST", "/api/v1/tenants/acme/erase").bearer_auth(TOKEN);
                let request = request.header("idempotency-key", "k").json(&json!({"email": EMAIL}));
                server.attempt(request).await.is_ok_and(|answer| answer.status == 200)
            }
        });
        tokio::time::sleep(Duration::from_millis(delay)).await;
        server.kill();
        cut += usize::from(!erasing.await.expect("asked"));
        let begun =
            fs::read_to_string(site.data().join("keys/erasures")).is_ok_and(|text| text.ends_with('\n'));
        let server = site.start().await;
        if begun {
            assert_eq!(
                hits(&site.data()),
                Vec::<String>::new(),
                "the start goes on with it after {delay} ms"
            );
        }
        let receipt = erase(&server, json!({"email": EMAIL}), "k").await.is(200).json.clone();
        assert!(receipt["erased_facts"].as_u64() >= Some(9), "{receipt}");
        assert_eq!(hits(&site.data()), Vec::<String>::new());
        let facts = server.all_facts("acme").await;
        assert_eq!(facts.iter().filter(|fact| fact["kind"] == "person_erased").count(), 1, "once");
        server.stop();
        site.cli(&["audit"]).exits(0);
    }
    assert!(cut > 0, "some were killed in time");
}

#[tokio::test]
async fn e10_a_restored_backup_is_erased_again_and_says_so_where_it_cannot_know() {
    let site = Site::new();
    let server = site.start().await;
    plant(&server).await;
    server.stop();
    let backup = site.path("backup");
    let backup_text = backup.to_str().expect("utf-8");
    site.cli(&["backup", backup_text]).exits(0);
    let erased = site.cli(&["erase", "--tenant", "acme", "--person", EMAIL, "--json"]);
    let receipt: Value = erased.exits(0).json().remove(0);
    assert!(
        receipt["erased_facts"].as_u64() >= Some(9) && receipt["checkpoint_after"].is_string(),
        "{receipt}"
    );
    assert_eq!(hits(&site.data()), Vec::<String>::new());
    let register = site.path("erasures");
    fs::copy(site.data().join("keys/erasures"), &register).expect("kept elsewhere");

    // Null control: without a register the person is back, and that is said.
    let other = Site::new();
    let ran = other.cli(&["restore", backup_text]);
    assert!(
        ran.exits(0).stderr.contains("whoever was erased since the backup was made is back"),
        "{}",
        ran.all()
    );
    assert!(!hits(&other.data()).is_empty());
    let other = Site::new();
    let ran = other.cli(&["restore", backup_text, "--erasures", register.to_str().expect("utf-8")]);
    assert!(ran.exits(0).stderr.contains("erased again: 1"), "{}", ran.all());
    assert_eq!(hits(&other.data()), Vec::<String>::new());
    other.cli(&["audit"]).exits(0);
    // The directory's own register is enough, and is kept.
    for lost in ["journal", "blobs", "sled"] {
        fs::remove_dir_all(site.data().join(lost)).expect("lost");
    }
    assert!(site.cli(&["restore", backup_text]).exits(0).stderr.contains("erased again: 1"));
    assert_eq!(hits(&site.data()), Vec::<String>::new());
    let server = site.start().await;
    assert!(!told(&server).await.contains(CANARY));
    server.record("acme", &[answered("after", 45, AT)]).await;
    server.stop();
    site.cli(&["audit"]).exits(0);
}

#[tokio::test]
async fn e10_a_phone_and_a_lead_are_erased_each_by_itself() {
    let site = Site::new();
    let server = site.start().await;
    plant(&server).await;
    server.stop();
    site.cli(&["erase", "--tenant", "acme", "--person", PHONE]).exits(0);
    let server = site.start().await;
    let call = server.read("acme", "calls/CA1").await;
    assert_eq!(call["from"], Value::Null, "{call}");
    assert_eq!(call["duration_seconds"], 95, "it counts as it did");
    assert!(told(&server).await.contains("2025550222"));
    server.stop();
    let beside = site.start().await;
    let refused = tokio::task::spawn_blocking({
        let config = site.config();
        move || {
            let mut command =
                crate::common::site::bare_command(&["erase", "--tenant", "acme", "--person", "L8"]);
            command.arg("--config").arg(config);
            crate::common::site::run(command)
        }
    });
    assert!(refused.await.expect("ran").exits(4).stderr.contains("/erase"), "a running server is asked");
    erase(&beside, json!({"lead": "L8"}), "k").await.is(200);
    assert!(!told(&beside).await.contains(OTHER));
    for wrong in ["email:x", "phone:12"] {
        site.cli(&["erase", "--tenant", "acme", "--person", wrong]).exits(2);
    }
}
