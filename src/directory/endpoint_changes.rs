//! Decisions on run-time endpoints: the facts that add and remove them.

use domain::facts::access::{AccessFact, EndpointAdded, EndpointRemoved};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::Text;

use super::runtime_endpoint::EndpointName;
use super::state::DirectoryState;

/// An endpoint to be added. The caller has checked provider, tenant and id.
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

/// A fact of the control tenant under its key.
pub type EndpointChange = (EngineKey, AccessFact);

impl DirectoryState {
    /// The fact that adds an endpoint of this id; none if the provider has one.
    pub fn endpoint_added(&self, by: &str, id: &Text, new: &NewEndpoint) -> Option<EndpointChange> {
        if self.endpoints().contains_key(&(new.provider.clone(), id.clone())) {
            return None;
        }
        let body = EndpointAdded {
            endpoint_id: id.clone(),
            provider: new.provider.clone(),
            tenant: new.tenant.as_ref().and_then(|tenant| Text::new(tenant.as_str())),
            event: new.event.clone(),
            by: Text::new(by),
            secrets: new.secrets.clone(),
        };
        Some((change_key(&new.provider, id, self.position()), AccessFact::EndpointAdded(body)))
    }

    /// The fact that removes an endpoint; none if there is no such run-time endpoint.
    pub fn endpoint_removed(&self, by: &str, provider: &str, id: &str) -> Option<EndpointChange> {
        let is_it = |name: &&EndpointName| (name.0.as_str(), name.1.as_str()) == (provider, id);
        let (provider, id) = self.endpoints().keys().find(is_it)?;
        let body = EndpointRemoved { endpoint_id: id.clone(), provider: provider.clone(), by: Text::new(by) };
        Some((change_key(provider, id, self.position()), AccessFact::EndpointRemoved(body)))
    }
}

/// An id comes back after it was removed, so the key holds the position that was decided on.
fn change_key(provider: &Text, id: &Text, head: Position) -> EngineKey {
    let part = |text: &Text| KeyPart::new(text.as_str());
    EngineKey::EndpointChange { provider: part(provider), endpoint: part(id), head }
}
