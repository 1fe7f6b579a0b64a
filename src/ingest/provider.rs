//! The interface of a provider: it verifies its deliveries and maps them to facts. Pure: no IO and no clock.

use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::{LogSecret, TenantId};
use domain::members::same_word;

use super::delivery::Delivery;
use super::error::{MappingFailure, SignatureError};
use super::owner::Owner;
use super::signature::Scheme;
use crate::directory::{Directory, Endpoint};

/// Where a delivery came in, and what its mapping may look up.
#[derive(Debug, Clone, Copy)]
pub struct MappingContext<'a> {
    /// The endpoint that it came to.
    pub endpoint: &'a Endpoint,
    /// Whose numbers and workspaces are whose.
    pub directory: &'a Directory,
    /// Keys the digests of persons in external ids.
    pub secret: &'a LogSecret,
}

/// A provider's dialect.
pub trait ProviderAdapter: Send + Sync {
    /// The name in paths, keys and configuration.
    fn name(&self) -> &str;

    /// Whether it delivers by this method.
    fn delivers_by(&self, method: &str) -> bool {
        method == "POST"
    }

    /// Whether it signs its deliveries: then every endpoint needs a secret.
    fn signs(&self) -> bool;

    /// Whether its signatures cover the URL that it calls.
    fn signs_url(&self) -> bool;

    /// The events that an endpoint may be for, where bodies do not name theirs; empty where they do.
    fn events(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a delivery to `endpoint` could ever be understood; asked when it is configured.
    ///
    /// # Errors
    /// The key at fault and its rule.
    fn check(&self, endpoint: &Endpoint) -> Result<(), (&'static str, String)> {
        if self.signs() && endpoint.secrets.is_empty() {
            return Err((
                "secrets",
                format!("{} signs its deliveries, so its secret is needed", self.name()),
            ));
        }
        match &endpoint.event {
            Some(event) if !self.events().is_empty() && event_named(event, self.events()).is_none() => {
                let known = self.events().join(" ");
                Err(("event", format!("{} has no event {event:?}; it has {known}", self.name())))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Version of the mapping, from 1; facts carry it.
    fn mapping_version(&self) -> u16;

    /// Names of headers, in lower case, that are read and not only verified: kept with what goes to quarantine.
    fn headers_kept(&self) -> Vec<String> {
        Vec::new()
    }

    /// Those of them that tell an event from others with the same body: its id, its name.
    fn headers_of_identity(&self) -> Vec<String> {
        Vec::new()
    }

    /// The challenge of a 401, where the provider waits for one before it sends user and password.
    fn challenge(&self) -> Option<&'static str> {
        None
    }

    /// The header (lower case) that answers repeat, by which a source makes sure that the URL is its own.
    fn echo_header(&self) -> Option<&str> {
        None
    }

    /// Whether the delivery is the provider's. `public_url` is what the provider was told to call.
    fn verify(
        &self,
        delivery: &Delivery,
        endpoint: &Endpoint,
        public_url: &str,
    ) -> Result<(), SignatureError>;

    /// Whether a second fact of one key says what the first could not yet: a correction under a key of its own, and no
    /// conflict (RULINGS).
    fn completes(&self, _first: &Fact, _second: &Fact) -> bool {
        false
    }

    /// Maps an authentic delivery to facts, or says why there are none.
    fn map(&self, delivery: &Delivery, context: MappingContext<'_>) -> MappedDelivery;
}

/// How a built-in provider maps a delivery. It writes event and owner down as soon as it reads them, so that they are
/// known of a delivery that cannot be read further, too.
pub type MapDelivery =
    fn(&Delivery, MappingContext<'_>, &mut MappedDelivery) -> Result<MappingResult, MappingFailure>;

/// A provider whose dialect is built in.
pub struct Preset {
    /// The name in paths, keys and configuration.
    pub name: &'static str,
    /// By which methods it delivers.
    pub methods: &'static [&'static str],
    /// The events that an endpoint may be for, where bodies do not name theirs.
    pub events: &'static [&'static str],
    /// Version of the mapping, from 1.
    pub mapping: u16,
    /// How it signs.
    pub signature: Scheme,
    /// Maps one delivery.
    pub map: MapDelivery,
    /// See [`ProviderAdapter::completes`]; none: a second content of a key is always a conflict.
    pub completes: Option<fn(&Fact, &Fact) -> bool>,
}

impl ProviderAdapter for Preset {
    fn name(&self) -> &str {
        self.name
    }

    fn delivers_by(&self, method: &str) -> bool {
        self.methods.contains(&method)
    }

    fn signs(&self) -> bool {
        self.signature.signs()
    }

    fn signs_url(&self) -> bool {
        self.signature.signs_url()
    }

    fn events(&self) -> &'static [&'static str] {
        self.events
    }

    fn mapping_version(&self) -> u16 {
        self.mapping
    }

    fn verify(
        &self,
        delivery: &Delivery,
        endpoint: &Endpoint,
        public_url: &str,
    ) -> Result<(), SignatureError> {
        self.signature.verify(delivery, &endpoint.secrets, public_url)
    }

    fn completes(&self, first: &Fact, second: &Fact) -> bool {
        self.completes.is_some_and(|completes| completes(first, second))
    }

    fn map(&self, delivery: &Delivery, context: MappingContext<'_>) -> MappedDelivery {
        let mut mapped = MappedDelivery::of(context.endpoint);
        mapped.result = (self.map)(delivery, context, &mut mapped).unwrap_or_else(MappingResult::Failed);
        mapped
    }
}

/// The event of that name in any case, `-`, `_` and blanks alike (L6: names in the wrong case).
pub fn event_named(given: &str, events: &'static [&'static str]) -> Option<&'static str> {
    events.iter().copied().find(|event| same_word(event, given))
}

/// A delivery as its provider mapped it.
#[derive(Debug, Clone)]
pub struct MappedDelivery {
    /// The provider's event in canonical spelling, as far as it was read: for the delivery log.
    pub event: Option<String>,
    /// The owner, as far as it is known.
    pub tenant: Option<TenantId>,
    /// The owner is known, and the number that was called is none of its numbers: recorded without an agent, and
    /// worth an alert (RULINGS, Owner).
    pub unknown_number: bool,
    /// The facts, or why there are none.
    pub result: MappingResult,
}

impl MappedDelivery {
    /// Nothing is known yet but the endpoint.
    pub fn of(endpoint: &Endpoint) -> Self {
        let tenant = endpoint.tenant.clone();
        Self { event: None, tenant, unknown_number: false, result: MappingResult::Ignored }
    }

    /// Says whose it is, where that is known.
    pub fn owned_by(&mut self, owner: &Result<Owner, MappingFailure>) {
        if let Ok(owner) = owner {
            self.tenant = Some(owner.tenant.clone());
            self.unknown_number = owner.unknown_number;
        }
    }
}

/// The facts of a delivery, or why there are none.
#[derive(Debug, Clone)]
pub enum MappingResult {
    /// What happened.
    Facts {
        /// At least one.
        facts: Vec<Envelope>,
        /// Something that would identify it is absent: a part of its key, so that a digest is the key, or the person
        /// that it is about.
        weak: bool,
    },
    /// The event is known and carries nothing to count.
    Ignored,
    /// It goes to quarantine.
    Failed(MappingFailure),
}
