//! The right that a long answer or a long body rests on, asked again while it goes on (G21).

use std::sync::Arc;
use std::time::Duration;

use domain::keys::TenantId;
use tokio::time::timeout;

use super::needs::{Need, Role};
use crate::access::{Access, Credential};

/// A login that expires is no change of anybody's rights, so the clock is asked so often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a credential may do in a tenant or on what is no tenant's, now and at every later time that it is asked.
#[derive(Clone)]
pub struct Right {
    access: Arc<Access>,
    credential: Credential,
    /// None: in all tenants.
    tenant: Option<TenantId>,
    need: Need,
}

impl Right {
    /// The right to `need` in `tenant`.
    pub fn new(access: Arc<Access>, credential: Credential, tenant: TenantId, need: Need) -> Self {
        Self { access, credential, tenant: Some(tenant), need }
    }

    /// The right to `need` on a global route.
    pub fn everywhere(access: Arc<Access>, credential: Credential, need: Need) -> Self {
        Self { access, credential, tenant: None, need }
    }

    /// The role that the right rests on; none once the credential, the user or the membership is gone.
    pub fn role(&self) -> Option<Role> {
        let caller = self.access.caller(&self.credential)?;
        let role = self.tenant.as_ref().map_or(caller.role_everywhere(), |tenant| caller.role_in(tenant))?;
        self.need.roles().contains(&role).then_some(role)
    }

    /// Returns once there is no right any more.
    pub async fn lost(&self) {
        let mut changes = self.access.changes();
        while self.role().is_some() {
            // Only the engine's end ends the changes, and what rests on it ends by itself.
            let _ = timeout(LOOK_EVERY, changes.changed()).await;
        }
    }
}
