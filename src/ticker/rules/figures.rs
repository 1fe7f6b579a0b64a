//! What figures tell: reply rates that dropped (D9), months behind their targets (F2).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, occasions};

/// Each rule, and what ends its alerts.
const RULES: [(AlertRule, &str); 2] = [
    (AlertRule::ReplyRateDrop, "The day is more than a week ago"),
    (AlertRule::BehindTarget, "The month is on its way to the target, or over"),
];

/// One alert for each drop and each month and target.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let watched = situation.view.with(|tenant, _| tenant.watched(situation.now));
    let findings = watched.findings();
    let of_rule = |(rule, over): (AlertRule, &str)| {
        let found = findings.iter().filter(|found| found.rule == rule).map(|found| Finding {
            subject: Some(found.subject.clone()),
            window: found.window.clone(),
            title: found.title.clone(),
            figures: found.figures.clone(),
        });
        occasions(situation, rule, &found.collect::<Vec<_>>(), over)
    };
    RULES.into_iter().flat_map(of_rule).collect()
}
