//! When a reply rate has dropped (D9): a day's own sends and replies against those of the day before that has data.

use crate::members::Day;
use crate::rules::rates::percent_hundredths;

/// A day with fewer sends has no rate worth comparing.
pub const SENDS_MIN: i64 = 100;

/// What was sent and replied on a day, not since ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayReplies {
    /// The tenant's day.
    pub day: Day,
    /// Mails sent.
    pub sends: i64,
    /// Replies that came.
    pub replies: i64,
}

impl DayReplies {
    /// Replies per mail, hundredths of a percent.
    pub fn rate_hundredths(&self) -> Option<i64> {
        percent_hundredths(self.replies, self.sends)
    }
}

/// A drop: the day, and the one it is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyRateDrop {
    /// The day it dropped on.
    pub on: DayReplies,
    /// The last day before with enough sends.
    pub before: DayReplies,
}

/// The drop on the last of `days`, which are those with data, oldest first; `None` where there is none.
///
/// Relative: 5.00 to 4.00 % is a drop of 20 %, and `percent` 20 tells only of more than that.
pub fn drop_on_last(days: &[DayReplies], percent: u8) -> Option<ReplyRateDrop> {
    let (on, earlier) = days.split_last()?;
    if on.sends < SENDS_MIN {
        return None;
    }
    let before = earlier.iter().rev().find(|day| day.sends >= SENDS_MIN)?;
    let wide = |one: i64, other: i64| i128::from(one) * i128::from(other);
    // Both rates over the product of the sends, so that nothing is rounded before it is compared.
    let (was, is) = (wide(before.replies, on.sends), wide(on.replies, before.sends));
    let dropped = (was - is).saturating_mul(100) > was.saturating_mul(percent.into());
    dropped.then_some(ReplyRateDrop { on: *on, before: *before })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(of: &[(i64, i64)]) -> Vec<DayReplies> {
        let day = |(at, (sends, replies)): (i32, &(i64, i64))| DayReplies {
            day: Day(20_000 + at),
            sends: *sends,
            replies: *replies,
        };
        (0..).zip(of).map(day).collect()
    }

    fn dropped(of: &[(i64, i64)]) -> bool {
        drop_on_last(&days(of), 20).is_some()
    }

    #[test]
    fn d9_given_a_fifth_less_then_nothing_and_given_more_than_that_then_a_drop() {
        assert!(!dropped(&[(1_000, 50), (1_000, 40)]), "20 % exactly");
        assert!(dropped(&[(1_000, 50), (1_000, 39)]));
        assert!(dropped(&[(100, 5), (1_000, 39)]), "rates, not counts");
        assert!(!dropped(&[(1_000, 40), (1_000, 50)]), "a rise");
    }

    #[test]
    fn d9_given_fewer_than_100_sends_then_that_day_is_not_compared() {
        assert!(!dropped(&[(1_000, 50), (99, 0)]));
        assert!(dropped(&[(1_000, 50), (100, 0)]));
        assert!(dropped(&[(1_000, 50), (99, 0), (1_000, 10)]), "against the last day with enough");
        assert!(!dropped(&[(99, 50), (1_000, 10)]), "against no day with few");
    }

    #[test]
    fn d9_given_nothing_to_drop_from_then_nothing() {
        assert!(!dropped(&[]) && !dropped(&[(1_000, 0)]) && !dropped(&[(1_000, 0), (1_000, 0)]));
        dropped(&[(i64::MAX, i64::MAX), (i64::MAX, 0)]);
    }
}
