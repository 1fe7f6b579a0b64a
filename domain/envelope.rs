//! A fact on its way into the log: content with its key and times, and how it becomes a draft.

use bytes::Bytes;

use crate::codec::CodecError;
use crate::facts::{Fact, Subject};
use crate::keys::engine::EngineKey;
use crate::keys::{ContentDigest, ExternalId, LogSecret, NameError, Provider, TenantId};
use crate::members::Instant;
use crate::record::{BODY_MAX, Draft, Header};

/// Room that is left in a fact's body for what a conflict says beside the content it brought.
const BROUGHT_ROOM: usize = 128;

/// A fact with its key, ready to be laid down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Owner.
    pub tenant: TenantId,
    /// Who named it.
    pub provider: Provider,
    /// Its name there.
    pub external_id: ExternalId,
    /// When it happened.
    pub occurred_at: Instant,
    /// The provider gave no time, so `occurred_at` is when we received it; no part of equality.
    pub time_received: bool,
    /// What happened.
    pub fact: Fact,
    /// Version of the mapping that made it.
    pub mapping: u16,
}

impl Envelope {
    /// A fact that the engine makes at `occurred_at`: the time is the engine's own clock and no part of equality.
    ///
    /// # Errors
    /// As of [`EngineKey::external_id`].
    pub fn by_engine(
        tenant: TenantId,
        key: &EngineKey,
        occurred_at: Instant,
        fact: Fact,
    ) -> Result<Self, NameError> {
        let (provider, external_id) = (Provider::engine(), key.external_id()?);
        Ok(Self { tenant, provider, external_id, occurred_at, time_received: true, fact, mapping: 0 })
    }

    /// Digest of the canonical content: kind, `occurred_at` unless it was received, and the body (R2).
    pub fn content(&self, secret: &LogSecret) -> Result<ContentDigest, CodecError> {
        let mut canonical = Vec::with_capacity(512);
        let tag = self.fact.tag();
        canonical.extend_from_slice(&[tag.group, tag.tag]);
        // The byte keeps a received time's members from being read as a given time.
        canonical.push(u8::from(!self.time_received));
        if !self.time_received {
            canonical.extend_from_slice(&self.occurred_at.0.to_le_bytes());
        }
        self.fact.canonical(&mut canonical)?;
        Ok(secret.content(&canonical))
    }

    /// Lays the record down. `salt` must be fresh random bytes; `original` is the payload as it came.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] when the body is longer than a record may be.
    pub fn draft(&self, secret: &LogSecret, salt: [u8; 16], original: &Bytes) -> Result<Draft, CodecError> {
        let tenant = self.tenant.as_str();
        let person = |identity: &str| secret.person(tenant, identity);
        let (mut public, mut personal) = (Vec::with_capacity(192), Vec::with_capacity(64));
        self.fact.put(&mut public, &mut personal, &person)?;
        let len = public.len() + personal.len();
        let max = if matches!(self.fact, Fact::Control(_)) { BODY_MAX } else { BODY_MAX - BROUGHT_ROOM };
        if len > max {
            return Err(CodecError::TooLong { len, max });
        }
        // Absent members are zero bytes, given ones are not: all zeros says nothing personal was given.
        if personal.iter().all(|byte| *byte == 0) {
            personal.clear();
        }
        let header = Header {
            recorded_at: 0,
            occurred_at: self.occurred_at.0,
            time_received: self.time_received,
            kind: self.fact.tag(),
            version: self.fact.version(),
            mapping: self.mapping,
            content: self.content(secret)?,
            subject: secret.subject(tenant, &self.fact.subject(&person)),
            tenant,
            provider: self.provider.as_str(),
            external_id: self.external_id.as_str(),
        };
        let key = secret.key_hash(header.tenant, header.provider, header.external_id);
        Ok(Draft::new(key, &header, &public, salt, &personal, original))
    }
}
