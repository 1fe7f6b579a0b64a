//! Whether the members that a mapping gives are those of the kind, tried with all that is known of their values.

use std::collections::BTreeMap;

use domain::facts::Fact;
use domain::json::FieldError;
use serde_json::{Map, Value, json};
use toml::Spanned;

use crate::config::ConfigError;
use crate::config::source::Source;
use crate::ingest::providers::generic::field::{Field, ReadAs};
use crate::ingest::providers::generic::{MappingRule, put};

/// Whether the kind has these members, all that it needs, and takes what they can be.
///
/// # Errors
/// The first member that does not, or that is missing.
pub fn check(
    source: &Source<'_>,
    kind: &str,
    written: &Spanned<String>,
    members: &BTreeMap<String, Spanned<toml::Value>>,
    rule: &MappingRule,
) -> Result<(), ConfigError> {
    let faults = |body: Map<String, Value>| -> Vec<FieldError> {
        match Fact::from_json(kind, Value::Object(body), "") {
            Some(Err(faults)) => faults,
            Some(Ok(_)) | None => Vec::new(),
        }
    };
    let mut all = Map::new();
    for (path, field) in &rule.body {
        let samples = samples(field);
        put(&mut all, path, samples.first().cloned().unwrap_or(Value::Null));
        let pointer = format!("/{}", path.join("/"));
        let span =
            path.first().and_then(|name| members.get(name)).map_or_else(|| written.span(), Spanned::span);
        for sample in samples {
            let mut one = Map::new();
            put(&mut one, path, sample.clone());
            // An object where the kind has a plain member is told at that member.
            let is_here = |fault: &FieldError| {
                let outer = pointer.starts_with(&format!("{}/", fault.pointer));
                fault.pointer == pointer || (outer && fault.message.starts_with("must be"))
            };
            let at_fault = faults(one).into_iter().find(is_here);
            // A text that comes from the source may well be the right word.
            let is_word = |fault: &FieldError| {
                field.table.is_none()
                    && fault.pointer == pointer
                    && fault.message.starts_with("must be one of")
            };
            if let Some(fault) = at_fault.filter(|fault| !is_word(fault)) {
                let message = format!("{kind} {}; the mapping gives {sample}", fault.message);
                return Err(source.wrong(span, &format!("mapping.on.body.{}", path.join(".")), message));
            }
        }
    }
    let is_mapped =
        |pointer: &str| rule.body.iter().any(|(path, _)| format!("/{}", path.join("/")).starts_with(pointer));
    match faults(all).into_iter().find(|fault| !is_mapped(&fault.pointer)) {
        None => Ok(()),
        Some(fault) => {
            let key = format!("mapping.on.body{}", fault.pointer.replace('/', "."));
            Err(source.wrong(written.span(), &key, format!("{kind}: {}", fault.message)))
        }
    }
}

/// What a field can give, as far as that is known.
fn samples(field: &Field) -> Vec<Value> {
    let constants = field.otherwise.iter().chain(&field.default);
    let read = match (&field.table, &field.read_as) {
        (Some(_), _) => Vec::new(),
        (None, _) if field.paths.is_empty() => Vec::new(),
        (None, ReadAs::Text) => vec![json!("text")],
        (None, ReadAs::Integer | ReadAs::Seconds | ReadAs::Minutes) => vec![json!(60)],
        (None, ReadAs::Bool) => vec![json!(true)],
        (None, ReadAs::Instant(_)) => vec![json!("2026-01-01T00:00:00Z")],
        (None, ReadAs::Phone) => vec![json!("+12125550101")],
        (None, ReadAs::List) => vec![json!(["text"])],
    };
    read.into_iter()
        .chain(field.table.iter().flat_map(BTreeMap::values).cloned())
        .chain(constants.cloned())
        .collect()
}
