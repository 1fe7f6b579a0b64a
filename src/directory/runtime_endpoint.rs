//! Endpoints made at run time, beside those of the file.

use domain::facts::access::EndpointAdded;
use domain::keys::TenantId;
use domain::members::{Instant, Text};

use super::endpoint::Endpoint;
use super::secret::{self, Secret};

/// Provider and id of an endpoint.
pub type EndpointName = (Text, Text);

/// An endpoint made at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeEndpoint {
    /// Whose facts its deliveries become.
    pub tenant: Option<TenantId>,
    /// The event, for providers whose bodies name none.
    pub event: Option<Text>,
    /// Where the signing secrets stand.
    pub secrets: Vec<Text>,
    /// When added.
    pub added_at: Instant,
}

impl RuntimeEndpoint {
    pub(super) fn of(body: &EndpointAdded, added_at: Instant) -> Self {
        let tenant = body.tenant.as_ref().and_then(|tenant| TenantId::new(tenant.as_str()).ok());
        Self { tenant, event: body.event.clone(), secrets: body.secrets.clone(), added_at }
    }

    /// The endpoint with its secrets; none if one cannot be loaded, for then it would take unsigned deliveries.
    pub(super) fn resolve(&self, name: &EndpointName) -> Option<Endpoint> {
        let secrets = self.secrets.iter().map(|text| secret::resolve(text.as_str()));
        match secrets.collect::<Result<_, _>>() {
            Ok(secrets) => Some(self.with_secrets(name, secrets)),
            Err(why) => {
                let (provider, _) = name;
                tracing::error!(%provider, why, "endpoint disabled: its secret could not be loaded");
                None
            }
        }
    }

    /// The endpoint with these secrets.
    pub(super) fn with_secrets(&self, (provider, id): &EndpointName, secrets: Vec<Secret>) -> Endpoint {
        Endpoint {
            id: id.to_string(),
            provider: provider.to_string(),
            tenant: self.tenant.clone(),
            event: self.event.as_ref().map(ToString::to_string),
            secrets,
        }
    }
}
