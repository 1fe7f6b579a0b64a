//! Conflicts that nobody has decided raise one alert; it is over when all are decided.

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// One alert for all open conflicts of the tenant.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let (open, oldest) = situation.view.with(|tenant, _| {
        let rows = &tenant.conflicts.rows;
        // Looking for the oldest walks all rows.
        (rows.open(), if rows.open() > 0 { rows.oldest_open() } else { None })
    });
    let findings = oldest.map(|(position, since)| Finding {
        subject: None,
        window: position.to_string(),
        title: "A known key came with other content: decide which stands".into(),
        figures: vec![
            ("open", open.to_string()),
            ("conflict_id", position.to_string()),
            ("since", since.to_string()),
        ],
    });
    standing(situation, AlertRule::Conflict, findings.into_iter().collect(), "Every conflict is decided")
}
