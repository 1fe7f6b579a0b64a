//! Two tenants whose CRM holds the very same records share credentials, which at least one of them should not have:
//! each is told, and neither which the other is (B13, L12, R7).

use std::collections::BTreeMap;

use domain::facts::sync::Resource;
use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};
use crate::views::{TenantView, Views};

/// Whose equality tells something: all tenants of a franchise may well have the same sales cycles.
const TELLING: [Resource; 2] = [Resource::Leads, Resource::Opportunities];

/// How many records there are, and what tells whether others are the same.
type Print = (u64, u64);

/// How many tenants hold the same records.
pub type Holders = BTreeMap<(Resource, Print), usize>;

/// Of all tenants, each counted once.
pub fn holders(views: &Views) -> Holders {
    let mut holders = Holders::new();
    for (_, view) in views.tenants() {
        let mut own = prints(&view);
        own.dedup();
        own.into_iter().for_each(|print| *holders.entry(print).or_default() += 1);
    }
    holders
}

/// The prints of a tenant's records, in order.
fn prints(view: &TenantView) -> Vec<(Resource, Print)> {
    let mut prints: Vec<_> = view.with(|tenant, _| {
        let prints = tenant.crm.rows.fingerprints().map(|(resource, _, fingerprint)| (resource, fingerprint));
        prints.filter(|(resource, _)| TELLING.contains(resource)).collect()
    });
    prints.sort_unstable();
    prints
}

/// One alert for each resource of which another tenant holds the same records.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let shared = prints(situation.view).into_iter();
    let shared = shared.filter(|print| situation.holders.get(print).is_some_and(|tenants| *tenants > 1));
    let mut findings: Vec<Finding> = shared
        .map(|(resource, (count, print))| Finding {
            subject: Some(resource.as_str().to_owned()),
            window: format!("{print:016x}"),
            title: format!(
                "Another workspace holds the same {} as this one: one of them has wrong credentials",
                resource.as_str()
            ),
            figures: vec![("records", count.to_string())],
        })
        .collect();
    findings.dedup_by(|one, other| one.subject == other.subject);
    standing(situation, AlertRule::EqualSnapshots, findings, "No other workspace holds the same records")
}
