//! E7: signed checkpoints, tiles and proofs, checked by another implementation of their specifications; witnesses; and
//! an audit that knows what the log must contain.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::common::facts::answered;
use crate::common::site::Ran;
use crate::common::witness::WitnessStandin;
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};
use serde_json::Value;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash, Tile, check_record, check_tree};

const AT: &str = "2025-10-09T12:00:00Z";

async fn record(server: &Server, from: u64, to: u64) {
    let facts: Vec<Value> = (from..to).map(|n| answered(&format!("CA{n}"), 45, AT)).collect();
    server.record("acme", &facts).await;
}

async fn key(server: &Server) -> String {
    server.get("/api/v1/log/key").await.is(200).json["key"].as_str().expect("a key").to_owned()
}

/// Size and root of a checkpoint that this key has signed.
fn opened(text: &str, key: &str) -> Result<(u64, Hash), String> {
    let note = Note::from_bytes(text.as_bytes()).map_err(|error| error.to_string())?;
    let verifier = StandardVerifier::new(key).map_err(|error| error.to_string())?;
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::from_bytes(note.text()).map_err(|error| error.to_string())?;
    assert_eq!(checkpoint.origin(), key.split('+').next().unwrap_or_default(), "the origin names the log");
    Ok((checkpoint.size(), *checkpoint.hash()))
}

fn hash(text: &Value) -> Hash {
    let bytes = hex::decode(text.as_str().expect("digits")).expect("digits");
    Hash(bytes.try_into().expect("32 bytes"))
}

fn hashes(list: &Value) -> Vec<Hash> {
    list.as_array().expect("a list").iter().map(hash).collect()
}

#[tokio::test]
async fn e7_a_checkpoint_is_signed_and_proofs_lead_to_its_root() {
    let server = Site::new().start().await;
    record(&server, 0, 300).await;
    let key = key(&server).await;
    let answer = server.get("/api/v1/log/checkpoint").await;
    assert!(answer.is(200).header("content-type").starts_with("text/plain"), "{answer:?}");
    let (size, root) = opened(&answer.text, &key).expect("it holds");
    assert!(size >= 300, "{size}");
    opened(&answer.text.replace(&format!("\n{size}\n"), &format!("\n{}\n", size + 1)), &key)
        .expect_err("changed");

    for position in [1, 2, 64, 65, 256, 257, size] {
        let proof =
            server.get(&format!("/api/v1/log/proof/{position}?size={size}")).await.is(200).json.clone();
        let (leaf, path) = (hash(&proof["leaf"]), hashes(&proof["proof"]));
        assert_eq!(hash(&proof["root"]), root);
        check_record(&path, size, root, position - 1, leaf).expect("the fact stands in the log");
        check_record(&path, size, root, position % size, leaf).expect_err("null control: another place");
    }
    let export = server.get(&format!("/api/v1/log/export?up_to={size}")).await.is(200).text.clone();
    let fact = server.all_facts("acme").await.last().expect("facts").clone();
    let line = export.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut line = line.filter(|line| line["position"] == fact["position"]);
    let line = line.next_back().expect("in the export");
    let proof = server.get(&format!("/api/v1/log/proof/{}", fact["position"])).await.is(200).json.clone();
    assert_eq!(proof["leaf"], line["leaf"], "a leaf is the export's");

    record(&server, 300, 420).await;
    let path = format!("/api/v1/log/consistency?from={size}");
    let grown = server.get(&path).await.is(200).json.clone();
    let to = grown["to"].as_u64().expect("a size");
    assert!(to >= size + 120 && hash(&grown["from_root"]) == root);
    let proof = hashes(&grown["proof"]);
    check_tree(&proof, to, hash(&grown["to_root"]), size, root).expect("the log only grew");
    check_tree(&proof, to, hash(&grown["to_root"]), size, Hash([1; 32]))
        .expect_err("null control: another root");
    let (size, root) = opened(&server.get("/api/v1/log/checkpoint").await.text, &key).expect("it holds");
    assert!(size >= to);
    let again =
        server.get(&format!("/api/v1/log/consistency?from={to}&to={size}")).await.is(200).json.clone();
    assert_eq!(hash(&again["to_root"]), root);

    server.get("/api/v1/log/proof/0").await.problem(404);
    server.get("/api/v1/log/proof/100000").await.problem(404);
    server.get("/api/v1/log/proof/9?size=8").await.names("size");
    assert_eq!(server.get("/api/v1/log/proof/9?size=100000").await.problem(409)["code"], "position_ahead");
    server.get("/api/v1/log/consistency").await.problem(400);
    server.get("/api/v1/log/consistency?from=0").await.names("from");
    server.get("/api/v1/log/consistency?from=9&to=8").await.names("to");
}

#[tokio::test]
async fn e7_tiles_come_to_the_root_and_only_those_that_are_there() {
    let server = Site::new().start().await;
    record(&server, 0, 600).await;
    let (size, root) =
        opened(&server.get("/api/v1/log/checkpoint").await.text, &key(&server).await).expect("holds");
    let tile = async |path: &str| {
        let request = server.request("GET", &format!("/api/v1/log/tile/{path}")).bearer_auth(TOKEN);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.bytes().await.expect("a body"))
    };
    let (mut leaves, mut index) = (Vec::new(), 0);
    while leaves.len() < size as usize * 32 {
        let width = (size - index * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let (status, bytes) = tile(&format!("0/{index:03}{partial}")).await;
        assert_eq!((status, bytes.len() as u64), (200, width * 32));
        leaves.extend_from_slice(&bytes);
        index += 1;
    }
    let roots: Vec<u8> = leaves.chunks_exact(256 * 32).flat_map(|full| Tile::subtree_hash(full).0).collect();
    let (_, above) = tile(&format!("1/000.p/{}", size / 256)).await;
    assert_eq!(above, roots, "level 1 has the roots of full tiles");
    let mut stored = Vec::new();
    for (n, leaf) in (0..).zip(leaves.chunks_exact(32)) {
        let leaf = Hash(leaf.try_into().expect("32 bytes"));
        stored.extend(
            tlog_tiles::stored_hashes_for_record_hash(n, leaf, &Stored(stored.clone())).expect("hashes"),
        );
    }
    assert_eq!(tlog_tiles::tree_hash(size, &Stored(stored)).expect("a root"), root);
    for none in
        ["0/009", "0/002", "0/002.p/255", "0/2", "0/x000/000", "0/000.p/0", "64/000", "data/000", "2/000.p/1"]
    {
        assert_eq!(tile(none).await.0, 404, "{none}");
    }
}

struct Stored(Vec<Hash>);

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

#[tokio::test]
async fn e7_the_key_is_made_once_its_owners_alone_and_may_be_given() {
    let site = Site::new();
    let server = site.start().await;
    let first = key(&server).await;
    let path = site.data().join("keys/checkpoint-key");
    let mode = fs::metadata(&path).expect("made at the first start").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = fs::read_to_string(&path).expect("readable").trim().to_owned();
    assert!(!server.get("/api/v1/log/key").await.text.contains(&secret));
    server.stop();
    assert_eq!(site.cli(&["log", "key"]).exits(0).stdout.trim(), first);
    assert_eq!(key(&site.start().await).await, first, "a restart keeps it");

    let given = site.path("given-key");
    fs::write(&given, "ab".repeat(32)).expect("written");
    site.configure(&format!("[log]\ncheckpoint_key = \"file:{}\"\n{TWO_TENANTS}", given.display()));
    let server = site.start().await;
    let second = key(&server).await;
    assert_ne!(first, second);
    assert_eq!(first.split('+').next(), second.split('+').next(), "it is the same log");
    opened(&server.get("/api/v1/log/checkpoint").await.text, &second).expect("it holds");
    server.stop();
    fs::write(&given, "short").expect("written");
    assert!(site.start_refused().exits(2).stderr.contains("log.checkpoint_key"));
}

fn audit(site: &Site, args: &[&str]) -> Ran {
    site.cli(&[&["audit", "--json"], args].concat())
}

#[tokio::test]
async fn e7_an_audit_that_knows_a_checkpoint_finds_a_log_that_was_rolled_back_or_changed() {
    let site = Site::new();
    let server = site.start().await;
    record(&server, 0, 50).await;
    server.stop();
    let older = site.path("older");
    copy(&site.data(), &older);
    let before: Value = audit(&site, &[]).exits(0).json().remove(0);
    let server = site.start().await;
    record(&server, 50, 90).await;
    let text = server.get("/api/v1/log/checkpoint").await.text;
    let key = key(&server).await;
    server.stop();
    let (kept, kept_key) = (site.path("kept.checkpoint"), site.path("log.key"));
    fs::write(&kept, &text).expect("written");
    fs::write(&kept_key, &key).expect("written");
    let (kept, kept_key) = (kept.to_str().expect("utf-8"), kept_key.to_str().expect("utf-8"));
    let head = |root: &str| format!("{}:{root}", before["position"]);
    let right = head(before["root"].as_str().expect("a root"));
    audit(&site, &["--expect", kept]).exits(0);
    audit(&site, &["--expect", kept, "--key", kept_key, "--expect", &right]).exits(0);

    let wrong = head(&"00".repeat(32));
    let changed = audit(&site, &["--expect", &wrong]);
    assert!(changed.exits(3).all().contains("the log was changed: at position"), "{}", changed.all());
    fs::write(kept, text.replace("\nfactfold", "\nfactfolk").replacen("factfold", "factfolk", 1))
        .expect("written");
    let forged = audit(&site, &["--expect", kept]);
    assert!(forged.exits(3).all().contains("signature of the checkpoint does not hold"), "{}", forged.all());
    fs::write(kept, &text).expect("written");
    let other = Site::new();
    other.start().await.stop();
    let stranger = audit(&other, &["--expect", kept, "--key", kept_key]);
    assert!(stranger.exits(3).all().contains("it is of the log factfold/"), "{}", stranger.all());
    assert!(audit(&site, &["--expect", "90:zz"]).exits(2).stderr.contains("64 hexadecimal digits"));
    audit(&site, &["--expect", "nowhere"]).exits(1);

    // Rolled back with everything that lies in the directory: alone it is as good as before.
    fs::remove_dir_all(site.data()).expect("removed");
    copy(&older, &site.data());
    audit(&site, &[]).exits(0);
    let back = audit(&site, &["--expect", kept]);
    assert!(back.exits(3).all().contains("the log was rolled back: it ends at position"), "{}", back.all());
    // And regrown with other facts.
    let server = site.start().await;
    record(&server, 500, 560).await;
    server.stop();
    let regrown = audit(&site, &["--expect", kept]);
    assert!(regrown.exits(3).all().contains("the log was changed"), "{}", regrown.all());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let mut command = std::process::Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    crate::common::site::run(command).exits(0);
}

/// Waits until the newest checkpoint carries a cosignature of a size that is at least this.
async fn cosigned(server: &Server, size: u64) -> String {
    for _ in 0..200 {
        let text = server.get("/api/v1/log/checkpoint").await.is(200).text.clone();
        let is_past =
            text.lines().nth(1).and_then(|line| line.parse::<u64>().ok()).is_some_and(|at| at >= size);
        if is_past && text.contains("\n— witness.example/w1 ") {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("expected a cosignature within 20 s; the server said:\n{}", server.stderr());
}

#[tokio::test]
async fn e7_a_witness_cosigns_what_continues_and_not_a_log_that_was_rolled_back() {
    let witness = WitnessStandin::start().await;
    let site = Site::with(&format!("{}{TWO_TENANTS}", witness.tables()));
    let server = site.start().await;
    record(&server, 0, 30).await;
    let key = key(&server).await;
    assert!(
        !server.get("/api/v1/log/checkpoint").await.text.contains("witness.example"),
        "it does not trust yet"
    );
    witness.trust(&key);
    let text = cosigned(&server, 30).await;
    opened(&text, &key).expect("the log's own signature holds beside it");
    record(&server, 30, 80).await;
    cosigned(&server, 80).await;
    server.stop();
    let older = site.path("older");
    copy(&site.data(), &older);
    let server = site.start().await;
    record(&server, 80, 120).await;
    cosigned(&server, 120).await;
    server.stop();
    let (size, refused) = (witness.cosigned(), witness.refused());
    fs::remove_dir_all(site.data()).expect("removed");
    copy(&older, &site.data());
    let server = site.start().await;
    server.says("it may have been rolled back").await;
    record(&server, 200, 300).await;
    server.says("a witness did not cosign").await;
    assert_eq!(witness.cosigned(), size, "nothing of it is cosigned");
    assert!(witness.refused() > refused);
    assert!(!server.get("/api/v1/log/checkpoint").await.text.contains("witness.example"));
}
