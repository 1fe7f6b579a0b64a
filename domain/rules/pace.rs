//! Targets and pace (F1): how far a month is, where it is heading, and how today does.

use crate::members::{Day, Month};
use crate::rules::rates::{percent_hundredths, ratio_rounded};
use crate::words;

words! {
    /// How a month stands against its target.
    Pace { Above = "above", OnTrack = "on_track", Below = "below" }
}

words! {
    /// How a day stands against its share of the target.
    DailyPace { Ok = "ok", Low = "low", Critical = "critical" }
}

/// Length of a month.
pub fn days_in(month: Month) -> i64 {
    i64::from(month.last().0 - month.first().0) + 1
}

/// Days of `month` that have begun, today included; all of a past month, none of one to come.
pub fn days_elapsed(month: Month, today: Day) -> i64 {
    (i64::from(today.0) - i64::from(month.first().0) + 1).clamp(0, days_in(month))
}

/// How far a month is. Hundredths: of a percent, or of what is counted; half away from zero (RULINGS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthPace {
    /// `value / target`, percent.
    pub progress_hundredths: Option<i64>,
    /// `value / days elapsed × days in month`; none before the month begins.
    pub projection_hundredths: Option<i64>,
    /// None where there is no projection and the target is not reached.
    pub status: Option<Pace>,
}

/// The pace of `value` against `target` when `elapsed` of the `days` of a month have begun.
pub fn month_pace(value: i64, target: u64, elapsed: i64, days: i64) -> MonthPace {
    let [wide, goal, elapsed, days]: [i128; 4] = [value.into(), target.into(), elapsed.into(), days.into()];
    let status = if wide >= goal {
        Some(Pace::Above)
    } else if elapsed == 0 {
        None
    } else if wide * days >= goal * elapsed {
        Some(Pace::OnTrack)
    } else {
        Some(Pace::Below)
    };
    MonthPace {
        progress_hundredths: i64::try_from(target).ok().and_then(|target| percent_hundredths(value, target)),
        projection_hundredths: ratio_rounded(100 * wide * days, elapsed),
        status,
    }
}

/// A day's share of a month's target, in hundredths; none of a month without days.
pub fn daily_target_hundredths(target: u64, days: i64) -> Option<i64> {
    ratio_rounded(100 * i128::from(target), i128::from(days))
}

/// How `today` does against the exact share of a day: ok from 90 %, low from 70 %, else critical.
pub fn daily_pace(today: i64, target: u64, days: i64) -> DailyPace {
    let (tenths, target) = (i128::from(today) * i128::from(days) * 10, i128::from(target));
    if tenths >= target * 9 {
        DailyPace::Ok
    } else if tenths >= target * 7 {
        DailyPace::Low
    } else {
        DailyPace::Critical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn october() -> Month {
        Month::parse("2025-10").expect("month")
    }

    fn pace(value: i64, target: u64, elapsed: i64) -> (Option<i64>, Option<i64>, Option<&'static str>) {
        let pace = month_pace(value, target, elapsed, 31);
        (pace.progress_hundredths, pace.projection_hundredths, pace.status.map(Pace::as_str))
    }

    #[test]
    fn f1_given_ten_days_of_a_month_when_projected_then_by_days_elapsed_today_included() {
        assert_eq!(days_elapsed(october(), Day::parse("2025-10-10").expect("day")), 10);
        assert_eq!(pace(10, 31, 10), (Some(3_226), Some(3_100), Some("on_track")));
        assert_eq!(pace(9, 31, 10), (Some(2_903), Some(2_790), Some("below")));
        assert_eq!(pace(31, 31, 10), (Some(10_000), Some(9_610), Some("above")));
    }

    #[test]
    fn f1_given_past_and_coming_months_then_wholly_and_not_at_all_elapsed() {
        let day = |text| Day::parse(text).expect("day");
        assert_eq!(days_elapsed(october(), day("2025-12-24")), 31);
        assert_eq!(days_elapsed(october(), day("2025-09-30")), 0);
        assert_eq!(days_elapsed(october(), day("2025-10-01")), 1);
        assert_eq!(pace(30, 31, 31), (Some(9_677), Some(3_000), Some("below")));
        assert_eq!(pace(0, 31, 0), (Some(0), None, None));
        assert_eq!((days_in(october()), days_in(Month::parse("2024-02").expect("month"))), (31, 29));
    }

    #[test]
    fn f1_given_a_target_of_nothing_then_it_is_reached_and_has_no_percent() {
        assert_eq!(pace(0, 0, 1), (None, Some(0), Some("above")));
        assert_eq!(daily_pace(0, 0, 31), DailyPace::Ok);
    }

    #[test]
    fn f1_given_today_around_90_and_70_percent_of_its_share_then_ok_low_critical() {
        let today = [9, 8, 7, 6].map(|today| daily_pace(today, 310, 31).as_str());
        assert_eq!(today, ["ok", "low", "low", "critical"]);
        // 100 / 31 is 3.23 a day: 3 are 93 %, 2 are 62 %.
        assert_eq!((daily_pace(3, 100, 31), daily_pace(2, 100, 31)), (DailyPace::Ok, DailyPace::Critical));
        assert_eq!(daily_target_hundredths(100, 31), Some(323));
    }

    #[test]
    fn given_the_largest_numbers_when_paced_then_nothing_overflows() {
        assert_eq!(pace(i64::MAX, u64::MAX, 1).2, Some("on_track"));
        assert_eq!(daily_pace(i64::MAX, u64::MAX, 31), DailyPace::Ok);
    }
}
