//! The sources of a tenant that are asked, and when: `[sync]`, `[tenant.sync]`, `[tenant.clienttether]`.
//!
//! A source is a struct here or in `feeds`, its table as written, a line in [`Sources`], and one in `TenantTable`.

use std::borrow::Cow;
use std::str::FromStr;

use chrono::DateTime;
use chrono_tz::Tz;
use croner::Cron;
use domain::members::Instant;
use domain::rules::calendar::ZoneName;
use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use super::call_lists::{CallRail, Ctm};
use super::feeds::{EmailBison, GoogleAds, MetaAds};
use super::source::Source;
use super::source_context::SourceContext;
use crate::directory::Secret;

/// When sources are asked: a cron expression, in the tenant's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronSchedule(Cow<'static, str>);

impl Default for CronSchedule {
    /// Each hour on the hour (B2).
    fn default() -> Self {
        Self(Cow::Borrowed("0 * * * *"))
    }
}

impl CronSchedule {
    /// Reads minute, hour, day of month, month and day of week, or a name such as `@daily`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        Cron::from_str(text).ok().map(|_| Self(Cow::Owned(text.to_owned())))
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first time after `at`; none where there is none, as on 30 February.
    ///
    /// Times that a clock set forward leaves out come when it was set, and those that one set back repeats come once, as
    /// long as the expression names hours; every hour and every minute come as they pass.
    pub fn next_after(&self, zone: ZoneName, at: Instant) -> Option<Instant> {
        let zone: Tz = zone.as_str().parse().ok()?;
        let at = DateTime::from_timestamp_micros(at.0)?.with_timezone(&zone);
        let next = Cron::from_str(&self.0).ok()?.find_next_occurrence(&at, false).ok()?;
        Some(Instant(next.timestamp_micros()))
    }
}

/// What of a tenant is asked.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// When.
    pub schedule: CronSchedule,
    /// Its CRM.
    pub clienttether: Option<ClientTether>,
    /// Its mailboxes.
    pub emailbison: Option<EmailBison>,
    /// Its spend at Google.
    pub google_ads: Option<GoogleAds>,
    /// Its spend at Meta.
    pub meta_ads: Option<MetaAds>,
    /// Its call tracking at CallRail.
    pub callrail: Option<CallRail>,
    /// Its call tracking at CallTrackingMetrics.
    pub ctm: Option<Ctm>,
}

/// How a tenant's CRM is asked (B1).
#[derive(Debug, Clone)]
pub struct ClientTether {
    /// Ends with a slash.
    pub base_url: String,
    /// The tenant's `X-Web-Key`.
    pub web_key: Secret,
    /// The access token, where the account has one.
    pub access_token: Option<Secret>,
    /// Where its scheduled activities are, where the account has them: the API documents no such list.
    pub activities: Option<ActivityList>,
}

impl ClientTether {
    /// Where it is unless told otherwise.
    pub const BASE_URL: &'static str = "https://api.clienttether.com/v2/api/";
}

/// A list of scheduled activities: its path, and what the members of its records are called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityList {
    /// Path behind the base URL, with its query.
    pub path: String,
    /// Names of members.
    pub fields: ActivityFields,
}

/// What the members of an activity are called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityFields {
    /// Its id.
    pub id: String,
    /// When it is due.
    pub scheduled_at: String,
    /// Its kind.
    pub activity_type: Option<String>,
    /// Its status.
    pub status: Option<String>,
    /// What is to be done.
    pub description: Option<String>,
    /// The id of the contact.
    pub contact: Option<String>,
    /// The contact's name.
    pub contact_name: Option<String>,
}

/// `[sync]` and `[tenant.sync]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncTable {
    schedule: Option<Spanned<String>>,
}

impl SyncTable {
    /// The schedule, where one is given; `table` names the table.
    pub fn understood(&self, source: &Source<'_>, table: &str) -> Result<Option<CronSchedule>, ConfigError> {
        let Some(text) = &self.schedule else { return Ok(None) };
        let rule = "must be a cron expression of five fields such as \"0 * * * *\"";
        let schedule = CronSchedule::parse(text.get_ref());
        schedule.map(Some).ok_or_else(|| source.wrong(text.span(), &format!("{table}.schedule"), rule))
    }
}

/// `[tenant.clienttether]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTetherTable {
    base_url: Option<Spanned<String>>,
    web_key: Spanned<String>,
    access_token: Option<Spanned<String>>,
    activities: Option<ActivityList>,
}

impl ClientTetherTable {
    /// None where its secrets are not needed.
    pub fn understood(&self, context: SourceContext<'_>) -> Result<Option<ClientTether>, ConfigError> {
        let key = "tenant.clienttether.base_url";
        let base_url = context.base_url(&self.base_url, ClientTether::BASE_URL, key)?;
        let access_token = context.secret(&self.access_token, "tenant.clienttether.access_token")?;
        let web_key = context.source.secret(&self.web_key, "tenant.clienttether.web_key")?;
        let activities = self.activities.clone();
        Ok(web_key.map(|web_key| ClientTether { base_url, web_key, access_token, activities }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next times after `at` in New York, as UTC.
    fn next(expression: &str, at: &str, count: usize) -> Vec<String> {
        let schedule = CronSchedule::parse(expression).expect("an expression");
        let zone = ZoneName::parse("America/New_York").expect("a zone");
        let mut at = Instant::parse(at).expect("an instant");
        let mut times = Vec::new();
        for _ in 0..count {
            at = schedule.next_after(zone, at).expect("a time");
            times.push(at.to_string());
        }
        times
    }

    #[test]
    fn what_is_usual_is_every_hour() {
        let zone = ZoneName::UTC;
        let at = Instant::parse("2025-10-09T12:00:00Z").expect("an instant");
        let next = CronSchedule::default().next_after(zone, at).map(|at| at.to_string());
        assert_eq!(next.as_deref(), Some("2025-10-09T13:00:00Z"));
        for wrong in ["", "every hour", "60 * * * *", "* * * *"] {
            assert!(CronSchedule::parse(wrong).is_none(), "{wrong}");
        }
        assert!(CronSchedule::parse("0 0 30 2 *").is_none_or(|never| never.next_after(zone, at).is_none()));
    }

    #[test]
    fn the_clock_of_the_tenant_decides_over_midnight_month_end_and_year_end() {
        assert_eq!(
            next("0 0 * * *", "2025-10-31T03:59:59Z", 2),
            ["2025-10-31T04:00:00Z", "2025-11-01T04:00:00Z"]
        );
        assert_eq!(
            next("0 0 1 * *", "2025-12-15T00:00:00Z", 2),
            ["2026-01-01T05:00:00Z", "2026-02-01T05:00:00Z"]
        );
        assert_eq!(next("0 0 L * *", "2026-02-01T06:00:00Z", 1), ["2026-02-28T05:00:00Z"]);
    }

    #[test]
    fn every_hour_comes_every_hour_where_the_clock_is_set() {
        // 2025-11-02 06:00Z is the second 1:00 of the day, 2026-03-08 07:00Z is 3:00: there was no 2:00.
        assert_eq!(
            next("0 * * * *", "2025-11-02T04:30:00Z", 4),
            ["2025-11-02T05:00:00Z", "2025-11-02T06:00:00Z", "2025-11-02T07:00:00Z", "2025-11-02T08:00:00Z"]
        );
        assert_eq!(
            next("0 * * * *", "2026-03-08T05:30:00Z", 3),
            ["2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"]
        );
    }

    #[test]
    fn a_time_of_day_comes_once_a_day_where_the_clock_is_set() {
        let days = |times: Vec<String>| times.iter().map(|time| time[..10].to_owned()).collect::<Vec<_>>();
        assert_eq!(
            days(next("30 1 * * *", "2025-11-01T12:00:00Z", 3)),
            ["2025-11-02", "2025-11-03", "2025-11-04"],
            "1:30 comes twice that day"
        );
        assert_eq!(
            days(next("30 2 * * *", "2026-03-07T12:00:00Z", 3)),
            ["2026-03-08", "2026-03-09", "2026-03-10"],
            "2:30 does not come that day"
        );
    }
}
