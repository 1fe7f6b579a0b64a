//! The house rules as tests: walls between rooms and files, names, how a file begins, how long it may be.

mod circles;
mod documents;
mod http_rooms;
mod names;
mod rules;
mod writers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use factfold::ingest::providers::PRESETS;

/// Longest source file, in lines.
const LINES_MAX: usize = 400;

/// What each room of `src/` may name of the others. Arrows point inward only.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "access",
            "commands",
            "config",
            "directory",
            "engine",
            "http",
            "ingest",
            "log",
            "proof",
            "standins",
            "store",
            "sync",
            "views",
        ],
    ),
    (
        "http",
        &[
            "access",
            "commands",
            "deliveries",
            "directory",
            "engine",
            "ingest",
            "log",
            "outbound",
            "proof",
            "sync",
            "views",
        ],
    ),
    (
        "engine",
        &[
            "access",
            "auditor",
            "commands",
            "config",
            "deliveries",
            "directory",
            "follow",
            "ingest",
            "log",
            "outbound",
            "proof",
            "store",
            "sync",
            "ticker",
            "views",
        ],
    ),
    ("outbound", &["commands", "config", "directory", "ingest", "log", "proof", "views"]),
    ("sync", &["commands", "config", "directory", "ingest", "outbound", "views"]),
    ("ticker", &["auditor", "deliveries", "ingest", "views"]),
    ("auditor", &["log", "views"]),
    ("commands", &["access", "config", "directory", "follow", "ingest", "log", "views"]),
    ("access", &["follow", "log"]),
    ("directory", &["follow", "log"]),
    ("deliveries", &["store"]),
    ("views", &["follow", "log"]),
    ("follow", &["log"]),
    ("ingest", &["directory", "follow", "log"]),
    ("config", &["directory", "ingest", "log", "proof"]),
    ("proof", &["log"]),
    ("log", &["store"]),
    ("standins", &["outbound"]),
    ("store", &[]),
];

/// Files of `src/` that every room may name, and that name none.
const SHARED: &[&str] = &["clock", "spreadsheet", "worker"];

/// The harness of the unit tests, which puts the rooms together as the engine does.
const TESTING: &str = "testing";

/// Crates that only one room may name.
const OWNED: &[(&str, &str)] = &[("sled", "store"), ("axum", "http")];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for top in ["src", "dashboard/src", "domain", "projections", "tests", "benches"] {
        collect(&root().join(top), &mut found);
    }
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

/// Whether a file holds tests, or what only they use.
fn is_test(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("tests/")
        || name.contains("/tests/")
        || file == "testing.rs"
        || file == "tests.rs"
        || file.ends_with("_tests.rs")
}

fn collect(dir: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).expect("folder").map(|entry| entry.expect("entry").path()) {
        if entry.is_dir() {
            collect(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let name = entry.strip_prefix(root()).expect("below the root").display().to_string();
            found.insert(name, fs::read_to_string(&entry).expect("utf-8"));
        }
    }
}

/// The room of a file below `src/`.
fn room(name: &str) -> Option<&str> {
    let inner = name.strip_prefix("src/")?;
    let first = inner.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// Rooms that a source names as `crate::room`, comments left out.
fn named_rooms(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let names =
                part.strip_prefix('{').map_or(part, |list| list.split('}').next().unwrap_or_default());
            let list = part.starts_with('{');
            for name in names.split(if list { ',' } else { '\u{0}' }) {
                let room: String =
                    name.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                rooms.push(room);
            }
        }
    }
    rooms
}

fn wall_breaks(name: &str, text: &str) -> Vec<String> {
    let Some(here) = room(name) else { return Vec::new() };
    let mut broken = Vec::new();
    if SHARED.contains(&here) && !named_rooms(text).is_empty() {
        broken.push(format!("{name}: every room names {here}, so it may name none"));
    }
    // Tests of a room may name the rooms around it.
    let is_test = is_test(name);
    if let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == here && !is_test) {
        for there in named_rooms(text) {
            let is_room = ARROWS.iter().any(|(room, _)| *room == there);
            if is_room && there != here && !allowed.contains(&there.as_str()) {
                broken.push(format!("{name}: {here} may not name {there}"));
            }
        }
    }
    for (library, owner) in OWNED {
        let uses = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains(&format!("{library}::")) || code.trim() == format!("use {library};")
        });
        if uses && here != *owner {
            broken.push(format!("{name}: only {owner}/ names {library}"));
        }
    }
    broken
}

#[test]
fn rooms_name_only_what_lies_inward() {
    let broken: Vec<String> = sources().iter().flat_map(|(name, text)| wall_breaks(name, text)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_broken_wall_is_seen() {
    assert_eq!(wall_breaks("src/log/x.rs", "use crate::http::problem::Problem;").len(), 1);
    assert_eq!(wall_breaks("src/views/x.rs", "use crate::{log::Log, ingest::Ingest};").len(), 1);
    assert_eq!(wall_breaks("src/clock.rs", "use crate::log::Log;").len(), 1);
    assert_eq!(wall_breaks("src/ingest/x.rs", "let db = sled::open(path);").len(), 1);
    assert!(wall_breaks("src/log/x.rs", "// crate::http is outside").is_empty());
}

#[test]
fn every_room_of_the_tree_has_its_arrows() {
    let known: Vec<&str> = ARROWS
        .iter()
        .map(|(room, _)| *room)
        .chain(SHARED.iter().copied())
        .chain([TESTING, "lib", "main"])
        .collect();
    let strangers: Vec<String> =
        sources().into_keys().filter(|name| room(name).is_some_and(|room| !known.contains(&room))).collect();
    assert!(strangers.is_empty(), "rooms without a line in ARROWS: {strangers:?}");
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent: Vec<String> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no `//!` on line 1: {silent:?}");
}

#[test]
fn no_file_is_longer_than_can_be_read_in_a_sitting() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(name, lines)| format!("{name}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = ["TO", "FIX", "HA"].map(|start| {
        format!(
            "{start}{}",
            if start == "TO" {
                "DO"
            } else if start == "FIX" {
                "ME"
            } else {
                "CK"
            }
        )
    });
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| {
            marks.iter().any(|mark| text.contains(mark.as_str())) || text.contains(&format!("#[{}", "ignore"))
        })
        .map(|(name, _)| name)
        .collect();
    assert!(found.is_empty(), "unfinished marks in {found:?}");
}

#[test]
fn every_provider_has_fixtures() {
    assert!(PRESETS.len() >= 4, "found {} providers", PRESETS.len());
    for name in PRESETS.iter().map(|preset| preset.name()) {
        let fixtures = root().join("fixtures/providers").join(name);
        let count = fs::read_dir(&fixtures).map(Iterator::count).unwrap_or(0);
        assert!(count > 1, "provider {name} has no fixtures in {}", fixtures.display());
    }
}

/// Test files that the `main.rs` of their folder does not name, and so never run.
fn left_out(sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut left = Vec::new();
    for folder in ["tests/", "projections/tests/", "domain/tests/"] {
        let main = &sources[&format!("{folder}main.rs")];
        for name in sources.keys().filter_map(|name| name.strip_prefix(folder)) {
            let module = name.split('/').next().unwrap_or_default().trim_end_matches(".rs");
            if module != "main" && !main.contains(&format!("mod {module};\n")) {
                left.push(format!("{folder}{name}"));
            }
        }
    }
    left
}

#[test]
fn every_test_file_runs() {
    let mut sources = sources();
    assert_eq!(left_out(&sources), Vec::<String>::new());
    sources.insert("tests/forgotten.rs".to_owned(), String::new());
    assert_eq!(left_out(&sources), ["tests/forgotten.rs"], "a file that is left out is found");
}
