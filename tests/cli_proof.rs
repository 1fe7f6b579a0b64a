//! G24 for exports: each line proves what it says, a whole export comes to the log's root, and whatever is changed or
//! left out under a mended manifest is found and named, by import and by an independent verifier.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli_export::{root, unhex};
use crate::common::Site;
use crate::common::facts::answered;
use crate::common::lived::{AT, lived_in};
use crate::common::site::{Ran, run};
use crate::common::size::sized;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A whole export with payloads, as it was written.
struct Exported {
    site: Site,
    lines: Vec<Value>,
    manifest: Value,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn leaves(lines: &[Value]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| unhex(line["leaf"].as_str().unwrap_or_default())).collect()
}

impl Exported {
    async fn new() -> Self {
        Self::of(lived_in().await)
    }

    fn of(site: Site) -> Self {
        let out = site.path("facts.ndjson");
        site.cli(&["export", "--raw", "--out", out.to_str().expect("utf-8")]).exits(0);
        let text = fs::read_to_string(&out).expect("export");
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let manifest = fs::read(site.path("facts.ndjson.manifest.json")).expect("manifest");
        Self { site, lines, manifest: serde_json::from_slice(&manifest).expect("JSON") }
    }

    /// Writes lines under a manifest that was mended to fit them: size, digest, counts and the root over the leaves.
    fn mended(&self, name: &str, lines: &[Value], mut manifest: Value) -> PathBuf {
        let line = |line: &Value| {
            // A line of an export is told by its first member.
            let mut members = line.as_object().expect("an object").clone();
            let position = members.remove("position").unwrap_or_default();
            let rest = Value::Object(members).to_string();
            format!("{{\"position\":{position},{}\n", &rest[1..])
        };
        let text: String = lines.iter().map(line).collect();
        manifest["bytes"] = text.len().into();
        manifest["sha256"] = hex(&Sha256::digest(&text)).into();
        manifest["facts"] = lines.len().into();
        manifest["first_position"] = lines.first().map_or(Value::Null, |line| line["position"].clone());
        manifest["last_position"] = lines.last().map_or(Value::Null, |line| line["position"].clone());
        manifest["leaves_root"] = hex(&root(&leaves(lines))).into();
        let path = self.site.path(name);
        fs::write(&path, text).expect("written");
        fs::write(beside(&path), manifest.to_string()).expect("written");
        path
    }

    /// Fails unless both programs refuse the file by name.
    fn is_refused(&self, what: &str, lines: &[Value], manifest: &Value) {
        let path = self.mended("changed.ndjson", lines, manifest.clone());
        let python = verifier(&path, &[]);
        assert_eq!(python.code, Some(3), "{what} passes the verifier: {}", python.all());
        assert!(python.stdout.starts_with("BAD "), "{what}: {}", python.all());
        let target = self.site.path("elsewhere");
        let import = import(&self.site, &path, &target);
        assert_eq!(import.code, Some(3), "{what} passes the import: {}", import.all());
        assert!(!target.exists(), "{what}: nothing may be recorded");
    }
}

fn beside(path: &Path) -> String {
    format!("{}.manifest.json", path.display())
}

fn verifier(path: &Path, more: &[&str]) -> Ran {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/verify.py");
    let mut python = Command::new("python3");
    python.arg(script).arg("export").arg(path).args(more);
    run(python)
}

fn import(site: &Site, path: &Path, into: &Path) -> Ran {
    let (file, into) = (path.to_str().expect("utf-8"), into.to_str().expect("utf-8"));
    site.cli(&["import", file, "--manifest", &beside(path), "--data-dir", into])
}

/// JSON pointers of every scalar.
fn scalars(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| scalars(value, &format!("{at}/{name}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| scalars(value, &format!("{at}/{n}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// Another value of the same type and look.
fn other(value: &Value) -> Value {
    match value {
        Value::Bool(value) => (!value).into(),
        Value::Number(number) => (number.as_i64().expect("an integer") + 1).into(),
        Value::String(text) => {
            let swap = |c: char| match c {
                '0' => '1',
                '1'..='9' => '0',
                'a' => 'b',
                'b'..='z' => 'a',
                'A' => 'B',
                'B'..='Z' => 'A',
                other => other,
            };
            let at = text.char_indices().filter(|(_, c)| swap(*c) != *c).nth(1).map_or(0, |(at, _)| at);
            let mut changed: String = text[..at].to_owned();
            changed.extend(text[at..].chars().take(1).map(swap));
            changed.extend(text[at..].chars().skip(1));
            changed.into()
        }
        _ => json!(0),
    }
}

#[tokio::test]
async fn g24_any_value_that_is_changed_under_a_mended_manifest_is_found_and_named() {
    let exported = Exported::new().await;
    let Exported { site, lines, manifest } = &exported;
    // Null control: written anew and mended, but with nothing changed, it holds in both programs.
    let path = exported.mended("same.ndjson", lines, manifest.clone());
    let told = verifier(&path, &["--root", manifest["log"]["root"].as_str().expect("a root")]);
    assert!(told.exits(0).stdout.starts_with("ok "), "{}", told.all());
    import(site, &path, &site.path("same")).exits(0);

    let mut changes = Vec::new();
    let mut kinds = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if kinds.contains(&&line["kind"]) {
            continue;
        }
        kinds.push(&line["kind"]);
        let mut pointers = Vec::new();
        scalars(line, "", &mut pointers);
        changes.extend(pointers.into_iter().map(|pointer| (at, pointer)));
    }
    assert!(kinds.len() > 15 && changes.len() > 200, "{} kinds, {} values", kinds.len(), changes.len());
    // The small size: every eighth, and in other kinds other members. Every one of them by turns of the stride.
    for (at, pointer) in changes.iter().step_by(sized(8, 1)) {
        let mut changed = lines.clone();
        let value = changed[*at].pointer_mut(pointer).expect("a value");
        let before = value.clone();
        *value = other(&before);
        assert_ne!(*value, before);
        let what = format!("{pointer} of a {}: {before} as {value}", lines[*at]["kind"]);
        exported.is_refused(&what, &changed, manifest);
    }
}

#[tokio::test]
async fn g24_what_is_left_out_added_moved_or_put_in_from_another_log_is_found() {
    let exported = Exported::new().await;
    let Exported { lines, manifest, .. } = &exported;
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        changed
    };
    let at = lines.iter().position(|line| line["kind"] == "call_reported").expect("a call");
    let refers = lines.iter().position(|line| !line["refers"].is_null()).expect("one that names others");
    let rejected = lines.iter().position(|line| line["kind"] == "conflict_rejected").expect("one");
    exported.is_refused("a line left out", &with(&|lines| drop(lines.remove(at))), manifest);
    exported.is_refused("the last line left out", &with(&|lines| drop(lines.pop())), manifest);
    exported.is_refused("two lines swapped", &with(&|lines| lines.swap(at, at + 1)), manifest);
    exported.is_refused("a line twice", &with(&|lines| lines.insert(at, lines[at].clone())), manifest);
    exported.is_refused(
        "two contents swapped",
        &with(&|lines| {
            let (one, two) = (lines[at]["position"].clone(), lines[at + 1]["position"].clone());
            lines.swap(at, at + 1);
            (lines[at]["position"], lines[at + 1]["position"]) = (one, two);
        }),
        manifest,
    );
    let without = |name: &'static str| {
        move |lines: &mut Vec<Value>| drop(lines[at].as_object_mut().expect("an object").remove(name))
    };
    for name in ["proof", "digest", "body", "recorded_at", "leaf"] {
        exported.is_refused(&format!("{name} left out"), &with(&without(name)), manifest);
    }
    exported.is_refused(
        "a member of a body added",
        &with(&|lines| lines[at]["body"]["note"] = json!("x")),
        manifest,
    );
    exported.is_refused("a payload added", &with(&|lines| lines[at]["original"] = json!("{}")), manifest);
    exported.is_refused("a member added", &with(&|lines| lines[at]["evidence"] = json!({})), manifest);
    exported.is_refused("references left out", &with(&|lines| lines[refers]["refers"] = json!([])), manifest);
    exported.is_refused(
        "evidence left out",
        &with(&|lines| {
            drop(lines[rejected]["refers"].as_array_mut().expect("references").pop());
        }),
        manifest,
    );

    // A line of another log proves itself; the root does not follow.
    let other = Site::new();
    let server = other.start().await;
    server
        .record("acme", &(0..30).map(|n| answered(&format!("other-{n}"), 99, AT)).collect::<Vec<_>>())
        .await;
    server.stop();
    let strange = Exported::of(other);
    let position = lines[at]["position"].clone();
    let mut line = strange.lines.last().expect("a line").clone();
    line["position"] = position;
    exported.is_refused("a line of another log", &with(&|lines| lines[at] = line.clone()), manifest);

    let changed = |change: &dyn Fn(&mut Value)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        manifest
    };
    let leaf = manifest["bridge"][0]["leaves"][0].clone();
    for (what, manifest) in [
        ("a bridged leaf changed", changed(&|it| it["bridge"][0]["leaves"][0] = other_leaf(&leaf))),
        ("the bridge left out", changed(&|it| drop(it.as_object_mut().expect("members").remove("bridge")))),
        ("a bridged leaf twice", changed(&|it| it["bridge"][0]["leaves"] = json!([leaf, leaf]))),
        (
            "another head",
            changed(&|it| it["log"]["position"] = (it["log"]["position"].as_u64().expect("one") + 1).into()),
        ),
        ("another root", changed(&|it| it["log"]["root"] = other_leaf(&it["log"]["root"]))),
        ("another selection", changed(&|it| it["selection"]["tenant"] = json!("globex"))),
    ] {
        exported.is_refused(what, lines, &manifest);
    }
    // An old root, kept elsewhere, is asked for by hand.
    let path = exported.mended("same.ndjson", lines, manifest.clone());
    assert_eq!(verifier(&path, &["--root", &"0".repeat(64)]).code, Some(3));
}

fn other_leaf(leaf: &Value) -> Value {
    other(leaf)
}

#[tokio::test]
async fn e7_a_whole_export_of_a_log_with_tokens_users_and_logins_comes_to_the_logs_root() {
    let site = lived_in().await;
    site.cli(&["token", "create", "one", "--role", "admin"]).exits(0);
    site.cli(&["token", "create", "two", "--role", "admin"]).exits(0);
    let server = site.start().await;
    server.record("acme", &[answered("CA78", 45, AT)]).await;
    server.stop();
    site.cli(&["token", "create", "three", "--role", "admin"]).exits(0);
    let exported = Exported::of(site);
    let audit = exported.site.cli(&["audit", "--json"]).exits(0).json().remove(0);
    let manifest = &exported.manifest;
    assert_eq!(manifest["log"]["root"], audit["root"]);
    let mut all: Vec<(u64, Vec<u8>)> = exported
        .lines
        .iter()
        .map(|line| (line["position"].as_u64().expect("one"), unhex(line["leaf"].as_str().expect("a leaf"))))
        .collect();
    let mut runs = Vec::new();
    for run in manifest["bridge"].as_array().expect("runs") {
        let (first, bridged) =
            (run["first_position"].as_u64().expect("one"), run["leaves"].as_array().expect("leaves"));
        runs.push(bridged.len());
        all.extend((first..).zip(bridged.iter().map(|leaf| unhex(leaf.as_str().expect("digits")))));
    }
    assert_eq!(runs, [1, 2, 1], "the token of the server, then two, then one");
    all.sort();
    assert_eq!(all.iter().map(|(at, _)| *at).collect::<Vec<_>>(), (1..=all.len() as u64).collect::<Vec<_>>());
    let leaves: Vec<Vec<u8>> = all.into_iter().map(|(_, leaf)| leaf).collect();
    assert_eq!(audit["root"], hex(&root(&leaves)), "by the definition of RFC 6962");
    let text = manifest.to_string();
    assert!(!text.contains("token") && !text.contains("_control"), "leaves alone, no content: {text}");
    let path = exported.site.path("facts.ndjson");
    assert!(verifier(&path, &[]).exits(0).stdout.contains("4 are bridged"));
}

#[tokio::test]
async fn f4_a_selection_carries_the_configuration_and_says_that_figures_will_differ() {
    let site = lived_in().await;
    let out = site.path("part.ndjson");
    let part = out.to_str().expect("utf-8");
    let span = ["--tenant", "acme", "--from", "2025-10-09T12:00:00Z", "--to", "2025-10-09T12:00:01Z"];
    let ran = site.cli(&[&["export", "--out", part], &span[..]].concat());
    assert!(ran.exits(0).stderr.contains("FIGURES WILL DIFFER"), "{}", ran.stderr);
    let text = fs::read_to_string(&out).expect("export");
    assert_eq!(text.matches("\"kind\":\"tenant_configured\"").count(), 2, "both configurations of acme");
    let told = verifier(&out, &[]);
    assert!(told.exits(0).stdout.contains("FIGURES WILL DIFFER"), "{}", told.all());
    let imported = import(&site, &out, &site.path("there"));
    assert!(imported.stderr.contains("FIGURES WILL DIFFER"), "{}", imported.stderr);
    // A whole tenant leaves nothing out of its figures, and one kind alone gives none.
    let whole = site.cli(&["export", "--tenant", "acme"]);
    assert!(!whole.exits(0).stderr.contains("FIGURES"), "{}", whole.stderr);
    let calls = site.cli(&["export", "--kind", "call_reported"]);
    assert!(calls.exits(0).stderr.contains("FIGURES WILL DIFFER"));
    assert!(!calls.stdout.contains("tenant_configured"));
}
