//! The one way in: bytes → envelopes → log. No web server and no index in here.
//!
//! A provider's delivery is verified, mapped and recorded, or kept whole in quarantine. A fact that a client posts is
//! read strictly and recorded, or answered with every field at fault. A known key with other content leaves its evidence.
//! Nothing is answered before it is durable (R4).
//!
//! Reading order:
//! - deliveries: [`delivery`] (the request), [`signature`] (whether it is authentic), [`provider`] and [`providers`] (the
//!   facts that it maps to), [`owner`] (its tenant), then [`Ingest::deliver`];
//! - lists of calls that were asked for: [`listed`];
//! - posting: [`post`] (one fact), [`items`] (the facts of a batch), `batch`, and for lines of an export [`restore`] and
//!   [`proven`];
//! - evidence: `differing` (keys known with other content), [`conflict`], [`verdict`], [`quarantine`] and [`remap`].

pub mod answer;
mod append;
mod batch;
pub mod conflict;
pub mod content_coding;
pub mod delivery;
mod differing;
pub mod error;
pub mod items;
pub mod key;
pub mod listed;
mod multipart;
pub mod owner;
pub mod payload;
pub mod post;
pub mod proven;
pub mod provider;
pub mod providers;
pub mod quarantine;
pub mod remap;
pub mod restore;
mod salts;
pub mod signature;
mod tenant_limiter;
pub mod time;
pub mod verdict;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::engine::EngineKey;
use domain::keys::{self, ContentDigest, LogSecret, TenantId};
use domain::members::Instant;
use domain::record::Draft;
use parking_lot::RwLock;

use self::error::{DeliveryError, IngestError};

use self::answer::{Accepted, FactAnswer, InQuarantine, Outcome};
use self::conflict::ConflictCounter;
use self::content_coding::ContentCodingError;
use self::delivery::Delivery;
use self::differing::{Comparison, DifferingFact, KeyMatch};
use self::error::{MappingFailure, Reason};
use self::provider::{MappingContext, MappingResult, ProviderAdapter};
use self::providers::Registry;
use self::tenant_limiter::TenantLimiter;

pub use self::batch::LineSource;
use crate::clock::Clock;
use crate::directory::{Directory, Endpoint, TenantRegistry, endpoint_reference};
use crate::log::{Appended, Log, StoredFact};

/// The longest body of a delivery, in bytes (API, Ways in).
pub const DELIVERY_BYTES_MAX: usize = 1 << 20;

/// The endpoint that a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryOrigin {
    /// Whether there is such a provider.
    pub is_provider: bool,
    /// The endpoint's reference; none where there is no such endpoint.
    pub endpoint: Option<String>,
    /// The endpoint's tenant, where it has one.
    pub tenant: Option<TenantId>,
    /// See [`ProviderAdapter::challenge`].
    pub challenge: Option<&'static str>,
    /// The header that answers of a known endpoint repeat, see [`ProviderAdapter::echo_header`].
    pub echo_header: Option<String>,
    /// Whether a secret proves its deliveries, and not its id alone.
    pub has_secret: bool,
}

/// Brings deliveries and posted facts into the log.
pub struct Ingest {
    log: Log,
    secret: LogSecret,
    clock: Clock,
    public_url: String,
    tenants: Arc<TenantRegistry>,
    registry: RwLock<Arc<Registry>>,
    conflict_counter: ConflictCounter,
    limiter: TenantLimiter,
}

impl Ingest {
    /// `secret` is the log's; `public_url` is what providers were told to call, and sign.
    pub fn new(
        log: Log,
        secret: LogSecret,
        clock: Clock,
        public_url: String,
        tenants: Arc<TenantRegistry>,
    ) -> Self {
        let conflict_counter = ConflictCounter::since(Instant(clock()));
        let (registry, limiter) = (RwLock::default(), TenantLimiter::default());
        Self { log, secret, clock, public_url, tenants, registry, conflict_counter, limiter }
    }

    /// Puts another directory in place.
    #[cfg(test)]
    pub fn swap_directory(&self, directory: Directory) {
        self.tenants.swap(directory);
    }

    /// Puts other providers in place; deliveries under way end with those they began with. Where the directory changes,
    /// too, the registry goes first: readers take the directory first, and so find the provider of each endpoint.
    pub fn swap_registry(&self, registry: Registry) {
        *self.registry.write() = Arc::new(registry);
    }

    /// The providers in place.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read())
    }

    /// The directory in place.
    pub fn directory(&self) -> Arc<Directory> {
        self.tenants.directory()
    }

    /// How often conflicting contents came.
    pub fn conflict_counter(&self) -> &ConflictCounter {
        &self.conflict_counter
    }

    /// How this log's facts and answers name an endpoint, see [`endpoint_reference`].
    pub fn endpoint_reference(&self, provider: &str, id: &str) -> String {
        endpoint_reference(&self.secret, provider, id)
    }

    /// Provider and reference of each endpoint that is the tenant's.
    pub fn endpoints_of(&self, tenant: &TenantId) -> Vec<(String, String)> {
        self.directory().endpoints_of(&self.secret, tenant)
    }

    /// How far the log's last fact was recorded ahead of `now`, where it is more than a minute.
    ///
    /// # Errors
    /// The last fact cannot be read.
    pub fn head_ahead(&self, now: Instant) -> Result<Option<Duration>, IngestError> {
        Ok(self.log.snapshot().ahead_of(now.0)?)
    }

    fn now(&self) -> Instant {
        Instant((self.clock)())
    }

    /// The origin of a request, for the delivery log.
    pub fn origin(&self, provider: &str, endpoint: &str) -> DeliveryOrigin {
        let directory = self.directory();
        let found = directory.endpoint(provider, endpoint);
        let registry = self.registry();
        let adapter = registry.provider(provider);
        let echo_header = adapter.filter(|_| found.is_some()).and_then(ProviderAdapter::echo_header);
        DeliveryOrigin {
            is_provider: adapter.is_some(),
            challenge: adapter.and_then(ProviderAdapter::challenge),
            echo_header: echo_header.map(str::to_owned),
            endpoint: found.map(|found| self.endpoint_reference(&found.provider, &found.id)),
            tenant: found.and_then(|found| found.tenant.clone()),
            has_secret: found.is_some_and(|found| !found.secrets.is_empty()),
        }
    }

    /// Verifies a provider's delivery, maps it and records its facts. `Ok` is a 200: everything it names is durable.
    ///
    /// # Errors
    /// See [`DeliveryError`]; only [`DeliveryError::Failed`] wants a redelivery.
    pub async fn deliver(&self, delivery: &Delivery) -> Result<Accepted, DeliveryError> {
        if delivery.body.len() > DELIVERY_BYTES_MAX {
            return Err(DeliveryError::TooLarge);
        }
        let (directory, registry) = (self.directory(), self.registry());
        let provider = registry.provider(&delivery.provider).ok_or(DeliveryError::UnknownEndpoint)?;
        if !provider.delivers_by(&delivery.method) {
            return Err(DeliveryError::Method);
        }
        let known = directory.endpoint(&delivery.provider, &delivery.endpoint);
        // Why verify first: an unknown endpoint must take as long as a known one, or its id could be found by timing.
        let verified = provider.verify(delivery, known.unwrap_or(directory.decoy()), &self.public_url);
        let endpoint = known.ok_or(DeliveryError::UnknownEndpoint)?;
        verified?;
        // Why after: what is signed are the bytes on the wire.
        match content_coding::decoded(delivery).await {
            Ok(delivery) => Ok(self.record_or_quarantine(provider, &delivery, endpoint, &directory).await?),
            Err(ContentCodingError::TooLarge) => Err(DeliveryError::TooLarge),
            Err(error) => {
                let accepted = Accepted::nothing_of(endpoint, &directory);
                Ok(self.quarantined_as(accepted, provider, delivery, error.into()).await?)
            }
        }
    }

    async fn record_or_quarantine(
        &self,
        provider: &dyn ProviderAdapter,
        delivery: &Delivery,
        endpoint: &Endpoint,
        directory: &Directory,
    ) -> Result<Accepted, IngestError> {
        let (accepted, failure) = self.map_and_record(provider, delivery, endpoint, directory).await?;
        match failure {
            Some(failure) => self.quarantined_as(accepted, provider, delivery, failure).await,
            None => Ok(accepted),
        }
    }

    async fn quarantined_as(
        &self,
        mut accepted: Accepted,
        provider: &dyn ProviderAdapter,
        delivery: &Delivery,
        failure: MappingFailure,
    ) -> Result<Accepted, IngestError> {
        let kept = self.quarantine(provider, delivery, accepted.tenant.as_ref(), failure).await?;
        accepted.outcome = Outcome::Quarantined;
        accepted.facts = vec![FactAnswer::new(kept.position, Outcome::Quarantined)];
        accepted.quarantine = Some(kept);
        Ok(accepted)
    }

    /// Maps an authentic delivery and records its facts, or nothing where mapping fails.
    async fn map_and_record(
        &self,
        provider: &dyn ProviderAdapter,
        delivery: &Delivery,
        endpoint: &Endpoint,
        directory: &Directory,
    ) -> Result<(Accepted, Option<MappingFailure>), IngestError> {
        if let Some(why) = delivery.broken_form() {
            let failure = MappingFailure::new(Reason::MalformedBody, why);
            return Ok((Accepted::nothing_of(endpoint, directory), Some(failure)));
        }
        let context = MappingContext { endpoint, directory, secret: &self.secret };
        let mapped = provider.map(delivery, context);
        let tenant = mapped.tenant.filter(|tenant| directory.has_tenant(tenant));
        // A tenant without numbers does not tell calls apart by them.
        let unknown_number =
            mapped.unknown_number && tenant.as_ref().is_some_and(|tenant| directory.has_numbers(tenant));
        let mut accepted = Accepted { tenant, event: mapped.event, unknown_number, ..Accepted::nothing() };
        let (facts, weak) = match mapped.result {
            MappingResult::Ignored => return Ok((accepted, None)),
            MappingResult::Failed(failure) => return Ok((accepted, Some(failure))),
            MappingResult::Facts { facts, weak } => (facts, weak),
        };
        let drafts = match self.drafts(delivery, &facts, directory)? {
            Ok(drafts) => drafts,
            Err(failure) => return Ok((accepted, Some(failure))),
        };
        // Why not with a query: of a delivery with body and query only the body is kept with the fact. Mapped again under
        // this delivery's query, the first would always agree with it, and a conflict would be missed.
        let is_whole = delivery.body.is_empty() || delivery.query().is_empty();
        let remap = |original: Bytes| {
            if !is_whole {
                return Vec::new();
            }
            let first = provider.map(&delivery.with_original(original), context);
            match first.result {
                MappingResult::Facts { facts, .. } => facts,
                MappingResult::Ignored | MappingResult::Failed(_) => Vec::new(),
            }
        };
        let about_nobody = facts.iter().any(|envelope| envelope.fact.lacks_its_lead());
        let completes = |first: &Fact, second: &Fact| provider.completes(first, second);
        let comparison = Comparison { remap: &remap, completes: &completes };
        accepted.facts = self.record(facts, drafts, &delivery.original(), comparison).await?;
        accepted.outcome = accepted.facts.iter().map(|fact| fact.outcome).max().unwrap_or(Outcome::Ignored);
        accepted.weak = weak || about_nobody;
        Ok((accepted, None))
    }

    /// Drafts of a delivery's facts, or why it must be quarantined after all.
    fn drafts(
        &self,
        delivery: &Delivery,
        facts: &[Envelope],
        directory: &Directory,
    ) -> Result<Result<Vec<Draft>, MappingFailure>, IngestError> {
        let original = delivery.original();
        let mut drafts = Vec::with_capacity(facts.len());
        let drafter = self.drafter();
        for envelope in facts {
            if !directory.has_tenant(&envelope.tenant) {
                return Ok(Err(MappingFailure::new(Reason::UnknownTenant, envelope.tenant.as_str())));
            }
            // Of a delivery that is mapped again the time may have come meanwhile.
            if envelope.occurred_at.0 > self.now().max(delivery.received_at).0 + post::AHEAD_MAX {
                return Ok(Err(MappingFailure::new(
                    Reason::FutureOccurredAt,
                    envelope.occurred_at.to_string(),
                )));
            }
            match drafter.draft(envelope, &original)? {
                Ok(draft) => drafts.push(draft),
                Err(error) => return Ok(Err(MappingFailure::new(Reason::TooLarge, error.to_string()))),
            }
        }
        Ok(Ok(drafts))
    }

    async fn record(
        &self,
        facts: Vec<Envelope>,
        drafts: Vec<Draft>,
        original: &Bytes,
        comparison: Comparison<'_>,
    ) -> Result<Vec<FactAnswer>, IngestError> {
        let _turn = match facts.first() {
            Some(first) => Some(self.limiter.acquire(&first.tenant, facts.len()).await?),
            None => None,
        };
        let appended = self.log.append_all(drafts)?.await?;
        let mut answers = Vec::with_capacity(facts.len());
        let mut differing = Vec::new();
        for (second, appended) in facts.into_iter().zip(appended) {
            answers.push(match appended {
                Appended::Recorded(position) => FactAnswer::new(position, Outcome::Recorded),
                Appended::Duplicate(position) => FactAnswer::new(position, Outcome::Duplicate),
                Appended::Differs(position) => {
                    differing.push(DifferingFact { position, second, original: original.clone() });
                    FactAnswer::new(position, Outcome::Conflict)
                }
            });
        }
        if differing.is_empty() {
            return Ok(answers);
        }
        let mut resolved = self.resolve_differing(differing, comparison).await?.into_iter();
        for answer in answers.iter_mut().filter(|answer| answer.outcome == Outcome::Conflict) {
            *answer = match resolved.next() {
                Some(KeyMatch::Same(position)) => FactAnswer::new(position, Outcome::Duplicate),
                Some(KeyMatch::Completion(appended)) => {
                    let is_new = matches!(appended, Appended::Recorded(_));
                    let outcome = if is_new { Outcome::Recorded } else { Outcome::Duplicate };
                    FactAnswer::new(appended.position(), outcome)
                }
                Some(KeyMatch::Conflict(_)) | None => continue,
            };
        }
        Ok(answers)
    }

    /// The fact that the engine recorded under `key`. Looks the key up, which may wait for the disk.
    ///
    /// # Errors
    /// The log's.
    pub fn by_key(&self, tenant: &TenantId, key: &EngineKey) -> Result<Option<StoredFact>, IngestError> {
        let hash = self.secret.key_hash(tenant.as_str(), keys::Provider::ENGINE, &key.to_string());
        let Some((position, _)) = self.log.find(&hash)? else { return Ok(None) };
        let missing = || IngestError::Engine(format!("no fact at position {position} of the key index"));
        self.log.fact(position)?.ok_or_else(missing).map(Some)
    }

    fn digest(&self, envelope: &Envelope) -> Result<ContentDigest, IngestError> {
        Ok(envelope.content(&self.secret)?)
    }

    async fn quarantine(
        &self,
        provider: &dyn ProviderAdapter,
        delivery: &Delivery,
        tenant: Option<&TenantId>,
        failure: MappingFailure,
    ) -> Result<InQuarantine, IngestError> {
        let id = quarantine::id(&self.secret, delivery, provider);
        let endpoint = self.endpoint_reference(&delivery.provider, &delivery.endpoint);
        let envelope = quarantine::envelope(delivery, tenant, &failure, provider, (&id, &endpoint))?;
        let appended = self.append(&[envelope], &delivery.body)?.await?;
        // A redelivery that fails for another reason than the first one stays the first one's.
        let position = appended.first().map_or(0, |appended| appended.position());
        let MappingFailure { reason, detail } = failure;
        Ok(InQuarantine { id, position, reason, detail })
    }
}

#[cfg(test)]
mod tests;
