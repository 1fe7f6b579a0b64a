//! `[[mapping]]` of `factfold.toml`: sources that the configuration describes. A mapping that could never give a fact
//! is refused at start, by file, line and key.

mod field;
mod fits;
mod signing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use domain::facts::{kind_name, kind_named};
use domain::keys::Provider as ProviderName;
use domain::members::fold_word;
use serde::Deserialize;
use toml::Spanned;

use self::field::At;
use super::ConfigError;
use super::faults::Faults;
use super::source::Source;
use crate::ingest::post::{PostingRole, required_role};
use crate::ingest::providers;
use crate::ingest::providers::generic::field::ReadAs;
use crate::ingest::providers::generic::members::Members;
use crate::ingest::providers::generic::{Mapping, MappingRule};
use crate::ingest::time::TimeFormat;

/// One `[[mapping]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingEntry {
    /// What endpoints name it by.
    pub name: Spanned<String>,
    version: Option<u16>,
    signature: Spanned<toml::Value>,
    echo_header: Option<Spanned<String>>,
    json_field: Option<Spanned<String>>,
    each: Option<Spanned<String>>,
    event: Option<Spanned<toml::Value>>,
    external_id: Spanned<Vec<Spanned<toml::Value>>>,
    occurred_at: Option<Spanned<toml::Value>>,
    tracking_number: Option<Spanned<toml::Value>>,
    #[serde(default)]
    workspace: Vec<Spanned<toml::Value>>,
    on: Spanned<Vec<RuleEntry>>,
}

/// One `[[mapping.on]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    #[serde(default)]
    event: Vec<Spanned<String>>,
    kind: Spanned<String>,
    occurred_at: Option<Spanned<toml::Value>>,
    #[serde(default)]
    body: BTreeMap<String, Spanned<toml::Value>>,
}

/// `kind` of events that are known and carry nothing to count.
const IGNORED: &str = "ignored";

/// Reads the mappings of the file; those at fault are told and left out.
pub fn read(source: &Source<'_>, entries: &[MappingEntry], faults: &mut Faults) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::with_capacity(entries.len());
    for entry in entries {
        let named = check_name(source, entry, &mappings);
        mappings.extend(faults.take(named.and_then(|()| mapping(source, entry))));
    }
    mappings
}

fn check_name(source: &Source<'_>, entry: &MappingEntry, known: &[Mapping]) -> Result<(), ConfigError> {
    let name = entry.name.get_ref();
    let wrong = |message: String| Err(source.wrong(entry.name.span(), "mapping.name", message));
    if let Err(error) = ProviderName::new(name) {
        return wrong(error.to_string());
    }
    if providers::preset(name).is_some() {
        return wrong(format!("{name} is a provider that needs no mapping"));
    }
    if known.iter().any(|mapping| mapping.name == *name) {
        return wrong(format!("{name:?} is given twice"));
    }
    Ok(())
}

fn mapping(source: &Source<'_>, entry: &MappingEntry) -> Result<Mapping, ConfigError> {
    let at = |key: &str| At::new(source, entry.name.get_ref(), key);
    let optional = |key, given: &Option<Spanned<toml::Value>>, usual| {
        given.as_ref().map(|given| at(key).field(given, usual)).transpose()
    };
    let list = |key, given: &[Spanned<toml::Value>]| {
        given.iter().map(|given| at(key).field(given, ReadAs::Text)).collect::<Result<Vec<_>, _>>()
    };
    let each = entry.each.as_ref().map(|each| {
        field::list_path(each.get_ref()).map_err(|rule| source.wrong(each.span(), "mapping.each", rule))
    });
    let signature = signing::read(source, &entry.signature)?;
    let echo_header = entry.echo_header.as_ref().map(|given| {
        signing::header_name(given.get_ref())
            .ok_or_else(|| source.wrong(given.span(), "mapping.echo_header", "must be the name of a header"))
    });
    let json_field = entry.json_field.as_ref().map(|given| match given.get_ref().trim() {
        "" => Err(source.wrong(given.span(), "mapping.json_field", "must be the name of a form's field")),
        name => Ok(name.to_owned()),
    });
    let external_id = entry.external_id.get_ref();
    let mapping = Mapping {
        name: entry.name.get_ref().clone(),
        version: entry.version.unwrap_or(1),
        signature,
        echo_header: echo_header.transpose()?,
        json_field: json_field.transpose()?,
        each: each.transpose()?,
        event: optional("mapping.event", &entry.event, ReadAs::Text)?,
        external_id: list("mapping.external_id", external_id)?,
        occurred_at: optional(
            "mapping.occurred_at",
            &entry.occurred_at,
            ReadAs::Instant(TimeFormat::Rfc3339),
        )?,
        tracking_number: optional("mapping.tracking_number", &entry.tracking_number, ReadAs::Phone)?,
        workspace: list("mapping.workspace", &entry.workspace)?,
        rules: entry
            .on
            .get_ref()
            .iter()
            .map(|rule| self::rule(source, entry, rule))
            .collect::<Result<_, _>>()?,
    };
    if mapping.rules.is_empty() {
        return Err(source.wrong(entry.name.span(), "mapping.on", "at least one is needed"));
    }
    let times = [&mapping.occurred_at].into_iter().chain(mapping.rules.iter().map(|rule| &rule.occurred_at));
    if times.flatten().any(|field| !matches!(field.read_as, ReadAs::Instant(_))) {
        return Err(source.wrong(entry.name.span(), "mapping.occurred_at", "must be read as an instant"));
    }
    unambiguous(source, entry, &mapping)?;
    Ok(mapping)
}

/// Of one event there is one fact of a kind: two would have one key.
fn unambiguous(source: &Source<'_>, entry: &MappingEntry, mapping: &Mapping) -> Result<(), ConfigError> {
    for (at, rule) in mapping.rules.iter().enumerate() {
        let Some(written) = entry.on.get_ref().get(at) else { continue };
        for other in &mapping.rules[..at] {
            let overlap = rule.events.is_empty()
                || other.events.is_empty()
                || rule
                    .events
                    .iter()
                    .any(|event| other.events.iter().any(|name| fold_word(name) == fold_word(event)));
            if overlap && rule.kind == other.kind {
                let kind = written.kind.get_ref();
                let message = format!("an event is given the kind {kind} twice");
                return Err(source.wrong(written.kind.span(), "mapping.on.kind", message));
            }
        }
    }
    Ok(())
}

fn rule(source: &Source<'_>, entry: &MappingEntry, rule: &RuleEntry) -> Result<MappingRule, ConfigError> {
    let given = rule.kind.get_ref();
    let wrong = |message: String| source.wrong(rule.kind.span(), "mapping.on.kind", message);
    if let Some(blank) = rule.event.iter().find(|event| event.get_ref().trim().is_empty()) {
        return Err(source.wrong(blank.span(), "mapping.on.event", "must not be blank"));
    }
    let kind = match given.as_str() {
        IGNORED => None,
        _ => {
            let kind = kind_named(given).and_then(kind_name);
            let may = kind.and_then(required_role).is_some_and(|role| role <= PostingRole::Operator);
            Some(
                kind.filter(|_| may)
                    .ok_or_else(|| wrong(format!("{given:?} is not a kind that a source can report")))?,
            )
        }
    };
    let mut body = Members::default();
    let at = At::new(source, entry.name.get_ref(), "mapping.on.body");
    for (name, given) in &rule.body {
        at.member(&mut body, vec![name.clone()], given)?;
    }
    let time = At::new(source, entry.name.get_ref(), "mapping.on.occurred_at");
    let occurred_at = rule.occurred_at.as_ref();
    let mapped = MappingRule {
        events: rule.event.iter().map(|event| event.get_ref().trim().to_owned()).collect(),
        kind,
        occurred_at: occurred_at
            .map(|given| time.field(given, ReadAs::Instant(TimeFormat::Rfc3339)))
            .transpose()?,
        body,
    };
    match kind {
        None if mapped.body == Members::default() => {}
        None => return Err(wrong(format!("{IGNORED} has no body"))),
        Some(kind) => fits::check(source, kind, &rule.kind, &rule.body, &mapped)?,
    }
    Ok(mapped)
}
