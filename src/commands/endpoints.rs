//! Endpoints made at run time: added, live at once, and removed. Those of the file are the file's to change.

use domain::facts::Fact;
use domain::facts::access::{AccessFact, EndpointAdded, EndpointRemoved};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, TenantId};
use domain::members::Text;
use domain::rules::decision::{Decision, NewFact};

use super::decide::Attempt;
use super::{CommandError, Commands, Receipt};
use crate::directory::{DirectoryState, ENDPOINT_ID_RULE, Endpoint, EndpointName, is_endpoint_id, secret};
use crate::ingest::error::IngestError;

/// An endpoint to be added.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Its id; none: an unguessable one is made.
    pub id: Option<Text>,
    /// Whose deliveries.
    pub provider: Text,
    /// Whose facts they become.
    pub tenant: Option<TenantId>,
    /// The event, for providers whose bodies name none.
    pub event: Option<Text>,
    /// Where the signing secrets stand: `env:NAME` or `file:PATH`.
    pub secrets: Vec<Text>,
}

/// Why an endpoint is not added or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointRejection {
    /// A member breaks a rule.
    #[error("{pointer}: {rule}")]
    Invalid {
        /// The member, as a JSON pointer.
        pointer: &'static str,
        /// The rule.
        rule: String,
    },
    /// The provider has an endpoint of this id.
    #[error("{0}")]
    Taken(&'static str),
    /// No endpoint of this provider and id was added at run time.
    #[error("there is no such endpoint")]
    NotFound,
}

impl EndpointRejection {
    fn invalid(pointer: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid { pointer, rule: rule.into() }
    }
}

type EndpointResult<T> = Result<Receipt<T>, CommandError<EndpointRejection>>;

impl<V> Commands<V> {
    /// Adds an endpoint, live at once; answers its id. Blocks.
    ///
    /// # Errors
    /// [`EndpointRejection::Invalid`] names the member at fault; [`EndpointRejection::Taken`].
    pub fn add_endpoint(&self, by: &str, new: &NewEndpoint) -> EndpointResult<Text> {
        let _configuring = self.configuring.lock();
        let id = match &new.id {
            Some(id) => id.clone(),
            None => unguessable()?,
        };
        let name = (new.provider.clone(), id);
        let decide = |attempt: Attempt| {
            if attempt.recorded.is_some() {
                return Ok(Decision::Stands(name.1.clone()));
            }
            self.check_endpoint(new)?;
            let state = self.registry.state();
            if state.endpoints().contains_key(&name) {
                return Err(EndpointRejection::Taken("the provider has an endpoint of this id"));
            }
            let body = EndpointAdded {
                endpoint_id: name.1.clone(),
                provider: name.0.clone(),
                tenant: new.tenant.as_ref().and_then(|tenant| Text::new(tenant.as_str())),
                event: new.event.clone(),
                by: Text::new(by),
                secrets: new.secrets.clone(),
            };
            Ok(Decision::Append(change(&state, &name, AccessFact::EndpointAdded(body))))
        };
        self.decide_blocking(&*self.registry, &TenantId::control(), decide)
    }

    /// Removes an endpoint made at run time; its deliveries are unknown at once. Blocks.
    ///
    /// # Errors
    /// [`EndpointRejection::NotFound`], also for one of the file.
    pub fn remove_endpoint(&self, by: &str, provider: &str, id: &str) -> EndpointResult<()> {
        let _configuring = self.configuring.lock();
        let not_found = || CommandError::Rejected(EndpointRejection::NotFound);
        let name = Text::new(provider).zip(Text::new(id)).ok_or_else(not_found)?;
        let decide = |attempt: Attempt| {
            if attempt.recorded.is_some() {
                return Ok(Decision::Stands(()));
            }
            let state = self.registry.state();
            if !state.endpoints().contains_key(&name) {
                return Err(EndpointRejection::NotFound);
            }
            let (provider, endpoint_id) = name.clone();
            let body = EndpointRemoved { endpoint_id, provider, by: Text::new(by) };
            Ok(Decision::Append(change(&state, &name, AccessFact::EndpointRemoved(body))))
        };
        self.decide_blocking(&*self.registry, &TenantId::control(), decide)
    }

    /// Reads files of secrets, so no lock of the state may be held.
    fn check_endpoint(&self, new: &NewEndpoint) -> Result<(), EndpointRejection> {
        let (directory, providers) = (self.registry.directory(), self.ingest.registry());
        let Some(provider) = providers.provider(new.provider.as_str()) else {
            return Err(EndpointRejection::invalid("/provider", "is not a provider of this server"));
        };
        if let Some(tenant) = &new.tenant
            && !directory.has_tenant(tenant)
        {
            return Err(EndpointRejection::invalid("/tenant", "is not a tenant of this server"));
        }
        if new.id.as_ref().is_some_and(|id| !is_endpoint_id(id.as_str())) {
            return Err(EndpointRejection::invalid("/endpoint_id", ENDPOINT_ID_RULE));
        }
        if new.id.as_ref().is_some_and(|id| self.registry.has_in_file(new.provider.as_str(), id.as_str())) {
            return Err(EndpointRejection::Taken("the provider has an endpoint of this id in the file"));
        }
        // A text that is no reference would be a secret: it is refused before anything reads it.
        if !new.secrets.iter().all(|text| secret::is_reference(text.as_str())) {
            let rule = "must say where each secret stands, as env:NAME or file:PATH";
            return Err(EndpointRejection::invalid("/secrets", rule));
        }
        let secrets = new.secrets.iter().map(|text| secret::resolve(text.as_str()));
        let secrets = secrets.collect::<Result<Vec<_>, _>>();
        let endpoint = Endpoint {
            id: new.id.as_ref().map_or_else(String::new, ToString::to_string),
            provider: new.provider.to_string(),
            tenant: new.tenant.clone(),
            event: new.event.as_ref().map(ToString::to_string),
            secrets: secrets.map_err(|why| EndpointRejection::invalid("/secrets", why))?,
        };
        provider.check(&endpoint).map_err(|(key, rule)| {
            EndpointRejection::invalid(if key == "event" { "/event" } else { "/secrets" }, rule)
        })
    }
}

/// An id may come back after it was removed, so the key names the endpoint's change before this one.
fn change(state: &DirectoryState, name: &EndpointName, fact: AccessFact) -> NewFact {
    let (provider, endpoint) = (KeyPart::new(name.0.as_str()), KeyPart::new(name.1.as_str()));
    let key = EngineKey::EndpointChange { provider, endpoint, latest: state.endpoint_changed(name) };
    NewFact { key, occurred_at: None, fact: Fact::Access(fact) }
}

/// 128 random bits in hexadecimal digits.
fn unguessable() -> Result<Text, IngestError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Text::new(&hex::encode(bytes)).ok_or_else(|| IngestError::Engine("an endpoint's id is blank".into()))
}
