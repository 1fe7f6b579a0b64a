//! E7, G24: a figure with its proof, checked without the server by `factfold verify` and by an independent program; any
//! member that is changed, left out or taken from elsewhere is refused by name.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::common::lived::{lived_in, second_configuration};
use crate::common::site::{Ran, bare_command, run};
use crate::common::{Server, Site};
use serde_json::{Value, json};

/// A bundle as the server gives it.
async fn bundle(server: &Server, figure: &str) -> Value {
    let answer = server.get(&format!("/api/v1/tenants/acme/proof?{figure}")).await;
    assert_eq!(answer.is(200).header("content-type"), "application/vnd.factfold.proof+json");
    answer.json.clone()
}

fn write(site: &Site, bundle: &Value) -> String {
    let path = site.path("figure.proof");
    fs::write(&path, bundle.to_string()).expect("written");
    path.to_str().expect("utf-8").to_owned()
}

/// What of a bundle's facts is base64, decoded.
fn decoded_parts(bundle: &Value) -> String {
    let facts = bundle["facts"].as_array().expect("facts");
    let parts = facts.iter().flat_map(|fact| [&fact["header"], &fact["public"]]).map(|part| {
        let bytes = STANDARD.decode(part.as_str().expect("a part")).expect("base64");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    parts.collect::<Vec<String>>().join("\n")
}

/// Both programs on a bundle.
fn verified(site: &Site, bundle: &Value, more: &[&str]) -> [Ran; 2] {
    let path = write(site, bundle);
    let mut own = bare_command(&["verify", &path, "--json"]);
    // Neither configuration nor data directory are there.
    own.args(more).current_dir("/");
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/verify.py")).arg(&path).args(more);
    [run(own), run(python)]
}

/// Fails unless both refuse it, and each names the member.
#[track_caller]
fn refused(site: &Site, bundle: &Value, more: &[&str], member: &str, what: &str) {
    for ran in verified(site, bundle, more) {
        assert_eq!(ran.code, Some(3), "{what} passes: {}", ran.all());
        assert!(ran.all().contains(member), "{what}: expected {member} to be named: {}", ran.all());
    }
}

/// Figures of every kind: counted, summed, derived, a state, by agent.
const FIGURES: &[&str] = &[
    "model=month&field=qualified&month=2025-10",
    "model=month&field=talk_seconds&month=2025-10",
    "model=month&field=calls&month=2025-10",
    "model=month&field=interested&month=2025-10",
    "model=month&field=outcomes.connected&month=2025-10",
    "model=month&field=answered_rate&month=2025-10",
    "model=days&field=calls&day=2025-10-09",
    "model=leads&field=total_leads",
    "model=calls&field=status&call_id=CA19",
    "model=targets&field=target&month=2025-10&metric=qualified",
];

#[tokio::test]
async fn e7_a_figure_of_every_kind_is_proven_to_both_verifiers() {
    let site = lived_in().await;
    let server = site.start().await;
    let key = server.get("/api/v1/log/key").await.json["key"].as_str().expect("a key").to_owned();
    let checkpoint = site.path("kept.checkpoint");
    for figure in FIGURES {
        let bundle = bundle(&server, figure).await;
        let mut explained = server.read("acme", &format!("explain?{figure}&limit=500")).await;
        // A proof names nobody.
        for told in explained["contributions"].as_array_mut().expect("contributions") {
            told.as_object_mut().expect("a contribution").remove("who");
        }
        for member in ["value", "figure", "unit", "rule", "total", "contributions"] {
            assert_eq!(bundle[member], explained[member], "{figure}: {member}");
        }
        fs::write(&checkpoint, bundle["checkpoint"].as_str().expect("a checkpoint")).expect("written");
        let more = ["--key", &key, "--checkpoint", checkpoint.to_str().expect("utf-8")];
        for ran in verified(&site, &bundle, &more) {
            ran.exits(0);
        }
        let parts = decoded_parts(&bundle);
        for text in ["lead@example.org", "Bob Quill"] {
            assert!(!bundle.to_string().contains(text), "{figure}: {text} is personal");
            assert!(!parts.contains(text), "{figure}: {text} is personal");
        }
        // What is public is found in them, so what is personal would be.
        assert!(parts.contains("acme"), "{figure}: {parts}");
    }
    let own = verified(&site, &bundle(&server, FIGURES[0]).await, &[]);
    assert!(own.iter().all(|ran| ran.code == Some(0) && ran.all().contains("the bundle's own")));
    assert!(
        own.iter().all(|ran| ran.all().contains("no fact that contributes was left out")),
        "what is not proven is said"
    );
    let viewer = server.token("viewer", &["acme"]).await;
    let path = format!("/api/v1/tenants/acme/proof?{}", FIGURES[0]);
    server.ask(&viewer, "GET", &path, Value::Null).await.problem(403);
    server.get("/api/v1/tenants/acme/proof?model=month&field=nothing&month=2025-10").await.problem(422);
}

#[tokio::test]
async fn g24_a_proof_with_anything_changed_is_refused_by_name() {
    let site = lived_in().await;
    let server = site.start().await;
    let bundle = bundle(&server, FIGURES[0]).await;
    for ran in verified(&site, &bundle, &[]) {
        ran.exits(0);
    }
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = bundle.clone();
        change(&mut changed);
        assert_ne!(changed, bundle);
        changed
    };
    // Every member on its own, by another value of its type, and left out.
    for (member, value) in bundle.as_object().expect("an object") {
        let other = match value {
            Value::String(text) => json!(format!("{text}x")),
            Value::Number(number) => json!(number.as_u64().expect("a number") + 1),
            Value::Null => json!("2025-10-09T12:00:00Z"),
            Value::Array(items) => json!(items[1..].to_vec()),
            other => {
                let mut other = other.clone();
                other["strange"] = json!(1);
                other
            }
        };
        let changed = with(&|bundle| bundle[member] = other.clone());
        for ran in verified(&site, &changed, &[]) {
            assert_eq!(ran.code, Some(3), "{member} may be changed: {}", ran.all());
        }
        let mut short = bundle.clone();
        short.as_object_mut().expect("an object").remove(member);
        for ran in verified(&site, &short, &[]) {
            assert_eq!(ran.code, Some(3), "{member} may be left out: {}", ran.all());
        }
    }
    // Each byte of each fact's parts, some of them.
    for part in ["header", "public", "personal", "original"] {
        let at = bundle["facts"].as_array().expect("facts").iter().position(|fact| fact[part].is_string());
        let Some(at) = at else { continue };
        let text = bundle["facts"][at][part].as_str().expect("text");
        for index in [0, text.len() / 2, text.len() - 5] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'1' { b'2' } else { b'1' };
            let bent = String::from_utf8(bytes).expect("text");
            let changed = with(&|bundle| bundle["facts"][at][part] = json!(bent));
            for ran in verified(&site, &changed, &[]) {
                assert_eq!(ran.code, Some(3), "{part} byte {index}: {}", ran.all());
            }
        }
    }
    // A fact that is left out of its subject, with all that counts it.
    let gone = bundle["contributions"][0]["position"].clone();
    let changed = with(&|bundle| {
        bundle["facts"].as_array_mut().expect("facts").retain(|fact| fact["position"] != gone)
    });
    refused(&site, &changed, &[], "facts", "a fact left out");
    let changed = with(&|bundle| {
        bundle["contributions"].as_array_mut().expect("a list").remove(0);
        bundle["total"] = json!(bundle["total"].as_i64().expect("a sum") - 1);
        bundle["value"] = bundle["total"].clone();
        bundle["contributing_subjects"] =
            json!(bundle["contributing_subjects"].as_i64().expect("a count") - 1);
    });
    let ran = &verified(&site, &changed, &[])[0];
    assert!(ran.exits(3).stderr.contains("value"), "{}", ran.all());
    let changed = with(&|bundle| bundle["rules"] = json!({"qualified_min_seconds": 1}));
    let ran = &verified(&site, &changed, &[])[0];
    assert!(ran.exits(3).stderr.contains("rules"), "another rule: {}", ran.all());
    // An older checkpoint, another log's key, a checkpoint that is none.
    let older = server.get("/api/v1/log/checkpoint").await.text;
    server.record("acme", &[crate::common::facts::answered("later", 95, crate::common::lived::AT)]).await;
    let later = self::bundle(&server, FIGURES[0]).await;
    let kept = site.path("older.checkpoint");
    fs::write(&kept, older).expect("written");
    refused(
        &site,
        &later,
        &["--checkpoint", kept.to_str().expect("utf-8")],
        "checkpoint",
        "an older checkpoint",
    );
    let other = Site::with(&second_configuration());
    let other = other.start().await;
    let key = other.get("/api/v1/log/key").await.json["key"].as_str().expect("a key").to_owned();
    refused(&site, &bundle, &["--key", &key], "", "another log's key");
    for ran in verified(&site, &json!({"format": "factfold-proof/2"}), &[]) {
        assert_ne!(ran.code, Some(0), "{}", ran.all());
    }
}
