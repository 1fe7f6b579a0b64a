//! Facts that the engine makes of what it met: quarantine, conflicts and what was decided of them.

use serde_json::{Map, Value};

use crate::codec::{Body, CodecError, PersonHasher, Taker, put, put_canonical};
use crate::facts::{Fact, Subject};
use crate::json::{Json, Reader};
use crate::keys::ContentDigest;
use crate::members::{Instant, LongText, Text};
use crate::record::KindTag;
use crate::{body, group};

body! {
    /// `delivery_quarantined`: an authentic delivery that could not be turned into facts, kept whole (R3).
    DeliveryQuarantined {
        public {
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
        }
    }
}

/// A fact within a fact: the content that a conflict brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought(pub Box<Fact>);

impl Brought {
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
    /// What came.
    pub brought: Brought,
}

fn hex(digest: &ContentDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_hex(text: Option<Text>, at: &mut Reader<'_>) -> Option<ContentDigest> {
    let text = text?;
    let mut digest = ContentDigest::default();
    let read = text.as_str().len() == 32
        // `from_str_radix` would take a sign.
        && text.as_str().bytes().all(|b| b.is_ascii_hexdigit())
        && digest.iter_mut().enumerate().all(|(i, byte)| {
            match text.as_str().get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
                Some(value) => {
                    *byte = value;
                    true
                }
                None => false,
            }
        });
    if !read {
        at.fault("must be 32 hexadecimal digits");
    }
    read.then_some(digest)
}

impl Body for ConflictObserved {
    fn read(at: &mut Reader<'_>) -> Option<Self> {
        let first_position = at.required("first_position");
        let first_digest = at.required("first_digest");
        let first_digest = read_hex(first_digest, at);
        let second_digest = at.required("second_digest");
        let second_digest = read_hex(second_digest, at);
        let occurred_at = at.required("occurred_at");
        let brought = Brought::read(at);
        Some(Self {
            first_position: first_position?,
            first_digest: first_digest?,
            second_digest: second_digest?,
            occurred_at: occurred_at?,
            brought: brought?,
        })
    }

    fn is_blank(&self) -> bool {
        false
    }

    fn json(&self, out: &mut Map<String, Value>) {
        out.insert("first_position".into(), self.first_position.into());
        out.insert("first_digest".into(), hex(&self.first_digest).into());
        out.insert("second_digest".into(), hex(&self.second_digest).into());
        out.insert("occurred_at".into(), self.occurred_at.to_string().into());
        self.brought.json(out);
    }

    fn put(
        &self,
        public: &mut Vec<u8>,
        personal: &mut Vec<u8>,
        person: PersonHasher<'_>,
    ) -> Result<(), CodecError> {
        put(public, &(self.first_position, self.first_digest, self.second_digest, self.occurred_at))?;
        self.brought.put(public, personal, person)
    }

    fn take(public: &mut Taker<'_>, personal: &mut Option<Taker<'_>>) -> Result<Self, CodecError> {
        let (first_position, first_digest, second_digest, occurred_at) = public.take()?;
        let brought = Brought::take(public, personal)?;
        Ok(Self { first_position, first_digest, second_digest, occurred_at, brought })
    }

    fn canonical(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        put_canonical(out, "first_position", &self.first_position)?;
        put_canonical(out, "first_digest", &self.first_digest)?;
        put_canonical(out, "second_digest", &self.second_digest)?;
        put_canonical(out, "occurred_at", &self.occurred_at)?;
        self.brought.canonical(out)
    }
}

/// `conflict_accepted`: a person let the second content replace the first in its entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictAccepted {
    /// The fact that is replaced.
    pub first_position: u64,
    /// By what.
    pub brought: Brought,
}

impl Body for ConflictAccepted {
    fn read(at: &mut Reader<'_>) -> Option<Self> {
        let first_position = at.required("first_position");
        let brought = Brought::read(at);
        Some(Self { first_position: first_position?, brought: brought? })
    }

    fn is_blank(&self) -> bool {
        false
    }

    fn json(&self, out: &mut Map<String, Value>) {
        out.insert("first_position".into(), self.first_position.into());
        self.brought.json(out);
    }

    fn put(
        &self,
        public: &mut Vec<u8>,
        personal: &mut Vec<u8>,
        person: PersonHasher<'_>,
    ) -> Result<(), CodecError> {
        put(public, &self.first_position)?;
        self.brought.put(public, personal, person)
    }

    fn take(public: &mut Taker<'_>, personal: &mut Option<Taker<'_>>) -> Result<Self, CodecError> {
        Ok(Self { first_position: public.take()?, brought: Brought::take(public, personal)? })
    }

    fn canonical(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        put_canonical(out, "first_position", &self.first_position)?;
        self.brought.canonical(out)
    }
}

group! {
    /// Facts that the engine makes.
    ControlFact = 11 {
        1 "delivery_quarantined" Quarantined(DeliveryQuarantined),
        2 "conflict_observed" ConflictObserved(ConflictObserved),
        3 "conflict_accepted" ConflictAccepted(ConflictAccepted),
    }
}

impl Subject for ControlFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        match self {
            Self::Quarantined(body) => format!("endpoint/{}", body.endpoint),
            Self::ConflictObserved(body) => format!("conflict/{}", body.first_position),
            Self::ConflictAccepted(body) => format!("conflict/{}", body.first_position),
        }
    }
}
