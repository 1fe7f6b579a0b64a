//! The owner of a delivery: its tenant, and the agent within the tenant (A2; RULINGS, Owner).

use domain::keys::TenantId;
use domain::members::{Email, Phone, Text};

use super::error::{MappingFailure, Reason};
use crate::directory::{Directory, Endpoint};

/// Claims of a payload about its owner.
#[derive(Debug, Clone, Default)]
pub struct OwnerClaims<'a> {
    /// The tenant's number that was called, or that called out.
    pub number: Option<&'a Phone>,
    /// Names or ids of the account at the provider, the surest first.
    pub workspaces: &'a [Text],
    /// A person that the payload names. It never names a tenant.
    pub agent: Option<Email>,
}

/// The owner of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The tenant.
    pub tenant: TenantId,
    /// The person that the payload names, else the one behind the tenant's number.
    pub agent: Option<Email>,
    /// The payload gives a number that is not one of the tenant's.
    pub unknown_number: bool,
}

/// The owner: the endpoint's tenant, else the tenant of the number, else that of the workspace.
///
/// Why in this order: the endpoint was configured by an operator, while number and workspace are claims of the payload.
/// The number goes before the workspace, since it belongs to one tenant and a workspace's name may be reused. The agent
/// behind a number counts only if the number is the owner's own: a number of another tenant names a stranger.
///
/// # Errors
/// No tenant is found: quarantine, with the number as the reason, or the workspace if only that is given.
pub fn owner(
    endpoint: &Endpoint,
    directory: &Directory,
    claims: OwnerClaims<'_>,
) -> Result<Owner, MappingFailure> {
    let OwnerClaims { number, workspaces, agent } = claims;
    let known = number.and_then(|number| directory.number(number));
    let by_workspace = || workspaces.iter().find_map(|name| directory.workspace(name.as_str()));
    let tenant = endpoint.tenant.as_ref().or(known.map(|(tenant, _)| tenant)).or_else(by_workspace);
    let Some(tenant) = tenant.cloned() else {
        let names: Vec<&str> = workspaces.iter().map(Text::as_str).collect();
        return Err(match number {
            None if !names.is_empty() => MappingFailure::new(Reason::UnknownWorkspace, names.join(" / ")),
            _ => {
                let shown = number.map_or("no number", Phone::as_str);
                MappingFailure::new(Reason::UnknownTrackingNumber, shown)
            }
        });
    };
    let own = known.filter(|(owner, _)| **owner == tenant);
    let unknown_number = number.is_some() && own.is_none();
    let agent = agent.or_else(|| own.and_then(|(_, agent)| agent.cloned()));
    Ok(Owner { tenant, agent, unknown_number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::TenantEntry;

    fn directory() -> Directory {
        let tenant = |id: &str, number: &str, agent: &str, workspace: &str| TenantEntry {
            id: TenantId::new(id).expect("tenant"),
            tracking_numbers: vec![(number.into(), Some(agent.into()))],
            workspaces: vec![workspace.into()],
        };
        let tenants = vec![
            tenant("acme", "+12125550101", "ann@example.com", "17"),
            tenant("globex", "+12125550102", "bob@example.com", "18"),
        ];
        Directory::new(tenants, Vec::new()).expect("directory")
    }

    fn found(
        tenant: Option<&str>,
        number: Option<&str>,
        workspace: Option<&str>,
    ) -> Result<Owner, MappingFailure> {
        let endpoint = Endpoint {
            id: "e".into(),
            provider: "p".into(),
            tenant: tenant.map(|id| TenantId::new(id).expect("tenant")),
            event: None,
            secrets: Vec::new(),
        };
        let number = number.and_then(Phone::new);
        let workspaces: Vec<Text> = workspace.and_then(Text::new).into_iter().collect();
        let claims = OwnerClaims { number: number.as_ref(), workspaces: &workspaces, agent: None };
        owner(&endpoint, &directory(), claims)
    }

    fn is(tenant: &str, agent: Option<&str>, unknown_number: bool) -> Result<Owner, MappingFailure> {
        let tenant = TenantId::new(tenant).expect("tenant");
        Ok(Owner { tenant, agent: agent.and_then(Email::new), unknown_number })
    }

    #[test]
    fn a2_the_endpoints_tenant_then_the_numbers_then_the_workspaces() {
        assert_eq!(found(Some("acme"), Some("+12125550102"), Some("18")), is("acme", None, true));
        assert_eq!(found(None, Some("+12125550101"), Some("18")), is("acme", Some("ann@example.com"), false));
        assert_eq!(found(None, Some("+12125550109"), Some("18")), is("globex", None, true));
        assert_eq!(found(None, None, Some(" 18 ")), is("globex", None, false));
        assert_eq!(found(Some("acme"), None, None), is("acme", None, false));
    }

    #[test]
    fn a2_what_is_nobodys_is_quarantined_by_what_it_named() {
        let reason = |number, workspace| found(None, number, workspace).map_err(|failure| failure.reason);
        assert_eq!(reason(Some("+12125550109"), Some("19")), Err(Reason::UnknownTrackingNumber));
        assert_eq!(reason(None, Some("19")), Err(Reason::UnknownWorkspace));
        assert_eq!(reason(None, None), Err(Reason::UnknownTrackingNumber));
    }
}
