//! Names of the log: tenant, provider, external id, key, position, and their keyed digests.

pub mod engine;
mod part;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

pub use self::part::KeyPart;

/// Place of a fact in the log: gapless, from 1 (I1).
pub type Position = u64;

/// Why a name was refused; the text names the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Tenant ids are `[a-z0-9-]{1,63}` (RULINGS, Identifiers).
    #[error("a tenant id is 1 to 63 of a-z, 0-9 and '-'")]
    Tenant,
    /// Providers are `[a-z0-9_]{1,32}`.
    #[error("a provider is 1 to 32 of a-z, 0-9 and '_'")]
    Provider,
    /// `factfold` names facts that only the engine makes.
    #[error("the provider 'factfold' is reserved for the engine")]
    ReservedProvider,
    /// External ids are compared bytewise, so invisible differences are refused.
    #[error(
        "an external id is 1 to 512 bytes, without control characters and without white space at its ends"
    )]
    ExternalId,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// A client workspace: `[a-z0-9-]{1,63}`, or one of the engine's own that begin with `_`.
    TenantId
}
name_type! {
    /// Who named the fact: `[a-z0-9_]{1,32}`.
    Provider
}
name_type! {
    /// The provider's name of the fact, compared bytewise.
    ExternalId
}

impl TenantId {
    /// Where deliveries go whose tenant is unknown.
    pub const UNASSIGNED: &'static str = "_unassigned";
    /// Where tokens, users and endpoints live; no tenant route shows it.
    pub const CONTROL: &'static str = "_control";

    /// A tenant's id as a client may give it.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(NameError::Tenant) }
    }

    /// As stored: a client's tenant or one of the engine's own.
    pub fn stored(text: &str) -> Result<Self, NameError> {
        match text {
            Self::UNASSIGNED | Self::CONTROL => Ok(Self(text.into())),
            other => Self::new(other),
        }
    }

    /// The tenant of deliveries that no tenant owns.
    pub fn unassigned() -> Self {
        Self(Self::UNASSIGNED.into())
    }

    /// The tenant of tokens, users and endpoints.
    pub fn control() -> Self {
        Self(Self::CONTROL.into())
    }

    /// Whether this is one of the engine's own tenants.
    pub fn is_internal(&self) -> bool {
        self.0.starts_with('_')
    }
}

impl Provider {
    /// Facts that the engine itself makes.
    pub const ENGINE: &'static str = "factfold";

    /// A provider as a client may give it.
    pub fn new(text: &str) -> Result<Self, NameError> {
        match Self::stored(text)? {
            provider if provider.as_str() == Self::ENGINE => Err(NameError::ReservedProvider),
            provider => Ok(provider),
        }
    }

    /// As stored: any provider, the engine's included.
    pub fn stored(text: &str) -> Result<Self, NameError> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits { Ok(Self(text.into())) } else { Err(NameError::Provider) }
    }

    /// The engine's own provider name.
    pub fn engine() -> Self {
        Self(Self::ENGINE.into())
    }
}

impl ExternalId {
    /// The longest external id, in bytes.
    pub const BYTES_MAX: usize = 512;

    /// Takes `text` as it is: no trimming, no folding.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=Self::BYTES_MAX).contains(&text.len())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.into())) } else { Err(NameError::ExternalId) }
    }
}

/// What is recorded once, for ever (R1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FactKey {
    /// The owner.
    pub tenant: TenantId,
    /// Who named the fact.
    pub provider: Provider,
    /// The name.
    pub external_id: ExternalId,
}

/// Keyed digest of a [`FactKey`], as the idempotency index holds it.
///
/// 88 bits: at 10⁹ keys a chance collision of any two is 1.6 in 10⁹, and a match with other content is
/// read back and compared with the real key before anything is said of it.
pub type KeyHash = [u8; 11];

/// Keyed digest of a fact's canonical content (R2), 128 bits.
pub type ContentDigest = [u8; 16];

/// Keyed digest of a person's identity (an email), for the public part.
pub type PersonDigest = [u8; 16];

/// Which subject (call, lead, session, …) a fact speaks of, keyed: shards lanes and filters lists.
pub type SubjectHash = u64;

/// 32 random bytes made with the log. They key every digest that could otherwise be guessed from outside.
#[derive(Clone)]
pub struct LogSecret {
    key: Hmac<Sha256>,
    content: Hmac<Sha256>,
    person: Hmac<Sha256>,
    subject: Hmac<Sha256>,
    signing: Hmac<Sha256>,
    reference: Hmac<Sha256>,
}

impl fmt::Debug for LogSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogSecret(..)")
    }
}

/// HMAC pads a short key with zeros to the hash's block, so this is HMAC with the 32 bytes themselves.
fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as KeyInit>::new(&block.into())
}

fn keyed(secret: &[u8; 32], purpose: &[u8]) -> Hmac<Sha256> {
    let mut derive = hmac(secret);
    derive.update(purpose);
    hmac(&first(derive))
}

fn first<const N: usize>(mac: Hmac<Sha256>) -> [u8; N] {
    let full = mac.finalize().into_bytes();
    let mut out = [0; N];
    out.copy_from_slice(&full[..N]);
    out
}

impl LogSecret {
    /// Derives one HMAC-SHA-256 key per purpose: `HMAC(secret, "factfold/<purpose>/1")`.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            key: keyed(secret, b"factfold/key/1"),
            content: keyed(secret, b"factfold/content/1"),
            person: keyed(secret, b"factfold/person/1"),
            subject: keyed(secret, b"factfold/subject/1"),
            signing: keyed(secret, b"factfold/signing/1"),
            reference: keyed(secret, b"factfold/reference/1"),
        }
    }

    /// The index's name for (tenant, provider, external id); each part length-delimited.
    pub fn key_hash(&self, tenant: &str, provider: &str, external_id: &str) -> KeyHash {
        let mut mac = self.key.clone();
        for part in [tenant, provider, external_id] {
            mac.update(&(part.len() as u32).to_le_bytes());
            mac.update(part.as_bytes());
        }
        first(mac)
    }

    /// Digest of canonical content bytes.
    pub fn content(&self, canonical: &[u8]) -> ContentDigest {
        let mut mac = self.content.clone();
        mac.update(canonical);
        first(mac)
    }

    /// Digest of a person's canonical identity within a tenant.
    pub fn person(&self, tenant: &str, identity: &str) -> PersonDigest {
        let mut mac = self.person.clone();
        mac.update(&(tenant.len() as u32).to_le_bytes());
        mac.update(tenant.as_bytes());
        mac.update(identity.as_bytes());
        first(mac)
    }

    /// A secret of that name that others are given, such as receivers of alerts; nothing of the log's follows from it.
    pub fn signing(&self, name: &str) -> [u8; 32] {
        let mut mac = self.signing.clone();
        mac.update(name.as_bytes());
        first(mac)
    }

    /// Digest of what may be a secret itself, such as an endpoint's id, to name it by: without the log's secret no
    /// guess can be tried. `purpose` and each part are length-delimited.
    pub fn reference(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.reference.clone();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        first(mac)
    }

    /// Digest of a subject's name, e.g. `call/CA42`.
    pub fn subject(&self, tenant: &str, subject: &str) -> SubjectHash {
        let mut mac = self.subject.clone();
        mac.update(&(tenant.len() as u32).to_le_bytes());
        mac.update(tenant.as_bytes());
        mac.update(subject.as_bytes());
        u64::from_le_bytes(first(mac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_ids_with_invisible_differences_are_refused() {
        for bad in ["", " a", "a ", "a\u{0}", "a\nb", &"x".repeat(513)] {
            assert_eq!(ExternalId::new(bad), Err(NameError::ExternalId), "{bad:?}");
        }
        assert_eq!(ExternalId::new(&"x".repeat(512)).map(|id| id.as_str().len()), Ok(512));
        assert_ne!(ExternalId::new("É"), ExternalId::new("E\u{301}"), "bytewise, no folding");
    }

    #[test]
    fn key_parts_cannot_slide_into_each_other() {
        let secret = LogSecret::new(&[7; 32]);
        assert_ne!(secret.key_hash("a", "bc", "d"), secret.key_hash("ab", "c", "d"));
        assert_ne!(secret.key_hash("a", "b", "cd"), secret.key_hash("a", "bc", "d"));
    }

    #[test]
    fn references_depend_on_the_secret_the_purpose_and_where_parts_end() {
        let [one, other] = [[7; 32], [8; 32]].map(|secret| LogSecret::new(&secret));
        let reference = one.reference("endpoint", &[b"a", b"bc"]);
        assert_eq!(one.clone().reference("endpoint", &[b"a", b"bc"]), reference);
        assert_ne!(other.reference("endpoint", &[b"a", b"bc"]), reference);
        assert_ne!(one.reference("quarantine", &[b"a", b"bc"]), reference);
        assert_ne!(one.reference("endpoint", &[b"ab", b"c"]), reference);
    }

    #[test]
    fn clients_cannot_name_the_engines_own() {
        assert_eq!(TenantId::new("_control"), Err(NameError::Tenant));
        assert_eq!(Provider::new("factfold"), Err(NameError::ReservedProvider));
        assert!(TenantId::stored("_unassigned").is_ok());
    }
}
