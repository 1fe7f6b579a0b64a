//! A public type's name stands for one thing in the whole tree.

use std::collections::{BTreeMap, BTreeSet};

use super::{is_test, room, sources};

/// Public types at the top of files, by name, with the rooms that have one.
fn types(sources: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources.iter().filter(|(file, _)| !is_test(file)) {
        let Some(room) =
            room(file).or_else(|| ["domain", "projections"].into_iter().find(|top| file.starts_with(top)))
        else {
            continue;
        };
        for line in text.lines().filter_map(|line| line.strip_prefix("pub ")) {
            let Some((word, rest)) = line.split_once(' ') else { continue };
            if ["struct", "enum", "trait", "type"].contains(&word) {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.entry(rest[..end].to_owned()).or_default().insert(room.to_owned());
            }
        }
    }
    found
}

fn doubled(sources: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    types(sources).into_iter().filter(|(_, rooms)| rooms.len() > 1).collect()
}

#[test]
fn no_public_type_name_stands_in_two_rooms() {
    let sources = sources();
    assert!(types(&sources).len() > 300, "found only {} types", types(&sources).len());
    assert_eq!(doubled(&sources), BTreeMap::new());
}

#[test]
fn a_name_in_two_rooms_is_seen() {
    let tree = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        doubled(&files.collect()).into_keys().collect::<Vec<_>>()
    };
    let log = ("src/log/a.rs", "pub struct Known<T>(T);");
    for other in ["pub enum Known {", "pub type Known = u8;", "pub trait Known: Sized {", "pub struct Known;"]
    {
        assert_eq!(tree(&[log, ("domain/x.rs", other)]), ["Known"], "{other}");
    }
    // Null controls: the same room, a private one, one within, another name, a test.
    for (file, text) in [
        ("src/log/b.rs", "pub struct Known;"),
        ("src/views/b.rs", "pub(crate) struct Known;"),
        ("src/views/b.rs", "    pub struct Known;"),
        ("src/views/b.rs", "pub struct KnownState;"),
        ("src/views/tests.rs", "pub struct Known;"),
    ] {
        assert!(tree(&[log, (file, text)]).is_empty(), "{file}: {text}");
    }
}
