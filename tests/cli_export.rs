//! Exports that prove themselves.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::common::Site;
use crate::common::facts::{answered, four_stages};
use crate::common::lived::{AT, lived_in};
use crate::common::site::{Ran, run};
use serde_json::{Value, json};

fn export(site: &Site, args: &[&str]) -> Ran {
    site.cli(&[&["export"], args].concat())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

/// The RFC 6962 root over leaves, by its definition.
pub fn root(leaves: &[Vec<u8>]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    match leaves {
        [] => Sha256::digest([]).to_vec(),
        [leaf] => leaf.clone(),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::new()
                .chain_update([1])
                .chain_update(root(left))
                .chain_update(root(right))
                .finalize()
                .to_vec()
        }
    }
}

/// Bytes from hexadecimal digits.
pub fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The root over the leaves of exported lines, in hexadecimal digits.
fn root_of(lines: &[Value]) -> String {
    let leaves: Vec<Vec<u8>> = lines.iter().map(|line| unhex(line["leaf"].as_str().expect("leaf"))).collect();
    root(&leaves).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn f4_an_export_proves_itself() {
    let site = lived_in().await;
    let out = site.path("facts.ndjson");
    let file = out.to_str().expect("utf-8");
    let ran = export(&site, &["--out", file, "--json"]);
    let manifest = ran.exits(0).json().remove(0);
    let written: Value =
        serde_json::from_slice(&fs::read(site.path("facts.ndjson.manifest.json")).expect("beside"))
            .expect("JSON");
    assert_eq!(manifest, written, "the manifest lies beside the file");
    let text = fs::read_to_string(&out).expect("export");
    let facts = lines(&text);

    let sum = Command::new("sha256sum").arg(&out).output().expect("sha256sum").stdout;
    assert!(String::from_utf8_lossy(&sum).starts_with(manifest["sha256"].as_str().expect("sha256")));
    assert_eq!(manifest["bytes"], text.len());
    assert_eq!((&manifest["facts"], &manifest["media"]), (&json!(facts.len()), &json!("ndjson")));
    let positions: Vec<u64> = facts.iter().filter_map(|fact| fact["position"].as_u64()).collect();
    assert!(positions.is_sorted() && positions.len() == facts.len());
    assert_eq!(manifest["first_position"].as_u64(), positions.first().copied());
    assert_eq!(manifest["last_position"].as_u64(), positions.last().copied());
    assert_eq!(manifest["leaves_root"], root_of(&facts));
    let audit = site.cli(&["audit", "--json"]).exits(0).json().remove(0);
    assert_eq!(manifest["log"], json!({"position": audit["position"], "root": audit["root"]}));
    assert_eq!(
        facts.len() as u64 + 1,
        audit["position"].as_u64().expect("position"),
        "all but the token's fact"
    );
    assert!(
        !text.contains("token_issued") && !text.contains("_control"),
        "the control tenant is never exported"
    );
    let personal = ["lead@example.org", "Bob Quill", "calls back"];
    assert!(personal.iter().all(|word| text.contains(word)), "facts are exported whole");
    assert!(personal.iter().all(|word| !manifest.to_string().contains(word)), "{manifest}");

    let again = export(&site, &["--out", file]);
    assert!(again.exits(1).stderr.contains("already exists"), "{}", again.stderr);
    let piped = export(&site, &[]);
    assert_eq!(piped.exits(0).stdout, text, "stdout takes the same bytes");
    assert!(piped.stderr.contains(manifest["sha256"].as_str().expect("sha256")), "{}", piped.stderr);
}

#[tokio::test]
async fn f4_of_a_log_without_tokens_the_leaves_are_the_log() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &four_stages("CA1")).await;
    server.stop();
    let ran = export(&site, &["--json", "--out", site.path("all").to_str().expect("utf-8")]);
    let manifest = ran.exits(0).json().remove(0);
    assert_eq!(manifest["leaves_root"], manifest["log"]["root"], "every leaf of the tree is in the file");
}

#[tokio::test]
async fn f4_an_export_holds_what_was_asked_for() {
    let site = lived_in().await;
    let facts = |args: &[&str]| lines(&export(&site, args).exits(0).stdout);
    let all = facts(&[]);
    let configures =
        |fact: &Value| ["tenant_configured", "tenant_closed"].iter().any(|kind| fact["kind"] == *kind);
    for (args, wanted) in [
        (
            &["--tenant", "globex"][..],
            &(|fact: &Value| fact["tenant"] == "globex") as &dyn Fn(&Value) -> bool,
        ),
        (&["--kind", "call_reported"], &|fact| fact["kind"] == "call_reported"),
        // Without the configuration figures of a part would follow other rules.
        (&["--provider", "emailbison", "--tenant", "acme"], &|fact| {
            fact["tenant"] == "acme" && (fact["provider"] == "emailbison" || configures(fact))
        }),
        (&["--from", "2025-10-09", "--to", "2025-10-09"], &|fact| {
            configures(fact) || fact["occurred_at"].as_str().is_some_and(|at| at.starts_with("2025-10-09"))
        }),
        (&["--to", "2025-10-09T12:00:02Z", "--kind", "call_reported"], &|fact| {
            fact["kind"] == "call_reported" && fact["occurred_at"].as_str() < Some("2025-10-09T12:00:02")
        }),
    ] {
        let found = facts(args);
        let expected: Vec<&Value> = all.iter().filter(|fact| wanted(fact)).collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{args:?} tells some from others");
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{args:?}");
    }
    assert!(facts(&["--kind", "call_placed"]).is_empty());
    assert!(all.iter().all(|fact| fact["original"].is_null()));
    let raw = facts(&["--raw", "--kind", "delivery_quarantined"]);
    assert!(raw.iter().all(|fact| fact["original"].as_str().is_some_and(|it| it.contains("EMAIL_SENT"))));

    let table = export(&site, &["--format", "csv"]).exits(0).stdout.clone();
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let columns: Vec<String> = rows.headers().expect("a header").iter().map(str::to_owned).collect();
    let rows: Vec<BTreeMap<String, String>> = rows
        .records()
        .map(|row| columns.iter().cloned().zip(row.expect("a row").iter().map(str::to_owned)).collect())
        .collect();
    assert_eq!(rows.len(), all.len());
    for (row, fact) in rows.iter().zip(&all) {
        for name in
            ["tenant", "provider", "external_id", "kind", "occurred_at", "recorded_at", "digest", "leaf"]
        {
            assert_eq!(row[name], fact[name].as_str().expect(name), "{name}");
        }
        assert_eq!(row["body"].parse::<Value>().expect("JSON"), fact["body"]);
    }
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_failure() {
    let site = Site::new();
    let server = site.start().await;
    let facts: Vec<Value> = (0..2_000).map(|n| answered(&format!("CA{n}"), 45, AT)).collect();
    server.record("acme", &facts).await;
    server.stop();
    let export = site.command(&["export"]);
    let mut head = Command::new("bash");
    head.args(["-c", "set -o pipefail; \"$@\" | head -n 1", "bash"])
        .arg(export.get_program())
        .args(export.get_args());
    for (name, value) in export.get_envs() {
        match value {
            Some(value) => head.env(name, value),
            None => head.env_remove(name),
        };
    }
    let ran = run(head);
    assert_eq!(lines(&ran.exits(0).stdout)[0]["position"], 1, "{}", ran.all());
}

#[tokio::test]
async fn f4_an_export_is_refused_by_rule() {
    let site = Site::new();
    let nothing = export(&site, &[]);
    assert!(nothing.exits(1).stderr.contains("no log here"), "{}", nothing.stderr);
    site.start().await.stop();
    for (args, told) in [
        (&["--tenant", "nobody"][..], "nobody"),
        (&["--tenant", "_control"], "--tenant"),
        (&["--tenant", "A"], "--tenant"),
        (&["--kind", "call_vanished"], "--kind"),
        (&["--from", "yesterday"], "an instant such as"),
        (&["--format", "parquet"], "ndjson"),
    ] {
        let ran = export(&site, args);
        assert!(ran.exits(2).stderr.contains(told), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    let nowhere = export(&site, &["--out", "no/such/folder/x"]);
    assert!(nowhere.exits(1).stderr.contains("no/such/folder/x"), "{}", nowhere.stderr);
}
