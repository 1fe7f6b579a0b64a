//! Ranges of local days in query strings, with the defaults that every such list has.

use domain::members::Day;

use super::extractors::Read;
use super::problem::Problem;
use super::query::parameters;

/// Longest range of days in one answer.
const DAYS_MAX: i32 = 400;

parameters! {
    /// Both ends of a range of days.
    DayRange {
        /// First local day; by default the first of the month of `to`.
        from: Day,
        /// Last local day; by default today.
        to: Day,
    }
}

/// Refuses a range that ends before it begins, which would be answered with nothing.
///
/// # Errors
/// 400 `bad_range`.
pub fn in_order<T: Ord>(from: Option<T>, to: Option<T>) -> Result<(), Problem> {
    match from.zip(to) {
        Some((from, to)) if from > to => {
            Err(Problem::bad_request("bad_range", "'from' must not be after 'to'"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The range with its defaults at the moment of `read`; 400 where it is empty or longer than 400 days.
pub fn day_range<Q>(read: &Read<Q>, from: Option<Day>, to: Option<Day>) -> Result<(Day, Day), Problem> {
    let to = to.unwrap_or_else(|| read.view.timeline().latest().zone.day(read.at));
    let from = from.unwrap_or_else(|| to.month().first());
    if from > to || to.0 - from.0 >= DAYS_MAX {
        let detail = format!(
            "'from' must not be after 'to' (by default today), and a range has at most {DAYS_MAX} days"
        );
        return Err(Problem::bad_request("bad_range", detail));
    }
    Ok((from, to))
}
