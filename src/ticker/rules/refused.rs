//! Refused requests (401) raise an alert for their endpoint: a secret has changed, or somebody tries (D5, L6).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// One alert for each endpoint with refused requests in the last 24 hours.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let refused = situation.health.iter().filter_map(|endpoint| {
        let since = endpoint.first_refused?;
        let place = &endpoint.place;
        Some(Finding {
            subject: Some(format!("{}/{}", place.provider, place.endpoint)),
            window: since.0.to_string(),
            title: format!(
                "Requests to an endpoint of {} are refused: their signature is not right",
                place.provider
            ),
            figures: vec![("refused", endpoint.refused.to_string()), ("since", since.to_string())],
        })
    });
    standing(situation, AlertRule::Refused, refused.collect(), "No request was refused for 24 hours")
}
