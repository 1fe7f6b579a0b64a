//! Facts as an export holds them: each with its leaf, what the leaf is made of, and the keys of what it names.

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::facts::tenant::TenantFact;
use domain::keys::{ContentDigest, Position, TenantId};
use domain::record::{Hash, RecordRef};
use serde::Serialize;

use super::facts::{FactError, FactFilter, FactItem, fact_item, page};
use crate::log::leaf_proof::LeafProof;
use crate::log::{LogError, LogSnapshot, decode};

/// A line of an export.
#[derive(Debug, Serialize)]
pub struct ExportedFact {
    /// The fact, with its payload where it was asked for.
    #[serde(flatten)]
    pub fact: FactItem,
    /// Its leaf in the log's Merkle tree, in hexadecimal digits.
    pub leaf: String,
    /// What the leaf is made of beside the members of the fact.
    pub proof: LeafProof,
    /// The facts that it names, by position and key: positions are others in another log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refers: Vec<Reference>,
}

/// The key of a fact that another one names.
#[derive(Debug, Serialize)]
pub struct Reference {
    /// The position that the body names; of a report the last one that its figures include.
    position: Position,
    tenant: String,
    provider: String,
    external_id: String,
}

/// Prepares the fact of `record` for an export, with its payload where `raw`; `leaf` is the record's. Reads other facts.
///
/// # Errors
/// A record that does not decode, or the log's.
pub fn exported(
    log: &LogSnapshot,
    position: Position,
    record: &RecordRef<'_>,
    (leaf, raw): (&Hash, bool),
) -> Result<ExportedFact, FactError> {
    let mut fact = fact_item(position, record)?;
    if raw {
        let payload = log.original(record)?;
        if !payload.is_empty() {
            fact.show_original(&payload);
        }
    }
    let decoded = decode(position, record)?;
    let name = |error| LogError::Name { position, error };
    let tenant = TenantId::stored(record.header.tenant).map_err(name)?;
    let mut refers = Vec::new();
    for there in decoded.references() {
        let at =
            if matches!(decoded, Fact::Report(_)) { last_up_to(log, &tenant, there)? } else { Some(there) };
        refers.extend(reference(log, there, at)?);
    }
    if let Fact::Control(ControlFact::ConflictRejected(body)) = &decoded {
        // What was rejected stands in the evidence alone.
        let evidence = evidence(log, &tenant, position, (body.first_position, body.second_digest))?;
        refers.extend(evidence.map_or(Ok(None), |there| reference(log, there, Some(there)))?);
    }
    Ok(ExportedFact { fact, leaf: hex::encode(leaf), proof: LeafProof::of(record, raw), refers })
}

/// Whether the fact of `record` belongs to its tenant's configuration: figures of a part of the facts need it too.
///
/// # Errors
/// A record that does not decode.
pub fn configures(position: Position, record: &RecordRef<'_>) -> Result<bool, FactError> {
    Ok(match record.header.kind.group {
        TenantFact::GROUP => true,
        ControlFact::GROUP => match decode(position, record)? {
            Fact::Control(ControlFact::ConflictObserved(body)) => matches!(*body.brought.0, Fact::Tenant(_)),
            Fact::Control(ControlFact::ConflictAccepted(body)) => matches!(*body.brought.0, Fact::Tenant(_)),
            _ => false,
        },
        _ => false,
    })
}

fn last_up_to(log: &LogSnapshot, tenant: &TenantId, up_to: Position) -> Result<Option<Position>, FactError> {
    let filter = FactFilter { up_to, ..FactFilter::all(tenant.clone()) };
    let mut cursor = None;
    loop {
        let found = page(log, &filter, cursor, 1)?;
        match (found.items.first(), found.next) {
            (Some(fact), _) => return Ok(Some(fact.position)),
            (None, None) => return Ok(None),
            (None, next) => cursor = next,
        }
    }
}

fn reference(
    log: &LogSnapshot,
    position: Position,
    at: Option<Position>,
) -> Result<Option<Reference>, FactError> {
    let Some(at) = at else { return Ok(None) };
    let Some(record) = log.read(at)? else { return Ok(None) };
    let view = record.view().map_err(|error| LogError::Record { position: at, error })?;
    let header = view.header;
    let [tenant, provider, external_id] =
        [header.tenant, header.provider, header.external_id].map(str::to_owned);
    Ok(Some(Reference { position, tenant, provider, external_id }))
}

/// The `conflict_observed` over which was decided.
fn evidence(
    log: &LogSnapshot,
    tenant: &TenantId,
    up_to: Position,
    (first, second): (Position, ContentDigest),
) -> Result<Option<Position>, FactError> {
    let (kind, second) = (domain::facts::kind_named("conflict_observed"), hex::encode(second));
    let filter = FactFilter { kind, up_to, ..FactFilter::all(tenant.clone()) };
    let mut cursor = None;
    loop {
        let found = page(log, &filter, cursor, EVIDENCE_AT_ONCE)?;
        let is_it = |fact: &&FactItem| {
            fact.body["first_position"] == first && fact.body["second_digest"].as_str() == Some(&second)
        };
        if let Some(fact) = found.items.iter().find(is_it) {
            return Ok(Some(fact.position));
        }
        cursor = match found.next {
            Some(next) => Some(next),
            None => return Ok(None),
        };
    }
}

/// Conflicts that are looked through at a time.
const EVIDENCE_AT_ONCE: usize = 500;
