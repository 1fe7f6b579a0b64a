//! The right that a long answer or a long body rests on, asked again while it goes on (G21).

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use domain::keys::TenantId;
use tokio::time::timeout;

use super::auth::{Caller, revoked};
use super::needs::{Need, Role};
use super::problem::Problem;
use crate::access::{Access, Credential};

/// A login that expires is no change of anybody's rights, so the clock is asked so often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a credential may do in a tenant or on what is no tenant's, now and at every later time that it is asked.
#[derive(Clone)]
pub struct Right {
    access: Arc<Access>,
    credential: Credential,
    /// None: on what is no tenant's.
    tenant: Option<TenantId>,
    need: Need,
}

impl Right {
    /// The right to `need` in `tenant`, or on a global route.
    pub fn new(access: Arc<Access>, credential: Credential, tenant: Option<TenantId>, need: Need) -> Self {
        Self { access, credential, tenant, need }
    }

    /// The role that the right rests on; else the problem to answer with, once the credential, the user or the
    /// membership is gone.
    pub fn check(&self) -> Result<Role, Problem> {
        let caller = self.access.caller(&self.credential).ok_or_else(revoked)?;
        role(self.need, &caller, self.tenant.as_ref())
    }

    /// Returns once there is no right any more.
    pub async fn lost(&self) {
        let mut changes = self.access.changes();
        while self.check().is_ok() {
            // Only the engine's end ends the changes, and what rests on it ends by itself.
            let _ = timeout(LOOK_EVERY, changes.changed()).await;
        }
    }
}

/// The caller's role on a route. A tenant that is not his is 404, as if it did not exist; so are global routes for
/// callers who are tied to tenants.
pub fn role(need: Need, caller: &Caller, tenant: Option<&TenantId>) -> Result<Role, Problem> {
    let role = match tenant {
        Some(tenant) => caller.role_in(tenant).ok_or_else(|| Problem::not_found("tenant"))?,
        None if need == Need::Known => caller.role_everywhere().unwrap_or(Role::Viewer),
        None => caller.role_everywhere().ok_or_else(|| Problem::not_found("route"))?,
    };
    if need.roles().contains(&role) {
        return Ok(role);
    }
    let detail = format!("the role {} may not do this; it needs {}", role.as_str(), need.as_str());
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}
