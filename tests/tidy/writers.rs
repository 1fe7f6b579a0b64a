//! Who may write and who may look: appends come from two rooms, and a resource of HTTP names no more than it needs.

use std::collections::BTreeMap;

use super::circles::{code, paths};
use super::{is_test, room, sources};

/// Rooms that may append to the log, besides the log itself.
const APPENDERS: &[&str] = &["ingest", "commands"];

/// Rooms that may append through `ingest`: decisions, what comes with time, and attempts of alerts.
const THROUGH_INGEST: &[&str] = &["ingest", "commands", "ticker", "outbound"];

/// Files that still append by themselves.
const TO_BE_MOVED: &[&str] = &["src/access/mod.rs"];

/// Rooms that a resource of HTTP may name.
const OF_RESOURCES: &[&str] =
    &["access", "commands", "deliveries", "directory", "http", "ingest", "outbound", "views"];

/// What a resource may name of the log: streams, readiness and reading facts.
const OF_THE_LOG: &[&str] = &["LogSnapshot", "LogState", "select"];

/// Appends of a source that its room may not make.
fn appends(file: &str, text: &str) -> Vec<String> {
    let Some(here) = room(file).filter(|room| *room != "log" && *room != "testing" && !is_test(file)) else {
        return Vec::new();
    };
    let code: String = code(text).split_whitespace().collect();
    let calls = |receiver: &str| {
        [".append(", ".append_all("].iter().any(|call| code.contains(&format!("{receiver}{call}")))
    };
    let mut broken = Vec::new();
    if calls("log") && !APPENDERS.contains(&here) && !TO_BE_MOVED.contains(&file) {
        broken.push(format!("{file}: {here} may not append to the log"));
    }
    if calls("ingest") && !THROUGH_INGEST.contains(&here) {
        broken.push(format!("{file}: {here} may not append through ingest"));
    }
    broken
}

/// Names in a resource of HTTP that it may not name.
fn strangers(file: &str, text: &str) -> Vec<String> {
    if !file.starts_with("src/http/resources/") {
        return Vec::new();
    }
    let paths = paths(&code(text)).into_iter().filter(|path| path[0] == "crate" && path.len() > 1);
    let broken = paths.filter(|path| match path[1].as_str() {
        "log" => path.get(2).is_none_or(|name| !OF_THE_LOG.contains(&name.as_str())),
        "clock" => false,
        room => !OF_RESOURCES.contains(&room),
    });
    broken.map(|path| format!("{file}: a resource may not name {}", path.join("::"))).collect()
}

fn broken(sources: &BTreeMap<String, String>) -> Vec<String> {
    let sources = sources.iter().filter(|(file, _)| file.starts_with("src/"));
    sources.flat_map(|(file, text)| [appends(file, text), strangers(file, text)].concat()).collect()
}

#[test]
fn only_ingest_and_commands_append_and_resources_name_what_they_need() {
    assert_eq!(broken(&sources()), Vec::<String>::new());
}

#[test]
fn a_stranger_that_appends_or_looks_is_seen() {
    assert_eq!(appends("src/views/x.rs", "fn f() { self.log\n    .append(drafts)?; }").len(), 1);
    assert_eq!(appends("src/http/x.rs", "app.engine.log.append_all(drafts)").len(), 1);
    assert_eq!(appends("src/views/x.rs", "parts.ingest.append(&facts, &Bytes::new())").len(), 1);
    let drafts = "self.log.append(drafts)";
    for right in ["src/ingest/x.rs", "src/commands/x.rs", "src/log/x.rs", "src/views/tests/x.rs"] {
        assert!(appends(right, drafts).is_empty(), "{right}");
    }
    assert!(appends("src/views/x.rs", "// log.append(drafts)\nlist.append(&mut more);").is_empty());
    let named = |text: &str| strangers("src/http/resources/x.rs", text).len();
    assert_eq!(named("use crate::engine::Engine;\nuse crate::log::{Log, LogState};"), 2);
    assert_eq!(named("use crate::log::select::{GroupSet, Select};\nuse crate::views::Views;"), 0);
}
