//! `factfold.toml`: its grammar, and what in it is refused, each by file, line and key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use domain::keys::TenantId;
use domain::members::{Currency, Day};
use domain::rules::calendar::ZoneName;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml::Spanned;

use super::sections::{ClientTetherTable, HttpTable, LimitsTable, OutboundTable};
use super::source::Source;
use super::{ConfigError, Http, Limits, Outbound, Stranger, TenantConfig, mapping};
use crate::directory::secret;
use crate::directory::{Directory, DirectoryError, ENDPOINT_ID_RULE, Endpoint, is_endpoint_id};
use crate::ingest::providers::{Registry, generic::Mapping};

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
    http: HttpTable,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    outbound: OutboundTable,
    #[serde(default)]
    tenant: Vec<TenantEntry>,
    #[serde(default)]
    endpoint: Vec<EndpointEntry>,
    #[serde(default)]
    mapping: Vec<mapping::MappingEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantEntry {
    id: Spanned<String>,
    name: Spanned<String>,
    timezone: Spanned<String>,
    currency: Option<Spanned<String>>,
    #[serde(default)]
    workspaces: Vec<Spanned<String>>,
    recording: Option<bool>,
    effective_from: Option<Spanned<String>>,
    rules: Option<Spanned<toml::Table>>,
    #[serde(default)]
    tracking_number: Vec<TrackingNumberEntry>,
    clienttether: Option<ClientTetherTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrackingNumberEntry {
    number: Spanned<String>,
    agent: Option<Spanned<String>>,
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
    pub strangers: Vec<Stranger>,
    pub mappings: Vec<Mapping>,
    pub http: Http,
    pub limits: Limits,
    pub outbound: Outbound,
}

/// Reads the text of the file at `path`.
pub fn read(path: &str, text: &str) -> Result<Understood, ConfigError> {
    let source = Source::new(path, text);
    let file: Grammar = toml::from_str(text).map_err(|error| source.unparsable(&error))?;
    let public_url = file.public_url.map(|url| {
        let understood = self::public_url(url.get_ref());
        understood.ok_or_else(|| source.wrong(url.span(), "public_url", PUBLIC_URL_RULE))
    });
    unique(&source, "tenant.id", file.tenant.iter().map(|tenant| &tenant.id))?;
    unique(&source, "endpoint.id", file.endpoint.iter().map(|endpoint| &endpoint.id))?;
    let outbound = file.outbound.understood(&source)?;
    let tenants = file.tenant.iter().map(|entry| tenant(&source, entry, &outbound));
    let tenants = tenants.collect::<Result<Vec<_>, _>>()?;
    one_owner(&source, &file.tenant, &tenants)?;
    let mappings = mapping::read(&source, &file.mapping)?;
    let registry = Registry::new(mappings.clone());
    let endpoints = file.endpoint.iter().map(|entry| endpoint(&source, entry, &registry));
    let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
    let strangers = file.endpoint.iter().filter_map(|entry| stranger(&source, entry, &tenants)).collect();
    Ok(Understood {
        data_dir: file.data_dir,
        listen: file.listen,
        public_url: public_url.transpose()?,
        tenants,
        endpoints,
        strangers,
        mappings,
        http: file.http.understood(&source)?,
        limits: file.limits.understood(&source)?,
        outbound,
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

/// A number or workspace that two tenants claim would give one's facts to the other.
fn one_owner(
    source: &Source<'_>,
    entries: &[TenantEntry],
    tenants: &[TenantConfig],
) -> Result<(), ConfigError> {
    let owners = tenants.iter().map(TenantConfig::owner).collect();
    let Err(error) = Directory::new(owners, Vec::new()) else { return Ok(()) };
    let (key, name, claimant) = match &error {
        DirectoryError::Claimed { what: "workspace", name, second, .. } => {
            ("tenant.workspaces", name, Some(second))
        }
        DirectoryError::Claimed { name, second, .. } => ("tenant.tracking_number.number", name, Some(second)),
        DirectoryError::Number { tenant, number } => ("tenant.tracking_number.number", number, Some(tenant)),
        DirectoryError::Endpoint { provider } => ("endpoint.id", provider, None),
    };
    let entry = entries.iter().find(|entry| claimant.is_some_and(|id| id.as_str() == entry.id.get_ref()));
    let written = entry.into_iter().flat_map(|entry| {
        entry.workspaces.iter().chain(entry.tracking_number.iter().map(|tracking| &tracking.number))
    });
    let span = written.filter(|written| written.get_ref() == name).map(Spanned::span).next();
    Err(source.wrong(span.unwrap_or_default(), key, error.to_string()))
}

fn tenant(
    source: &Source<'_>,
    entry: &TenantEntry,
    outbound: &Outbound,
) -> Result<TenantConfig, ConfigError> {
    let id = TenantId::new(entry.id.get_ref())
        .map_err(|error| source.wrong(entry.id.span(), "tenant.id", error.to_string()))?;
    if ZoneName::parse(entry.timezone.get_ref()).is_none() {
        let message =
            format!("{:?} is not an IANA time zone such as America/New_York", entry.timezone.get_ref());
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
    body.insert("workspaces".into(), entry.workspaces.iter().map(|name| name.get_ref().clone()).collect());
    body.insert("recording".into(), entry.recording.into());
    body.insert("effective_from".into(), text(&entry.effective_from).into());
    if let Some(rules) = &entry.rules {
        body.insert("rules".into(), json!(rules.get_ref()));
    }
    let numbers = entry.tracking_number.iter();
    let numbers = numbers.map(|tracking| {
        json!({"number": tracking.number.get_ref(), "agent": tracking.agent.as_ref().map(Spanned::get_ref)})
    });
    body.insert("tracking_numbers".into(), numbers.collect());
    let body = Value::Object(body);
    // The same reader as for a posted fact: what the log would refuse is refused here, by name.
    if let Some(Err(faults)) = domain::facts::Fact::from_json("tenant_configured", body.clone(), "") {
        let fault = faults.first().map(|fault| (fault.pointer.replace('/', "."), fault.message.clone()));
        let (pointer, message) = fault.unwrap_or_default();
        let key = pointer.replace("tracking_numbers", "tracking_number");
        return Err(source.wrong(fault_span(source, entry, &pointer), &format!("tenant{key}"), message));
    }
    let clienttether = entry.clienttether.as_ref().map(|table| table.understood(source, outbound));
    Ok(TenantConfig { id, body, clienttether: clienttether.transpose()? })
}

/// Where the member at fault stands, else the tenant's name.
fn fault_span(source: &Source<'_>, entry: &TenantEntry, pointer: &str) -> Range<usize> {
    let mut parts = pointer.split('.').skip(1);
    let (member, index) = (parts.next(), parts.next().and_then(|at| at.parse::<usize>().ok()));
    let span = match (member, index, &entry.rules) {
        (Some("rules"), _, Some(rules)) => Some(rule_span(source, rules, pointer)),
        (Some("tracking_numbers"), Some(at), _) => entry.tracking_number.get(at).map(|row| row.number.span()),
        (Some("workspaces"), Some(at), _) => entry.workspaces.get(at).map(Spanned::span),
        (_, _, _) => None,
    };
    span.unwrap_or_else(|| entry.name.span())
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

/// An endpoint of a tenant that the file does not have.
fn stranger(source: &Source<'_>, entry: &EndpointEntry, tenants: &[TenantConfig]) -> Option<Stranger> {
    let named = entry.tenant.as_ref()?;
    let tenant = TenantId::new(named.get_ref()).ok()?;
    let is_known = tenants.iter().any(|known| known.id == tenant);
    let place = || format!("{}: endpoint.tenant", source.place(named.span().start));
    (!is_known).then(|| Stranger { tenant, place: place() })
}

fn endpoint(
    source: &Source<'_>,
    entry: &EndpointEntry,
    registry: &Registry,
) -> Result<Endpoint, ConfigError> {
    let id = entry.id.get_ref();
    if !is_endpoint_id(id) {
        return Err(source.wrong(entry.id.span(), "endpoint.id", ENDPOINT_ID_RULE));
    }
    let Some(provider) = registry.provider(entry.provider.get_ref()) else {
        let message = format!("unknown provider {:?}", entry.provider.get_ref());
        return Err(source.wrong(entry.provider.span(), "endpoint.provider", message));
    };
    let tenant = entry.tenant.as_ref().map(|named| {
        let id = TenantId::new(named.get_ref());
        id.map_err(|error| source.wrong(named.span(), "endpoint.tenant", error.to_string()))
    });
    let tenant = tenant.transpose()?;
    let resolve = |text: &Spanned<String>| {
        secret::resolve(text.get_ref())
            .map_err(|message| source.wrong(text.span(), "endpoint.secrets", message))
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
