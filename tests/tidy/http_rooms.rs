//! Walls within `src/http`: the server and the API know no resource, and a resource knows no other.

use super::circles::{code, module, paths};
use super::sources;

/// The rooms of the engine that resources may name.
const RESOURCES_MAY_NAME: &[&str] =
    &["access", "commands", "deliveries", "directory", "http", "ingest", "log", "outbound", "sync", "views"];

/// The resources that read the log itself: facts, their stream, and whether it can be written.
const LOG_READERS: &[&str] = &["facts", "health", "stream"];

fn broken_walls(name: &str, text: &str) -> Vec<String> {
    let Some(module) = module(name) else { return Vec::new() };
    let inner: Vec<&str> = module.iter().map(String::as_str).collect();
    let ["src", "http", room, rest @ ..] = inner.as_slice() else { return Vec::new() };
    let resource = rest.first().copied();
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
        let is_broken = match (*room, target.as_slice()) {
            ("server" | "api", ["http", "resources", ..]) => true,
            ("resources", ["http", "resources", other, ..]) => resource.is_some() && Some(*other) != resource,
            ("resources", ["log", ..]) => !resource.is_some_and(|resource| LOG_READERS.contains(&resource)),
            ("resources", [there, ..]) => !RESOURCES_MAY_NAME.contains(there),
            _ => false,
        };
        if is_broken {
            broken.push(format!("{name}: {} may not name {}", room, target.join("::")));
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
        ("src/http/resources/calls.rs", "use crate::log::Log;"),
        ("src/http/resources/calls.rs", "use crate::store::Store;"),
    ] {
        assert!(!broken_walls(name, text).is_empty(), "{name}: {text}");
    }
    for (name, text) in [
        ("src/http/resources/facts/post.rs", "use super::posted::PostAnswer;"),
        ("src/http/resources/facts/mod.rs", "use crate::{log::Log, views::facts::page};"),
        ("src/http/resources/calls.rs", "use crate::http::api::extractors::Read;"),
        ("src/http/server/edge.rs", "use crate::http::api::problem::Problem;"),
    ] {
        assert_eq!(broken_walls(name, text), Vec::<String>::new());
    }
}
