//! What the figures of a tenant make people look up: reply rates that dropped (D9), months behind their targets (F2).
//!
//! Only days that are over are judged, so that a morning is not held against a whole day before it. A finding has a
//! window: of one rule, subject and window there is one alert, however often it is found.

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

/// Days that are judged again and again: a server that stood still for as long misses none.
const DAYS_JUDGED: i32 = 7;
/// So far back is the day before looked for.
const DAYS_BACK: i32 = 31;
/// Fewer days say little of a month: a week has its weekend.
const PACE_DAYS_MIN: i64 = 7;

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureFinding {
    /// Which rule found it.
    pub rule: AlertRule,
    /// Of what it speaks.
    pub subject: String,
    /// Which occasion.
    pub window: String,
    /// What happened, in a line.
    pub title: String,
    /// The figures that decided it.
    pub figures: Vec<(&'static str, String)>,
}

/// What is judged of a tenant, cells under the lock.
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

    /// Targets that yesterday's month, by the days of it that are over, is not on the way to.
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
    /// What was found. The accounts' counters tell of replies where any was read, else the events do: two sources
    /// are two figures, and one drop is told once.
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
