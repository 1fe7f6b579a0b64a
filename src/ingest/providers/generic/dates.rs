//! Days and months as a source writes them: without a time of day, in the zone that the member names.

use chrono::NaiveDate;
use domain::members::{Day, Month};

/// A day: `2025-10-09`, `20251009`, by the pattern, or the date of a time as it is written there, whatever its offset.
pub fn day(given: &str, pattern: Option<&str>) -> Option<Day> {
    let by = |pattern: &str| {
        let day = Day::of(NaiveDate::parse_from_str(given, pattern).ok()?);
        // Once more as a text, since a day beyond 1970 to 2100 is none.
        Day::parse(&day.to_string())
    };
    let is_compact = given.len() == 8 && given.bytes().all(|byte| byte.is_ascii_digit());
    let of_time = || match given.split_at_checked(10) {
        Some((date, rest)) if rest.starts_with(['T', 't', ' ']) => Day::parse(date),
        Some(_) | None => None,
    };
    let compact = || if is_compact { by("%Y%m%d") } else { None };
    pattern.and_then(by).or_else(|| Day::parse(given)).or_else(compact).or_else(of_time)
}

/// A month: `2025-10`, or that of a day.
pub fn month(given: &str, pattern: Option<&str>) -> Option<Month> {
    Month::parse(given).or_else(|| Some(day(given, pattern)?.month()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_read_as_they_are_written() {
        let shown = |given, pattern| day(given, pattern).map(|day| day.to_string());
        for (given, pattern) in [
            ("2025-10-09", None),
            ("20251009", None),
            ("2025-10-09T23:30:00-05:00", None),
            ("2025-10-09 00:00:00", None),
            ("10/09/2025", Some("%m/%d/%Y")),
            ("2025-10-09", Some("%m/%d/%Y")),
        ] {
            assert_eq!(shown(given, pattern).as_deref(), Some("2025-10-09"), "{given}");
        }
        for none in ["10/09/2025", "2025-13-01", "2025-10-09x", "1760011200", "1899-01-01", "tomorrow", ""] {
            assert_eq!(day(none, None), None, "{none}");
        }
        let shown = |given| month(given, None).map(|month| month.to_string());
        assert_eq!(
            ["2025-10", "2025-10-01", "October"].map(shown),
            [Some("2025-10".into()), Some("2025-10".into()), None]
        );
    }
}
