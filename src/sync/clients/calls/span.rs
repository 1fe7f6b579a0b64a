//! Of which calls a run reads: a span of instants, and the provider's days that hold it.

use chrono::{DateTime, NaiveDate};
use domain::members::{Day, Instant};
use domain::rules::calendar::ZoneName;

const HOUR: i64 = 3_600 * 1_000_000;
const DAY: i64 = 24 * HOUR;
/// How long a call is left to be delivered: CallRail's webhooks come up to 20 minutes late, and lists lack what goes on.
/// A list that is read earlier would hide that nobody delivered a call.
const SETTLING: i64 = HOUR / 2;
/// How far a run goes back behind what is known: late changes of calls are seen for so long.
const OVERLAP: i64 = DAY;
/// How far the first run goes back, and at most any but a backfill.
const BACK_FIRST: i64 = 7 * DAY;
const BACK_MAX: i64 = 90 * DAY;
/// The zones that are furthest from UTC: a local day lies between.
const WESTMOST: i64 = 12 * HOUR;
const EASTMOST: i64 = 14 * HOUR;

/// A span of instants, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallSpan {
    /// Its first instant.
    pub from: Instant,
    /// Its end; what is later may still be delivered.
    pub to: Instant,
    /// Up to here the list was compared before.
    pub compared: Instant,
}

impl CallSpan {
    /// The days of a backfill, in the tenant's zone.
    pub fn of_days((from, to): (Day, Day), zone: ZoneName, now: Instant) -> Self {
        let range = zone.range(from, to);
        let to = Instant(range.end.0.min(now.0 - SETTLING).max(range.start.0));
        Self { from: range.start, to, compared: range.start }
    }

    /// From a day before everything was known, where it was, until now.
    pub fn recent(complete_through: Option<Instant>, now: Instant) -> Self {
        let from = complete_through.map_or(now.0 - BACK_FIRST, |known| known.0 - OVERLAP);
        let from = Instant(from.clamp(now.0 - BACK_MAX, now.0 - OVERLAP));
        let to = Instant(now.0 - SETTLING);
        let compared = complete_through.map_or(from, |known| known.max(from).min(to));
        Self { from, to, compared }
    }

    /// Whether a call that began then is one of it; one that does not say when it began is.
    pub fn holds(&self, began: Option<Instant>) -> bool {
        began.is_none_or(|began| (self.from..self.to).contains(&began))
    }

    /// First and last date, such as `2025-10-09`, that the span touches in any zone of the earth. Providers take dates in
    /// the zone of their account, which they do not tell; what they answer beyond the span is left out.
    pub fn dates(&self) -> [String; 2] {
        let date = |micros: i64| {
            let at = DateTime::from_timestamp_micros(micros).map(|at| at.date_naive());
            at.unwrap_or(NaiveDate::MIN).to_string()
        };
        [date(self.from.0 - WESTMOST), date(self.to.0 - 1 + EASTMOST)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse(text).expect("an instant")
    }

    #[test]
    fn days_are_the_tenants_also_where_its_clock_is_set() {
        let zone = ZoneName::parse("America/New_York").expect("a zone");
        let day = |text: &str| Day::parse(text).expect("a day");
        let now = at("2026-12-01T00:00:00Z");
        for (from, to, first, end) in [
            ("2025-11-02", "2025-11-02", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"),
            ("2026-03-08", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
            ("2025-12-31", "2026-01-01", "2025-12-31T05:00:00Z", "2026-01-02T05:00:00Z"),
        ] {
            let span = CallSpan::of_days((day(from), day(to)), zone, now);
            assert_eq!((span.from, span.to), (at(first), at(end)), "{from} to {to}");
        }
        let span = CallSpan::of_days((day("2025-11-02"), day("2025-11-02")), zone, now);
        // 4:00 UTC is 16:00 of the day before at -12, and the last instant 19:00 of its own day at +14.
        assert_eq!(span.dates(), ["2025-11-01", "2025-11-03"]);
        assert!(
            span.holds(Some(at("2025-11-03T04:59:59Z"))) && !span.holds(Some(at("2025-11-03T05:00:00Z")))
        );
        let today = CallSpan::of_days((day("2026-11-30"), day("2026-11-30")), zone, now);
        assert_eq!(today.to, at("2026-11-30T23:30:00Z"), "what is to come is not known");
    }

    #[test]
    fn a_run_goes_on_where_everything_was_known_and_looks_a_day_back() {
        let now = at("2026-01-31T12:00:00Z");
        let first = CallSpan::recent(None, now);
        assert_eq!((first.from, first.compared), (at("2026-01-24T12:00:00Z"), at("2026-01-24T12:00:00Z")));
        let next = CallSpan::recent(Some(at("2026-01-31T11:15:00Z")), now);
        assert_eq!((next.from, next.to), (at("2026-01-30T11:15:00Z"), at("2026-01-31T11:30:00Z")));
        assert_eq!(next.compared, at("2026-01-31T11:15:00Z"));
        let long_gone = CallSpan::recent(Some(at("2020-01-01T00:00:00Z")), now);
        assert_eq!(long_gone.from, at("2025-11-02T12:00:00Z"));
        assert_eq!(long_gone.compared, long_gone.from, "nothing was compared of it");
    }
}
