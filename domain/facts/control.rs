//! Facts that the engine makes of what it met: quarantine, conflicts and what was decided of them.

use serde_json::{Map, Value};

use crate::codec::{Body, CodecError, PersonHasher, Taker, put, put_canonical};
use crate::description::{BodyDescription, MemberDescription, MemberShape};
use crate::facts::erasure::PersonErased;
use crate::facts::void::{FactRestored, FactVoided};
use crate::facts::{Fact, Subject};
use crate::json::{Json, Member, Reader};
use crate::keys::ContentDigest;
use crate::members::{Instant, LongText, Text};
use crate::record::KindTag;
use crate::{body, group, words};

body! {
    /// `delivery_quarantined`: an authentic delivery that could not be turned into facts, kept whole (R3).
    DeliveryQuarantined {
        public {
            /// The same for every redelivery: a digest of endpoint, method, query and body.
            required quarantine_id: Text;
            /// Why, in a word: `unknown_tracking_number`, `malformed_body`, ….
            required reason: Text;
            /// Whose delivery.
            required provider: Text;
            /// Where it came in.
            required endpoint: Text;
            /// HTTP method.
            optional method: Text;
            /// The body's media type.
            optional content_type: Text;
        }
        personal {
            /// Which field is wrong and how.
            optional detail: LongText;
            /// The query as it came.
            optional query: LongText;
            /// Of the headers those that the mapping reads, each a line `name: value`.
            optional headers: LongText;
        }
    }
}

body! {
    /// `quarantine_resolved`: a quarantined delivery was mapped again, and this time it had a meaning (R3).
    QuarantineResolved {
        public {
            /// Which quarantine.
            required quarantine_id: Text;
            /// Where its `delivery_quarantined` stands.
            required quarantined_position: u64;
            /// What became of the delivery: `recorded`, `duplicate`, `conflict` or `ignored`.
            required outcome: Text;
            /// Whose the facts are; of a delivery that had no tenant.
            optional tenant: Text;
            /// Positions of its facts.
            list facts: u64;
            /// Who asked for the retry.
            optional by: Text;
        }
    }
}

body! {
    /// `conflict_rejected`: a person let the first content stand.
    ConflictRejected {
        public {
            /// The fact that stands.
            required first_position: u64;
            /// The content that was refused.
            required second_digest: ContentDigest;
            /// Who decided.
            optional by: Text;
        }
    }
}

/// A fact within a fact: the content that a conflict brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought(pub Box<Fact>);

impl Brought {
    /// The members by which it stands in a body.
    fn members() -> [MemberDescription; 2] {
        let kind = MemberShape::Value(Text::describe());
        [
            MemberDescription::new("kind", &["The kind of the content."], true, kind),
            MemberDescription::new(
                "body",
                &["The content: the body of that kind."],
                true,
                MemberShape::AnyBody,
            ),
        ]
    }

    fn put(
        &self,
        public: &mut Vec<u8>,
        personal: &mut Vec<u8>,
        person: PersonHasher<'_>,
    ) -> Result<(), CodecError> {
        let (kind, version) = (self.0.tag(), self.0.version());
        put(public, &(kind.group, kind.tag, version))?;
        self.0.put(public, personal, person)
    }

    fn take(public: &mut Taker<'_>, personal: &mut Option<Taker<'_>>) -> Result<Self, CodecError> {
        let (group, tag, version): (u8, u8, u8) = public.take()?;
        Fact::take(KindTag { group, tag }, version, public, personal).map(|fact| Self(Box::new(fact)))
    }

    fn json(&self, out: &mut Map<String, Value>) {
        out.insert("kind".into(), self.0.kind().into());
        out.insert("body".into(), self.0.json());
    }

    fn canonical(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        put_canonical(out, "kind", self.0.kind())?;
        let mut body = Vec::new();
        self.0.canonical(&mut body)?;
        put_canonical(out, "body", &body)
    }

    fn read(at: &mut Reader<'_>) -> Option<Self> {
        let kind: Option<Text> = at.required("kind");
        let body = at.take("body");
        let kind = kind?;
        match Fact::read(kind.as_str(), body.unwrap_or(Json::Null), at.pointer()) {
            // What was brought is a fact from outside: the engine's own kinds cannot be brought, so that
            // nothing nests in itself.
            Some(Ok(fact)) if !matches!(fact, Fact::Control(_) | Fact::Access(_)) => {
                Some(Self(Box::new(fact)))
            }
            Some(Err(faults)) => {
                at.faults(faults);
                None
            }
            Some(Ok(_)) | None => {
                at.fault("kind must be one that is accepted from outside");
                None
            }
        }
    }
}

words! {
    /// Where a fact's time comes from, where it is not the provider's (RULINGS, Equality).
    TimeSource {
        /// Our clock, when it came.
        Received = "received",
    }
}

/// `conflict_observed`: the key of an earlier fact came with other content; the evidence (R1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictObserved {
    /// The fact that stands.
    pub first_position: u64,
    /// Its content.
    pub first_digest: ContentDigest,
    /// The content that came.
    pub second_digest: ContentDigest,
    /// When what came says it happened.
    pub occurred_at: Instant,
    /// Set when what came gave no time, so that `occurred_at` is when it came.
    pub time_source: Option<TimeSource>,
    /// What came.
    pub brought: Brought,
}

impl Body for ConflictObserved {
    fn read(at: &mut Reader<'_>) -> Option<Self> {
        let first_position = at.required("first_position");
        let first_digest = at.required("first_digest");
        let second_digest = at.required("second_digest");
        let occurred_at = at.required("occurred_at");
        let time_source = at.optional("time_source");
        let brought = Brought::read(at);
        Some(Self {
            first_position: first_position?,
            first_digest: first_digest?,
            second_digest: second_digest?,
            occurred_at: occurred_at?,
            time_source,
            brought: brought?,
        })
    }

    fn is_blank(&self) -> bool {
        false
    }

    fn json(&self, out: &mut Map<String, Value>) {
        out.insert("first_position".into(), self.first_position.into());
        out.insert("first_digest".into(), self.first_digest.json());
        out.insert("second_digest".into(), self.second_digest.json());
        out.insert("occurred_at".into(), self.occurred_at.json());
        if let Some(source) = self.time_source {
            out.insert("time_source".into(), source.json());
        }
        self.brought.json(out);
    }

    fn put(
        &self,
        public: &mut Vec<u8>,
        personal: &mut Vec<u8>,
        person: PersonHasher<'_>,
    ) -> Result<(), CodecError> {
        put(public, &(self.first_position, self.first_digest, self.second_digest))?;
        put(public, &(self.occurred_at, self.time_source))?;
        self.brought.put(public, personal, person)
    }

    fn take(public: &mut Taker<'_>, personal: &mut Option<Taker<'_>>) -> Result<Self, CodecError> {
        let (first_position, first_digest, second_digest) = public.take()?;
        let (occurred_at, time_source) = public.take()?;
        let brought = Brought::take(public, personal)?;
        Ok(Self { first_position, first_digest, second_digest, occurred_at, time_source, brought })
    }

    fn canonical(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        put_canonical(out, "first_position", &self.first_position)?;
        put_canonical(out, "first_digest", &self.first_digest)?;
        put_canonical(out, "second_digest", &self.second_digest)?;
        put_canonical(out, "occurred_at", &self.occurred_at)?;
        if let Some(source) = &self.time_source {
            put_canonical(out, "time_source", source)?;
        }
        self.brought.canonical(out)
    }
    fn describe() -> BodyDescription {
        let value = |name, about, is_required, value| {
            MemberDescription::new(name, &[about], is_required, MemberShape::Value(value))
        };
        let members = [
            value("first_position", "The fact that stands.", true, u64::describe()),
            value("first_digest", "Digest of its content.", true, ContentDigest::describe()),
            value("second_digest", "Digest of the content that came.", true, ContentDigest::describe()),
            value("occurred_at", "When what came says it happened.", true, Instant::describe()),
            value("time_source", "Set when what came gave no time.", false, TimeSource::describe()),
        ];
        let about = "`conflict_observed`: the key of an earlier fact came with other content.";
        let members = members.into_iter().chain(Brought::members()).collect();
        BodyDescription::new("ConflictObserved", &[about], members, &[])
    }
}

/// `conflict_accepted`: a person let the second content replace the first in its entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictAccepted {
    /// The fact that is replaced.
    pub first_position: u64,
    /// Digest of the content that replaces it.
    pub second_digest: ContentDigest,
    /// When that content says it happened.
    pub occurred_at: Instant,
    /// Set when it gave no time, so that `occurred_at` is when it came.
    pub time_source: Option<TimeSource>,
    /// Who decided.
    pub by: Option<Text>,
    /// The content.
    pub brought: Brought,
}

impl Body for ConflictAccepted {
    fn read(at: &mut Reader<'_>) -> Option<Self> {
        let first_position = at.required("first_position");
        let second_digest = at.required("second_digest");
        let occurred_at = at.required("occurred_at");
        let time_source = at.optional("time_source");
        let by = at.optional("by");
        let brought = Brought::read(at);
        Some(Self {
            first_position: first_position?,
            second_digest: second_digest?,
            occurred_at: occurred_at?,
            time_source,
            by,
            brought: brought?,
        })
    }

    fn is_blank(&self) -> bool {
        false
    }

    fn json(&self, out: &mut Map<String, Value>) {
        out.insert("first_position".into(), self.first_position.into());
        out.insert("second_digest".into(), self.second_digest.json());
        out.insert("occurred_at".into(), self.occurred_at.json());
        if let Some(source) = self.time_source {
            out.insert("time_source".into(), source.json());
        }
        if let Some(by) = &self.by {
            out.insert("by".into(), by.json());
        }
        self.brought.json(out);
    }

    fn put(
        &self,
        public: &mut Vec<u8>,
        personal: &mut Vec<u8>,
        person: PersonHasher<'_>,
    ) -> Result<(), CodecError> {
        put(public, &(self.first_position, self.second_digest, self.occurred_at, self.time_source))?;
        put(public, &self.by)?;
        self.brought.put(public, personal, person)
    }

    fn take(public: &mut Taker<'_>, personal: &mut Option<Taker<'_>>) -> Result<Self, CodecError> {
        let (first_position, second_digest, occurred_at, time_source) = public.take()?;
        let by = public.take()?;
        let brought = Brought::take(public, personal)?;
        Ok(Self { first_position, second_digest, occurred_at, time_source, by, brought })
    }

    fn canonical(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        put_canonical(out, "first_position", &self.first_position)?;
        put_canonical(out, "second_digest", &self.second_digest)?;
        put_canonical(out, "occurred_at", &self.occurred_at)?;
        if let Some(source) = &self.time_source {
            put_canonical(out, "time_source", source)?;
        }
        if let Some(by) = &self.by {
            put_canonical(out, "by", by)?;
        }
        self.brought.canonical(out)
    }
    fn describe() -> BodyDescription {
        let value = |name, about, is_required, value| {
            MemberDescription::new(name, &[about], is_required, MemberShape::Value(value))
        };
        let members = [
            value("first_position", "The fact that is replaced.", true, u64::describe()),
            value(
                "second_digest",
                "Digest of the content that replaces it.",
                true,
                ContentDigest::describe(),
            ),
            value("occurred_at", "When that content says it happened.", true, Instant::describe()),
            value("time_source", "Set when it gave no time.", false, TimeSource::describe()),
            value("by", "Who decided.", false, Text::describe()),
        ];
        let about = "`conflict_accepted`: a person let the second content replace the first.";
        let members = members.into_iter().chain(Brought::members()).collect();
        BodyDescription::new("ConflictAccepted", &[about], members, &[])
    }
}

group! {
    /// Facts that the engine makes.
    ControlFact = 11 {
        1 "delivery_quarantined" Quarantined(DeliveryQuarantined),
        2 "conflict_observed" ConflictObserved(ConflictObserved),
        3 "conflict_accepted" ConflictAccepted(ConflictAccepted),
        4 "quarantine_resolved" QuarantineResolved(QuarantineResolved),
        5 "conflict_rejected" ConflictRejected(ConflictRejected),
        6 "fact_voided" FactVoided(FactVoided),
        7 "fact_restored" FactRestored(FactRestored),
        8 "person_erased" PersonErased(PersonErased),
    }
}

impl Subject for ControlFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        match self {
            Self::Quarantined(body) => format!("endpoint/{}", body.endpoint),
            Self::ConflictObserved(body) => format!("conflict/{}", body.first_position),
            Self::ConflictAccepted(body) => format!("conflict/{}", body.first_position),
            Self::QuarantineResolved(body) => format!("quarantine/{}", body.quarantine_id),
            Self::ConflictRejected(body) => format!("conflict/{}", body.first_position),
            Self::FactVoided(body) => format!("void/{}", body.voided_position),
            Self::FactRestored(body) => format!("void/{}", body.voided_position),
            Self::PersonErased(body) => format!("erasure/{}", body.erasure_id),
        }
    }
}
