//! Requests to place a call that stay unknown raise one alert; it is over when all of them are settled (C7).

use domain::members::Instant;
use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// So long may a request be unknown before people are told, µs: mostly a callback settles it within seconds.
const PATIENCE: i64 = 120_000_000;

/// One alert for all of them.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let before = Instant((situation.now.0 - PATIENCE).max(0));
    let (count, since) = situation.view.with(|tenant, _| tenant.call_requests.rows.unknown_since(before));
    let finding = since.map(|since| Finding {
        subject: None,
        window: since.to_string(),
        title: "Calls were requested, and nobody knows whether they rang".into(),
        figures: vec![("requests", count.to_string()), ("since", since.to_string())],
    });
    standing(situation, AlertRule::CallUnknown, finding.into_iter().collect(), "Every request is settled")
}
