//! An endpoint by which nothing comes for longer than three usual gaps raises one alert a silence (D5).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// One alert for each silent endpoint, over with the next delivery.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let silent = situation.health.iter().filter_map(|endpoint| {
        let since = endpoint.silent_since(situation.now)?;
        let place = &endpoint.place;
        let gap = endpoint.usual_gap_seconds.unwrap_or_default();
        Some(Finding {
            subject: Some(format!("{}/{}", place.provider, place.endpoint)),
            window: since.0.to_string(),
            title: format!("Nothing comes from {} any more", place.provider),
            figures: vec![("last_delivery_at", since.to_string()), ("usual_gap_seconds", gap.to_string())],
        })
    });
    standing(situation, AlertRule::Silence, silent.collect(), "Deliveries come again")
}
