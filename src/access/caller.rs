//! Who asks, and what he may do where.

use std::collections::BTreeMap;

use domain::facts::access::Role;
use domain::keys::TenantId;
use domain::members::Text;

/// For which tenants a caller has which role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// In all tenants and on what is no tenant's.
    pub everywhere: Option<Role>,
    /// In one tenant; there it is the role that holds.
    pub tenants: BTreeMap<TenantId, Role>,
}

impl Grants {
    /// One role in all tenants.
    pub fn everywhere(role: Role) -> Self {
        Self { everywhere: Some(role), tenants: BTreeMap::new() }
    }

    /// The role in a tenant; none if the caller may not know of it (R7). Nobody has one in the engine's own.
    pub fn role_in(&self, tenant: &TenantId) -> Option<Role> {
        if tenant.is_internal() {
            return None;
        }
        self.tenants.get(tenant).copied().or(self.everywhere)
    }
}

/// What a caller showed, by the name under which it is known: a right that lasts is looked up by it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The token in `FACTFOLD_ADMIN_TOKEN`.
    Admin,
    /// The token of that id.
    Token(Text),
    /// The login of that id.
    Login(Text),
}

/// Who asks, as the credential says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// By which the caller is known again.
    pub credential: Credential,
    /// Of the token or user; what `by` of a fact says. No secret.
    pub id: Box<str>,
    /// What may be done where.
    pub grants: Grants,
}

impl Caller {
    /// Whoever has the token of `FACTFOLD_ADMIN_TOKEN`.
    pub fn admin() -> Self {
        Self { credential: Credential::Admin, id: "admin".into(), grants: Grants::everywhere(Role::Admin) }
    }

    /// The role in a tenant; none if the caller may not know of it.
    pub fn role_in(&self, tenant: &TenantId) -> Option<Role> {
        self.grants.role_in(tenant)
    }

    /// The role on what is no tenant's; none if the caller is tied to tenants.
    pub fn role_everywhere(&self) -> Option<Role> {
        self.grants.everywhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_in_a_tenant_holds_there_and_nowhere_else() {
        let tenant = |id| TenantId::stored(id).expect("tenant");
        let mut grants = Grants { everywhere: None, tenants: [(tenant("acme"), Role::Agent)].into() };
        assert_eq!(grants.role_in(&tenant("acme")), Some(Role::Agent));
        assert_eq!(grants.role_in(&tenant("globex")), None);
        grants.everywhere = Some(Role::Auditor);
        assert_eq!(grants.role_in(&tenant("acme")), Some(Role::Agent));
        assert_eq!(grants.role_in(&tenant("globex")), Some(Role::Auditor));
        assert_eq!(grants.role_in(&tenant("_control")), None, "nobody reads the control tenant");
    }
}
