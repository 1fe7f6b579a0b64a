//! Rules are cited by code, and `docs/rules.md` says each in a sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{root, sources};

/// The letters of rules.
const LETTERS: &str = "ABCDEFGILPR";

/// The code that begins a text, such as `R7`, and what follows it.
fn code(text: &str) -> Option<(String, &str)> {
    let letter = text.chars().next().filter(|letter| LETTERS.contains(*letter))?;
    let rest = &text[1..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let is_number = matches!(digits, 1 | 2) && !rest.starts_with('0');
    is_number.then(|| (format!("{letter}{}", &rest[..digits]), &rest[digits..]))
}

/// Codes in the comments of a source, those in backticks and quotes left out, and in the names of its tests.
fn cited(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in source.lines() {
        let comment = line.split_once("//").map_or("", |(_, comment)| comment);
        for part in comment.split(['`', '"']).step_by(2) {
            for word in part.split(|c: char| !c.is_ascii_alphanumeric()) {
                found.extend(code(word).filter(|(_, rest)| rest.is_empty()).map(|(code, _)| code));
            }
        }
        if let Some((_, name)) = line.split_once("fn ") {
            found.extend(
                code(&name[..name.len().min(8)].to_uppercase())
                    .filter(|(_, rest)| rest.starts_with('_'))
                    .map(|(code, _)| code),
            );
        }
    }
    found
}

/// Codes that are cited and have no anchor in the document, with a file that cites each.
fn unexplained(document: &str, sources: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut missing = BTreeMap::new();
    for (file, source) in sources {
        for code in cited(source) {
            if !document.contains(&format!("<a id=\"{}\"></a>**{code}** ", code.to_lowercase())) {
                missing.insert(code, file.clone());
            }
        }
    }
    missing
}

#[test]
fn every_rule_that_is_cited_is_explained() {
    let document = fs::read_to_string(root().join("docs/rules.md")).expect("docs/rules.md");
    let sources = sources();
    assert_eq!(unexplained(&document, &sources), BTreeMap::new());
    let all: BTreeSet<String> = sources.values().flat_map(|source| cited(source)).collect();
    assert!(all.len() > 80, "found only {} codes", all.len());
    // Null control: without its line a rule is missed.
    let line = document.lines().find(|line| line.contains("**R7**")).expect("a line of R7");
    let missing = unexplained(&document.replace(line, ""), &sources);
    assert_eq!(missing.keys().collect::<Vec<_>>(), ["R7"]);
}

#[test]
fn codes_are_found_in_comments_and_names_of_tests_and_nowhere_else() {
    let codes = |source: &str| cited(source).into_iter().collect::<Vec<_>>();
    assert_eq!(
        codes("//! Folds (A2, G8 to G9; RULINGS E10).\nlet a = 1; // R7"),
        ["A2", "E10", "G8", "G9", "R7"]
    );
    assert_eq!(codes("    async fn l6_a_refusal_is_told() {"), ["L6"]);
    for none in [
        "let lead = \"L1\";",
        "// the lead `L1`",
        "// the lead \"L1\"",
        "// SHA256, U64, L0, CA1",
        "fn lead_1() {}",
    ] {
        assert_eq!(codes(none), Vec::<String>::new(), "{none}");
    }
}
