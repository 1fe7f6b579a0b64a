//! Deliveries in quarantine raise one alert for each reason; it is over when all are resolved (D5: unmapped ones).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// One alert for each reason with open deliveries.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let findings = situation.view.with(|tenant, _| {
        let rows = &tenant.quarantine.rows;
        let found = rows.open().filter_map(|(reason, count)| {
            let (position, since) = rows.oldest_open(reason)?;
            Some(Finding {
                subject: Some(reason.to_owned()),
                window: position.to_string(),
                title: format!("Deliveries are in quarantine: {reason}"),
                figures: vec![("open", count.to_string()), ("since", since.to_string())],
            })
        });
        found.collect()
    });
    standing(situation, AlertRule::Quarantine, findings, "Every delivery of that reason is resolved")
}
