//! Look-ups of who owns a delivery: endpoints, tracking numbers and workspaces.
//!
//! A directory is plain data without a clock or files; every change builds a new one.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use domain::facts::Fact;
use domain::facts::tenant::TenantFact;
use domain::json::FieldError;
use domain::keys::{LogSecret, TenantId};
use domain::members::{Email, Phone, canonical_text};
use serde_json::Value;

use super::endpoint::{Endpoint, endpoint_key, endpoint_reference, is_reference_of};
use super::secret::Secret;

/// What a tenant's configuration says about who owns a delivery.
#[derive(Debug, Clone)]
pub struct TenantEntry {
    /// The tenant.
    pub id: TenantId,
    /// Number and the agent behind it.
    pub tracking_numbers: Vec<(String, Option<String>)>,
    /// Names or ids of outreach workspaces.
    pub workspaces: Vec<String>,
}

impl TenantEntry {
    /// What `body`, a `tenant_configured` in the contract's JSON, says of it.
    pub fn of(id: &TenantId, body: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |member: &str| body[member].as_array().cloned().unwrap_or_default();
        let numbers = list("tracking_numbers");
        let numbers = numbers.iter().filter_map(|row| Some((text(&row["number"])?, text(&row["agent"]))));
        Self {
            id: id.clone(),
            tracking_numbers: numbers.collect(),
            workspaces: list("workspaces").iter().filter_map(text).collect(),
        }
    }
}

/// Two entries of the configuration that cannot both hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// A number that is blank.
    #[error("tenant {tenant}: {number:?} is not a phone number")]
    Number {
        /// Whose.
        tenant: TenantId,
        /// As given.
        number: String,
    },
    /// An owner must be unique.
    #[error("{what} {name:?} is claimed by the tenants {first} and {second}")]
    Claimed {
        /// `tracking number` or `workspace`.
        what: &'static str,
        /// As given.
        name: String,
        /// The one before.
        first: TenantId,
        /// The one after.
        second: TenantId,
    },
    /// Ids of endpoints are unique per provider. The id is half a secret, so it is not shown.
    #[error("the provider {provider:?} has two endpoints with the same id")]
    Endpoint {
        /// Whose.
        provider: String,
    },
}

/// The look-ups. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Directory {
    tenants: HashSet<TenantId>,
    numbers: HashMap<Phone, (TenantId, Option<Email>)>,
    workspaces: HashMap<String, TenantId>,
    /// By SHA-256 of provider and id, so that the time of a look-up says nothing about how much of an id is right.
    endpoints: HashMap<[u8; 32], Endpoint>,
    decoy: Endpoint,
}

impl Directory {
    /// Builds the look-ups; what two tenants claim is an error, since it would give one's facts to the other.
    pub fn new(tenants: Vec<TenantEntry>, endpoints: Vec<Endpoint>) -> Result<Self, DirectoryError> {
        let (directory, refused) = Self::partial(tenants, endpoints);
        refused.into_iter().next().map_or(Ok(directory), Err)
    }

    /// Builds the look-ups of what the log holds already: of two that claim one thing the first has it. Also what
    /// was left out.
    pub fn partial(tenants: Vec<TenantEntry>, endpoints: Vec<Endpoint>) -> (Self, Vec<DirectoryError>) {
        let decoy = Endpoint {
            id: String::new(),
            provider: String::new(),
            tenant: None,
            event: None,
            secrets: vec![Secret::new("never the secret of an endpoint")],
        };
        let mut directory = Self {
            tenants: HashSet::new(),
            numbers: HashMap::new(),
            workspaces: HashMap::new(),
            endpoints: HashMap::new(),
            decoy,
        };
        let mut refused = Vec::new();
        for tenant in tenants {
            directory.add_tenant(tenant, &mut refused);
        }
        for endpoint in endpoints {
            match directory.endpoints.entry(endpoint_key(&endpoint.provider, &endpoint.id)) {
                Entry::Vacant(place) => drop(place.insert(endpoint)),
                Entry::Occupied(_) => refused.push(DirectoryError::Endpoint { provider: endpoint.provider }),
            }
        }
        (directory, refused)
    }

    fn add_tenant(&mut self, entry: TenantEntry, refused: &mut Vec<DirectoryError>) {
        let TenantEntry { id, tracking_numbers, workspaces } = entry;
        let claimed = |what, name, first: &TenantId| DirectoryError::Claimed {
            what,
            name,
            first: first.clone(),
            second: id.clone(),
        };
        for (number, agent) in tracking_numbers {
            let Some(phone) = Phone::new(&number) else {
                refused.push(DirectoryError::Number { tenant: id.clone(), number });
                continue;
            };
            let agent = agent.as_deref().and_then(Email::new);
            match self.numbers.entry(phone) {
                Entry::Occupied(place) if place.get().0 != id => {
                    refused.push(claimed("tracking number", number, &place.get().0));
                }
                place => drop(place.insert_entry((id.clone(), agent))),
            }
        }
        for name in workspaces {
            match self.workspaces.entry(fold_name(&name)) {
                Entry::Occupied(place) if *place.get() != id => {
                    refused.push(claimed("workspace", name, place.get()));
                }
                place => drop(place.insert_entry(id.clone())),
            }
        }
        self.tenants.insert(id);
    }

    /// Whether the tenant is configured; one that is gone has its deliveries quarantined.
    pub fn has_tenant(&self, tenant: &TenantId) -> bool {
        self.tenants.contains(tenant)
    }

    /// The endpoint of that provider and id.
    pub fn endpoint(&self, provider: &str, id: &str) -> Option<&Endpoint> {
        self.endpoints.get(&endpoint_key(provider, id))
    }

    /// The endpoint that a quarantined delivery of `tenant` came to, by its reference, see [`endpoint_reference`].
    ///
    /// An imported fact has a reference of the log it came from, which leads to no endpoint here. It is taken to the
    /// only endpoint of its provider that could have brought it: the tenant's or one for all tenants, for no one event.
    pub fn referenced(
        &self,
        secret: &LogSecret,
        tenant: &TenantId,
        (provider, reference): (&str, &str),
    ) -> Option<&Endpoint> {
        let of_provider = || self.endpoints.values().filter(|endpoint| endpoint.provider == provider);
        let named = of_provider().find(|it| endpoint_reference(secret, provider, &it.id) == reference);
        if named.is_some() || is_reference_of(secret, reference) {
            return named;
        }
        let mut possible = of_provider()
            .filter(|endpoint| endpoint.event.is_none())
            .filter(|endpoint| endpoint.tenant.as_ref().is_none_or(|owner| owner == tenant));
        possible.next().filter(|_| possible.next().is_none())
    }

    /// Whether any tracking number leads to the tenant.
    pub fn has_numbers(&self, tenant: &TenantId) -> bool {
        self.numbers.values().any(|(owner, _)| owner == tenant)
    }

    /// Provider and reference of each endpoint that is the tenant's.
    pub fn endpoints_of(&self, secret: &LogSecret, tenant: &TenantId) -> Vec<(String, String)> {
        let of_tenant = self.endpoints.values().filter(|endpoint| endpoint.tenant.as_ref() == Some(tenant));
        let mut found: Vec<_> = of_tenant
            .map(|endpoint| {
                let reference = endpoint_reference(secret, &endpoint.provider, &endpoint.id);
                (endpoint.provider.clone(), reference)
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// What an unknown endpoint is verified against, so that it takes the time that a known one takes.
    pub fn decoy(&self) -> &Endpoint {
        &self.decoy
    }

    /// The tenant that a tracking number leads to, and the agent behind it (A2).
    pub fn number(&self, number: &Phone) -> Option<(&TenantId, Option<&Email>)> {
        self.numbers.get(number).map(|(tenant, agent)| (tenant, agent.as_ref()))
    }

    /// Faults of a posted configuration that claims what another tenant has: recorded, the claim would be left out
    /// (A2). The faults do not say who the other is (R7).
    pub fn claims_of_others(&self, tenant: &TenantId, fact: &Fact) -> Vec<FieldError> {
        let Fact::Tenant(TenantFact::Configured(body)) = fact else { return Vec::new() };
        let by_another = |owner: Option<&TenantId>| owner.is_some_and(|owner| owner != tenant);
        let fault = |pointer: String| FieldError { pointer, message: "is claimed by another tenant".into() };
        let numbers = body.tracking_numbers.iter().enumerate();
        let numbers = numbers.filter(|(_, row)| by_another(self.number(&row.number).map(|(id, _)| id)));
        let workspaces = body.workspaces.iter();
        let workspaces = workspaces.filter(|name| by_another(self.workspace(name.as_str())));
        numbers
            .map(|(at, _)| fault(format!("/body/tracking_numbers/{at}/number")))
            .chain(workspaces.map(|_| fault("/body/workspaces".into())))
            .collect()
    }

    /// The tenant of a workspace by its name or id: trimmed, without case.
    pub fn workspace(&self, name: &str) -> Option<&TenantId> {
        self.workspaces.get(&fold_name(name))
    }
}

/// Whether both are names of one workspace: trimmed, without case.
pub fn is_same_workspace(one: &str, other: &str) -> bool {
    fold_name(one) == fold_name(other)
}

fn fold_name(name: &str) -> String {
    canonical_text(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: &str, numbers: &[&str], workspaces: &[&str]) -> TenantEntry {
        TenantEntry {
            id: TenantId::new(id).expect("tenant"),
            tracking_numbers: numbers
                .iter()
                .map(|number| ((*number).into(), Some(" Ann@X.com".into())))
                .collect(),
            workspaces: workspaces.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[test]
    fn names_and_numbers_are_found_in_any_spelling() {
        let acme = tenant("acme", &["+1 415 867 5309"], &[" Acme Client ", "17"]);
        let directory = Directory::new(vec![acme], Vec::new()).expect("directory");
        assert_eq!(directory.workspace("ACME client").map(TenantId::as_str), Some("acme"));
        assert_eq!(directory.workspace("17 ").map(TenantId::as_str), Some("acme"));
        assert_eq!(directory.workspace("acme  client"), None);
        let number = Phone::new("+14158675309").expect("phone");
        assert_eq!(
            directory.number(&number).and_then(|(_, agent)| agent).map(Email::as_str),
            Some("ann@x.com")
        );
    }

    #[test]
    fn what_two_tenants_claim_is_refused() {
        let refused =
            |a, b| Directory::new(vec![a, b], Vec::new()).map(|_| ()).expect_err("refused").to_string();
        let text = refused(tenant("a", &["+14158675309"], &[]), tenant("b", &["+1 (415) 867-5309"], &[]));
        assert!(text.contains("claimed by the tenants a and b"), "{text}");
        let text = refused(tenant("a", &[], &["Main"]), tenant("b", &[], &["main "]));
        assert!(text.contains("workspace"), "{text}");
    }

    #[test]
    fn secrets_never_show() {
        let endpoint = Endpoint {
            id: "tw-1".into(),
            provider: "twilio".into(),
            tenant: None,
            event: None,
            secrets: vec![Secret::new("canary-7f3a")],
        };
        let directory = Directory::new(Vec::new(), vec![endpoint]).expect("directory");
        assert!(!format!("{directory:?}").contains("canary-7f3a"));
        assert!(directory.endpoint("twilio", "tw-1").is_some());
        assert!(directory.endpoint("emailbison", "tw-1").is_none());
    }

    fn endpoint(id: &str, owner: Option<&str>, event: Option<&str>) -> Endpoint {
        Endpoint {
            id: id.into(),
            provider: "bison".into(),
            tenant: owner.map(|id| TenantId::new(id).expect("tenant")),
            event: event.map(str::to_owned),
            secrets: Vec::new(),
        }
    }

    #[test]
    fn references_of_an_endpoint_are_the_logs_own() {
        let [one, other] = [[7; 32], [8; 32]].map(|secret| LogSecret::new(&secret));
        let reference = endpoint_reference(&one, "bison", "tw-1");
        assert_eq!(reference, endpoint_reference(&LogSecret::new(&[7; 32]), "bison", "tw-1"), "a restart");
        assert_ne!(reference, endpoint_reference(&other, "bison", "tw-1"));
        assert!(is_reference_of(&one, &reference) && !is_reference_of(&other, &reference));
        // What could be tried offline, without the secret.
        let guess = hex::encode(&endpoint_key("bison", "tw-1")[..16]);
        assert_eq!(guess.len(), reference.len());
        assert_ne!(guess, reference);
    }

    #[test]
    fn an_imported_reference_leads_to_the_only_endpoint_that_it_can_mean() {
        let [here, there] = [[7; 32], [8; 32]].map(|secret| LogSecret::new(&secret));
        let acme = TenantId::new("acme").expect("tenant");
        let found = |endpoints: Vec<Endpoint>, secret, id| {
            let directory = Directory::new(Vec::new(), endpoints).expect("directory");
            let reference = endpoint_reference(secret, "bison", id);
            directory.referenced(&here, &acme, ("bison", &reference)).map(|endpoint| endpoint.id.clone())
        };
        let (own, all) = (endpoint("own", Some("acme"), None), endpoint("all", None, None));
        let others = [endpoint("other", Some("globex"), None), endpoint("event", None, Some("post_call"))];
        let with = |endpoints: &[Endpoint]| [endpoints, &others].concat();
        assert_eq!(found(with(&[own.clone(), all.clone()]), &here, "all").as_deref(), Some("all"));
        assert_eq!(found(with(std::slice::from_ref(&own)), &there, "own").as_deref(), Some("own"));
        assert_eq!(found(with(std::slice::from_ref(&all)), &there, "gone").as_deref(), Some("all"));
        assert_eq!(found(with(&[]), &there, "event"), None, "whose event it was is not known");
        assert_eq!(found(with(&[own, all.clone()]), &there, "all"), None, "either could have brought it");
        assert_eq!(found(with(&[all]), &here, "gone"), None, "this log's own endpoint is gone");
    }
}
