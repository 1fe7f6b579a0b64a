//! What documents say is there, is there: tests, recorded deliveries, the API document.

use std::collections::BTreeMap;
use std::fs;

use super::{root, sources};
use crate::common::Site;
use crate::common::site::{bare_command, run};

/// Makes the kept API document anew where it is set.
const WRITE_OPENAPI: &str = "FACTFOLD_WRITE_OPENAPI";

#[tokio::test]
async fn the_api_document_that_is_kept_is_what_the_server_makes() {
    let path = root().join("openapi.json");
    let server = Site::new().start().await;
    let made = server.send(server.request("GET", "/api/openapi.json")).await.is(200).text.clone();
    if std::env::var_os(WRITE_OPENAPI).is_some() {
        fs::write(&path, &made).expect("written");
    }
    let kept = fs::read_to_string(&path).expect("openapi.json");
    let differs = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    let line = differs.unwrap_or(kept.lines().count().min(made.lines().count())) + 1;
    assert!(kept == made, "openapi.json differs from line {line} on; {WRITE_OPENAPI}=1 writes it anew");
}

/// Makes the reference in the document anew where it is set.
const WRITE_REFERENCE: &str = "FACTFOLD_WRITE_REFERENCE";

#[test]
fn the_reference_in_the_document_is_what_the_binary_prints() {
    let path = root().join("docs/configuration.md");
    let made = run(bare_command(&["config", "reference"])).exits(0).stdout.clone();
    let document = fs::read_to_string(&path).expect("the document");
    let begin =
        document.find("```toml\n# factfold.toml: ").or_else(|| document.find("```toml\n```")).expect("begin");
    let begin = begin + "```toml\n".len();
    let end = begin + document[begin..].find("```\n<!-- End of").expect("end");
    if std::env::var_os(WRITE_REFERENCE).is_some() {
        let anew = [&document[..begin], &made, &document[end..]].concat();
        return fs::write(&path, anew).expect("written");
    }
    let kept = &document[begin..end];
    assert!(
        kept == made,
        "docs/configuration.md is not what the binary prints; {WRITE_REFERENCE}=1 writes it anew"
    );
}

/// Tests and recorded deliveries that a document's tables name in their last column, and that are not there.
fn untested(document: &str, sources: &BTreeMap<String, String>) -> Vec<String> {
    let rows = document.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    let cells = rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
    let mut missing = Vec::new();
    for cell in cells.filter(|cell| cell.trim() != "test") {
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            missing.push(format!("no test in {cell:?}"));
        }
        for name in names {
            let is_there = match name.split_once("::") {
                Some((file, test)) => {
                    let source = sources.get(&format!("tests/{file}.rs"));
                    source.is_some_and(|source| source.contains(&format!("fn {test}(")))
                }
                None => root().join("fixtures/providers").join(format!("{name}.http")).exists(),
            };
            if !is_there {
                missing.push(name.to_owned());
            }
        }
    }
    missing
}

#[test]
fn every_quirk_of_a_provider_names_its_tests() {
    let document = fs::read_to_string(root().join("docs/providers.md")).expect("docs/providers.md");
    let sources = sources();
    assert_eq!(untested(&document, &sources), Vec::<String>::new());
    let rows = document.lines().filter(|line| line.starts_with("| ")).count();
    assert!(rows > 50, "only {rows} rows");
    let wrong = "| quirk | here | test |\n|---|---|---|\n| a | b | `twilio/never-seen`, `hooks::no_such_test` |\n| c | d | none |";
    assert_eq!(untested(wrong, &sources).len(), 3, "what is not there is seen");
}

/// The rows of PRODUCT and of the lessons, by letter and how many there are.
const ROWS: [(&str, usize); 8] =
    [("A", 7), ("B", 14), ("C", 7), ("D", 10), ("F", 6), ("E", 14), ("R", 10), ("L", 15)];

/// What is wrong in a table of rows: one that is missing or twice, a test that is not there, a row without tests that
/// does not say so, or says so although tests are named after it.
fn wrong_rows(document: &str, sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let cells =
        document.lines().filter(|line| line.starts_with('|')).map(|line| line.split('|').map(str::trim));
    let rows: Vec<Vec<&str>> = cells.map(Iterator::collect).collect();
    let black_box = || sources.iter().filter(|(name, _)| name.starts_with("tests/"));
    for code in ROWS.iter().flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}{n}"))) {
        let found: Vec<&Vec<&str>> = rows.iter().filter(|row| row.get(1) == Some(&code.as_str())).collect();
        let [row] = found.as_slice() else {
            wrong.push(format!("{code} stands there {} times", found.len()));
            continue;
        };
        let (tests, open) =
            (row.get(3).copied().unwrap_or_default(), row.get(4).copied().unwrap_or_default());
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        for name in &tests {
            let is_there = name.rsplit_once("::").is_some_and(|(file, test)| {
                let source = sources.get(&format!("tests/{}.rs", file.replace("::", "/")));
                source.is_some_and(|source| source.contains(&format!("fn {test}(")))
            });
            if !is_there {
                wrong.push(format!("{code}: no test {name}"));
            }
        }
        let named = format!("fn {}_", code.to_lowercase());
        let has_named = black_box().any(|(_, source)| source.contains(&named));
        if tests.is_empty() && (open != "not yet" || has_named) {
            wrong.push(format!("{code}: no tests, open {open:?}, tests named after it: {has_named}"));
        }
    }
    wrong
}

#[test]
fn every_row_of_the_product_names_its_tests() {
    let document = fs::read_to_string(root().join("docs/rows.md")).expect("docs/rows.md");
    let sources = sources();
    assert_eq!(wrong_rows(&document, &sources), Vec::<String>::new());
    let first = document.lines().find(|line| line.starts_with("| A1 |")).expect("the first row");
    for broken in [
        document.replace(first, ""),
        document.replace(first, &format!("{first}\n{first}")),
        document.replace("::a1_", "::a1_no_such_"),
        document.replace(first, "| A1 | webhooks | | not yet |"),
        document.replace(first, "| A1 | webhooks | | |"),
    ] {
        assert!(!wrong_rows(&broken, &sources).is_empty(), "expected a broken table to be seen");
    }
}
