//! Sync runs of a source that fail raise one alert, from the first that failed until one succeeds (B4, F2).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;
use projections::entities::crm::run_list::Failing;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// Letters of an error that an alert tells; the run has the whole of it.
const ERROR_MAX: usize = 200;

/// Of each source one alert for all runs that failed since its last success.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let runs = situation.view.with(|tenant, _| {
        let crm = &tenant.crm.rows;
        crm.runs().list(crm.texts())
    });
    let finding = |failing: Failing| {
        let error: String = failing.error.unwrap_or_default().chars().take(ERROR_MAX).collect();
        Finding {
            title: format!("The sync of {} fails: its figures are as of the last success", failing.source),
            subject: Some(failing.source),
            window: failing.first_run,
            figures: vec![
                ("failed_runs", failing.runs.to_string()),
                ("since", failing.since.to_string()),
                ("error", error),
            ],
        }
    };
    let findings = runs.failing().into_iter().map(finding).collect();
    standing(situation, AlertRule::SyncFailing, findings, "A sync run succeeded")
}
