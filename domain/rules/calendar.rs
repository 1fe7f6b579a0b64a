//! The one place that knows days, months and zones (R6, L4).

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::description::{ValueDescription, ValueType};
use crate::json::{Json, Member, Reader};
use crate::members::{Day, Instant, Month};

const DAY_SECONDS: i64 = 86_400;

/// Version of the tz database in this build: part of the projection version (RULINGS).
pub const TZDB_VERSION: &str = chrono_tz::IANA_TZDB_VERSION;

/// Either an instant or a whole day: what cuts a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// An instant: inclusive as `from`, exclusive as `to` (RULINGS, Which day).
    Instant(Instant),
    /// A day: inclusive at both ends.
    Day(Day),
}

impl Bound {
    /// What [`Bound::parse`] takes.
    pub const RULE: &str = "an instant such as 2025-10-09T12:00:00Z, or a date";

    /// Takes an RFC 3339 instant or a date.
    pub fn parse(text: &str) -> Option<Self> {
        Instant::parse(text).map(Self::Instant).or_else(|| Day::parse(text).map(Self::Day))
    }

    /// The first instant of a range that begins here.
    pub fn first(self, zone: ZoneName) -> Instant {
        match self {
            Self::Instant(at) => at,
            Self::Day(day) => zone.start_of(day),
        }
    }

    /// The instant before which a range ends that ends here.
    pub fn end(self, zone: ZoneName) -> Instant {
        match self {
            Self::Instant(at) => at,
            Self::Day(day) => zone.start_of(Day(day.0 + 1)),
        }
    }
}

/// An IANA time zone by name, e.g. `America/New_York`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZoneName(Tz);

impl ZoneName {
    /// Where nothing is configured.
    pub const UTC: Self = Self(Tz::UTC);

    /// Takes an IANA name, in its exact spelling.
    pub fn parse(name: &str) -> Option<Self> {
        Tz::from_str(name.trim()).ok().map(Self)
    }

    /// The IANA name.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// The local day of an instant.
    pub fn day(self, at: Instant) -> Day {
        let seconds = at.0.div_euclid(1_000_000);
        let utc = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc();
        let offset = self.0.offset_from_utc_datetime(&utc).fix().local_minus_utc();
        Day((seconds + i64::from(offset)).div_euclid(DAY_SECONDS) as i32)
    }

    /// The local month of an instant.
    pub fn month(self, at: Instant) -> Month {
        self.day(at).month()
    }

    /// The first instant of a local day: midnight, or the end of the gap where a zone skips midnight.
    pub fn start_of(self, day: Day) -> Instant {
        let date = day.date();
        let midnight = date.and_time(NaiveTime::MIN);
        let local = match self.0.from_local_datetime(&midnight) {
            chrono::LocalResult::Single(at) => at,
            chrono::LocalResult::Ambiguous(first, _) => first,
            chrono::LocalResult::None => return self.after_gap(date),
        };
        Instant(local.timestamp_micros())
    }

    /// A gap at midnight ends where the day first shows: no gap is longer than a day.
    fn after_gap(self, date: NaiveDate) -> Instant {
        let day = Day::of(date);
        let utc_midnight = i64::from(day.0) * DAY_SECONDS;
        let (mut before, mut within) = (utc_midnight - 2 * DAY_SECONDS, utc_midnight + 2 * DAY_SECONDS);
        while within - before > 1 {
            let middle = before + (within - before) / 2;
            if self.day(Instant(middle * 1_000_000)) < day { before = middle } else { within = middle }
        }
        Instant(within * 1_000_000)
    }

    /// Half-open range of instants of the days `from..=to`.
    pub fn range(self, from: Day, to: Day) -> std::ops::Range<Instant> {
        self.start_of(from)..self.start_of(Day(to.0 + 1))
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ZoneName {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown time zone {name:?}")))
    }
}

const ZONE_RULE: &str = "must be an IANA time zone such as America/New_York";

impl Member for ZoneName {
    fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
        let read = value.as_str().and_then(Self::parse);
        if read.is_none() {
            at.fault(ZONE_RULE);
        }
        read
    }

    fn json(&self) -> Value {
        self.as_str().into()
    }

    fn describe() -> ValueDescription {
        let value_type = ValueType::Formatted { format: None, pattern: None };
        ValueDescription::new(value_type, ZONE_RULE, "America/New_York")
    }
}

/// The Monday of a day's week (B14).
pub fn week_start(day: Day) -> Day {
    let date = day.date();
    Day::of(date - TimeDelta::days(i64::from(date.weekday().num_days_from_monday())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(zone: &str, at: &str) -> String {
        let at = Instant::parse(at).expect("instant");
        ZoneName::parse(zone).expect("zone").day(at).to_string()
    }

    #[test]
    fn given_evenings_in_chicago_when_utc_is_tomorrow_then_the_local_day() {
        assert_eq!(day("America/Chicago", "2025-11-04T01:01:18Z"), "2025-11-03");
        assert_eq!(day("America/Chicago", "2025-07-16T00:01:18Z"), "2025-07-15");
    }

    #[test]
    fn given_month_edges_when_folded_then_each_zone_has_its_own() {
        for (zone, last, first) in [
            ("Asia/Kolkata", "2025-10-31T18:29:59.999999Z", "2025-10-31T18:30:00Z"),
            ("America/New_York", "2025-11-01T03:59:59Z", "2025-11-01T04:00:00Z"),
            ("Europe/London", "2025-10-31T23:59:59Z", "2025-11-01T00:00:00Z"),
            ("Australia/Lord_Howe", "2025-10-31T12:59:59Z", "2025-10-31T13:00:00Z"),
        ] {
            assert_eq!(day(zone, last), "2025-10-31", "{zone}");
            assert_eq!(day(zone, first), "2025-11-01", "{zone}");
            let zone = ZoneName::parse(zone).expect("zone");
            let november = Month::parse("2025-11").expect("month");
            assert_eq!(zone.start_of(november.first()), Instant::parse(first).expect("instant"));
        }
    }

    #[test]
    fn given_days_of_23_24_25_and_half_hours_when_ranged_then_no_instant_is_lost_or_shared() {
        for zone in [
            "America/New_York",
            "Europe/London",
            "Australia/Lord_Howe",
            "Asia/Kolkata",
            "America/Sao_Paulo",
            "Pacific/Apia",
        ] {
            let zone = ZoneName::parse(zone).expect("zone");
            let first = Day::parse("2011-01-01").expect("day");
            for offset in 0..(366 * 8) {
                let day = Day(first.0 + offset);
                let start = zone.start_of(day);
                // Apia had no 30 December 2011: a day that is not there is an empty range.
                if start == zone.start_of(Day(day.0 + 1)) {
                    assert_eq!((zone.as_str(), day.to_string().as_str()), ("Pacific/Apia", "2011-12-30"));
                    continue;
                }
                assert_eq!(zone.day(start), day, "{zone} {day}");
                assert!(zone.day(Instant(start.0 - 1)) < day, "{zone} {day}");
            }
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let monday = |text| week_start(Day::parse(text).expect("day")).to_string();
        assert_eq!(monday("2025-10-12"), "2025-10-06");
        assert_eq!(monday("2025-10-06"), "2025-10-06");
    }
}
