//! `factfold.toml`: its grammar, and what in it is refused, each by file, line and key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use domain::json::did_you_mean;
use domain::keys::TenantId;
use domain::members::{Currency, Day};
use domain::rules::calendar::ZoneName;
use serde_json::{Map, Value, json};
use toml::Spanned;

use super::faults::Faults;
use super::grammar::{EndpointTable, Parsed, TenantTable};
use super::source::Source;
use super::source_context::SourceContext;
use super::sources::{CronSchedule, Sources};
use super::{
    ConfigError, DEFAULT_LISTEN, EmailSettings, Http, Limits, LogSettings, Metrics, Outbound, Stranger,
    TenantConfig, advice, feeds, grammar, mapping,
};
use crate::directory::{Directory, DirectoryError, ENDPOINT_ID_RULE, Endpoint, is_endpoint_id};
use crate::ingest::providers::{Registry, generic::Mapping};

/// What a public URL must be.
pub const PUBLIC_URL_RULE: &str = "must be such as https://hooks.example.com";

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
    pub log: LogSettings,
    pub outbound: Outbound,
    pub email: Option<EmailSettings>,
    pub metrics: Metrics,
    pub advice: Vec<String>,
}

/// What is said beside the file, and how it is read.
#[derive(Debug, Clone, Copy)]
pub struct FileReading {
    /// Whether flag or variable give the public URL.
    pub public_url: bool,
    /// Where HTTP is served where the file does not say it, or a flag does.
    pub listen: Option<SocketAddr>,
    /// Whether secrets are left where they stand.
    pub leaves_secrets: bool,
}

/// Reads the text of the file at `path`, and adds every mistake to `faults`; none where its grammar is one.
pub fn read(path: &str, text: &str, reading: FileReading, faults: &mut Faults) -> Option<Understood> {
    let mut source = Source::new(path, text);
    if reading.leaves_secrets {
        source = source.without_secrets();
    }
    let parsed = grammar::read(&source, faults)?;
    let file = &parsed.file;
    let public_url = file.public_url.as_ref().map(|url| {
        let understood = self::public_url(url.get_ref());
        understood.ok_or_else(|| source.wrong(url.span(), "public_url", PUBLIC_URL_RULE))
    });
    let public_url = faults.take(public_url.transpose()).flatten();
    let http = faults.take(file.http.understood(&source));
    let limits = faults.take(file.limits.understood(&source));
    let outbound = faults.take(file.outbound.understood(&source)).unwrap_or_default();
    let context = SourceContext { source: &source, outbound: &outbound };
    let node = faults.take(file.node.understood(context)).flatten();
    let log = faults.take(file.log.understood(context));
    let email = faults.take(file.email.understood(context)).flatten();
    if let (None, Some(span)) = (&file.node.name, file.log.shared_engine()) {
        faults.add(source.wrong(span, "log.engine", "needs [node] name, unique among the nodes"));
    }
    let schedule = faults.take(file.sync.understood(&source, "sync")).flatten().unwrap_or_default();
    unique(&source, "tenant.id", file.tenant.iter().map(|tenant| &tenant.id), faults);
    let is_callback = |tenant: &str, id: &str| {
        let is_it = |endpoint: &EndpointTable| {
            endpoint.id.get_ref() == id
                && endpoint.provider.get_ref() == "twilio"
                && endpoint.tenant.as_ref().is_some_and(|named| named.get_ref() == tenant)
        };
        parsed.lacks("endpoint") || file.endpoint.iter().any(is_it)
    };
    let tenants = file.tenant.iter().map(|entry| tenant(entry, is_callback, (context, &schedule), faults));
    let tenants: Vec<TenantConfig> = tenants.collect::<Vec<_>>().into_iter().flatten().collect();
    faults.take(one_owner(&source, &file.tenant, &tenants));
    let mappings = mapping::read(&source, &file.mapping, faults);
    let registry = Registry::new(mappings.clone());
    // Endpoints of a mapping at fault are not at fault.
    let is_mapped = |name: &str| file.mapping.iter().any(|entry| entry.name.get_ref() == name);
    let may_be = |name: &str| parsed.lacks("mapping") || is_mapped(name);
    let known = KnownProviders { registry: &registry, parsed: &parsed, may_be: &may_be };
    unique(&source, "endpoint.id", file.endpoint.iter().map(|endpoint| &endpoint.id), faults);
    let endpoints = file.endpoint.iter();
    let endpoints = endpoints.filter_map(|entry| endpoint(&source, entry, &known, faults)).collect();
    let strangers = file.endpoint.iter().filter_map(|entry| stranger(&source, entry, &file.tenant)).collect();
    let listen = reading.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN);
    let advice = advice::of(&source, file, &registry, reading.public_url, listen);
    Some(Understood {
        data_dir: file.data_dir.clone(),
        listen: file.listen,
        public_url,
        tenants,
        endpoints,
        strangers,
        mappings,
        http: http.unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        log: LogSettings { node: node.unwrap_or_default(), ..log.unwrap_or_default() },
        outbound,
        email,
        metrics: file.metrics.understood(),
        advice,
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
    faults: &mut Faults,
) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.get_ref()) {
            faults.add(source.wrong(name.span(), key, format!("{:?} is given twice", name.get_ref())));
        }
    }
}

/// A number or workspace that two tenants claim would give one's facts to the other.
fn one_owner(
    source: &Source<'_>,
    entries: &[TenantTable],
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

/// The tenant as understood; none where something of it is at fault, all of which is told.
fn tenant(
    entry: &TenantTable,
    is_callback: impl Fn(&str, &str) -> bool,
    (context, schedule): (SourceContext<'_>, &CronSchedule),
    faults: &mut Faults,
) -> Option<TenantConfig> {
    let source = context.source;
    let id = TenantId::new(entry.id.get_ref());
    let id = faults.take(id.map_err(|error| source.wrong(entry.id.span(), "tenant.id", error.to_string())));
    let is_zone = ZoneName::parse(entry.timezone.get_ref()).is_some();
    if !is_zone {
        let message =
            format!("{:?} is not an IANA time zone such as America/New_York", entry.timezone.get_ref());
        faults.add(source.wrong(entry.timezone.span(), "tenant.timezone", message));
    }
    let currency = entry.currency.as_ref().filter(|code| Currency::parse(code.get_ref()).is_none());
    if let Some(code) = currency {
        faults.add(source.wrong(code.span(), "tenant.currency", "must be an ISO 4217 code such as USD"));
    }
    let day = entry.effective_from.as_ref().filter(|day| Day::parse(day.get_ref()).is_none());
    if let Some(day) = day {
        faults.add(source.wrong(day.span(), "tenant.effective_from", "must be a date such as 2025-10-09"));
    }
    // What is told already is not told again by the reader of facts.
    let body = body(entry, is_zone, currency.is_none(), day.is_none());
    // The same reader as for a posted fact: what the log would refuse is refused here, by name.
    let refused = domain::facts::Fact::from_json("tenant_configured", body.clone(), "").and_then(Result::err);
    for fault in refused.iter().flatten() {
        let pointer = fault.pointer.replace('/', ".");
        let key = pointer.replace("tracking_numbers", "tracking_number");
        let span = fault_span(source, entry, &pointer);
        faults.add(source.wrong(span, &format!("tenant{key}"), fault.message.clone()));
    }
    let sources = sources(entry, context, schedule, faults);
    let is_endpoint = |id: &str| is_callback(entry.id.get_ref(), id);
    let twilio = entry.twilio.as_ref().map(|table| table.understood(context, is_endpoint));
    let twilio = faults.take(twilio.transpose());
    let digest_hour = faults.take(entry.email.digest_hour(source));
    let is_understood = is_zone && currency.is_none() && day.is_none() && refused.is_none();
    Some(TenantConfig {
        id: id.filter(|_| is_understood)?,
        body,
        sources: sources?,
        twilio: twilio?.flatten(),
        digest_hour: digest_hour?,
    })
}

/// What of the tenant is asked; a source whose secrets are not needed is left out.
fn sources(
    entry: &TenantTable,
    context: SourceContext<'_>,
    schedule: &CronSchedule,
    faults: &mut Faults,
) -> Option<Sources> {
    let own = faults.take(entry.sync.understood(context.source, "tenant.sync"));
    let refresh = feeds::refresh(entry.rules.as_ref());
    let clienttether = entry.clienttether.as_ref().map(|table| table.understood(context));
    let emailbison = entry.emailbison.as_ref().map(|table| table.understood(context, &entry.workspaces));
    let google_ads = entry.google_ads.as_ref().map(|table| table.understood(context, refresh));
    let meta_ads = entry.meta_ads.as_ref().map(|table| table.understood(context, refresh));
    let callrail = entry.callrail.as_ref().map(|table| table.understood(context));
    let ctm = entry.ctm.as_ref().map(|table| table.understood(context));
    // All are asked before the first that is at fault ends it.
    let clienttether = faults.take(clienttether.transpose());
    let emailbison = faults.take(emailbison.transpose());
    let google_ads = faults.take(google_ads.transpose());
    let meta_ads = faults.take(meta_ads.transpose());
    let callrail = faults.take(callrail.transpose());
    let ctm = faults.take(ctm.transpose());
    Some(Sources {
        schedule: own?.unwrap_or_else(|| schedule.clone()),
        clienttether: clienttether?.flatten(),
        emailbison: emailbison?.flatten(),
        google_ads: google_ads?.flatten(),
        meta_ads: meta_ads?.flatten(),
        callrail: callrail?.flatten(),
        ctm: ctm?.flatten(),
    })
}

/// The body of the fact that the tenant's table states, without those of its values that are at fault.
fn body(entry: &TenantTable, has_zone: bool, has_currency: bool, has_day: bool) -> Value {
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.get_ref().clone());
    let zone = if has_zone { entry.timezone.get_ref().as_str() } else { "UTC" };
    let mut body = Map::new();
    body.insert("name".into(), entry.name.get_ref().clone().into());
    body.insert("timezone".into(), zone.into());
    body.insert("currency".into(), text(&entry.currency).filter(|_| has_currency).into());
    body.insert("workspaces".into(), entry.workspaces.iter().map(|name| name.get_ref().clone()).collect());
    body.insert("recording".into(), entry.recording.into());
    body.insert("effective_from".into(), text(&entry.effective_from).filter(|_| has_day).into());
    if let Some(rules) = &entry.rules {
        body.insert("rules".into(), json!(rules.get_ref()));
    }
    let numbers = entry.tracking_number.iter();
    let numbers = numbers.map(|tracking| {
        json!({"number": tracking.number.get_ref(), "agent": tracking.agent.as_ref().map(Spanned::get_ref)})
    });
    body.insert("tracking_numbers".into(), numbers.collect());
    Value::Object(body)
}

/// Where the member at fault stands, else the tenant's name.
fn fault_span(source: &Source<'_>, entry: &TenantTable, pointer: &str) -> Range<usize> {
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
fn stranger(source: &Source<'_>, entry: &EndpointTable, tenants: &[TenantTable]) -> Option<Stranger> {
    let named = entry.tenant.as_ref()?;
    let tenant = TenantId::new(named.get_ref()).ok()?;
    let is_known = tenants.iter().any(|known| known.id.get_ref() == tenant.as_str());
    let place = || format!("{}: endpoint.tenant", source.place(named.span().start));
    (!is_known).then(|| Stranger { tenant, place: place() })
}

/// The providers that endpoints can be of.
struct KnownProviders<'a> {
    registry: &'a Registry,
    /// The file, of which an endpoint's secrets may be left out.
    parsed: &'a Parsed,
    /// Whether there may be one of this name that could not be read.
    may_be: &'a dyn Fn(&str) -> bool,
}

/// The endpoint as understood; none where something of it is at fault, all of which is told.
fn endpoint(
    source: &Source<'_>,
    entry: &EndpointTable,
    known: &KnownProviders<'_>,
    faults: &mut Faults,
) -> Option<Endpoint> {
    let id = entry.id.get_ref();
    let is_id = is_endpoint_id(id);
    if !is_id {
        faults.add(source.wrong(entry.id.span(), "endpoint.id", ENDPOINT_ID_RULE));
    }
    let provider = known.registry.provider(entry.provider.get_ref());
    if provider.is_none() && !(known.may_be)(entry.provider.get_ref()) {
        let names: Vec<&str> = known.registry.names().collect();
        let near = did_you_mean(entry.provider.get_ref(), &names);
        let message = format!("unknown provider {:?}{near}", entry.provider.get_ref());
        faults.add(source.wrong(entry.provider.span(), "endpoint.provider", message));
    }
    let tenant = entry.tenant.as_ref().map(|named| {
        let id = TenantId::new(named.get_ref());
        id.map_err(|error| source.wrong(named.span(), "endpoint.tenant", error.to_string()))
    });
    let tenant = faults.take(tenant.transpose());
    let secrets: Vec<_> =
        entry.secrets.iter().map(|text| faults.take(source.secret(text, "endpoint.secrets"))).collect();
    let (provider, tenant) = (provider.filter(|_| is_id)?, tenant?);
    let secrets = secrets.into_iter().collect::<Option<Vec<_>>>()?.into_iter().collect::<Option<Vec<_>>>();
    let leaves_secrets = secrets.is_none();
    let endpoint = Endpoint {
        id: id.clone(),
        provider: entry.provider.get_ref().clone(),
        tenant,
        event: entry.event.as_ref().map(|event| event.get_ref().clone()),
        secrets: secrets.unwrap_or_default(),
    };
    let checked = provider.check(&endpoint);
    let is_left_out = |key: &str| known.parsed.lacks(key) || (leaves_secrets && key == "secrets");
    if let Some((key, message)) = checked.err().filter(|(key, _)| !is_left_out(key)) {
        let event = entry.event.as_ref().filter(|_| key == "event").map(Spanned::span);
        let span = event.unwrap_or_else(|| entry.id.span());
        faults.add(source.wrong(span, &format!("endpoint.{key}"), message));
        return None;
    }
    Some(endpoint)
}
