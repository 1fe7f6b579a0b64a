//! Calls of a known tenant to a number that its configuration does not have: recorded without an agent, and told
//! (RULINGS, Owner).

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

/// One alert for each endpoint by which such calls came in the last 24 hours.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let found = situation.health.iter().filter_map(|endpoint| {
        let since = endpoint.first_unknown_number?;
        let place = &endpoint.place;
        Some(Finding {
            subject: Some(format!("{}/{}", place.provider, place.endpoint)),
            window: since.0.to_string(),
            title: "Calls come to tracking numbers that the configuration does not have".into(),
            figures: vec![("calls", endpoint.unknown_numbers.to_string()), ("since", since.to_string())],
        })
    });
    standing(situation, AlertRule::UnknownTrackingNumber, found.collect(), "No such call came for 24 hours")
}
