//! Which configuration a call, lead or day follows (R5, RULINGS Configuration).

use crate::facts::call::Direction;
use crate::facts::tenant::{CountedDirection, Rules, TenantConfigured};
use crate::keys::Position;
use crate::members::{Currency, Day, Instant};
use crate::rules::calendar::ZoneName;

/// What one `tenant_configured` says, with the product's defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Its place in the log; 0 for the defaults of a tenant without any.
    pub position: Position,
    /// First local day it holds for; `None`: all days.
    pub effective_from: Option<Day>,
    /// Decides days and months.
    pub zone: ZoneName,
    /// An answered call qualifies from this many seconds.
    pub qualified_min_seconds: u32,
    /// What a qualified call is worth, minor units.
    pub job_value_minor: Option<i64>,
    /// Of money that names none.
    pub currency: Option<Currency>,
    counted: Vec<CountedDirection>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            position: 0,
            effective_from: None,
            zone: ZoneName::UTC,
            qualified_min_seconds: 30,
            job_value_minor: None,
            currency: None,
            counted: vec![CountedDirection::Inbound, CountedDirection::Unknown],
        }
    }
}

impl Configuration {
    /// Whether calls of this direction count as answered and qualified.
    pub fn counts(&self, direction: Option<Direction>) -> bool {
        self.counted.contains(&CountedDirection::of(direction))
    }

    fn of(position: Position, recorded_at: Instant, body: &TenantConfigured, first: bool) -> Self {
        let default = Self::default();
        let rules = body.rules.as_ref();
        let counted = rules.map_or(&[][..], |rules: &Rules| &rules.counted_directions);
        Self {
            position,
            effective_from: (!first).then(|| body.effective_from.unwrap_or(body.timezone.day(recorded_at))),
            zone: body.timezone,
            qualified_min_seconds: rules
                .and_then(|rules| rules.qualified_min_seconds)
                .unwrap_or(default.qualified_min_seconds),
            job_value_minor: rules.and_then(|rules| rules.job_value_minor),
            currency: body.currency,
            counted: if counted.is_empty() { default.counted } else { counted.to_vec() },
        }
    }
}

/// All configurations of one tenant, in log order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline(Vec<Configuration>);

impl Default for Timeline {
    fn default() -> Self {
        Self(vec![Configuration::default()])
    }
}

impl Timeline {
    /// Adds the next configuration; a tenant's first one holds for all days.
    pub fn push(&mut self, position: Position, recorded_at: Instant, body: &TenantConfigured) {
        let first = self.0.iter().all(|known| known.position == 0);
        if first {
            self.0.clear();
        }
        self.0.push(Configuration::of(position, recorded_at, body, first));
    }

    /// The configuration that holds for what happened at `at`, and its local day there: the last one by
    /// position that is effective on that day, the day taken in its own zone.
    pub fn at(&self, at: Instant) -> (&Configuration, Day) {
        let mut found = None;
        for configuration in self.0.iter().rev() {
            let day = configuration.zone.day(at);
            found = Some((configuration, day));
            if configuration.effective_from.is_none_or(|from| from <= day) {
                break;
            }
        }
        // The first configuration is effective on all days, so the loop always ends on one.
        found.unwrap_or((&self.0[0], Day(0)))
    }

    /// All of them, in log order.
    pub fn all(&self) -> &[Configuration] {
        &self.0
    }

    /// The one that was configured last: for "today" and for names.
    pub fn latest(&self) -> &Configuration {
        &self.0[self.0.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::from_json;

    fn configured(json: &str) -> TenantConfigured {
        from_json(crate::json::Json::parse(json.as_bytes()).expect("json"), "").expect("body")
    }

    fn at(text: &str) -> Instant {
        Instant::parse(text).expect("instant")
    }

    #[test]
    fn given_no_configuration_when_asked_then_the_defaults_in_utc() {
        let timeline = Timeline::default();
        let (configuration, day) = timeline.at(at("2025-10-31T23:30:00Z"));
        assert_eq!((configuration.qualified_min_seconds, day.to_string()), (30, "2025-10-31".into()));
    }

    #[test]
    fn given_a_first_configuration_when_asked_of_earlier_days_then_it_holds() {
        let mut timeline = Timeline::default();
        let body = configured(r#"{"name":"A","timezone":"Asia/Kolkata","effective_from":"2025-10-09"}"#);
        timeline.push(7, at("2025-10-09T00:00:00Z"), &body);
        let (configuration, day) = timeline.at(at("2020-01-31T19:00:00Z"));
        assert_eq!((configuration.position, day.to_string()), (7, "2020-02-01".into()));
    }

    #[test]
    fn given_a_change_when_its_day_is_later_then_earlier_days_keep_the_old_rule() {
        let mut timeline = Timeline::default();
        timeline.push(1, at("2025-01-01T00:00:00Z"), &configured(r#"{"name":"A","timezone":"UTC"}"#));
        let change = r#"{"name":"A","timezone":"UTC","rules":{"qualified_min_seconds":60},"effective_from":"2025-06-01"}"#;
        timeline.push(9, at("2025-05-20T00:00:00Z"), &configured(change));
        assert_eq!(timeline.at(at("2025-05-31T23:59:59Z")).0.qualified_min_seconds, 30);
        assert_eq!(timeline.at(at("2025-06-01T00:00:00Z")).0.qualified_min_seconds, 60);
    }

    #[test]
    fn given_a_default_effective_day_when_changed_then_it_holds_from_the_day_it_was_recorded() {
        let mut timeline = Timeline::default();
        timeline.push(
            1,
            at("2025-01-01T00:00:00Z"),
            &configured(r#"{"name":"A","timezone":"America/New_York"}"#),
        );
        let change =
            r#"{"name":"A","timezone":"America/New_York","rules":{"counted_directions":["outbound"]}}"#;
        timeline.push(9, at("2025-06-02T03:00:00Z"), &configured(change));
        assert!(timeline.at(at("2025-06-01T03:59:00Z")).0.counts(None), "31 May there");
        assert!(!timeline.at(at("2025-06-01T04:00:00Z")).0.counts(None), "1 June there");
    }
}
