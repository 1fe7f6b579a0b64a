//! Proof bundles: a figure with the facts behind it, and the proof that they stand in a log whose checkpoint is signed.
//!
//! A fact is there as it was hashed: header and public body whole, the personal body and the payload as commitments. One list
//! of hashes proves all of them (`log::tree`). That no contributing fact was left out is not proven, and said.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::keys::Position;
use domain::record::{Hash, Header, Original, Private, Record, RecordRef, commitment, leaf_hash};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::checkpoint::{CheckpointError, OpenedCheckpoint, VerifierKey};
use super::checkpoint_key::CheckpointKey;
use crate::log::tree::root_of_many;

/// What the member `format` says.
pub const PROOF_FORMAT: &str = "factfold-proof/1";
/// What the member `not_proven` says.
pub const NOT_PROVEN: &str = "that no fact that contributes was left out";

/// A figure with its proof, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofBundle {
    /// Version of this form.
    pub format: String,
    /// Whose figure it is.
    pub tenant: String,
    /// Which figure.
    pub figure: Value,
    /// Its value.
    pub value: Value,
    /// What it is measured in.
    pub unit: Value,
    /// By which rule subjects count.
    pub rule: Value,
    /// How it follows from other figures.
    pub formula: Value,
    /// All facts that move it.
    pub contributions: Value,
    /// What they come to.
    pub total: Value,
    /// How many subjects they are of.
    pub contributing_subjects: Value,
    /// The position that it is true at.
    pub position: Position,
    /// The moment of answers that depend on the clock.
    pub at: String,
    /// What happened later is left out.
    #[serde(deserialize_with = "present")]
    pub occurred_until: Option<String>,
    /// Versions of the models that it is folded by.
    pub model_version: BTreeMap<String, u32>,
    /// The tenant's rules in force at the end.
    pub rules: Value,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The verifier key of the log.
    pub key: String,
    /// The facts, positions ascending.
    pub facts: Vec<BundledFact>,
    /// With the leaves of the facts, these hashes come to the checkpoint's root.
    pub proof: Vec<String>,
    /// What the bundle does not prove.
    pub not_proven: String,
    /// A note signed by the log's key: the form, and the SHA-256 of the bundle without this member.
    #[serde(default)]
    pub signed: String,
}

/// Reads a member that may be null and must be there.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(from)
}

/// A fact as it was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFact {
    /// Its position.
    pub position: Position,
    /// The header, base64.
    pub header: String,
    /// The public body, base64.
    pub public: String,
    /// The commitment to the personal body, in hexadecimal digits; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<String>,
    /// The commitment to the payload; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
}

/// What of a bundle does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {why}")]
pub struct BundleError {
    /// The member.
    pub member: String,
    /// Why.
    pub why: String,
}

impl BundleError {
    /// A member and why it does not hold.
    pub fn new(member: impl Into<String>, why: impl Into<String>) -> Self {
        Self { member: member.into(), why: why.into() }
    }
}

impl BundledFact {
    /// A record without what is personal.
    pub fn of(position: Position, record: &RecordRef<'_>) -> Self {
        let (personal, original) = match record.private {
            Private::None => ([0; 32], [0; 32]),
            Private::Erased { personal, original } => (personal, original),
            Private::Kept { salt, personal, original } => (
                commitment(&salt, personal),
                match original {
                    Original::Inline(bytes) => commitment(&salt, bytes),
                    Original::Blob { commitment, .. } => commitment,
                },
            ),
        };
        let shown = |hash: Hash| (hash != [0; 32]).then(|| hex::encode(hash));
        Self {
            position,
            header: STANDARD.encode(record.header_bytes),
            public: STANDARD.encode(record.public),
            personal: shown(personal),
            original: shown(original),
        }
    }

    /// The record that it stands for, and its leaf.
    fn record(&self, tenant: &str) -> Result<(Record, Hash), BundleError> {
        let wrong = |what: &str| BundleError::new("facts", format!("position {}: {what}", self.position));
        let bytes = |text: &str, what: &str| {
            STANDARD.decode(text).map_err(|_| wrong(&format!("{what} is not base64")))
        };
        let (header_bytes, public) = (bytes(&self.header, "header")?, bytes(&self.public, "public")?);
        let header = Header::read(&header_bytes).map_err(|error| wrong(&error.to_string()))?;
        if header.tenant != tenant {
            return Err(wrong("it is of another tenant"));
        }
        let hash = |text: &Option<String>, what: &str| match text {
            None => Ok(Hash::default()),
            Some(text) => {
                digits(text).ok_or_else(|| wrong(&format!("{what} is not 64 lower-case hexadecimal digits")))
            }
        };
        let (personal, original) = (hash(&self.personal, "personal")?, hash(&self.original, "original")?);
        let leaf = leaf_hash(&header_bytes, &public, &personal, &original);
        let private = match (personal, original) {
            (personal, original) if personal == [0; 32] && original == [0; 32] => Private::None,
            (personal, original) => Private::Erased { personal, original },
        };
        let mut stored = Vec::new();
        RecordRef { header, header_bytes: &header_bytes, public: &public, private }.write(&mut stored);
        Ok((Record { position: self.position, bytes: stored.into() }, leaf))
    }
}

fn digits(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let is_whole = hex::decode_to_slice(text, &mut hash).is_ok() && hex::encode(hash) == text;
    is_whole.then_some(hash)
}

/// A value with members in the order of their names, without blanks.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (n, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, value) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                canonical(value, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

impl ProofBundle {
    /// What the log's key signs of the bundle.
    fn text(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or(Value::Null);
        if let Value::Object(members) = &mut value {
            members.remove("signed");
        }
        let mut text = String::new();
        canonical(&value, &mut text);
        format!("{PROOF_FORMAT}\n{}\n", hex::encode(Sha256::digest(text)))
    }

    /// Signs the bundle as it is now.
    ///
    /// # Errors
    /// See [`CheckpointKey::sign_text`].
    pub fn sign(&mut self, key: &CheckpointKey) -> Result<(), CheckpointError> {
        self.signed = key.sign_text(self.text().as_bytes())?;
        Ok(())
    }

    /// The key that the bundle brings.
    ///
    /// # Errors
    /// It is none.
    pub fn own_key(&self) -> Result<VerifierKey, BundleError> {
        VerifierKey::parse(&self.key).map_err(|error| BundleError::new("key", error.to_string()))
    }

    /// Checks everything but the figure: form, signature, and that the facts stand in the log. Answers their records.
    ///
    /// # Errors
    /// The member that does not hold.
    pub fn check(
        &self,
        key: &VerifierKey,
        checkpoint: Option<&OpenedCheckpoint>,
    ) -> Result<Vec<Record>, BundleError> {
        if self.format != PROOF_FORMAT {
            return Err(BundleError::new("format", format!("{:?} is not {PROOF_FORMAT}", self.format)));
        }
        if self.not_proven != NOT_PROVEN {
            return Err(BundleError::new("not_proven", "it must say what is not proven"));
        }
        if self.own_key()? != *key {
            return Err(BundleError::new("key", "the bundle has another than the one that was given"));
        }
        let wrong = |error: &dyn std::fmt::Display| BundleError::new("checkpoint", error.to_string());
        let opened = OpenedCheckpoint::verified(&self.checkpoint, key).map_err(|error| wrong(&error))?;
        if let Some(other) = checkpoint
            && *other != opened
        {
            let (own, other) = (opened.head.position, other.head.position);
            return Err(wrong(&format!(
                "the bundle stands on one of {own} facts, and the given one of {other} is another"
            )));
        }
        let (size, mut last) = (opened.head.position, 0);
        let (mut records, mut leaves) = (Vec::new(), Vec::new());
        for fact in &self.facts {
            if fact.position <= last || fact.position > size.min(self.position) {
                let why = format!("position {} is out of order, or past the figure's", fact.position);
                return Err(BundleError::new("facts", why));
            }
            last = fact.position;
            let (record, leaf) = fact.record(&self.tenant)?;
            records.push(record);
            leaves.push((last - 1, leaf));
        }
        if self.position > size {
            return Err(BundleError::new("position", "it is past the checkpoint"));
        }
        let proof = self.proof.iter().map(|text| digits(text)).collect::<Option<Vec<_>>>();
        let proof = proof.ok_or_else(|| {
            BundleError::new("proof", "it has what is not 64 lower-case hexadecimal digits")
        })?;
        if root_of_many(size, &leaves, &proof) != Some(opened.head.root) {
            let why = "with the proof they do not come to the checkpoint's root: one was changed, added or left out";
            return Err(BundleError::new("facts", why));
        }
        Ok(records)
    }

    /// Checks that the bundle is as the log's key signed it. Last of all: what else is wrong is named by its member.
    ///
    /// # Errors
    /// It was changed.
    pub fn check_signed(&self, key: &VerifierKey) -> Result<(), BundleError> {
        let signed = key.open(&self.signed).map_err(|error| BundleError::new("signed", error.to_string()))?;
        if signed == self.text() {
            Ok(())
        } else {
            Err(BundleError::new("signed", "the bundle was changed after it was made"))
        }
    }
}
