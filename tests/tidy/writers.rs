//! Who may append to the log.

use super::circles::code;
use super::{is_test, room, sources};

/// Rooms that may append to the log, besides the log itself.
const APPENDERS: &[&str] = &["ingest", "commands"];

/// Rooms that may append through `ingest`: decisions, and what comes with time.
const THROUGH_INGEST: &[&str] = &["ingest", "commands", "sync", "ticker"];

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
    if calls("log") && !APPENDERS.contains(&here) {
        broken.push(format!("{file}: {here} may not append to the log"));
    }
    if calls("ingest") && !THROUGH_INGEST.contains(&here) {
        broken.push(format!("{file}: {here} may not append through ingest"));
    }
    broken
}

#[test]
fn only_ingest_and_commands_append() {
    let sources = sources();
    let product = sources.iter().filter(|(file, _)| file.starts_with("src/"));
    let broken: Vec<String> = product.flat_map(|(file, text)| appends(file, text)).collect();
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn a_stranger_that_appends_is_seen() {
    assert_eq!(appends("src/views/x.rs", "fn f() { self.log\n    .append(drafts)?; }").len(), 1);
    assert_eq!(appends("src/http/x.rs", "app.engine.log.append_all(drafts)").len(), 1);
    assert_eq!(appends("src/views/x.rs", "parts.ingest.append(&facts, &Bytes::new())").len(), 1);
    let drafts = "self.log.append(drafts)";
    for right in ["src/ingest/x.rs", "src/commands/x.rs", "src/log/x.rs", "src/views/tests/x.rs"] {
        assert!(appends(right, drafts).is_empty(), "{right}");
    }
    assert!(appends("src/views/x.rs", "// log.append(drafts)\nlist.append(&mut more);").is_empty());
}
