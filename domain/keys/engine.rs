//! Keys of the facts that the engine itself makes: provider `factfold`, external id an [`EngineKey`].
//!
//! A key is made of the state that its fact was decided on. Two ticks, two requests or two servers that decide the
//! same fact build the same key, and the log records it once.

use std::fmt::{self, Display};

use super::part::KeyPart;
use super::{ContentDigest, ExternalId, NameError, Position};

/// What is left of a key that is parsed; `None` behind its last part.
struct Rest<'k>(Option<&'k str>);

impl<'k> Rest<'k> {
    fn part(&mut self) -> Option<&'k str> {
        let left = self.0.take()?;
        let (part, rest) = left.split_once('/').map_or((left, None), |(part, rest)| (part, Some(rest)));
        self.0 = rest;
        Some(part)
    }

    fn all(&mut self) -> Option<&'k str> {
        self.0.take()
    }
}

/// What may stand in a key. `take` accepts exactly what `Display` writes.
trait Part: Display + Sized {
    fn take(rest: &mut Rest<'_>) -> Option<Self>;
}

impl Part for KeyPart {
    fn take(rest: &mut Rest<'_>) -> Option<Self> {
        Self::stored(rest.part()?)
    }
}

impl Part for u64 {
    fn take(rest: &mut Rest<'_>) -> Option<Self> {
        let part = rest.part()?;
        part.parse().ok().filter(|number: &Self| number.to_string() == part)
    }
}

/// A client's own text, slashes included: all that is left.
impl Part for Box<str> {
    fn take(rest: &mut Rest<'_>) -> Option<Self> {
        rest.all().filter(|text| !text.is_empty()).map(Into::into)
    }
}

impl Part for Box<EngineKey> {
    fn take(rest: &mut Rest<'_>) -> Option<Self> {
        EngineKey::parse(rest.all()?).map(Box::new)
    }
}

/// A content digest in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HexDigest(pub ContentDigest);

impl Display for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Part for HexDigest {
    fn take(rest: &mut Rest<'_>) -> Option<Self> {
        let (part, mut digest) = (rest.part()?, ContentDigest::default());
        hex::decode_to_slice(part, &mut digest).ok()?;
        Some(Self(digest)).filter(|digest| digest.to_string() == part)
    }
}

/// Declares the keys: each with its fields, then its parts in order. Earlier ones are parsed first.
macro_rules! engine_keys {
    (@take $rest:ident $word:literal) => {
        if $rest.part()? != $word {
            return None;
        }
    };
    (@take $rest:ident $field:ident) => {
        let $field = Part::take(&mut $rest)?;
    };
    ($($(#[$doc:meta])* $key:ident { $($field:ident: $of:ty),+ } = $($part:tt)/+;)+) => {
        /// Every key that the engine makes.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "a field says what its key's own line says")]
        pub enum EngineKey { $($(#[$doc])* $key { $($field: $of),+ }),+ }

        impl EngineKey {
            /// Name of each variant.
            pub const SHAPES: &'static [&'static str] = &[$(stringify!($key)),+];

            /// Name of the variant.
            pub fn shape(&self) -> &'static str {
                match self { $(Self::$key { .. } => stringify!($key)),+ }
            }

            /// Reads a key as it is stored; `None` for a text that the engine never makes.
            pub fn parse(text: &str) -> Option<Self> {
                $(
                    let read = || {
                        let mut rest = Rest(Some(text));
                        $(engine_keys!(@take rest $part);)+
                        rest.0.is_none().then_some(Self::$key { $($field),+ })
                    };
                    if let Some(key) = read() {
                        return Some(key);
                    }
                )+
                None
            }
        }

        impl Display for EngineKey {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$key { $($field),+ } => join(f, &[$(&$part),+]),)+
                }
            }
        }
    };
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[&dyn Display]) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str("/")?;
        }
        part.fmt(f)?;
    }
    Ok(())
}

engine_keys! {
    /// A lead was attempted in a session, once for ever.
    LeadAttempt { session: KeyPart, lead: KeyPart } = "session" / session / "attempt" / lead;
    /// A lead was attempted in a session again, after `voided` attempts of it that were voided.
    LeadAttemptAgain { session: KeyPart, lead: KeyPart, voided: u64 }
        = "session" / session / "attempt" / lead / voided;
    /// A lead was reserved in a session after `earlier` reservations.
    LeadReservation { session: KeyPart, lead: KeyPart, earlier: u64 }
        = "session" / session / "reserve" / lead / earlier;
    /// A session timed out after its fact at `last`.
    SessionTimeout { session: KeyPart, last: Position } = "session" / session / "timeout" / last;
    /// An overdue session was resumed after its fact at `last`.
    SessionResume { session: KeyPart, last: Position } = "session" / session / "resume" / last;
    /// A session ended.
    SessionEnd { session: KeyPart } = "session" / session / "end";
    /// A session of agent and pipeline became active after `earlier` activations. Made by [`EngineKey::activation`].
    SessionActivation { agent: KeyPart, pipeline: KeyPart, earlier: u64 }
        = "session" / agent / pipeline / earlier;

    /// A request to place a call is about to be sent to the provider, once for ever.
    CallRequestSent { request: KeyPart } = "call-request" / request / "sent";
    /// The provider took a request to place a call.
    CallRequestAccepted { request: KeyPart } = "call-request" / request / "accepted";
    /// The call that a request became.
    CallPlaced { request: KeyPart } = "call-request" / request / "placed";
    /// The provider told of the call that a request became.
    CallRequestConfirmed { request: KeyPart } = "call-request" / request / "confirmed";
    /// A request to place a call rang nobody.
    CallRequestFailed { request: KeyPart } = "call-request" / request / "failed";
    /// Nobody knows whether a request to place a call rang.
    CallRequestUnknown { request: KeyPart } = "call-request" / request / "unknown";

    /// A command without an idempotency key; `id` is a UUID.
    Command { id: KeyPart } = "command" / id;
    /// A command with an `Idempotency-Key`.
    Idempotent { key: Box<str> } = "idem" / key;
    /// The note whose latest text stands at `written` was removed.
    NoteRemoval { written: Position } = "note" / "removed" / written;
    /// The report whose latest draft stands at `drafted` was published, or drafted anew: one of them takes the key, so
    /// that what is published is what its publisher read.
    ReportPublished { drafted: Position } = "report" / drafted / "published";
    /// The report that was drafted at `drafted` was withdrawn.
    ReportWithdrawn { drafted: Position } = "report" / drafted / "withdrawn";

    /// An alert was raised.
    AlertRaised { alert: KeyPart } = "alert" / alert / "raised";
    /// An alert was cleared.
    AlertCleared { alert: KeyPart } = "alert" / alert / "cleared";
    /// An alert was sent to a target; attempts count from 1.
    AlertSent { alert: KeyPart, target: KeyPart, attempt: u64 }
        = "alert" / alert / "sent" / target / attempt;
    /// An alert target was removed.
    AlertTargetRemoval { target: KeyPart } = "alert-target" / target / "removed";
    /// An alert target was set.
    AlertTarget { target: KeyPart } = "alert-target" / target;

    /// A node took a lease after its fact at `latest`; 0 for the first. Two nodes that take it at once make one key.
    Lease { lease: KeyPart, latest: Position } = "lease" / lease / latest;

    /// A delivery in quarantine was resolved.
    QuarantineResolved { delivery: KeyPart } = "quarantine" / delivery / "resolved";
    /// A delivery was quarantined; `delivery` is its digest.
    Quarantine { delivery: KeyPart } = "quarantine" / delivery;
    /// A conflict between the fact at `first` and the content `second` was accepted or rejected.
    ConflictDecision { first: Position, second: HexDigest } = "conflict" / first / second / "decision";
    /// The key of the fact at `first` came again with the content `second`.
    Conflict { first: Position, second: HexDigest } = "conflict" / first / second;
    /// A void of the fact at `voided`, before which it was voided `earlier` times, was taken back.
    FactRestored { voided: Position, earlier: u64 } = "void" / voided / earlier / "restored";
    /// The fact at `voided` was voided after `earlier` voids of it.
    FactVoided { voided: Position, earlier: u64 } = "void" / voided / earlier;

    /// A person was erased.
    Erasure { erasure: KeyPart } = "erasure" / erasure;

    /// A file was imported to its end after `earlier` imports of it that brought something new; `file` is its digest.
    ImportFinished { file: KeyPart, earlier: u64 } = "import" / file / "finished" / earlier;

    /// A tenant was configured or closed after its fact at `latest`; 0 for its first configuration.
    Tenant { latest: Position } = "tenant" / latest;

    /// A token was issued.
    TokenIssued { token: KeyPart } = "token" / token / "issued";
    /// A token was revoked.
    TokenRevoked { token: KeyPart } = "token" / token / "revoked";
    /// A user was removed.
    UserRemoval { user: KeyPart } = "user" / user / "removed";
    /// A user or a membership changed after the user's fact at `latest`; 0 where the user was added.
    UserChange { user: KeyPart, latest: Position } = "user" / user / latest;
    /// An invitation was issued.
    InvitationIssued { invitation: KeyPart } = "invitation" / invitation / "issued";
    /// An invitation was accepted or withdrawn.
    InvitationEnded { invitation: KeyPart } = "invitation" / invitation / "ended";
    /// An endpoint was added or removed after its change at `latest` (0: the first): its id may come back.
    EndpointChange { provider: KeyPart, endpoint: KeyPart, latest: Position }
        = "endpoint" / provider / endpoint / latest;
    /// A login began.
    LoginStarted { login: KeyPart } = "login" / login / "started";
    /// A login ended.
    LoginEnded { login: KeyPart } = "login" / login / "ended";

    /// A sync run began.
    SyncStarted { run: KeyPart } = "sync" / run / "started";
    /// A sync run ended.
    SyncFinished { run: KeyPart } = "sync" / run / "finished";
    /// What a run found that nobody had delivered.
    SyncDifference { run: KeyPart } = "sync" / run / "difference";
    /// The span of which a run knows everything.
    SyncCoverage { run: KeyPart } = "sync" / run / "coverage";
    /// A part of a run's snapshot, from 1.
    SnapshotPart { run: KeyPart, resource: KeyPart, part: u64 } = "sync" / run / resource / part;
    /// A part of a run's snapshot of one contact's records, from 1.
    ContactPart { run: KeyPart, resource: KeyPart, contact: KeyPart, part: u64 }
        = "sync" / run / resource / contact / part;

    /// Another fact in the place of `voided` that had the key and were voided.
    Again { voided: u64, key: Box<EngineKey> } = "again" / voided / key;
    /// A key of another log that means another fact in this one.
    Imported { key: Box<EngineKey> } = "imported" / key;
}

/// Words that stand in the place of a pipeline in other keys of sessions.
const SESSION_WORDS: [&str; 3] = ["attempt", "timeout", "resume"];

impl EngineKey {
    /// The key of an activation. A pipeline that is called like another key's word is escaped, so that no activation
    /// reads as an attempt.
    pub fn activation(agent: &str, pipeline: &str, earlier: u64) -> Self {
        let pipeline = KeyPart::other_than(&SESSION_WORDS, pipeline);
        Self::SessionActivation { agent: KeyPart::new(agent), pipeline, earlier }
    }

    /// The position that the key names.
    pub fn names_position(&self) -> Option<Position> {
        match self {
            Self::SessionTimeout { last: position, .. }
            | Self::SessionResume { last: position, .. }
            | Self::NoteRemoval { written: position }
            | Self::ReportPublished { drafted: position }
            | Self::ReportWithdrawn { drafted: position }
            | Self::ConflictDecision { first: position, .. }
            | Self::Conflict { first: position, .. }
            | Self::FactVoided { voided: position, .. }
            | Self::FactRestored { voided: position, .. }
            | Self::Tenant { latest: position }
            | Self::Lease { latest: position, .. }
            | Self::UserChange { latest: position, .. }
            | Self::EndpointChange { latest: position, .. } => Some(*position),
            Self::Again { key, .. } => key.names_position(),
            Self::LeadAttempt { .. }
            | Self::LeadAttemptAgain { .. }
            | Self::LeadReservation { .. }
            | Self::SessionEnd { .. }
            | Self::SessionActivation { .. }
            | Self::CallRequestSent { .. }
            | Self::CallRequestAccepted { .. }
            | Self::CallPlaced { .. }
            | Self::CallRequestConfirmed { .. }
            | Self::CallRequestFailed { .. }
            | Self::CallRequestUnknown { .. }
            | Self::Command { .. }
            | Self::Idempotent { .. }
            | Self::AlertRaised { .. }
            | Self::AlertCleared { .. }
            | Self::AlertSent { .. }
            | Self::AlertTargetRemoval { .. }
            | Self::AlertTarget { .. }
            | Self::QuarantineResolved { .. }
            | Self::Quarantine { .. }
            | Self::Erasure { .. }
            | Self::ImportFinished { .. }
            | Self::TokenIssued { .. }
            | Self::TokenRevoked { .. }
            | Self::UserRemoval { .. }
            | Self::InvitationIssued { .. }
            | Self::InvitationEnded { .. }
            | Self::LoginStarted { .. }
            | Self::LoginEnded { .. }
            | Self::SyncStarted { .. }
            | Self::SyncFinished { .. }
            | Self::SyncDifference { .. }
            | Self::SyncCoverage { .. }
            | Self::SnapshotPart { .. }
            | Self::ContactPart { .. }
            | Self::Imported { .. } => None,
        }
    }

    /// The key that a command takes instead of this one, whose fact is there and counts no more: the next number, or one
    /// with a number (RULINGS, Void). None of a key whose fact cannot be voided, or is never decided again.
    pub fn next(self) -> Option<Self> {
        Some(match self {
            Self::LeadAttempt { session, lead } => Self::LeadAttemptAgain { session, lead, voided: 1 },
            Self::LeadAttemptAgain { session, lead, voided } => {
                Self::LeadAttemptAgain { session, lead, voided: voided + 1 }
            }
            Self::LeadReservation { session, lead, earlier } => {
                Self::LeadReservation { session, lead, earlier: earlier + 1 }
            }
            Self::SessionActivation { agent, pipeline, earlier } => {
                Self::SessionActivation { agent, pipeline, earlier: earlier + 1 }
            }
            Self::Again { voided, key } => Self::Again { voided: voided + 1, key },
            Self::SessionEnd { .. }
            | Self::SessionResume { .. }
            | Self::NoteRemoval { .. }
            | Self::ReportPublished { .. }
            | Self::ReportWithdrawn { .. } => Self::Again { voided: 1, key: Box::new(self) },
            _ => return None,
        })
    }

    /// Whether the key means another fact in another log: it names a position, or what was done to this log alone.
    pub fn is_of_one_log(&self) -> bool {
        match self {
            Self::Again { key, .. } => key.is_of_one_log(),
            Self::ImportFinished { .. } => true,
            key => key.names_position().is_some(),
        }
    }

    /// The key under which a fact of another log is imported: renamed where it means another one here.
    #[must_use]
    pub fn imported(self) -> Self {
        if self.is_of_one_log() { Self::Imported { key: Box::new(self) } } else { self }
    }

    /// The external id under the provider `factfold`.
    ///
    /// # Errors
    /// [`NameError::ExternalId`] when a client's text makes it longer than 512 bytes or ends it in white space.
    pub fn external_id(&self) -> Result<ExternalId, NameError> {
        ExternalId::new(&self.to_string())
    }
}

#[cfg(test)]
mod tests;
