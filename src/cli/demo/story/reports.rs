//! Reports that somebody wrote and published, by the API's own commands: the last month and week, and a draft.

use domain::members::Instant;
use domain::rules::calendar::{ZoneName, week_start};
use domain::rules::reports::Period;

use crate::cli::demo::traffic::Tenant;

/// A report to be written.
pub struct DemoReport {
    /// Of which month or week.
    pub period: Period,
    /// What is written.
    pub narrative: &'static str,
    /// Whether it is published, too.
    pub is_published: bool,
}

/// The reports of a tenant as of `now`, in seconds since 1970; in its own zone.
pub fn reports(tenant: &Tenant, now: i64) -> Vec<DemoReport> {
    let Some(zone) = ZoneName::parse(tenant.zone) else { return Vec::new() };
    let today = zone.day(Instant(now * 1_000_000));
    let month = Period::Month(today.month());
    let report = |period, narrative, is_published| DemoReport { period, narrative, is_published };
    vec![
        report(
            month.before(),
            "A full month of calls and outreach. What came late since stands in the restatements.",
            true,
        ),
        report(
            Period::Week(week_start(today)).before(),
            "The week from Monday to Sunday, beside the one before.",
            true,
        ),
        report(month, "So far; to be published when the month is over.", false),
    ]
}
