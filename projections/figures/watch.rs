//! Figures that raise alerts: reply rates that dropped (D9) and months behind their targets (F2).
//!
//! Only days that are over are judged: a morning says nothing beside a whole day. Each finding has a window, and a rule
//! raises one alert per subject and window, however often it finds the same.

use std::collections::BTreeMap;

use domain::facts::report::TargetMetric;
use domain::members::{Day, Instant};
use domain::rules::alerts::AlertRule;
use domain::rules::pace::{Pace, days_elapsed, days_in, month_pace};
use domain::rules::reply_rate::{DayReplies, ReplyRateDrop, drop_on_last};

use crate::figures::month::reached;
use crate::figures::month::{FigureCells, Figures};
use crate::figures::provider_performance::Performance;
use crate::tenant::Tenant;

/// Days that every pass judges again, so that a server that was down for as long misses none.
const DAYS_JUDGED: i32 = 7;
/// How many days back the day before may lie.
const DAYS_BACK: i32 = 31;
/// Days of a month before its pace is judged: a week, so that its weekend is in.
const PACE_DAYS_MIN: i64 = 7;

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureFinding {
    /// Which rule found it.
    pub rule: AlertRule,
    /// What it is about: an email provider or a metric.
    pub subject: String,
    /// The day or month it is about: one alert each.
    pub window: String,
    /// The last day that it was decided by.
    pub day: Day,
    /// What happened, in a line.
    pub title: String,
    /// The figures that decided it.
    pub figures: Vec<(&'static str, String)>,
}

/// What of a tenant is judged, copied out under the lock.
#[derive(Debug, Clone)]
pub struct WatchedFigures {
    today: Day,
    drop_percent: u8,
    performance: Performance,
    /// Sends and replies by events, of the days that are looked at.
    events: Vec<DayReplies>,
    paces: Vec<FigureFinding>,
}

impl Tenant {
    /// What is to be judged at `now`.
    pub fn watched(&self, now: Instant) -> WatchedFigures {
        let rules = self.profile.timeline.latest();
        let today = rules.zone.day(now);
        WatchedFigures {
            today,
            drop_percent: rules.reply_rate_drop_percent,
            performance: self.performance(),
            events: self.event_days(Day(today.0 - DAYS_JUDGED - DAYS_BACK), Day(today.0 - 1)),
            paces: self.behind_targets(today),
        }
    }

    fn event_days(&self, from: Day, to: Day) -> Vec<DayReplies> {
        let day = |day| {
            let cell = self.leads.figures.cells.day(Day(day)).cloned();
            let cells = FigureCells { leads: cell, ..FigureCells::default() };
            let figures = Figures::of(&cells, self.calls.rows.texts());
            DayReplies { day: Day(day), sends: figures.emails_sent, replies: figures.replies }
        };
        (from.0..=to.0).map(day).filter(|day| day.sends != 0).collect()
    }

    /// Targets of yesterday's month that its finished days are not on the way to.
    fn behind_targets(&self, today: Day) -> Vec<FigureFinding> {
        let yesterday = Day(today.0 - 1);
        let month = yesterday.month();
        let (elapsed, days) = (days_elapsed(month, yesterday), days_in(month));
        let set = |metric: &TargetMetric| Some((*metric, self.targets.rows.get(month, *metric)?));
        let set: Vec<_> = TargetMetric::ALL.iter().filter_map(set).collect();
        if set.is_empty() || elapsed < PACE_DAYS_MIN {
            return Vec::new();
        }
        let figures = self.figures_of(month);
        let of_today = if today.month() == month { self.figures_on(today) } else { Figures::default() };
        let behind = |(metric, target): (TargetMetric, u64)| {
            let value = reached(metric, &figures);
            let over = value - reached(metric, &of_today);
            let pace = month_pace(over, target, elapsed, days);
            let is_behind = pace.status == Some(Pace::Below) && i128::from(value) < i128::from(target);
            is_behind.then(|| FigureFinding {
                rule: AlertRule::BehindTarget,
                subject: metric.as_str().to_owned(),
                window: month.to_string(),
                day: yesterday,
                title: format!("{} is behind its target for {month}", metric.as_str()),
                figures: vec![
                    ("target", target.to_string()),
                    ("value", over.to_string()),
                    ("days_elapsed", elapsed.to_string()),
                    ("projection", hundredths(pace.projection_hundredths)),
                ],
            })
        };
        set.into_iter().filter_map(behind).collect()
    }
}

impl WatchedFigures {
    /// All findings. Replies come from the accounts' counters where any was read, else from events: the two sources
    /// differ, and one drop raises one alert.
    pub fn findings(&self) -> Vec<FigureFinding> {
        let from = Day(self.today.0 - DAYS_JUDGED - DAYS_BACK);
        let mut series: BTreeMap<Option<&str>, Vec<DayReplies>> =
            self.performance.reply_days(from, Day(self.today.0 - 1));
        let mut found = Vec::new();
        if series.is_empty() {
            series.insert(Some("all mail"), self.events.clone());
        }
        for (provider, days) in &series {
            for last in 1..=days.len() {
                let drop = drop_on_last(&days[..last], self.drop_percent);
                let recent = |drop: &ReplyRateDrop| drop.on.day.0 >= self.today.0 - DAYS_JUDGED;
                found.extend(
                    drop.filter(recent).map(|drop| finding(provider.unwrap_or("other providers"), &drop)),
                );
            }
        }
        found.extend(self.paces.iter().cloned());
        found
    }
}

fn finding(subject: &str, drop: &ReplyRateDrop) -> FigureFinding {
    let [on, before] = [&drop.on, &drop.before].map(|day| hundredths(day.rate_hundredths()));
    FigureFinding {
        rule: AlertRule::ReplyRateDrop,
        subject: subject.to_owned(),
        window: drop.on.day.to_string(),
        day: drop.on.day,
        title: format!("the reply rate of {subject} fell from {before} % to {on} %"),
        figures: vec![
            ("reply_rate", on),
            ("sends", drop.on.sends.to_string()),
            ("replies", drop.on.replies.to_string()),
            ("day_before", drop.before.day.to_string()),
            ("reply_rate_before", before),
            ("sends_before", drop.before.sends.to_string()),
            ("replies_before", drop.before.replies.to_string()),
        ],
    }
}

fn hundredths(value: Option<i64>) -> String {
    value.map_or_else(String::new, |value| {
        let sign = if value < 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", value.abs() / 100, value.abs() % 100)
    })
}
