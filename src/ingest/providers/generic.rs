//! A source as the configuration describes it: where the event, the key, the times and the members of each fact
//! stand in what it sends (A1). A mapping is a provider of its own, and facts carry its name.

mod dates;
pub mod field;
pub mod members;

use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::ExternalId;
use domain::members::{Email, Phone, Text, fold_word};
use serde_json::Value;

use self::field::{EventContext, Field, Path, ReadAs};
use self::members::Members;
use super::facts::FactBuilder;
use crate::directory::Endpoint;
use crate::ingest::delivery::{Delivery, Form};
use crate::ingest::error::{MappingFailure, Reason, SignatureError};
use crate::ingest::key::KeyWriter;
use crate::ingest::owner::{OwnerClaims, owner};
use crate::ingest::payload::{digest, json_within, of_form, of_json, text};
use crate::ingest::provider::{MappedDelivery, MappingContext, MappingResult, ProviderAdapter};
use crate::ingest::signature::Scheme;
use crate::ingest::time::instant;

/// Events of one delivery that are read at most; more of them are quarantined whole.
const EVENTS_MAX: usize = 10_000;

/// How deliveries of a source are verified and read.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// The provider in paths, keys and facts.
    pub name: String,
    /// Its version, from 1; facts carry it.
    pub version: u16,
    /// How the source signs.
    pub signature: Scheme,
    /// The header (lower case) that answers repeat.
    pub echo_header: Option<String>,
    /// The field of a form that holds the payload as JSON.
    pub json_field: Option<String>,
    /// Where the events of a batch stand; none: the payload is one event.
    pub each: Option<Path>,
    /// What names the event; none: the endpoint does, or there is only one.
    pub event: Option<Field>,
    /// What identifies an event, joined by `:`. Where a part is missing a digest of the event does.
    pub external_id: Vec<Field>,
    /// When it happened; where absent, when it was received.
    pub occurred_at: Option<Field>,
    /// The tenant's number.
    pub tracking_number: Option<Field>,
    /// The account at the source.
    pub workspace: Vec<Field>,
    /// What each event says, at least one.
    pub rules: Vec<MappingRule>,
}

/// What some events say: one fact each. Several rules may speak of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingRule {
    /// Names of the events, compared without case; none: every event.
    pub events: Vec<String>,
    /// The kind of fact; none: it is known and carries nothing to count.
    pub kind: Option<&'static str>,
    /// When it happened, where that is not as in the rest of the mapping.
    pub occurred_at: Option<Field>,
    /// The members of the body.
    pub body: Members,
}

impl MappingRule {
    /// The name of the event as the rule has it, where it speaks of that event.
    fn names(&self, event: Option<&str>) -> Option<Option<&str>> {
        if self.events.is_empty() {
            return Some(None);
        }
        let wanted = fold_word(event?);
        self.events.iter().find(|name| fold_word(name) == wanted).map(|name| Some(name.as_str()))
    }
}

impl ProviderAdapter for Mapping {
    fn name(&self) -> &str {
        &self.name
    }

    fn delivers_by(&self, method: &str) -> bool {
        matches!(method, "POST" | "GET")
    }

    fn signs(&self) -> bool {
        self.signature.signs()
    }

    fn signs_url(&self) -> bool {
        self.signature.signs_url()
    }

    fn mapping_version(&self) -> u16 {
        self.version
    }

    fn check(&self, endpoint: &Endpoint) -> Result<(), (&'static str, String)> {
        if self.signs() && endpoint.secrets.is_empty() {
            return Err(("secrets", format!("{} signs its deliveries, so its secret is needed", self.name)));
        }
        if !endpoint.secrets.iter().all(|secret| self.signature.takes(secret)) {
            return Err(("secrets", "the signature scheme cannot sign with one of the secrets".into()));
        }
        let event = endpoint.event.as_deref();
        match event {
            Some(event) if !self.rules.iter().any(|rule| rule.names(Some(event)).is_some()) => {
                Err(("event", format!("the mapping {} has no event {event:?}", self.name)))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn challenge(&self) -> Option<&'static str> {
        self.signature.challenge()
    }

    fn echo_header(&self) -> Option<&str> {
        self.echo_header.as_deref()
    }

    fn headers_kept(&self) -> Vec<String> {
        let ids = self.signature.id_headers().iter().map(|name| (*name).to_owned());
        ids.chain(self.fields().flat_map(Field::headers)).collect()
    }

    fn headers_of_identity(&self) -> Vec<String> {
        let ids = self.signature.id_headers().iter().map(|name| (*name).to_owned());
        ids.chain(self.external_id.iter().chain(&self.event).flat_map(Field::headers)).collect()
    }

    fn verify(
        &self,
        delivery: &Delivery,
        endpoint: &Endpoint,
        public_url: &str,
    ) -> Result<(), SignatureError> {
        self.signature.verify(delivery, &endpoint.secrets, public_url)
    }

    fn map(&self, delivery: &Delivery, context: MappingContext<'_>) -> MappedDelivery {
        let mut mapped = MappedDelivery::of(context.endpoint);
        mapped.result = self.map_events(delivery, context, &mut mapped).unwrap_or_else(MappingResult::Failed);
        mapped
    }
}

/// The payload as JSON: the body, or a form's fields, or the JSON that one member or field of them holds as text.
fn payload(delivery: &Delivery, json_field: Option<&str>) -> Result<Value, MappingFailure> {
    let is_get = delivery.method == "GET";
    if !is_get && delivery.is_json() {
        let body = of_json(&delivery.json())?;
        // A source may be set to send the same JSON plainly.
        let within = json_field.and_then(|name| json_within(body[name].as_str()?));
        return Ok(within.unwrap_or(body));
    }
    let form = if is_get { Form::parse(delivery.query().as_bytes()) } else { delivery.form() };
    let Some(name) = json_field else { return Ok(of_form(&form)) };
    match form.get(name) {
        Some(json) => of_json(json.as_bytes()),
        None => {
            let told = format!("{name}: the form has no such field");
            Err(MappingFailure::new(Reason::MissingField, told))
        }
    }
}

impl Mapping {
    fn fields(&self) -> impl Iterator<Item = &Field> {
        let own = [&self.event, &self.occurred_at, &self.tracking_number].into_iter().flatten();
        let rules = self.rules.iter();
        let of_rules = rules.flat_map(|rule| rule.body.all_fields().chain(&rule.occurred_at));
        own.chain(&self.external_id).chain(&self.workspace).chain(of_rules)
    }

    /// Whether a field is a phone number, there or where a member of a body is read from the same place.
    fn reads_phone(&self, part: &Field) -> bool {
        let is_there = |field: &Field| field.paths.iter().any(|path| part.paths.contains(path));
        self.fields().any(|field| field.read_as == ReadAs::Phone && (field == part || is_there(field)))
    }

    fn map_events(
        &self,
        delivery: &Delivery,
        context: MappingContext<'_>,
        mapped: &mut MappedDelivery,
    ) -> Result<MappingResult, MappingFailure> {
        let root = payload(delivery, self.json_field.as_deref())?;
        let whole = EventContext { item: &root, root: &root, delivery };
        let items = match &self.each {
            None => vec![&root],
            Some(path) => match path.find(&whole) {
                Some(Value::Array(items)) if items.len() <= EVENTS_MAX => items.iter().collect(),
                Some(Value::Array(items)) => {
                    return Err(MappingFailure::new(
                        Reason::TooLarge,
                        format!("{} events in one delivery", items.len()),
                    ));
                }
                _ => {
                    return Err(MappingFailure::new(
                        Reason::MissingField,
                        format!("{path}: must be a list of events"),
                    ));
                }
            },
        };
        let (mut facts, mut weak) = (Vec::with_capacity(items.len()), false);
        for item in items {
            let event = Event { mapping: self, context, source: EventContext { item, ..whole } };
            weak |= event.facts(mapped, &mut facts)?;
        }
        Ok(if facts.is_empty() { MappingResult::Ignored } else { MappingResult::Facts { facts, weak } })
    }
}

/// One event of a delivery.
struct Event<'a> {
    mapping: &'a Mapping,
    context: MappingContext<'a>,
    source: EventContext<'a>,
}

impl Event<'_> {
    /// Adds what the event says; whether its key is weak.
    fn facts(&self, mapped: &mut MappedDelivery, facts: &mut Vec<Envelope>) -> Result<bool, MappingFailure> {
        let named = match &self.mapping.event {
            Some(field) => field.text(&self.source)?,
            None => None,
        };
        let event = named.or_else(|| self.context.endpoint.event.clone());
        let rules = self.mapping.rules.iter();
        let matching: Vec<_> = rules.filter_map(|rule| Some((rule, rule.names(event.as_deref())?))).collect();
        let Some((_, known)) = matching.first() else {
            let shown = event.unwrap_or_else(|| "no event is named".into());
            return Err(MappingFailure::new(Reason::UnknownEventType, shown));
        };
        let known = *known;
        if let Some(known) = known {
            mapped.event = Some(fold_word(known).replace('-', "_"));
        }
        let kinds: Vec<_> = matching.iter().filter_map(|(rule, _)| Some((*rule, rule.kind?))).collect();
        let number = self.phone(&self.mapping.tracking_number)?;
        let workspaces = self.mapping.workspace.iter().map(|field| field.text(&self.source));
        let workspaces = workspaces.collect::<Result<Vec<_>, _>>()?;
        let workspaces: Vec<Text> = workspaces.into_iter().flatten().filter_map(|name| text(&name)).collect();
        let claims = OwnerClaims { number: number.as_ref(), workspaces: &workspaces, agent: None };
        let owner = owner(self.context.endpoint, self.context.directory, claims);
        let unknown_before = mapped.unknown_number;
        mapped.owned_by(&owner);
        mapped.unknown_number |= unknown_before;
        if kinds.is_empty() {
            return Ok(false);
        }
        let owner = owner?;
        let made = FactBuilder {
            provider: self.mapping,
            delivery: self.source.delivery,
            tenant: owner.tenant.clone(),
            secret: self.context.secret,
        };
        let (id, weak) = self.identity(known, made.keys())?;
        for (rule, kind) in &kinds {
            let at = rule.occurred_at.as_ref().or(self.mapping.occurred_at.as_ref());
            let at = match at {
                Some(field) => field.text(&self.source)?.as_deref().and_then(|at| instant(at, None)),
                None => None,
            };
            let fact = self.fact(rule, kind, owner.agent.as_ref())?;
            // One event may be two facts, and then each has a key of its own, whatever the order of the rules.
            let kind = (kinds.len() > 1).then_some(*kind);
            let parts: Vec<&str> = id.iter().map(String::as_str).chain(kind).collect();
            facts.push(made.envelope(&made.key(&parts), at, fact)?);
        }
        Ok(weak)
    }

    fn phone(&self, field: &Option<Field>) -> Result<Option<Phone>, MappingFailure> {
        let Some(field) = field else { return Ok(None) };
        Ok(field.text(&self.source)?.and_then(|given| Phone::new(&given)))
    }

    /// The parts of what identifies the event, else the id of the delivery, else a digest. The event's name is a part
    /// as the mapping spells it, and what the mapping reads as a phone number elsewhere is a digest. Without one of its
    /// parts an event cannot be told from others, so that its key is weak.
    fn identity(
        &self,
        known: Option<&str>,
        keys: KeyWriter<'_>,
    ) -> Result<(Vec<String>, bool), MappingFailure> {
        let mut parts = Vec::new();
        for field in &self.mapping.external_id {
            let is_event = self.mapping.event.as_ref() == Some(field);
            let name = known.filter(|_| is_event).map(str::to_owned);
            let part = if name.is_some() { name } else { field.text(&self.source)? };
            let is_phone = self.mapping.reads_phone(field);
            parts.push(part.map(|part| if is_phone { keys.digest(&part) } else { part }));
        }
        let parts: Option<Vec<String>> = parts.into_iter().collect();
        let fits = |parts: &[String]| {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            ExternalId::new(&keys.joined(&parts)).is_ok()
        };
        if let Some(parts) = parts.filter(|parts| !parts.is_empty() && fits(parts)) {
            return Ok((parts, false));
        }
        let is_alone = self.mapping.each.is_none() && self.mapping.external_id.is_empty();
        let headers = self.mapping.signature.id_headers().iter().filter(|_| is_alone);
        let id = headers
            .filter_map(|name| self.source.delivery.header(name))
            .find_map(|id| str::from_utf8(id).ok().map(str::trim).filter(|id| ExternalId::new(id).is_ok()));
        Ok(match id {
            Some(id) => (vec![id.to_owned()], false),
            None => (vec![format!("digest-{}", digest(self.source.item))], true),
        })
    }

    fn fact(&self, rule: &MappingRule, kind: &str, agent: Option<&Email>) -> Result<Fact, MappingFailure> {
        let mut body = rule.body.read(&self.source)?;
        // Behind the tenant's number is a person, where the payload names none.
        if let (Some(agent), true) = (agent, kind.starts_with("call_")) {
            body.entry("agent").or_insert_with(|| agent.as_str().into());
        }
        match Fact::from_mapped(kind, Value::Object(body)) {
            Some(Ok(fact)) => Ok(fact),
            Some(Err(faults)) => {
                let reason = match faults.iter().all(|fault| fault.message == "is required") {
                    true => Reason::MissingField,
                    false => Reason::MalformedField,
                };
                let told: Vec<String> = faults.iter().take(5).map(|fault| format!("{kind}{fault}")).collect();
                Err(MappingFailure::new(reason, told.join("; ")))
            }
            None => Err(MappingFailure::new(Reason::UnknownEventType, kind)),
        }
    }
}
