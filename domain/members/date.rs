//! Civil days and months, 1970 to 2100, in whatever zone their member names.

use std::fmt;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// A civil date as days since 1970-01-01, in whatever zone the field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

/// A civil month: year × 12 + month − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(pub i32);

const EPOCH_FROM_CE: i32 = 719_163;

impl Day {
    /// Parses `2025-10-09`, from 1970 to 2100.
    pub fn parse(text: &str) -> Option<Self> {
        // chrono alone would take blanks and signs for digits.
        let shape = text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        let date = shape.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())??;
        (1970..=2100).contains(&date.year()).then(|| Self::of(date))
    }

    /// The day of a chrono date.
    pub fn of(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - EPOCH_FROM_CE)
    }

    /// As a chrono date.
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0.saturating_add(EPOCH_FROM_CE)).unwrap_or_default()
    }

    /// The month it lies in.
    pub fn month(self) -> Month {
        let date = self.date();
        Month(date.year() * 12 + date.month0() as i32)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date().format("%Y-%m-%d"))
    }
}

impl Month {
    /// Parses `2025-10`, from 1970 to 2100.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 7).then(|| Day::parse(&format!("{text}-01")).map(Day::month))?
    }

    /// Its first day.
    pub fn first(self) -> Day {
        let date = NaiveDate::from_ymd_opt(self.0.div_euclid(12), self.0.rem_euclid(12) as u32 + 1, 1);
        Day::of(date.unwrap_or_default())
    }

    /// Its last day.
    pub fn last(self) -> Day {
        Day(Month(self.0.saturating_add(1)).first().0 - 1)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}
