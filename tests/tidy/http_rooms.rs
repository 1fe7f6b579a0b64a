//! Walls within `src/http`: the server and the API know no resource, and a resource knows no other.

use super::circles::{code, module, paths};
use super::sources;

/// Paths of a file below `src/http` that lead into a resource, other than its own.
fn broken_walls(name: &str, text: &str) -> Vec<String> {
    let Some(module) = module(name) else { return Vec::new() };
    let inner: Vec<&str> = module.iter().map(String::as_str).collect();
    let ["src", "http", room, rest @ ..] = inner.as_slice() else { return Vec::new() };
    let own = if *room == "resources" { rest.first().copied() } else { None };
    // `resources/mod.rs` declares them all, and `http/mod.rs` is no room: it puts the rooms together.
    let is_free = *room == "resources" && own.is_none();
    let mut broken = Vec::new();
    for path in paths(&code(text)) {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let target: Vec<&str> = match path[0].as_str() {
            "crate" => path[1..].iter().map(String::as_str).collect(),
            "super" => {
                let above = inner[1..inner.len().saturating_sub(ups).max(1)].iter().copied();
                above.chain(path[ups..].iter().map(String::as_str)).collect()
            }
            _ => continue,
        };
        if let ["http", "resources", other, ..] = target.as_slice()
            && !is_free
            && Some(*other) != own
        {
            broken.push(format!("{name}: may not name {}", target.join("::")));
        }
    }
    broken
}

#[test]
fn the_rooms_of_http_keep_their_walls() {
    let sources = sources();
    let resources = sources.keys().filter(|name| name.starts_with("src/http/resources/")).count();
    assert!(resources > 20, "found only {resources} resources");
    let broken: Vec<String> = sources.iter().flat_map(|(name, text)| broken_walls(name, text)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_broken_wall_within_http_is_seen() {
    for (name, text) in [
        ("src/http/server/edge.rs", "use crate::http::resources::stream;"),
        ("src/http/api/routes.rs", "use super::super::resources::{calls, stream};"),
        ("src/http/resources/calls.rs", "use super::facts::blocking;"),
        ("src/http/resources/calls.rs", "let found = crate::http::resources::facts::page();"),
    ] {
        assert!(!broken_walls(name, text).is_empty(), "{name}: {text}");
    }
    for (name, text) in [
        ("src/http/resources/facts/post.rs", "use super::posted::PostAnswer;"),
        ("src/http/resources/calls.rs", "use crate::http::api::extractors::Read;"),
        ("src/http/server/edge.rs", "use crate::http::api::problem::Problem;"),
    ] {
        assert_eq!(broken_walls(name, text), Vec::<String>::new());
    }
}
