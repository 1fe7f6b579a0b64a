//! `[[mapping]]` of `factfold.toml`: sources that the configuration describes. A mapping that could never give a fact
//! is refused at start, by file, line and key.

mod field;
mod fits;
mod signing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use domain::facts::{kind_name, kind_named, kinds};
use domain::json::did_you_mean;
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
        let is_named = faults.take(check_name(source, entry, &mappings)).is_some();
        mappings.extend(mapping(source, entry, faults).filter(|_| is_named));
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

/// The mapping as understood; none where something of it is at fault, all of which is told.
fn mapping(source: &Source<'_>, entry: &MappingEntry, faults: &mut Faults) -> Option<Mapping> {
    let at = |key: &str| At::new(source, entry.name.get_ref(), key);
    let optional = |key, given: &Option<Spanned<toml::Value>>, usual| {
        given.as_ref().map(|given| at(key).field(given, usual)).transpose()
    };
    let list = |key, given: &[Spanned<toml::Value>], faults: &mut Faults| {
        let read = given.iter().map(|given| faults.take(at(key).field(given, ReadAs::Text)));
        read.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()
    };
    let each = entry.each.as_ref().map(|each| {
        field::list_path(each.get_ref()).map_err(|rule| source.wrong(each.span(), "mapping.each", rule))
    });
    let signature = faults.take(signing::read(source, &entry.signature));
    let echo_header = entry.echo_header.as_ref().map(|given| {
        signing::header_name(given.get_ref())
            .ok_or_else(|| source.wrong(given.span(), "mapping.echo_header", "must be the name of a header"))
    });
    let json_field = entry.json_field.as_ref().map(|given| match given.get_ref().trim() {
        "" => Err(source.wrong(given.span(), "mapping.json_field", "must be the name of a form's field")),
        name => Ok(name.to_owned()),
    });
    let instant = ReadAs::Instant(TimeFormat::Rfc3339);
    let (echo_header, json_field) =
        (faults.take(echo_header.transpose()), faults.take(json_field.transpose()));
    let each = faults.take(each.transpose());
    let event = faults.take(optional("mapping.event", &entry.event, ReadAs::Text));
    let external_id = list("mapping.external_id", entry.external_id.get_ref(), faults);
    let occurred_at = faults.take(optional("mapping.occurred_at", &entry.occurred_at, instant));
    let number = optional("mapping.tracking_number", &entry.tracking_number, ReadAs::Phone);
    let tracking_number = faults.take(number);
    let workspace = list("mapping.workspace", &entry.workspace, faults);
    let rules = entry.on.get_ref().iter().map(|rule| self::rule(source, entry, rule, faults));
    let rules = rules.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>();
    // All was read before the first that is at fault ends it.
    let mapping = Mapping {
        name: entry.name.get_ref().clone(),
        version: entry.version.unwrap_or(1),
        signature: signature?,
        echo_header: echo_header?,
        json_field: json_field?,
        each: each?,
        event: event?,
        external_id: external_id?,
        occurred_at: occurred_at?,
        tracking_number: tracking_number?,
        workspace: workspace?,
        rules: rules?,
    };
    faults.take(fits_together(source, entry, &mapping))?;
    Some(mapping)
}

/// What its parts must be to each other.
fn fits_together(source: &Source<'_>, entry: &MappingEntry, mapping: &Mapping) -> Result<(), ConfigError> {
    if mapping.rules.is_empty() {
        return Err(source.wrong(entry.name.span(), "mapping.on", "at least one is needed"));
    }
    let times = [&mapping.occurred_at].into_iter().chain(mapping.rules.iter().map(|rule| &rule.occurred_at));
    if times.flatten().any(|field| !matches!(field.read_as, ReadAs::Instant(_))) {
        return Err(source.wrong(entry.name.span(), "mapping.occurred_at", "must be read as an instant"));
    }
    unambiguous(source, entry, mapping)
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

/// The rule as understood; none where something of it is at fault, all of which is told.
fn rule(
    source: &Source<'_>,
    entry: &MappingEntry,
    rule: &RuleEntry,
    faults: &mut Faults,
) -> Option<MappingRule> {
    let given = rule.kind.get_ref();
    let wrong = |message: String| source.wrong(rule.kind.span(), "mapping.on.kind", message);
    let blank = rule.event.iter().find(|event| event.get_ref().trim().is_empty());
    if let Some(blank) = blank {
        faults.add(source.wrong(blank.span(), "mapping.on.event", "must not be blank"));
    }
    let kind = match given.as_str() {
        IGNORED => Some(None),
        _ => {
            let kind = kind_named(given).and_then(kind_name);
            let may = |kind: &&str| required_role(kind).is_some_and(|role| role <= PostingRole::Operator);
            let kind = kind.filter(may).ok_or_else(|| wrong(no_kind(given)));
            faults.take(kind).map(Some)
        }
    };
    let mut body = Members::default();
    let at = At::new(source, entry.name.get_ref(), "mapping.on.body");
    let members = rule.body.iter().map(|(name, given)| at.member(&mut body, vec![name.clone()], given));
    let is_read = members.filter_map(|read| faults.take(read)).count() == rule.body.len();
    let time = At::new(source, entry.name.get_ref(), "mapping.on.occurred_at");
    let occurred_at = rule.occurred_at.as_ref();
    let occurred_at = occurred_at.map(|given| time.field(given, ReadAs::Instant(TimeFormat::Rfc3339)));
    let occurred_at = faults.take(occurred_at.transpose());
    // Of a body that is not read no member is told to be missing.
    let (kind, occurred_at) = (kind.filter(|_| is_read && blank.is_none())?, occurred_at?);
    let events = rule.event.iter().map(|event| event.get_ref().trim().to_owned()).collect();
    let mapped = MappingRule { events, kind, occurred_at, body };
    let fits = match kind {
        None if mapped.body == Members::default() => Vec::new(),
        None => vec![wrong(format!("{IGNORED} has no body"))],
        Some(kind) => fits::check(source, kind, &rule.kind, &rule.body, &mapped),
    };
    let is_fit = fits.is_empty();
    fits.into_iter().for_each(|fault| faults.add(fault));
    is_fit.then_some(mapped)
}

/// What is said of a kind that no mapping can have.
fn no_kind(given: &str) -> String {
    let mapped = kinds().map(|(_, name)| name);
    let mapped = mapped.filter(|name| required_role(name).is_some_and(|role| role <= PostingRole::Operator));
    let mapped: Vec<&str> = mapped.chain([IGNORED]).collect();
    format!("{given:?} is not a kind that a source can report{}", did_you_mean(given, &mapped))
}
