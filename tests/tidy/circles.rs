//! No two files of a room use each other.
//!
//! A file and those below its own folder are one piece here: what a parent declares and offers, its children may use.

use std::collections::{BTreeMap, BTreeSet};

use super::{is_test, sources};

/// Pairs that use each other and may, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("src/log/keys/keeper.rs", "src/log/keys/lookup.rs", "the index and its keeper are one mechanism"),
    ("src/log/keys/run.rs", "src/log/keys/sled_run.rs", "a run and how sled holds it are one mechanism"),
    ("src/cli/demo/emailbison.rs", "src/cli/demo/traffic.rs", "the demo plays the provider it is played by"),
    ("src/cli/demo/traffic.rs", "src/cli/demo/twilio.rs", "the demo plays the provider it is played by"),
];

/// The module of a file, from its crate's name on.
pub fn module(file: &str) -> Option<Vec<String>> {
    let mut parts: Vec<&str> = file.strip_suffix(".rs")?.split('/').collect();
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    Some(parts.into_iter().map(str::to_owned).collect())
}

/// The code without comments and without the tests at its end.
pub(super) fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The names that a tree such as `a::{b, c::d as e}` stands for, and the text behind it.
fn tree<'t>(text: &'t str, before: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            match rest.strip_prefix('}') {
                Some(rest) => return rest,
                None if rest.is_empty() => return rest,
                None => {
                    let behind = tree(rest, before, found);
                    // What is no tree of names ends the reading.
                    if behind.len() == rest.len() {
                        return "";
                    }
                    rest = behind;
                }
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = [before, &[name.to_owned()]].concat();
    if let Some(below) = rest.strip_prefix("::").filter(|_| end > 0) {
        return tree(below, &path, found);
    }
    found.push(path);
    // A renaming, `*` or whatever else comes before the next name.
    let end = rest.find([',', '}', ';', '(', ')', '<', '>', '&', ' ', '\n']).unwrap_or(rest.len());
    let rest = rest[end..].strip_prefix(" as ").map_or(&rest[end..], |renamed| {
        renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
    });
    if end == 0 && rest.starts_with(['(', ')', '<', '>', '&']) { &rest[1..] } else { rest }
}

/// Paths that begin with `crate`, `self` or `super` in a code, wherever they stand.
pub(super) fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for root in ["crate", "self", "super"] {
        for (at, _) in code.match_indices(&format!("{root}::")) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let is_inner = before == ':' || before.is_alphanumeric() || before == '_' || before == '$';
            if !is_inner && !code[..at].ends_with("in ") {
                tree(&code[at..], &[], &mut found);
            }
        }
    }
    found
}

/// What a module offers of its children: name, and the child.
fn offered(module: &[String], code: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        if !code[..at].lines().next_back().is_some_and(|line| line.starts_with("pub")) {
            continue;
        }
        let mut paths = Vec::new();
        tree(&code[at + "use ".len()..], &[], &mut paths);
        for path in paths {
            let inner: &[String] = if path[0] == "self" { &path[1..] } else { &path };
            if let [child @ .., name] = inner
                && !child.is_empty()
            {
                found.push((name.clone(), [module, child].concat()));
            }
        }
    }
    found
}

/// Pairs of files of one room that use each other, neither of them the other's parent.
fn circles(sources: &BTreeMap<String, String>) -> BTreeSet<(String, String)> {
    let mut files: BTreeMap<Vec<String>, (&str, String)> = BTreeMap::new();
    for (name, text) in sources {
        let is_product = ["src/", "domain/", "projections/"].iter().any(|top| name.starts_with(top));
        if is_product && !is_test(name) && name != "src/main.rs" {
            files.extend(module(name).map(|module| (module, (name.as_str(), code(text)))));
        }
    }
    let mut at_home = BTreeMap::new();
    for (module, (_, code)) in &files {
        for (name, child) in offered(module, code) {
            at_home.insert((module.clone(), name), child);
        }
    }
    let mut uses: BTreeSet<(&[String], Vec<String>)> = BTreeSet::new();
    for (module, (_, code)) in &files {
        for path in paths(code) {
            let ups = path.iter().take_while(|part| *part == "super").count();
            let mut target = match path[0].as_str() {
                "crate" => module[..1].to_vec(),
                _ => module[..module.len().saturating_sub(ups)].to_vec(),
            };
            let mut rest = &path[ups.max(1)..];
            while let Some((name, inner)) = rest.split_first() {
                let deeper = [target.as_slice(), std::slice::from_ref(name)].concat();
                if files.contains_key(&deeper) {
                    target = deeper;
                } else if let Some(child) = at_home.get(&(target.clone(), name.clone())) {
                    target.clone_from(child);
                } else {
                    break;
                }
                rest = inner;
            }
            uses.insert((module, target));
        }
    }
    let mut found = BTreeSet::new();
    for (from, to) in &uses {
        let is_apart = !from.starts_with(to) && !to.starts_with(from);
        // A crate beside `src/` is one room.
        let depth = if from[0] == "src" { 2 } else { 1 };
        let is_one_room = from.get(..depth) == to.get(..depth);
        let back = files.get_key_value(to).is_some_and(|(to, _)| uses.contains(&(to, from.to_vec())));
        if is_apart && is_one_room && back && *from < to.as_slice() {
            found.insert((files[*from].0.to_owned(), files[to].0.to_owned()));
        }
    }
    found
}

#[test]
fn no_two_files_use_each_other() {
    let excepted = EXCEPTIONS.iter().map(|(one, other, _)| ((*one).to_owned(), (*other).to_owned()));
    assert_eq!(circles(&sources()), excepted.collect());
}

#[test]
fn a_circle_is_seen_however_it_is_written() {
    let tree = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        circles(&files.collect())
    };
    let pair = ("src/room/a.rs".to_owned(), "src/room/b.rs".to_owned());
    let b = ("src/room/b.rs", "use super::a::Thing;\nfn b() {}");
    for a in [
        "use super::b::b;",
        "use crate::room::b;",
        "use crate::room::{c::Other, b::{b as bee, Bee}};",
        "fn a() { super::b::b(); }",
        "use super::Bee;",
    ] {
        let room = ("src/room/mod.rs", "mod a;\nmod b;\npub use self::b::{Bee, Other as Another};");
        let found = tree(&[("src/room/a.rs", a), b, room, ("src/room/c.rs", "")]);
        assert_eq!(found, BTreeSet::from([pair.clone()]), "{a}");
    }
    // Null controls: one way, another room, a comment, a test, a parent.
    for a in [
        "use super::c::Other;",
        "use crate::other::b::b;",
        "// use super::b::b;",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    use super::super::b::b;\n}",
        "pub(in crate::room::b) fn a() {}",
    ] {
        let rest = [("src/room/mod.rs", "mod a;\nmod b;"), ("src/room/c.rs", ""), ("src/other/b.rs", "")];
        assert_eq!(tree(&[&[("src/room/a.rs", a), b], &rest[..]].concat()), BTreeSet::new(), "{a}");
    }
    let parent = [("src/room/mod.rs", "use self::a::A;"), ("src/room/a.rs", "use super::Room;")];
    assert_eq!(tree(&parent), BTreeSet::new(), "a parent and its child are one piece");
}
