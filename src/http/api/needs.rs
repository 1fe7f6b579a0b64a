//! What each route needs and which roles have it: the one table behind the gate and the API document.

pub use domain::facts::access::Role;
use domain::words;

words! {
    /// What a route needs of its caller: on a tenant's route of his role in that tenant, on a global route of his role in
    /// all tenants. Callers who are limited to tenants get 404 on global routes.
    Need {
        /// Nothing: probes, login, and webhooks, which carry their own proof.
        Open = "open",
        /// A valid credential of any role: the caller's own session and tenants.
        Known = "known",
        /// Reads figures.
        Viewer = "viewer",
        /// Works: sessions, attempts, dispositions, notes, stages.
        Agent = "agent",
        /// Reads evidence: deliveries, quarantine, conflicts, proofs.
        Auditor = "auditor",
        /// Changes what is counted: rebuilds, retries, decisions, targets.
        Operator = "operator",
        /// Grants access.
        Admin = "admin",
    }
}

impl Need {
    /// The roles that have it. Roles are not a ladder: an auditor reads everything and changes nothing, an agent works
    /// and sees no evidence.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Admin, Agent, Auditor, Operator, Viewer};
        match self {
            Self::Open | Self::Known | Self::Viewer => &[Viewer, Agent, Auditor, Operator, Admin],
            Self::Agent => &[Agent, Operator, Admin],
            Self::Auditor => &[Auditor, Operator, Admin],
            Self::Operator => &[Operator, Admin],
            Self::Admin => &[Admin],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_may_do_what_all_may_and_an_auditor_reads_all_and_does_nothing() {
        for need in Need::ALL {
            assert!(need.roles().contains(&Role::Admin), "{need:?}");
        }
        let of = |role| {
            let needs = Need::ALL.iter().filter(move |need| need.roles().contains(&role));
            needs.map(|need| need.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of(Role::Viewer), ["open", "known", "viewer"]);
        assert_eq!(of(Role::Agent), ["open", "known", "viewer", "agent"]);
        assert_eq!(of(Role::Auditor), ["open", "known", "viewer", "auditor"]);
        assert_eq!(of(Role::Operator), ["open", "known", "viewer", "agent", "auditor", "operator"]);
    }
}
