//! What the background auditor finds wrong with a file of the log or a model raises one alert for it (F2). It is of
//! no tenant: a file holds the facts of many.

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, raised, standing};

const RULE: AlertRule = AlertRule::AuditViolation;
/// Letters of what is wrong that an alert tells; the server's own log has the whole of it.
const WHAT_MAX: usize = 400;

/// One alert for each file or model, over when all was read again and is right.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let Some(audit) = situation.audit else { return Vec::new() };
    let found = audit.violations.iter().map(|violation| Finding {
        subject: Some(violation.subject.clone()),
        window: violation.since.0.to_string(),
        title: format!("{} fails its verification", violation.subject),
        figures: vec![
            ("violations", violation.count.to_string()),
            ("first", violation.what.chars().take(WHAT_MAX).collect()),
            ("since", violation.since.to_string()),
        ],
    });
    let found = found.collect();
    // Before all was read once, what is not found is not known to be right.
    if audit.is_whole {
        standing(situation, RULE, found, "It was read again and is right")
    } else {
        raised(situation, RULE, found)
    }
}
