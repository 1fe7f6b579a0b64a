//! Conflicts: a key that came again with other content, its evidence in the log, and where the contents differ (R1).

use std::collections::HashMap;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::control::{Brought, ConflictObserved, ControlFact, TimeSource};
use domain::keys::engine::{EngineKey, HexDigest};
use domain::keys::{ContentDigest, LogSecret, Position};
use domain::members::Instant;
use domain::record::{Private, Record, RecordRef};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::error::IngestError;
use crate::log::{Log, LogError};

/// Most conflicts whose repetitions are counted at one time.
const COUNTED_MAX: usize = 10_000;

/// A conflict, as answered to whoever caused it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// Position of the fact that stands.
    pub first_position: Position,
    /// Digest of that fact's content, hexadecimal.
    pub first_digest: String,
    /// Digest of the second content, hexadecimal.
    pub second_digest: String,
    /// Where they differ.
    pub diff: Vec<Difference>,
    /// How often this content came since `counted_since`, and once for what the log held before.
    pub count: u32,
    /// Start of the counting: the server's start, since only the first of each is a fact.
    pub counted_since: String,
    /// Position of the evidence, a `conflict_observed`.
    pub position: Position,
}

/// A member in which two contents differ.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// JSON pointer into the fact.
    pub pointer: String,
    /// Canonical value of the fact that stands; null: absent.
    pub first: Value,
    /// Canonical value that came; null: absent.
    pub second: Value,
}

/// What a conflict's answer adds to the positions of its facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Where the two contents differ.
    pub diff: Vec<Difference>,
    /// How often the second content came since `counted_since`, and once for what the log held before.
    pub count: u32,
    /// Start of the counting: the server's start.
    pub counted_since: Instant,
}

/// Counts how often each conflicting content came. Bounded: counts of old conflicts are dropped, their evidence stays in
/// the log.
#[derive(Debug)]
pub struct ConflictCounter {
    since: Instant,
    counts: Mutex<HashMap<(Position, ContentDigest), u32>>,
}

impl ConflictCounter {
    /// A counter that starts at `now`.
    pub(super) fn since(now: Instant) -> Self {
        Self { since: now, counts: Mutex::default() }
    }

    /// Start of the counting.
    pub fn counted_since(&self) -> Instant {
        self.since
    }

    /// The count of a content that the log holds evidence of, at least 1.
    pub fn of(&self, first: Position, second: ContentDigest) -> u32 {
        self.counts.lock().get(&(first, second)).copied().unwrap_or(1)
    }

    /// Counts one more; `known`: the log holds the evidence already.
    pub(super) fn one_more(&self, first: Position, second: ContentDigest, known: bool) -> u32 {
        let mut counts = self.counts.lock();
        if counts.len() >= COUNTED_MAX {
            counts.clear();
        }
        let count = counts.entry((first, second)).or_insert(u32::from(known));
        *count = count.saturating_add(1);
        *count
    }
}

/// The first fact of a key, read back.
pub(super) struct First {
    position: Position,
    content: ContentDigest,
    occurred_at: Option<Instant>,
    pub fact: Fact,
    /// The payload that it was read from; `None` once erased.
    pub original: Option<Bytes>,
}

impl First {
    /// Reads the fact at `position`, which must have the key of `second`.
    pub fn read(log: &Log, position: Position, second: &Envelope) -> Result<Self, IngestError> {
        let unreadable = |why: String| IngestError::Unreadable { position, why };
        let record: Record = log.read(position)?.ok_or_else(|| unreadable("it is not there".into()))?;
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        let RecordRef { header, public, private, .. } = view;
        let key = (header.tenant, header.provider, header.external_id);
        if key != (second.tenant.as_str(), second.provider.as_str(), second.external_id.as_str()) {
            // Two keys share an 88-bit digest: an error, rather than one fact mistaken for the other.
            return Err(unreadable(format!("its key {key:?} has the digest of another key")));
        }
        let fact = Fact::decode(header.kind, header.version, public, view.personal());
        let original = match private {
            Private::Kept { .. } => Some(log.original(&view)?),
            Private::None | Private::Erased { .. } => None,
        };
        Ok(Self {
            position,
            content: header.content,
            occurred_at: (!header.time_received).then_some(Instant(header.occurred_at)),
            fact: fact.map_err(|error| unreadable(error.to_string()))?,
            original,
        })
    }

    /// The evidence: keyed by the first's position and the second's digest, so that it stands once.
    pub fn evidence(
        &self,
        second: &Envelope,
        second_digest: ContentDigest,
        now: Instant,
    ) -> Result<Envelope, IngestError> {
        let key = EngineKey::Conflict { first: self.position, second: HexDigest(second_digest) };
        let fact = Fact::Control(ControlFact::ConflictObserved(ConflictObserved {
            first_position: self.position,
            first_digest: self.content,
            second_digest,
            occurred_at: second.occurred_at,
            time_source: second.time_received.then_some(TimeSource::Received),
            brought: Brought(Box::new(second.fact.clone())),
        }));
        let envelope = Envelope::by_engine(second.tenant.clone(), &key, now, fact)?;
        Ok(Envelope { mapping: second.mapping, ..envelope })
    }

    /// The answer to whoever caused it; `position` and `count` are of the evidence.
    pub fn conflict(
        &self,
        second: &Envelope,
        second_digest: ContentDigest,
        position: Position,
        (count, since): (u32, Instant),
    ) -> Conflict {
        Conflict {
            first_position: self.position,
            first_digest: hex::encode(self.content),
            second_digest: hex::encode(second_digest),
            diff: self.diff(second),
            count,
            counted_since: since.to_string(),
            position,
        }
    }

    fn diff(&self, second: &Envelope) -> Vec<Difference> {
        let second_at = (!second.time_received).then_some(second.occurred_at);
        diff((self.occurred_at, &self.fact), (second_at, &second.fact))
    }
}

/// Members in which two contents of one key differ; a time of receipt is passed as `None` and never differs.
pub fn diff(
    (first_at, first): (Option<Instant>, &Fact),
    (second_at, second): (Option<Instant>, &Fact),
) -> Vec<Difference> {
    let shown = |occurred_at: Option<Instant>, fact: &Fact| {
        let mut members = Map::new();
        members.insert("kind".into(), fact.kind().into());
        members.insert("occurred_at".into(), occurred_at.map(|at| at.to_string()).into());
        members.insert("body".into(), fact.json());
        Value::Object(members)
    };
    let mut found = Vec::new();
    differences("", &shown(first_at, first), &shown(second_at, second), &mut found);
    found
}

/// Whether the first fact's payload, mapped by today's mapping, has the content of the second. Then a newer release or
/// configuration reads more from the same payload, and nothing is in conflict (RULINGS, Equality).
pub(super) fn same_today(
    remapped: Option<&Envelope>,
    second: &Envelope,
    second_digest: ContentDigest,
    secret: &LogSecret,
) -> bool {
    remapped.is_some_and(|first| {
        let key = (&first.tenant, &first.provider, &first.external_id);
        key == (&second.tenant, &second.provider, &second.external_id)
            && first.content(secret).is_ok_and(|digest| digest == second_digest)
    })
}

fn differences(pointer: &str, first: &Value, second: &Value, found: &mut Vec<Difference>) {
    if let (Value::Object(a), Value::Object(b)) = (first, second) {
        let only_second = b.keys().filter(|name| !a.contains_key(*name));
        for name in a.keys().chain(only_second) {
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            let (first, second) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
            differences(&pointer, first, second, found);
        }
    } else if first != second {
        found.push(Difference { pointer: pointer.to_owned(), first: first.clone(), second: second.clone() });
    }
}
