//! Endpoints made at run time: where providers deliver, beside those of the file.

use domain::facts::access::{AccessFact, EndpointAdded, EndpointRemoved};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::Text;

use super::{Access, AccessError, Decided};

/// What an endpoint is to be. Provider and tenant must be known to the server; that is for the caller to see to.
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

/// Whether a text says where a secret stands, and is none itself.
fn is_reference(text: &Text) -> bool {
    let rest = text.as_str().strip_prefix("env:").or_else(|| text.as_str().strip_prefix("file:"));
    rest.is_some_and(|rest| !rest.is_empty())
}

/// An id comes back when it was removed, so the key holds how far the log was.
fn key(provider: &Text, id: &Text, head: Position) -> EngineKey {
    let (provider, endpoint) = (KeyPart::new(provider.as_str()), KeyPart::new(id.as_str()));
    EngineKey::EndpointChange { provider, endpoint, head }
}

/// 128 random bits.
fn unguessable() -> Result<Text, AccessError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Text::new(&text).ok_or(AccessError::NoName)
}

impl Access {
    /// Adds an endpoint; answers its id. Blocks.
    ///
    /// # Errors
    /// [`AccessError::Invalid`], [`AccessError::Taken`]; else the log's.
    pub fn add_endpoint(&self, by: &str, new: &NewEndpoint) -> Result<Text, AccessError> {
        if !new.secrets.iter().all(is_reference) {
            let rule = "must say where each secret stands, as env:NAME or file:PATH";
            return Err(AccessError::invalid("/secrets", rule));
        }
        let id = match &new.id {
            Some(id) => id.clone(),
            None => unguessable()?,
        };
        self.change(|known| {
            if known.endpoints.contains_key(&(new.provider.clone(), id.clone())) {
                return Err(AccessError::Taken("the provider has an endpoint of this id"));
            }
            let body = EndpointAdded {
                endpoint_id: id.clone(),
                provider: new.provider.clone(),
                tenant: new.tenant.as_ref().and_then(|tenant| Text::new(tenant.as_str())),
                event: new.event.clone(),
                by: Text::new(by),
                secrets: new.secrets.clone(),
            };
            let key = key(&new.provider, &id, known.position);
            Ok(Decided::fact(key, AccessFact::EndpointAdded(body), id.clone()))
        })
    }

    /// Removes an endpoint. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`]; else the log's.
    pub fn remove_endpoint(&self, by: &str, provider: &str, id: &str) -> Result<(), AccessError> {
        self.change(|known| {
            let found = known.endpoints.keys().find(|(p, i)| (p.as_str(), i.as_str()) == (provider, id));
            let (provider, id) = found.ok_or(AccessError::NotFound("endpoint"))?;
            let body =
                EndpointRemoved { endpoint_id: id.clone(), provider: provider.clone(), by: Text::new(by) };
            let key = key(provider, id, known.position);
            Ok(Decided::fact(key, AccessFact::EndpointRemoved(body), ()))
        })
    }
}
