//! What figures tell: reply rates that dropped (D9), months behind their targets (F2). Each waits until its day is complete
//! (E9).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;
use projections::entities::crm::run_list::SourceRuns;
use projections::figures::watch::FigureFinding;

use crate::deliveries::health::HealthSummary;
use crate::ticker::Situation;
use crate::ticker::alert::{Finding, is_known, occasions};

/// The source of mailboxes and their replies.
const MAIL: &str = "emailbison";

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
        let mut told = Vec::new();
        for found in findings.iter().filter(|found| found.rule == rule) {
            let finding = Finding {
                subject: Some(found.subject.clone()),
                window: found.window.clone(),
                title: found.title.clone(),
                figures: found.figures.clone(),
            };
            if is_known(situation, rule, &finding) || is_complete(situation, found) {
                told.push(finding);
            }
        }
        occasions(situation, rule, &told, over)
    };
    RULES.into_iter().flat_map(of_rule).collect()
}

/// Sources that the watched figures do not rest on: pipelines and money.
const OTHERS: [&str; 4] = ["clienttether", "clienttether_notes", "google_ads", "meta"];
/// A source that was not read for so long is read no more.
const GIVEN_UP: i64 = 2 * 24 * 3_600 * 1_000_000;

/// Whether all that the day of a finding had has come: an alert on half a day would be of what is missing.
fn is_complete(situation: &Situation<'_>, found: &FigureFinding) -> bool {
    let (zone, runs) = situation.view.with(|tenant, _| {
        let crm = &tenant.crm.rows;
        (tenant.profile.timeline.latest().zone, crm.runs().list(crm.texts()))
    });
    let end = zone.range(found.day, found.day).end;
    // Mail tells of replies, mail and lists of calls of all that has a target.
    let is_of_mail = found.rule == AlertRule::ReplyRateDrop;
    let rests_on = |source: &str| if is_of_mail { source == MAIL } else { !OTHERS.contains(&source) };
    let is_silent = |endpoint: &HealthSummary| {
        rests_on(&endpoint.place.provider)
            && endpoint.silent_since(situation.now).is_some_and(|since| since < end)
    };
    let is_behind = |(source, runs): (&String, &SourceRuns)| {
        let is_read = runs.last_run_at.is_some_and(|at| at.0 >= end.0 - GIVEN_UP);
        // Of mailboxes each poll tells the state of then; of calls a list tells of a span.
        let through = if source == MAIL { runs.last_success_at } else { runs.complete_through };
        rests_on(source) && is_read && through.is_none_or(|through| through < end)
    };
    !situation.health.iter().any(is_silent) && !runs.by_source().iter().any(is_behind)
}
