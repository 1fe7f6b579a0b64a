//! Which configuration a call, lead or day follows, and the defaults of what it leaves out (R5, RULINGS Configuration).

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::call::Direction;
use crate::facts::tenant::{CountedDirection, Rules, Stage, TenantConfigured};
use crate::keys::Position;
use crate::members::{Currency, Day, Email, Instant, Percent, Phone, Text};
use crate::rules::calendar::ZoneName;

/// The pipeline's stages where a tenant names none, in order (RULINGS CRM).
pub const DEFAULT_STAGES: [&str; 18] = [
    "New Lead",
    "Outbound Call",
    "Inbound Contact",
    "Initial Call Scheduled",
    "Initial Call Complete",
    "QR Sent",
    "QR Returned",
    "FDD Sent",
    "FDD Signed",
    "FDD Review Call Scheduled",
    "FDD Review Call Complete",
    "Deal Structure",
    "Discovery Day Booked",
    "Discovery Day Completed",
    "FA Requested",
    "FA Sent",
    "FA Signed",
    "Future Interest",
];

/// QR Returned to FA Sent, whatever order the tenant has.
const QUALIFIED_STAGES: std::ops::RangeInclusive<usize> = 6..=15;
/// Deal Structure to FA Signed, whatever order the tenant has.
const HOT_STAGES: std::ops::RangeInclusive<usize> = 11..=16;

/// A name as names are compared: trimmed, lower case (B6).
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// What one `tenant_configured` says, with the product's defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Its place in the log; 0 for the defaults of a tenant without any.
    pub position: Position,
    /// First local day it holds for; `None`: all days.
    pub effective_from: Option<Day>,
    /// Decides days and months.
    pub zone: ZoneName,
    /// An answered call qualifies from this many seconds (A4).
    pub qualified_min_seconds: u32,
    /// What a qualified call is worth, minor units (A7).
    pub job_value_minor: Option<i64>,
    /// Of money that names none.
    pub currency: Option<Currency>,
    /// Spend of the current month is read again after this long (A6).
    pub stale_after_seconds: u32,
    /// A session ends after this long without a fact (C1).
    pub session_timeout_seconds: u32,
    /// A reserved lead comes back after this long (C3).
    pub reservation_seconds: u32,
    /// A reply rate this much below the day before raises an alert (D9).
    pub reply_rate_drop_percent: u8,
    /// Calls a day that an agent is to make (F6).
    pub daily_call_goal: u32,
    /// Whether placed calls are recorded (C6).
    pub recording: bool,
    /// The pipeline's stages in order as the tenant names them; empty where it names none (B7).
    pub stages: Vec<Stage>,
    /// Which of the CRM's contact types count, as [`folded`] (B6).
    pub counted_contact_types: BTreeSet<String>,
    /// Stages whose leads are qualified, as [`folded`] (B6).
    pub qualified_stages: BTreeSet<String>,
    /// Stages of the hot list, as [`folded`] (B8).
    pub hot_stages: BTreeSet<String>,
    /// Numbers that lead to the tenant, and whose they are (A2).
    pub tracking_numbers: BTreeMap<Phone, Option<Email>>,
    /// Names or ids of its outreach workspaces.
    pub workspaces: Vec<Text>,
    counted: Vec<CountedDirection>,
}

impl Default for Configuration {
    fn default() -> Self {
        let stages = |range: std::ops::RangeInclusive<usize>| {
            DEFAULT_STAGES[range].iter().map(|name| folded(name)).collect()
        };
        Self {
            position: 0,
            effective_from: None,
            zone: ZoneName::UTC,
            qualified_min_seconds: 30,
            job_value_minor: None,
            currency: None,
            stale_after_seconds: 2_700,
            session_timeout_seconds: 1_800,
            reservation_seconds: 120,
            reply_rate_drop_percent: 20,
            daily_call_goal: 50,
            recording: false,
            stages: Vec::new(),
            counted_contact_types: BTreeSet::from(["1".to_owned()]),
            qualified_stages: stages(QUALIFIED_STAGES),
            hot_stages: stages(HOT_STAGES),
            tracking_numbers: BTreeMap::new(),
            workspaces: Vec::new(),
            counted: vec![CountedDirection::Inbound, CountedDirection::Unknown],
        }
    }
}

impl Configuration {
    /// Whether calls of this direction count as answered and qualified.
    pub fn counts(&self, direction: Option<Direction>) -> bool {
        self.counted.contains(&CountedDirection::of(direction))
    }

    /// How likely a deal in `stage` closes; none where the tenant does not say.
    pub fn likelihood_percent(&self, stage: &str) -> Option<Percent> {
        let stage = folded(stage);
        self.stages.iter().find(|known| folded(known.name.as_str()) == stage)?.likelihood_percent
    }

    fn of(position: Position, recorded_at: Instant, body: &TenantConfigured, first: bool) -> Self {
        let mut configuration = Self {
            position,
            effective_from: (!first).then(|| body.effective_from.unwrap_or(body.timezone.day(recorded_at))),
            zone: body.timezone,
            currency: body.currency,
            recording: body.recording == Some(true),
            tracking_numbers: body
                .tracking_numbers
                .iter()
                .map(|known| (known.number.clone(), known.agent.clone()))
                .collect(),
            workspaces: body.workspaces.clone(),
            ..Self::default()
        };
        if let Some(rules) = &body.rules {
            configuration.follow(rules);
        }
        configuration
    }

    fn follow(&mut self, rules: &Rules) {
        fn set<T: Copy>(member: &mut T, given: Option<T>) {
            *member = given.unwrap_or(*member);
        }
        fn names(member: &mut BTreeSet<String>, given: &[Text]) {
            if !given.is_empty() {
                *member = given.iter().map(|name| folded(name.as_str())).collect();
            }
        }
        set(&mut self.qualified_min_seconds, rules.qualified_min_seconds);
        set(&mut self.stale_after_seconds, rules.stale_after_seconds);
        set(&mut self.session_timeout_seconds, rules.session_timeout_seconds);
        set(&mut self.reservation_seconds, rules.reservation_seconds);
        set(&mut self.reply_rate_drop_percent, rules.reply_rate_drop_percent.map(Percent::get));
        set(&mut self.daily_call_goal, rules.daily_call_goal);
        names(&mut self.counted_contact_types, &rules.counted_contact_types);
        names(&mut self.qualified_stages, &rules.qualified_stages);
        names(&mut self.hot_stages, &rules.hot_stages);
        self.job_value_minor = rules.job_value_minor.or(self.job_value_minor);
        if !rules.stages.is_empty() {
            self.stages.clone_from(&rules.stages);
        }
        if !rules.counted_directions.is_empty() {
            self.counted.clone_from(&rules.counted_directions);
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

    /// The configuration that a day follows which is no instant's, such as a day of ad spend: the last one by
    /// position that is effective on it.
    pub fn on(&self, day: Day) -> &Configuration {
        let holds = |rules: &&Configuration| rules.effective_from.is_none_or(|from| from <= day);
        self.0.iter().rev().find(holds).unwrap_or(&self.0[0])
    }

    /// The same configurations with `rules` laid over each: what they do not give stays.
    pub fn under(&self, rules: &Rules) -> Self {
        let mut laid = self.clone();
        laid.0.iter_mut().for_each(|configuration| configuration.follow(rules));
        laid
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
        let json = crate::json::Json::parse(json.as_bytes()).expect("json");
        from_json(json, "", crate::json::TextRule::Refuse).expect("body")
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
    fn b6_b8_given_no_stages_when_asked_then_the_sets_of_names_between_the_ends() {
        let rules = Configuration::default();
        let ends = |set: &BTreeSet<String>, names: [&str; 4]| names.map(|name| set.contains(&folded(name)));
        let of = ends(&rules.qualified_stages, ["QR Sent", " qr returned ", "FA Sent", "FA Signed"]);
        assert_eq!((of, rules.qualified_stages.len()), ([false, true, true, false], 10));
        let of = ends(
            &rules.hot_stages,
            ["FDD Review Call Complete", "Deal Structure", "FA SIGNED", "Future Interest"],
        );
        assert_eq!((of, rules.hot_stages.len()), ([false, true, true, false], 6));
    }

    #[test]
    fn given_rules_when_configured_then_what_is_absent_has_its_default() {
        let mut timeline = Timeline::default();
        let body = configured(
            r#"{"name":"A","timezone":"UTC","recording":true,"rules":{"reservation_seconds":5,
            "hot_stages":["Won "],"stages":[{"name":"Won","likelihood_percent":90}]}}"#,
        );
        timeline.push(7, at("2025-10-09T00:00:00Z"), &body);
        let rules = timeline.latest();
        assert_eq!(
            (rules.reservation_seconds, rules.session_timeout_seconds, rules.recording),
            (5, 1_800, true)
        );
        assert_eq!(rules.hot_stages, BTreeSet::from(["won".to_owned()]));
        assert_eq!(rules.likelihood_percent(" WON").map(Percent::get), Some(90));
        assert_eq!(rules.qualified_stages, Configuration::default().qualified_stages);
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
