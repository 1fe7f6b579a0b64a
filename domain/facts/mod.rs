//! Every kind of fact: one file a group, one line a kind. Groups and tags are append-only for ever.

pub mod access;
pub mod ad_spend;
pub mod alert;
pub mod call;
pub mod call_request;
pub mod control;
pub mod erasure;
pub mod import;
pub mod note;
pub mod outreach;
pub mod report;
pub mod sender_account;
pub mod session;
pub mod setting;
pub mod sync;
pub mod tenant;
pub mod void;
mod who;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::codec::{CodecError, PersonHasher, Taker};
use crate::description::KindDescription;
use crate::json::{FieldError, Json, TextRule, did_you_mean};
use crate::record::KindTag;

/// Longest list in a body (a session's leads are the longest, RULINGS).
pub const LIST_MAX: usize = 5_000;

/// Of what a fact speaks, e.g. `call/CA42`: facts of one subject lie together and fold into one row.
pub trait Subject {
    /// The subject's name within the tenant; of several parts all but the last have `/` as `%2F`, `%` as `%25`.
    fn subject(&self, person: PersonHasher<'_>) -> String;
}

/// The newest version of a kind that declares this one, or none.
pub(crate) const fn newest(declared: &[u8]) -> u8 {
    match declared {
        [version, ..] => *version,
        [] => 1,
    }
}

/// One part of a subject or a row's name of several: a slash within is escaped, so that no part slides into the next.
pub fn part(text: &str) -> Cow<'_, str> {
    if text.contains(['/', '%']) { text.replace('%', "%25").replace('/', "%2F").into() } else { text.into() }
}

/// Declares a group's kinds: tag, name, variant and body. Kinds that share a body have a line of documentation each;
/// others are described by their body's.
///
/// A kind whose body changed names its newest version and the body of every earlier one:
/// `1 "call_reported" Reported(Reported) version 2 { 1 => ReportedV1 }`, with `From<ReportedV1> for Reported`, the
/// upcast. Stored bytes never change (I8): an earlier version is read as its own body and then upcast. An upcast must
/// leave members absent that the earlier version did not have, so that the content digest stays what it was.
#[macro_export]
macro_rules! group {
    ($(#[$doc:meta])* $name:ident = $group:literal {
        $($(#[doc = $about:literal])* $tag:literal $kind:literal $variant:ident($body:ty)
            $(version $newest:literal { $($version:literal => $earlier:ty),+ })?),+ $(,)?
    }) => {
        $(#[$doc])*
        #[allow(clippy::large_enum_variant, reason = "a fact is decoded, folded and gone")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name { $(#[doc = concat!("`", $kind, "`")] $variant($body)),+ }

        impl $name {
            /// The group's number on the wire.
            pub const GROUP: u8 = $group;
            /// Tag and name of each kind.
            pub const KINDS: &'static [(u8, &'static str)] = &[$(($tag, $kind)),+];

            /// What each kind is.
            pub fn describe() -> Vec<$crate::description::KindDescription> {
                vec![$($crate::description::KindDescription::new(
                    $kind,
                    &[$($about),*],
                    <$body as $crate::codec::Body>::describe(),
                )),+]
            }

            pub(crate) fn tag(&self) -> u8 {
                match self { $(Self::$variant(_) => $tag),+ }
            }

            pub(crate) fn version(&self) -> u8 {
                match self { $(Self::$variant(_) => $crate::facts::newest(&[$($newest)?])),+ }
            }

            pub(crate) fn body_json(&self, out: &mut serde_json::Map<String, serde_json::Value>) {
                match self { $(Self::$variant(body) => $crate::codec::Body::json(body, out)),+ }
            }

            pub(crate) fn put(
                &self,
                public: &mut Vec<u8>,
                personal: &mut Vec<u8>,
                person: $crate::codec::PersonHasher<'_>,
            ) -> Result<(), $crate::codec::CodecError> {
                match self { $(Self::$variant(body) => $crate::codec::Body::put(body, public, personal, person)),+ }
            }

            pub(crate) fn canonical(&self, out: &mut Vec<u8>) -> Result<(), $crate::codec::CodecError> {
                match self { $(Self::$variant(body) => $crate::codec::Body::canonical(body, out)),+ }
            }

            pub(crate) fn take(
                tag: u8,
                version: u8,
                public: &mut $crate::codec::Taker<'_>,
                personal: &mut Option<$crate::codec::Taker<'_>>,
            ) -> Result<Self, $crate::codec::CodecError> {
                match tag {
                    $($tag => {
                        let newest = $crate::facts::newest(&[$($newest)?]);
                        match version {
                            $($($version => <$earlier as $crate::codec::Body>::take(public, personal)
                                .map(|earlier| Self::$variant(earlier.into())),)+)?
                            version if version == newest => {
                                <$body as $crate::codec::Body>::take(public, personal).map(Self::$variant)
                            }
                            version => Err($crate::codec::CodecError::Version { kind: $kind, version, newest }),
                        }
                    })+
                    _ => Err($crate::codec::CodecError::Kind($crate::record::KindTag { group: $group, tag })),
                }
            }

            pub(crate) fn read(
                kind: &str,
                value: $crate::json::Json<'_>,
                path: &str,
                texts: $crate::json::TextRule,
            ) -> Option<Result<Self, Vec<$crate::json::FieldError>>> {
                match kind {
                    $($kind => Some($crate::codec::from_json::<$body>(value, path, texts).map(Self::$variant)),)+
                    _ => None,
                }
            }
        }
    };
}

macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident($group:ty)),+ $(,)?) => {
        /// A fact's content: which kind, and its body in canonical form.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Fact { $($(#[$doc])* $variant($group)),+ }

        impl Fact {
            /// Group and tag.
            pub fn tag(&self) -> KindTag {
                match self { $(Self::$variant(fact) => KindTag { group: <$group>::GROUP, tag: fact.tag() }),+ }
            }

            /// Version of the body's wire form that is written today.
            pub fn version(&self) -> u8 {
                match self { $(Self::$variant(fact) => fact.version()),+ }
            }

            /// What each kind is, in the order of groups and tags.
            pub fn describe() -> Vec<KindDescription> {
                [$(<$group>::describe()),+].concat()
            }

            /// Writes public and personal wire form.
            pub(crate) fn put(
                &self,
                public: &mut Vec<u8>,
                personal: &mut Vec<u8>,
                person: PersonHasher<'_>,
            ) -> Result<(), CodecError> {
                match self { $(Self::$variant(fact) => fact.put(public, personal, person)),+ }
            }

            pub(crate) fn take(
                kind: KindTag,
                version: u8,
                public: &mut Taker<'_>,
                personal: &mut Option<Taker<'_>>,
            ) -> Result<Self, CodecError> {
                $(if kind.group == <$group>::GROUP {
                    return <$group>::take(kind.tag, version, public, personal).map(Self::$variant);
                })+
                Err(CodecError::Kind(kind))
            }

            /// Writes canonical content (R2).
            pub(crate) fn canonical(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
                match self { $(Self::$variant(fact) => fact.canonical(out)),+ }
            }

            /// The body as JSON; members that are absent are left out.
            pub fn json(&self) -> Value {
                let mut members = Map::new();
                match self { $(Self::$variant(fact) => fact.body_json(&mut members)),+ }
                Value::Object(members)
            }

            /// Reads a body of the kind named `kind`; `None` when there is no such kind.
            pub fn read(kind: &str, body: Json<'_>, path: &str) -> Option<Result<Self, Vec<FieldError>>> {
                Self::read_by(TextRule::Refuse, kind, body, path)
            }

            fn read_by(
                texts: TextRule,
                kind: &str,
                body: Json<'_>,
                path: &str,
            ) -> Option<Result<Self, Vec<FieldError>>> {
                match kind_named(kind)?.group {
                    $(<$group>::GROUP => {
                        <$group>::read(kind, body, path, texts).map(|read| read.map(Self::$variant))
                    })+
                    _ => None,
                }
            }
        }

        impl Subject for Fact {
            fn subject(&self, person: PersonHasher<'_>) -> String {
                match self { $(Self::$variant(fact) => fact.subject(person)),+ }
            }
        }

        const GROUPS: &[(u8, &[(u8, &str)])] = &[$((<$group>::GROUP, <$group>::KINDS)),+];
    };
}

facts! {
    /// Calls.
    Call(call::CallFact),
    /// Dialer sessions.
    Session(session::SessionFact),
    /// Email outreach.
    Outreach(outreach::OutreachFact),
    /// Sender accounts.
    SenderAccount(sender_account::SenderAccountFact),
    /// The pull side.
    Sync(sync::SyncFact),
    /// Ad spend.
    AdSpend(ad_spend::AdSpendFact),
    /// Notes.
    Note(note::NoteFact),
    /// Reports and targets.
    Report(report::ReportFact),
    /// Tenants.
    Tenant(tenant::TenantFact),
    /// The engine's own.
    Control(control::ControlFact),
    /// Who may do what.
    Access(access::AccessFact),
    /// Alerts.
    Alert(alert::AlertFact),
    /// Settings of the server.
    Setting(setting::SettingFact),
    /// Imports.
    Import(import::ImportFact),
    /// Requests to place a call.
    CallRequest(call_request::CallRequestFact),
}

impl Fact {
    /// Reads a body that was built rather than sent, as [`Fact::read`] does.
    pub fn from_json(kind: &str, body: Value, path: &str) -> Option<Result<Self, Vec<FieldError>>> {
        Self::read(kind, body.into(), path)
    }

    /// Reads a body that was mapped from what a source sent: texts that do not fit are mended, since nobody there could
    /// send them otherwise.
    pub fn from_mapped(kind: &str, body: Value) -> Option<Result<Self, Vec<FieldError>>> {
        Self::read_by(TextRule::Mend, kind, body.into(), "")
    }

    /// The kind's name, e.g. `call_reported`.
    pub fn kind(&self) -> &'static str {
        kind_name(self.tag()).unwrap_or("unknown")
    }

    /// Whether it speaks of a person without saying of whom: an event of outreach whose lead has neither id nor email.
    pub fn lacks_its_lead(&self) -> bool {
        matches!(self, Self::Outreach(fact) if !fact.lead().is_some_and(outreach::OutreachLead::is_named))
    }

    /// Positions of the log that the body names: of other facts, or of a report up to which its figures hold.
    pub fn references(&self) -> Vec<u64> {
        use control::ControlFact as Control;
        match self {
            Self::Control(Control::ConflictObserved(body)) => vec![body.first_position],
            Self::Control(Control::ConflictAccepted(body)) => vec![body.first_position],
            Self::Control(Control::ConflictRejected(body)) => vec![body.first_position],
            Self::Control(Control::FactVoided(body)) => vec![body.voided_position],
            Self::Control(Control::FactRestored(body)) => vec![body.voided_position],
            Self::Control(Control::QuarantineResolved(body)) => {
                std::iter::once(body.quarantined_position).chain(body.facts.iter().copied()).collect()
            }
            Self::Report(fact) => fact.position().into_iter().collect(),
            Self::Import(import::ImportFact::Finished(body)) => {
                let named = [body.lowest_position, body.first_position, body.last_position];
                named.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect()
            }
            Self::Control(Control::Quarantined(_) | Control::PersonErased(_))
            | Self::Call(_)
            | Self::Session(_)
            | Self::Outreach(_)
            | Self::SenderAccount(_)
            | Self::Sync(_)
            | Self::AdSpend(_)
            | Self::Note(_)
            | Self::Tenant(_)
            | Self::Access(_)
            | Self::Alert(_)
            | Self::Setting(_)
            | Self::CallRequest(_) => Vec::new(),
        }
    }

    /// Reads a stored body; `personal` is `None` when it was empty or erased.
    pub fn decode(
        kind: KindTag,
        version: u8,
        public: &[u8],
        personal: Option<&[u8]>,
    ) -> Result<Self, CodecError> {
        let mut taker = Taker::new(public);
        let mut private = personal.map(Taker::new);
        let fact = Self::take(kind, version, &mut taker, &mut private)?;
        taker.end()?;
        private.map_or(Ok(()), Taker::end)?;
        Ok(fact)
    }
}

/// Every kind: its tag and name.
pub fn kinds() -> impl Iterator<Item = (KindTag, &'static str)> {
    GROUPS.iter().flat_map(|(group, kinds)| {
        kinds.iter().map(|(tag, name)| (KindTag { group: *group, tag: *tag }, *name))
    })
}

/// The name of a kind.
pub fn kind_name(kind: KindTag) -> Option<&'static str> {
    kinds().find(|(tag, _)| *tag == kind).map(|(_, name)| name)
}

/// The kind of that name.
pub fn kind_named(name: &str) -> Option<KindTag> {
    kinds().find(|(_, known)| *known == name).map(|(tag, _)| tag)
}

/// What the name of a kind must be, for a name that is none.
pub fn kind_rule(given: &str) -> String {
    let names: Vec<&str> = kinds().map(|(_, name)| name).collect();
    format!("a kind of fact{}", did_you_mean(given, &names))
}

#[cfg(test)]
mod tests;
