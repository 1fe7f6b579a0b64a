//! Checks a line of an export by itself: its leaf follows from its members, and the bodies that were hashed say what
//! the line says. Where the line stands in its file and in its log is for the reader of the file to check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::facts::{Fact, kind_named};
use domain::json::FieldError;
use domain::members::Instant;
use domain::record::{Hash, Header, KindTag, leaf_hash};
use serde_json::{Map, Value};

use crate::log::leaf_proof::{LeafParts, LeafProof};

/// Members of a line that proves itself.
const MEMBERS: [&str; 15] = [
    "position",
    "tenant",
    "provider",
    "external_id",
    "kind",
    "occurred_at",
    "recorded_at",
    "body",
    "digest",
    "time_source",
    "original",
    "original_base64",
    "leaf",
    "proof",
    "refers",
];

/// A line whose leaf was recomputed.
#[derive(Debug, Clone)]
pub struct ProvenLine {
    /// The leaf.
    pub leaf: Hash,
    /// The fact, from the bytes that were hashed.
    pub fact: Fact,
}

fn wrong(pointer: &str, message: impl Into<String>) -> FieldError {
    FieldError { pointer: pointer.to_owned(), message: message.into() }
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<&'m str, FieldError> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| wrong(&format!("/{name}"), "must be a string"))
}

/// An instant in the spelling of an export: no other text is the same microsecond.
fn instant(members: &Map<String, Value>, name: &str) -> Result<i64, FieldError> {
    let given = text(members, name)?;
    let at = Instant::parse(given).filter(|at| at.to_string() == given);
    at.map(|at| at.0).ok_or_else(|| wrong(&format!("/{name}"), "is not spelled as an export spells instants"))
}

fn digits<const N: usize>(members: &Map<String, Value>, name: &str) -> Result<[u8; N], FieldError> {
    let (given, mut bytes) = (text(members, name)?, [0; N]);
    let is_whole = hex::decode_to_slice(given, &mut bytes).is_ok() && hex::encode(bytes) == given;
    let rule = format!("must be {} lower-case hexadecimal digits", 2 * N);
    is_whole.then_some(bytes).ok_or_else(|| wrong(&format!("/{name}"), rule))
}

/// The payload of a line as it came, nothing of it folded or trimmed; empty where the line holds none.
///
/// # Errors
/// It is neither a text nor base64.
pub fn payload(members: &Map<String, Value>) -> Result<Bytes, FieldError> {
    match (members.get("original"), members.get("original_base64")) {
        (None, None) => Ok(Bytes::new()),
        (Some(Value::String(text)), None) => Ok(Bytes::from(text.clone())),
        (Some(_), _) => Err(wrong("/original", "must be a string, and the only form of the payload")),
        (None, Some(given)) => {
            let decoded = given.as_str().and_then(|text| STANDARD.decode(text).ok());
            decoded.map(Bytes::from).ok_or_else(|| wrong("/original_base64", "must be base64"))
        }
    }
}

/// Recomputes the leaf of a line; none of a line without a proof, as exports of version 1 have them.
///
/// # Errors
/// The member that was changed, as far as it can be told.
pub fn prove(members: &Map<String, Value>) -> Result<Option<ProvenLine>, FieldError> {
    let Some(proof) = members.get("proof") else { return Ok(None) };
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(wrong(&format!("/{unknown}"), "is no member of a line of an export"));
    }
    let proof: LeafProof =
        serde_json::from_value(proof.clone()).map_err(|error| wrong("/proof", error.to_string()))?;
    let parts = proof.parts(&payload(members)?);
    let parts = parts.map_err(|(member, rule)| wrong(&format!("/proof/{member}"), rule))?;
    let kind = kind_named(text(members, "kind")?).ok_or_else(|| wrong("/kind", "is not a kind of fact"))?;
    let fact = hashed_fact(members, kind, proof.version, &parts)?;
    let header = Header {
        recorded_at: instant(members, "recorded_at")?,
        occurred_at: instant(members, "occurred_at")?,
        time_received: match members.get("time_source") {
            None => false,
            Some(Value::String(source)) if source == "received" => true,
            Some(_) => return Err(wrong("/time_source", "must be received or absent")),
        },
        kind,
        version: proof.version,
        mapping: proof.mapping,
        content: digits(members, "digest")?,
        subject: parts.subject,
        tenant: text(members, "tenant")?,
        provider: text(members, "provider")?,
        external_id: text(members, "external_id")?,
    };
    let leaf =
        leaf_hash(&header.bytes(), &parts.public, &parts.personal_commitment, &parts.original_commitment);
    if digits(members, "leaf")? != leaf {
        return Err(wrong(
            "/leaf",
            format!("{} follows from the line, in which some member was changed", hex::encode(leaf)),
        ));
    }
    Ok(Some(ProvenLine { leaf, fact }))
}

/// The fact of the bodies that were hashed, which is the one that the line shows.
fn hashed_fact(
    members: &Map<String, Value>,
    kind: KindTag,
    version: u8,
    parts: &LeafParts,
) -> Result<Fact, FieldError> {
    let personal = (!parts.personal.is_empty()).then_some(parts.personal.as_slice());
    let fact = Fact::decode(kind, version, &parts.public, personal)
        .map_err(|error| wrong("/proof/public", error.to_string()))?;
    let shown = members.get("body").unwrap_or(&Value::Null);
    match first_difference("/body", &fact.json(), shown) {
        None => Ok(fact),
        Some(pointer) => Err(wrong(&pointer, "differs from what was hashed: it was changed")),
    }
}

/// Where two values differ first.
fn first_difference(pointer: &str, hashed: &Value, shown: &Value) -> Option<String> {
    match (hashed, shown) {
        (Value::Object(hashed), Value::Object(shown)) => {
            let inner = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            let extra = shown.keys().find(|name| !hashed.contains_key(*name)).map(|name| inner(name));
            let mut each = hashed.iter();
            each.find_map(|(name, value)| {
                first_difference(&inner(name), value, shown.get(name).unwrap_or(&Value::Null))
            })
            .or(extra)
        }
        (Value::Array(hashed), Value::Array(shown)) if hashed.len() == shown.len() => hashed
            .iter()
            .zip(shown)
            .enumerate()
            .find_map(|(at, (hashed, shown))| first_difference(&format!("{pointer}/{at}"), hashed, shown)),
        (hashed, shown) => (hashed != shown).then(|| pointer.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_member_that_differs_is_named() {
        let hashed = json!({"a": 1, "lead": {"id": "7", "tags": ["x", "y"]}});
        for (shown, pointer) in [
            (json!({"a": 2, "lead": {"id": "7", "tags": ["x", "y"]}}), "/body/a"),
            (json!({"a": 1.0, "lead": {"id": "7", "tags": ["x", "y"]}}), "/body/a"),
            (json!({"a": 1, "lead": {"id": "7", "tags": ["x", "z"]}}), "/body/lead/tags/1"),
            (json!({"a": 1, "lead": {"id": "7", "tags": ["x"]}}), "/body/lead/tags"),
            (json!({"lead": {"id": "7", "tags": ["x", "y"]}}), "/body/a"),
            (json!({"a": 1, "b/c": null, "lead": {"id": "7", "tags": ["x", "y"]}}), "/body/b~1c"),
            (json!([]), "/body"),
        ] {
            assert_eq!(first_difference("/body", &hashed, &shown).as_deref(), Some(pointer), "{shown}");
        }
        assert_eq!(first_difference("/body", &hashed, &hashed.clone()), None);
    }
}
