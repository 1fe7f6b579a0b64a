//! `factfold.toml`: its grammar, and what in it is refused, each by file, line and key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::{env, fs};

use domain::keys::TenantId;
use domain::members::{Currency, Day};
use domain::rules::calendar::ZoneName;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml::Spanned;

use super::{ConfigError, TenantConfig, mapping};
use crate::ingest::directory::{Endpoint, Secret};
use crate::ingest::provider::Provider;
use crate::ingest::providers::{self, generic::Mapping};

/// What a public URL must be.
pub const PUBLIC_URL_RULE: &str = "must be such as https://hooks.example.com";

/// The file as written; unknown keys are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grammar {
    data_dir: Option<PathBuf>,
    listen: Option<SocketAddr>,
    public_url: Option<Spanned<String>>,
    #[serde(default)]
    tenant: Vec<TenantEntry>,
    #[serde(default)]
    endpoint: Vec<EndpointEntry>,
    #[serde(default)]
    mapping: Vec<mapping::Entry>,
    #[serde(default)]
    outbound: OutboundEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutboundEntry {
    #[serde(default)]
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantEntry {
    id: Spanned<String>,
    name: Spanned<String>,
    timezone: Spanned<String>,
    currency: Option<Spanned<String>>,
    #[serde(default)]
    workspaces: Vec<String>,
    recording: Option<bool>,
    effective_from: Option<Spanned<String>>,
    rules: Option<Spanned<toml::Table>>,
    #[serde(default)]
    tracking_number: Vec<TrackingNumberEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrackingNumberEntry {
    number: String,
    agent: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointEntry {
    id: Spanned<String>,
    provider: Spanned<String>,
    tenant: Option<Spanned<String>>,
    event: Option<Spanned<String>>,
    #[serde(default)]
    secrets: Vec<Spanned<String>>,
}

/// The file as understood.
pub struct Understood {
    pub data_dir: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub public_url: Option<String>,
    pub tenants: Vec<TenantConfig>,
    pub endpoints: Vec<Endpoint>,
    pub mappings: Vec<Mapping>,
    pub outbound_allow: Vec<String>,
}

/// The text, to name lines of.
pub(super) struct Source<'a> {
    path: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    /// What is wrong at that place, under its key.
    pub fn wrong(&self, span: Range<usize>, key: &str, message: impl Into<String>) -> ConfigError {
        let place = format!("{}:{}: {key}", self.path, self.line(span.start));
        ConfigError::Value { place, message: message.into() }
    }

    /// The parser says what and where; the key stands in the line.
    fn unparsable(&self, error: &toml::de::Error) -> ConfigError {
        let message = error.message().to_owned();
        let Some(span) = error.span() else {
            return ConfigError::Value { place: self.path.to_owned(), message };
        };
        let line = self.line(span.start);
        let written = self.text.lines().nth(line - 1).unwrap_or_default();
        let place = match written.split_once('=') {
            Some((key, _)) => format!("{}:{line}: {}", self.path, key.trim()),
            None => format!("{}:{line}", self.path),
        };
        ConfigError::Value { place, message }
    }
}

/// Reads the text of the file at `path`.
pub fn read(path: &str, text: &str) -> Result<Understood, ConfigError> {
    let source = Source { path, text };
    let file: Grammar = toml::from_str(text).map_err(|error| source.unparsable(&error))?;
    let public_url = file.public_url.map(|url| {
        let understood = self::public_url(url.get_ref());
        understood.ok_or_else(|| source.wrong(url.span(), "public_url", PUBLIC_URL_RULE))
    });
    unique(&source, "tenant.id", file.tenant.iter().map(|tenant| &tenant.id))?;
    unique(&source, "endpoint.id", file.endpoint.iter().map(|endpoint| &endpoint.id))?;
    let tenants = file.tenant.iter().map(|entry| tenant(&source, entry)).collect::<Result<Vec<_>, _>>()?;
    let mappings = mapping::read(&source, &file.mapping)?;
    let endpoints = file.endpoint.iter().map(|entry| endpoint(&source, entry, &tenants, &mappings));
    let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
    Ok(Understood {
        data_dir: file.data_dir,
        listen: file.listen,
        public_url: public_url.transpose()?,
        tenants,
        endpoints,
        mappings,
        outbound_allow: file.outbound.allow,
    })
}

/// The URL without a slash at its end; none when it is no http or https URL without query.
pub fn public_url(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    (!rest.is_empty() && !rest.contains(['?', '#', ' '])).then(|| url.trim_end_matches('/').to_owned())
}

fn unique<'a>(
    source: &Source<'_>,
    key: &str,
    names: impl Iterator<Item = &'a Spanned<String>>,
) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.get_ref()) {
            return Err(source.wrong(name.span(), key, format!("{:?} is given twice", name.get_ref())));
        }
    }
    Ok(())
}

fn tenant(source: &Source<'_>, entry: &TenantEntry) -> Result<TenantConfig, ConfigError> {
    let id = TenantId::new(entry.id.get_ref())
        .map_err(|error| source.wrong(entry.id.span(), "tenant.id", error.to_string()))?;
    if ZoneName::parse(entry.timezone.get_ref()).is_none() {
        let message = format!("{:?} is no IANA time zone such as America/New_York", entry.timezone.get_ref());
        return Err(source.wrong(entry.timezone.span(), "tenant.timezone", message));
    }
    if let Some(code) = entry.currency.as_ref().filter(|code| Currency::parse(code.get_ref()).is_none()) {
        return Err(source.wrong(code.span(), "tenant.currency", "must be an ISO 4217 code such as USD"));
    }
    if let Some(day) = entry.effective_from.as_ref().filter(|day| Day::parse(day.get_ref()).is_none()) {
        return Err(source.wrong(day.span(), "tenant.effective_from", "must be a date such as 2025-10-09"));
    }
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.get_ref().clone());
    let mut body = Map::new();
    body.insert("name".into(), entry.name.get_ref().clone().into());
    body.insert("timezone".into(), entry.timezone.get_ref().clone().into());
    body.insert("currency".into(), text(&entry.currency).into());
    body.insert("workspaces".into(), entry.workspaces.clone().into());
    body.insert("recording".into(), entry.recording.into());
    body.insert("effective_from".into(), text(&entry.effective_from).into());
    if let Some(rules) = &entry.rules {
        body.insert("rules".into(), json!(rules.get_ref()));
    }
    let numbers = entry.tracking_number.iter();
    let numbers = numbers.map(|tracking| json!({"number": tracking.number, "agent": tracking.agent}));
    body.insert("tracking_numbers".into(), numbers.collect());
    let body = Value::Object(body);
    // The same reader as for a posted fact: what the log would refuse is refused here, by name.
    if let Some(Err(faults)) = domain::facts::Fact::from_json("tenant_configured", body.clone(), "") {
        let fault = faults.first().map(|fault| (fault.pointer.replace('/', "."), fault.message.clone()));
        let (pointer, message) = fault.unwrap_or_default();
        let span = match &entry.rules {
            Some(rules) if pointer.starts_with(".rules") => rule_span(source, rules, &pointer),
            Some(_) | None => entry.name.span(),
        };
        return Err(source.wrong(span, &format!("tenant{pointer}"), message));
    }
    Ok(TenantConfig { id, body })
}

/// Where the rule at fault stands: its name's place in the table's text, else the table.
fn rule_span(source: &Source<'_>, rules: &Spanned<toml::Table>, pointer: &str) -> Range<usize> {
    let span = rules.span();
    let name = pointer.split('.').nth(2).unwrap_or_default();
    match source.text.get(span.start..).and_then(|text| text.find(name)) {
        Some(at) if !name.is_empty() => span.start + at..span.start + at + name.len(),
        Some(_) | None => span,
    }
}

fn endpoint(
    source: &Source<'_>,
    entry: &EndpointEntry,
    tenants: &[TenantConfig],
    mappings: &[Mapping],
) -> Result<Endpoint, ConfigError> {
    let id = entry.id.get_ref();
    let fits = (8..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !fits {
        let message = "must be 8 to 128 of letters, digits, '-' and '_', and not guessable";
        return Err(source.wrong(entry.id.span(), "endpoint.id", message));
    }
    let described = || mappings.iter().find(|mapping| mapping.name == *entry.provider.get_ref());
    let provider = providers::named(entry.provider.get_ref());
    let Some(provider) = provider.or_else(|| described().map(|mapping| mapping as &dyn Provider)) else {
        let message = format!("no provider {:?}", entry.provider.get_ref());
        return Err(source.wrong(entry.provider.span(), "endpoint.provider", message));
    };
    let tenant = match &entry.tenant {
        None => None,
        Some(named) => match tenants.iter().find(|tenant| tenant.id.as_str() == named.get_ref()) {
            Some(tenant) => Some(tenant.id.clone()),
            None => {
                let message = format!("no tenant {:?}", named.get_ref());
                return Err(source.wrong(named.span(), "endpoint.tenant", message));
            }
        },
    };
    let resolve = |text: &Spanned<String>| {
        secret(text.get_ref()).map_err(|message| source.wrong(text.span(), "endpoint.secrets", message))
    };
    let endpoint = Endpoint {
        id: id.clone(),
        provider: entry.provider.get_ref().clone(),
        tenant,
        event: entry.event.as_ref().map(|event| event.get_ref().clone()),
        secrets: entry.secrets.iter().map(resolve).collect::<Result<Vec<_>, _>>()?,
    };
    if let Err((key, message)) = provider.check(&endpoint) {
        let event = entry.event.as_ref().filter(|_| key == "event").map(Spanned::span);
        let span = event.unwrap_or_else(|| entry.id.span());
        return Err(source.wrong(span, &format!("endpoint.{key}"), message));
    }
    Ok(endpoint)
}

/// Resolves `env:NAME`, `file:PATH` or the text itself.
fn secret(text: &str) -> Result<Secret, String> {
    let value = if let Some(name) = text.strip_prefix("env:") {
        env::var(name).map_err(|_| format!("the environment has no {name}"))?
    } else if let Some(path) = text.strip_prefix("file:") {
        let read = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        read.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        text.to_owned()
    };
    if value.is_empty() { Err("the secret is empty".into()) } else { Ok(Secret::new(&value)) }
}
