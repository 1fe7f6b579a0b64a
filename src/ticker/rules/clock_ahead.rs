//! The log's last fact was recorded ahead of the clock: until that day comes, `known_at` and the days on which rules
//! begin are not what people mean (RULINGS, Clock). It is of no tenant: the log is everybody's.

use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, standing};

const RULE: AlertRule = AlertRule::ClockAhead;

/// One alert, over when the clock has reached the log's last fact.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let found = situation.head_ahead.map(|ahead| Finding {
        subject: None,
        window: (ahead.as_secs() / 86_400).to_string(),
        title: "The log's last fact was recorded ahead of the clock".into(),
        figures: vec![("days", (ahead.as_secs() / 86_400).to_string())],
    });
    standing(situation, RULE, found.into_iter().collect(), "The clock has reached the log's last fact")
}
