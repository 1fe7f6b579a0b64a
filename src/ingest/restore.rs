//! Reads the lines of an export back as facts, the engine's own facts included.
//!
//! Positions differ between two logs. A line carries the keys of the facts that its body references, and their positions
//! in this log take the place of the old ones. An engine key that means another fact in another log is renamed to
//! `imported/…`, so that it cannot meet a key of this log.

use std::collections::HashMap;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::control::{ConflictObserved, ControlFact, TimeSource};
use domain::facts::import::ImportFact;
use domain::facts::report::{Report, ReportFact};
use domain::facts::{Fact, kind_name, kind_named};
use domain::json::{FieldError, Json, Reader};
use domain::keys::engine::{EngineKey, HexDigest};
use domain::keys::{ContentDigest, ExternalId, Position, Provider, TenantId};
use domain::members::Instant;
use domain::record::RecordRef;
use parking_lot::Mutex;
use serde_json::Value;

use super::Ingest;
use super::answer::Posted;
use super::error::IngestError;
use super::key::KeyWriter;
use super::post::{name, required};
use super::proven::{payload, prove};
use crate::log::LogError;

/// How a line of an export begins.
const BEGINS: &[u8] = b"{\"position\":";
/// Stands in a line that names other facts.
const REFERS: &[u8] = b"\"refers\":[";
/// Most facts that one fact may name.
const REFERS_MAX: usize = 5_000;
/// Members that describe the exporting log and do not apply to this one, and those that are read apart.
const NOT_OF_THIS_LOG: [&str; 7] =
    ["position", "recorded_at", "digest", "leaf", "proof", "original", "original_base64"];

/// Whether a line is one of an export, as it was written.
pub fn is_exported(line: &[u8]) -> bool {
    line.starts_with(BEGINS)
}

/// The position that a line of an export had in the log it came from, where it names other facts: those must be durable
/// before it is read.
pub fn referring(line: &[u8]) -> Option<Position> {
    let rest = line.strip_prefix(BEGINS)?;
    if !line.windows(REFERS.len()).any(|window| window == REFERS) {
        return None;
    }
    let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Positions in this log by positions in the exported log, for facts that reference others: their keys change here.
#[derive(Debug, Default)]
pub struct PositionMap(Mutex<HashMap<Position, Position>>);

impl PositionMap {
    /// The fact at `there` in the exported log is at `here`.
    pub fn put(&self, there: Position, here: Position) {
        self.0.lock().insert(there, here);
    }

    fn get(&self, there: Position) -> Option<Position> {
        self.0.lock().get(&there).copied()
    }
}

/// A referenced fact: its position in the exported log, and its key.
struct Reference {
    position: Position,
    tenant: TenantId,
    provider: Provider,
    external_id: ExternalId,
}

fn reference(at: &mut Reader<'_>) -> Option<Reference> {
    let position = at.required("position");
    let tenant = name(at, "tenant", TenantId::stored);
    let provider = name(at, "provider", Provider::stored);
    let external_id = name(at, "external_id", ExternalId::new);
    Some(Reference { position: position?, tenant: tenant?, provider: provider?, external_id: external_id? })
}

/// The key under which a fact of another log is imported, see [`EngineKey::imported`].
fn namespace_imported(keys: KeyWriter<'_>, provider: &Provider, external_id: ExternalId) -> ExternalId {
    if provider.as_str() != Provider::ENGINE {
        return keys.stored(external_id);
    }
    let imported = EngineKey::parse(external_id.as_str()).map(EngineKey::imported);
    imported.and_then(|key| key.external_id().ok()).unwrap_or(external_id)
}

fn rejected(pointer: &str, message: &str) -> Posted {
    Posted::Rejected(vec![FieldError { pointer: pointer.into(), message: message.into() }])
}

/// A line before its references are resolved.
struct Line {
    envelope: Envelope,
    original: Bytes,
    refers: Vec<Reference>,
    /// Of an export of version 1: what a rejected conflict had brought.
    evidence: Option<ConflictObserved>,
}

fn read(expected: Option<&TenantId>, line: &[u8]) -> Result<Line, Posted> {
    let value = Json::parse(line).map_err(|error| Posted::Unparsable(error.to_string()))?;
    let value = match Value::from(value) {
        Value::Object(members) => members,
        _ => return Err(rejected("", "must be an object")),
    };
    if value.get("tenant").and_then(Value::as_str) == Some(TenantId::CONTROL) {
        return Err(rejected("/tenant", "is the engine's own"));
    }
    // A text of blanks is a payload too, but no member of a fact.
    let original = payload(&value).map_err(|fault| Posted::Rejected(vec![fault]))?;
    let is_proven = prove(&value).map_err(|fault| Posted::Rejected(vec![fault]))?.is_some();
    let mut faults = Vec::new();
    let mut at = Reader::new(Value::Object(value).into(), "", &mut faults);
    for member in NOT_OF_THIS_LOG {
        at.take(member);
    }
    let tenant = name(&mut at, "tenant", TenantId::stored);
    if let (Some(tenant), Some(expected)) = (&tenant, expected)
        && tenant != expected
    {
        at.fault(&format!("is {tenant}, and {expected} was asked for"));
    }
    let provider = name(&mut at, "provider", Provider::stored);
    let external_id = name(&mut at, "external_id", ExternalId::new);
    let occurred_at: Option<Instant> = at.required("occurred_at");
    let time_source: Option<TimeSource> = at.optional("time_source");
    let refers = at.rows("refers", REFERS_MAX, reference);
    let evidence = if is_proven { None } else { at.take("evidence") };
    let evidence = evidence.and_then(|body| read_body(&mut at, "conflict_observed", body));
    let kind =
        required(&mut at, "kind").and_then(|given| given.as_str().and_then(kind_named).and_then(kind_name));
    if kind.is_none() {
        at.fault("is not a kind of fact");
    }
    let body = at.take("body").unwrap_or(Json::Null);
    let fact = kind.and_then(|kind| read_body(&mut at, kind, body));
    at.finish();
    match (tenant, provider, external_id, occurred_at, fact) {
        (Some(tenant), Some(provider), Some(external_id), Some(occurred_at), Some(fact))
            if faults.is_empty() =>
        {
            let time_received = time_source.is_some();
            let envelope =
                Envelope { tenant, provider, external_id, occurred_at, time_received, fact, mapping: 0 };
            let evidence = match evidence {
                Some(Fact::Control(ControlFact::ConflictObserved(evidence))) => Some(evidence),
                Some(_) | None => None,
            };
            Ok(Line { envelope, original, refers, evidence })
        }
        _ => Err(Posted::Rejected(faults)),
    }
}

fn read_body<'j>(at: &mut Reader<'j>, kind: &str, body: Json<'j>) -> Option<Fact> {
    match Fact::read(kind, body, at.pointer())? {
        Ok(Fact::Access(_)) => {
            at.fault("is of the engine's own tenant");
            None
        }
        Ok(fact) => Some(fact),
        Err(found) => {
            at.faults(found);
            None
        }
    }
}

impl Ingest {
    /// Reads a line of an export, of `expected` where a tenant is asked for; what it refers to must be durable.
    pub(super) fn restored(
        &self,
        expected: Option<&TenantId>,
        positions: &PositionMap,
        line: &[u8],
    ) -> Result<Result<(Envelope, Bytes), Posted>, IngestError> {
        let Line { mut envelope, original, refers, evidence } = match read(expected, line) {
            Ok(line) => line,
            Err(answer) => return Ok(Err(answer)),
        };
        envelope.external_id =
            namespace_imported(self.keys(&envelope.tenant), &envelope.provider, envelope.external_id);
        if envelope.fact.references().is_empty() {
            return Ok(Ok((envelope, original)));
        }
        let mut here = HashMap::new();
        for Reference { position, tenant, provider, external_id } in refers {
            let found = match positions.get(position) {
                Some(place) => Some(place),
                None => {
                    let external_id = namespace_imported(self.keys(&tenant), &provider, external_id);
                    let (tenant, provider) = (tenant.as_str(), provider.as_str());
                    let key = self.secret.key_hash(tenant, provider, external_id.as_str());
                    self.log.find(&key)?.map(|(place, _)| place)
                }
            };
            here.extend(found.map(|place| (position, place)));
        }
        Ok(match self.refer_here(&mut envelope, &here, evidence)? {
            Some(()) => Ok((envelope, original)),
            None => Err(rejected("/refers", "names a fact that is not here: import the whole export")),
        })
    }

    /// Lets the fact name positions of this log; none where what it needs is not here.
    fn refer_here(
        &self,
        envelope: &mut Envelope,
        here: &HashMap<Position, Position>,
        evidence: Option<ConflictObserved>,
    ) -> Result<Option<()>, IngestError> {
        let Envelope { fact, external_id, .. } = envelope;
        let place = |there: &Position| here.get(there).copied();
        match fact {
            Fact::Control(ControlFact::ConflictObserved(body)) => {
                let Some(first) = place(&body.first_position) else { return Ok(None) };
                body.first_position = first;
                body.first_digest = self.content_at(first)?;
                body.second_digest = self.second(body)?;
                let key = EngineKey::Conflict { first, second: HexDigest(body.second_digest) };
                *external_id = key.external_id()?;
            }
            Fact::Control(ControlFact::ConflictAccepted(body)) => {
                let Some(first) = place(&body.first_position) else { return Ok(None) };
                body.first_position = first;
                body.second_digest =
                    self.content_of(&body.brought.0, body.occurred_at, body.time_source.is_some())?;
                let key = EngineKey::ConflictDecision { first, second: HexDigest(body.second_digest) };
                *external_id = key.external_id()?;
            }
            Fact::Control(ControlFact::ConflictRejected(body)) => {
                let Some(first) = place(&body.first_position) else { return Ok(None) };
                let named = here.iter().find(|(there, _)| **there != body.first_position);
                let second = match (evidence, named) {
                    (Some(evidence), _) => self.second(&evidence)?,
                    (None, Some((_, evidence))) => match self.observed(*evidence)? {
                        Some(observed) if observed.first_position == first => observed.second_digest,
                        Some(_) | None => return Ok(None),
                    },
                    (None, None) => return Ok(None),
                };
                body.first_position = first;
                body.second_digest = second;
                let key = EngineKey::ConflictDecision { first, second: HexDigest(body.second_digest) };
                *external_id = key.external_id()?;
            }
            Fact::Control(ControlFact::FactVoided(body)) => {
                let Some(voided) = place(&body.voided_position) else { return Ok(None) };
                body.voided_position = voided;
                *external_id = EngineKey::FactVoided { voided, earlier: body.earlier }.external_id()?;
            }
            Fact::Control(ControlFact::FactRestored(body)) => {
                let Some(voided) = place(&body.voided_position) else { return Ok(None) };
                body.voided_position = voided;
                *external_id = EngineKey::FactRestored { voided, earlier: body.earlier }.external_id()?;
            }
            Fact::Control(ControlFact::QuarantineResolved(body)) => {
                let Some(kept) = place(&body.quarantined_position) else { return Ok(None) };
                body.quarantined_position = kept;
                body.facts = body.facts.iter().filter_map(place).collect();
            }
            Fact::Report(
                ReportFact::Drafted(body) | ReportFact::Published(body) | ReportFact::Withdrawn(body),
            ) => {
                let Report { position: Some(position), .. } = body else { return Ok(Some(())) };
                let Some(place) = place(position) else { return Ok(None) };
                *position = place;
            }
            Fact::Import(ImportFact::Finished(body)) => {
                // What a selection left out is not here, and the import had an end all the same.
                for position in body.positions() {
                    *position = position.as_ref().and_then(place);
                }
            }
            _ => {}
        }
        Ok(Some(()))
    }

    /// The evidence at a position of this log; none where another kind of fact stands.
    fn observed(&self, position: Position) -> Result<Option<ConflictObserved>, IngestError> {
        let stored = self.log.fact(position)?.map(|stored| stored.fact);
        Ok(match stored {
            Some(Fact::Control(ControlFact::ConflictObserved(body))) => Some(body),
            Some(_) | None => None,
        })
    }

    fn second(&self, observed: &ConflictObserved) -> Result<ContentDigest, IngestError> {
        self.content_of(&observed.brought.0, observed.occurred_at, observed.time_source.is_some())
    }

    /// Digest of a content, whatever its key.
    fn content_of(
        &self,
        fact: &Fact,
        occurred_at: Instant,
        time_received: bool,
    ) -> Result<ContentDigest, IngestError> {
        self.digest(&Envelope {
            tenant: TenantId::unassigned(),
            provider: Provider::engine(),
            external_id: ExternalId::new("content")?,
            occurred_at,
            time_received,
            fact: fact.clone(),
            mapping: 0,
        })
    }

    fn content_at(&self, position: Position) -> Result<ContentDigest, IngestError> {
        let missing = || IngestError::Unreadable { position, why: "it is not there".into() };
        let record = self.log.read(position)?.ok_or_else(missing)?;
        let RecordRef { header, .. } = record.view().map_err(|error| LogError::Record { position, error })?;
        Ok(header.content)
    }
}

#[cfg(test)]
mod tests {
    use domain::keys::LogSecret;

    use super::*;

    #[test]
    fn keys_that_hold_a_position_are_kept_apart_once() {
        let (secret, tenant) = (LogSecret::new(&[7; 32]), TenantId::new("acme").expect("tenant"));
        let keys = KeyWriter { secret: &secret, tenant: &tenant };
        for (provider, id, kept) in [
            ("factfold", "tenant/5", "imported/tenant/5"),
            ("factfold", "imported/tenant/5", "imported/tenant/5"),
            ("factfold", "session/a/timeout/17", "imported/session/a/timeout/17"),
            ("factfold", "session/a%2Fb/resume/17", "imported/session/a%2Fb/resume/17"),
            ("factfold", "session/a/n/1", "session/a/n/1"),
            ("factfold", "session/a/attempt/L1", "session/a/attempt/L1"),
            ("desk", "tenant/5", "tenant/5"),
        ] {
            let (provider, id) =
                (Provider::stored(provider).expect("provider"), ExternalId::new(id).expect("id"));
            assert_eq!(namespace_imported(keys, &provider, id).as_str(), kept);
        }
    }

    #[test]
    fn only_lines_that_name_others_wait_for_those_before_them() {
        let line = br#"{"position":17,"tenant":"acme","body":{},"refers":[{"position":3}]}"#;
        assert_eq!(referring(line), Some(17));
        assert_eq!(referring(br#"{"position":17,"tenant":"acme","body":{}}"#), None);
        assert_eq!(
            referring(br#"{"provider":"p","body":{"refers":[1]}}"#),
            None,
            "it is no line of an export"
        );
        assert_eq!(referring(br#"{"position":,"refers":[]}"#), None);
    }
}
