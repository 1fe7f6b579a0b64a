//! The admitted caller of a route: of one tenant, or of a global route.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::keys::TenantId;
use domain::members::Text;

use crate::access::Credential;
use crate::http::api::admission::Admission;
use crate::http::api::auth::Caller;
use crate::http::api::needs::{Need, Role};
use crate::http::api::problem::Problem;
use crate::http::api::right::Right;
use crate::http::app::App;

/// The tenant in the path, for which the gate has admitted the caller; 404 where this server has no such tenant.
/// Nothing else makes one, so a function that takes it cannot read for a caller who may not (R7).
#[derive(Debug, Clone)]
pub struct TenantAccess {
    id: TenantId,
    caller: Arc<Caller>,
    role: Role,
}

impl TenantAccess {
    /// The caller's role in this tenant.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The caller's id, for the member `by` of facts.
    pub fn by(&self) -> &str {
        &self.caller.id
    }

    /// What the caller showed.
    pub fn credential(&self) -> &Credential {
        &self.caller.credential
    }

    /// The right of the caller to `need` in this tenant, for what goes on after the gate was passed.
    pub fn right(&self, app: &App, need: Need) -> Right {
        let access = Arc::clone(&app.engine.access);
        Right::new(access, self.credential().clone(), Some(self.id.clone()), need)
    }
}

impl Deref for TenantAccess {
    type Target = TenantId;

    fn deref(&self) -> &TenantId {
        &self.id
    }
}

impl FromRequestParts<Arc<App>> for TenantAccess {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match parts.extensions.get::<Admission>() {
            Some(Admission { caller: Some((caller, role)), tenant: Some(id) }) if app.engine.knows(id) => {
                Ok(Self { id: id.clone(), caller: Arc::clone(caller), role: *role })
            }
            Some(_) | None => Err(Problem::not_found("tenant")),
        }
    }
}

/// The admitted caller of a global route.
pub struct GlobalAccess(pub Arc<Caller>);

impl GlobalAccess {
    /// The caller's id, for the member `by` of facts.
    pub fn by(&self) -> Option<Text> {
        Text::new(&self.0.id)
    }
}

impl FromRequestParts<Arc<App>> for GlobalAccess {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        match parts.extensions.get::<Admission>() {
            Some(Admission { caller: Some((caller, _)), tenant: None }) => Ok(Self(Arc::clone(caller))),
            Some(_) | None => Err(Problem::not_found("route")),
        }
    }
}
