//! Targets of a month and its pace (F1), as `/metrics/month` serves them.

use std::collections::BTreeMap;

use domain::members::{Day, Month};
use domain::rules::pace::{daily_pace, daily_target_hundredths, days_elapsed, days_in, month_pace};
use serde::Serialize;
use utoipa::ToSchema;

/// One target, and how the month and the day stand against it. Projection and daily target have at most two decimals.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TargetFigures {
    /// What the month is to reach.
    pub target: u64,
    /// What it has reached.
    pub value: i64,
    /// Value of target, percent; null for a target of 0.
    pub progress: Option<f64>,
    /// What the month comes to at this pace; null before it begins.
    pub projection: Option<f64>,
    /// `above` (reached), `on_track` (the projection reaches it) or `below`.
    pub status: Option<&'static str>,
    /// What today has reached; null when today is no day of the month.
    pub today: Option<i64>,
    /// The target's share of one day.
    pub daily_target: Option<f64>,
    /// `ok` from 90 % of that share, `low` from 70 %, else `critical`.
    pub daily_status: Option<&'static str>,
}

/// A month's targets by metric.
pub type TargetsFigure = BTreeMap<&'static str, TargetFigures>;

impl TargetFigures {
    /// The figures of `target`, at `today` in the tenant's zone; `of_today` is what that day has reached.
    pub fn of(target: u64, value: i64, of_today: i64, month: Month, today: Day) -> Self {
        let (elapsed, days) = (days_elapsed(month, today), days_in(month));
        let pace = month_pace(value, target, elapsed, days);
        let decimal = |hundredths: i64| hundredths as f64 / 100.0;
        let is_current = today.month() == month;
        Self {
            target,
            value,
            progress: pace.progress_hundredths.map(decimal),
            projection: pace.projection_hundredths.map(decimal),
            status: pace.status.map(|status| status.as_str()),
            today: is_current.then_some(of_today),
            daily_target: daily_target_hundredths(target, days).map(decimal),
            daily_status: is_current.then(|| daily_pace(of_today, target, days).as_str()),
        }
    }
}
