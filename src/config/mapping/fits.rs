//! Whether the members that a mapping gives are those of the kind, tried with all that is known of their values.

use std::collections::BTreeMap;

use domain::facts::Fact;
use domain::json::FieldError;
use serde_json::{Map, Value, json};
use toml::Spanned;

use crate::config::ConfigError;
use crate::config::source::Source;
use crate::ingest::providers::generic::MappingRule;
use crate::ingest::providers::generic::field::{Field, ReadAs};
use crate::ingest::providers::generic::members::{CURRENCY, Members, put};

/// Whether the kind has these members, all that it needs, and takes what they can be.
///
/// Every member that does not, or that is missing; none where it fits.
pub fn check(
    source: &Source<'_>,
    kind: &str,
    written: &Spanned<String>,
    members: &BTreeMap<String, Spanned<toml::Value>>,
    rule: &MappingRule,
) -> Vec<ConfigError> {
    let mut wrong = Vec::new();
    let faults = |body: Map<String, Value>| -> Vec<FieldError> {
        match Fact::from_json(kind, Value::Object(body), "") {
            Some(Err(faults)) => faults,
            Some(Ok(_)) | None => Vec::new(),
        }
    };
    let all = whole(&rule.body);
    for (path, field) in all_members(&rule.body) {
        let samples = samples(field);
        let pointer = format!("/{}", path.join("/"));
        let beside = |name: &str| [&path[..path.len().saturating_sub(1)], &[name.to_owned()]].concat();
        let has_currency = || all_members(&rule.body).any(|(other, _)| other == beside(CURRENCY));
        if field.read_as == ReadAs::Decimal && !has_currency() {
            let key = format!("mapping.on.body.{}", path.join("."));
            let rule = "as = \"decimal\" needs the member currency beside it";
            wrong.push(source.wrong(written.span(), &key, rule));
        }
        let span =
            path.first().and_then(|name| members.get(name)).map_or_else(|| written.span(), Spanned::span);
        for sample in samples {
            let one = alone(&path, sample.clone());
            // An object where the kind has a plain member is told at that member.
            let is_here = |fault: &FieldError| {
                let outer = pointer.starts_with(&format!("{}/", fault.pointer));
                fault.pointer == pointer || (outer && fault.message.starts_with("must be"))
            };
            let at_fault = faults(one).into_iter().find(is_here);
            // A text that comes from the source may well be the right word.
            let is_word = |fault: &FieldError| {
                field.table.is_none()
                    && sample == SOURCE_TEXT
                    && fault.pointer == pointer
                    && ["must be one of", "must be an ISO 4217"]
                        .iter()
                        .any(|rule| fault.message.starts_with(rule))
            };
            if let Some(fault) = at_fault.filter(|fault| !is_word(fault)) {
                let message = format!("{kind} {}; the mapping gives {sample}", fault.message);
                wrong.push(source.wrong(
                    span.clone(),
                    &format!("mapping.on.body.{}", path.join(".")),
                    message,
                ));
                // The other samples are at fault for the same reason.
                break;
            }
        }
    }
    let is_mapped = |pointer: &str| {
        all_members(&rule.body).any(|(path, _)| format!("/{}", path.join("/")).starts_with(pointer))
    };
    wrong.extend(faults(all).into_iter().filter(|fault| !is_mapped(&fault.pointer)).map(|fault| {
        let key = format!("mapping.on.body{}", fault.pointer.replace('/', "."));
        source.wrong(written.span(), &key, format!("{kind}: {}", fault.message))
    }));
    wrong
}

/// Every member with its way into the body; of a list of objects the first one stands for all.
fn all_members(members: &Members) -> Box<dyn Iterator<Item = (Vec<String>, &Field)> + '_> {
    let plain = members.fields.iter().map(|(path, field)| (path.clone(), field));
    let inner = members.rows.iter().flat_map(|rows| {
        let at = [&rows.path[..], &["0".to_owned()]].concat();
        all_members(&rows.members).map(move |(path, field)| ([&at[..], &path[..]].concat(), field))
    });
    Box::new(plain.chain(inner))
}

/// A body of one sample of each member.
fn whole(members: &Members) -> Map<String, Value> {
    let mut all = Map::new();
    for (path, field) in &members.fields {
        put(&mut all, path, samples(field).first().cloned().unwrap_or(Value::Null));
    }
    for rows in &members.rows {
        put(&mut all, &rows.path, Value::Array(vec![Value::Object(whole(&rows.members))]));
    }
    all
}

/// A body of one member, in a list where its way leads through the first of one.
fn alone(path: &[String], sample: Value) -> Map<String, Value> {
    let object = |name: &String, value| Map::from_iter([(name.clone(), value)]);
    match path {
        [] => Map::new(),
        [name] => object(name, sample),
        [name, first, rest @ ..] if first == "0" => {
            object(name, Value::Array(vec![Value::Object(alone(rest, sample))]))
        }
        [name, rest @ ..] => object(name, Value::Object(alone(rest, sample))),
    }
}

/// A text of the source, of which no more is known.
const SOURCE_TEXT: &str = "text";

/// What a field can give, as far as that is known.
fn samples(field: &Field) -> Vec<Value> {
    let constants = field.otherwise.iter().chain(&field.default);
    let read = match (&field.table, &field.read_as) {
        (Some(_), _) => Vec::new(),
        (None, _) if field.paths.is_empty() => Vec::new(),
        (None, ReadAs::Text) => vec![json!(SOURCE_TEXT)],
        (None, ReadAs::Integer | ReadAs::Seconds | ReadAs::Minutes | ReadAs::Decimal) => vec![json!(60)],
        (None, ReadAs::Date(_)) => vec![json!("2026-01-01")],
        (None, ReadAs::Month(_)) => vec![json!("2026-01")],
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
