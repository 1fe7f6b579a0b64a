//! Sync runs that fail raise one alert, from the first that failed until one succeeds (B4, F2).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// Letters of an error that an alert tells; the run has the whole of it.
const ERROR_MAX: usize = 200;

/// One alert for all runs that failed since the last success.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let runs = situation.view.with(|tenant, _| {
        let crm = &tenant.crm.rows;
        crm.runs().list(crm.texts())
    });
    let findings = runs.failing().map(|failing| {
        let error: String = failing.error.unwrap_or_default().chars().take(ERROR_MAX).collect();
        Finding {
            subject: None,
            window: failing.first_run,
            title: "The CRM's sync fails: its figures are as of the last success".into(),
            figures: vec![
                ("failed_runs", failing.runs.to_string()),
                ("since", failing.since.to_string()),
                ("error", error),
            ],
        }
    });
    standing(situation, AlertRule::SyncFailing, findings.into_iter().collect(), "A sync run succeeded")
}
