//! What a route needs and which roles have it: one table, from which the check and the API document come.

pub use domain::facts::access::Role;
use domain::words;

words! {
    /// What a route asks of its caller. Under a tenant it is asked of his role there, else of his role everywhere:
    /// whoever is tied to tenants is told 404 on global routes (RULINGS, HTTP codes).
    Need {
        /// Nothing: probes, login, and webhooks, which prove themselves.
        Open = "open",
        /// To be known, in whatever role and for whatever tenants: own session, own list of tenants.
        Known = "known",
        /// To read figures.
        Viewer = "viewer",
        /// To work: sessions, attempts, dispositions, notes, stages.
        Agent = "agent",
        /// To read evidence: deliveries, quarantine, conflicts, proofs.
        Auditor = "auditor",
        /// To change what is counted: rebuilds, retries, decisions, targets.
        Operator = "operator",
        /// To say who may do what.
        Admin = "admin",
    }
}

impl Need {
    /// The roles that have it. Roles are no line: an auditor reads all and does nothing, an agent does and does not
    /// see evidence.
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
