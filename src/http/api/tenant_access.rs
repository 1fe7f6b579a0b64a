//! A tenant as handlers have it: the gate has let the caller through to it, and this server has it.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use domain::keys::TenantId;

use super::auth::Caller;
use super::needs::Role;
use super::problem::Problem;
use super::routes::Admission;
use crate::http::App;

/// The tenant in the path, for which the gate has let the caller through; 404 where this server has none such.
/// Nothing else makes one, so what takes it reads and looks up for nobody who may not (R7).
#[derive(Debug, Clone)]
pub struct TenantAccess {
    id: TenantId,
    caller: Arc<Caller>,
    role: Role,
}

impl TenantAccess {
    /// The caller's role here.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Who asks: what `by` of a fact says.
    pub fn by(&self) -> &str {
        &self.caller.id
    }
}

impl Deref for TenantAccess {
    type Target = TenantId;

    fn deref(&self) -> &TenantId {
        &self.id
    }
}

/// The tenant's id in the path of a request, where its route has one; `Err` where it is none.
pub async fn in_path(parts: &mut Parts) -> Option<Result<TenantId, Problem>> {
    let path = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_, id) = path.iter().find(|(name, _)| *name == "tenant")?;
    Some(TenantId::new(id).map_err(|_| Problem::not_found("tenant")))
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
