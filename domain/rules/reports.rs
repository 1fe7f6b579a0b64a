//! Reports: their periods, and how they go from draft to published to withdrawn (B14).

use crate::members::{Day, Month, Text};
use crate::rules::calendar::week_start;
use crate::words;

words! {
    /// Where a report stands.
    ReportState { Draft = "draft", Published = "published", Withdrawn = "withdrawn" }
}

/// What a report is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Monday to Sunday, by its Monday.
    Week(Day),
    /// A month.
    Month(Month),
}

impl Period {
    /// What a text that is no period is answered with.
    pub const RULE: &'static str =
        "must be a month such as 2025-10, or the Monday of a week such as 2025-10-06";

    /// A month, or the Monday of a week.
    pub fn parse(text: &str) -> Option<Self> {
        let week = || Day::parse(text).filter(|day| week_start(*day) == *day).map(Self::Week);
        Month::parse(text).map(Self::Month).or_else(week)
    }

    /// `weekly` or `monthly`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Week(_) => "weekly",
            Self::Month(_) => "monthly",
        }
    }

    /// Its first and last day.
    pub fn days(self) -> (Day, Day) {
        match self {
            Self::Week(monday) => (monday, Day(monday.0 + 6)),
            Self::Month(month) => (month.first(), month.last()),
        }
    }

    /// The one before.
    pub fn before(self) -> Self {
        match self {
            Self::Week(monday) => Self::Week(Day(monday.0 - 7)),
            Self::Month(month) => Self::Month(Month(month.0 - 1)),
        }
    }

    /// As it stands in facts.
    pub fn text(self) -> Option<Text> {
        match self {
            Self::Week(monday) => Text::new(&monday.to_string()),
            Self::Month(month) => Text::new(&month.to_string()),
        }
    }
}

/// Why a report stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportRejection {
    /// There is no such report.
    #[error("there is no such report")]
    Unknown,
    /// Its text is what was published.
    #[error("the report is published: only a draft's text can be changed")]
    Published,
    /// Its text is what was withdrawn.
    #[error("the report is withdrawn: only a draft's text can be changed")]
    Withdrawn,
    /// From where it stands there is no way there.
    #[error("the report is {}: only a {} one can be {}", from.as_str(), needed.as_str(), to.as_str())]
    State {
        /// Where it stands.
        from: ReportState,
        /// Where it would have to stand.
        needed: ReportState,
        /// Where it was to go.
        to: ReportState,
    },
}

/// Whether a report that stands at `state` is to be moved to `to`; `false`: it is there.
///
/// # Errors
/// [`ReportRejection::State`] where it stands neither there nor right before.
pub fn moves(state: ReportState, to: ReportState) -> Result<bool, ReportRejection> {
    let needed = match to {
        ReportState::Draft | ReportState::Published => ReportState::Draft,
        ReportState::Withdrawn => ReportState::Published,
    };
    match state {
        state if state == to => Ok(false),
        state if state == needed => Ok(true),
        from => Err(ReportRejection::State { from, needed, to }),
    }
}

/// Whether the text of a report that stands at `state` can be changed.
///
/// # Errors
/// [`ReportRejection::Published`], [`ReportRejection::Withdrawn`].
pub fn rewrites(state: ReportState) -> Result<(), ReportRejection> {
    match state {
        ReportState::Draft => Ok(()),
        ReportState::Published => Err(ReportRejection::Published),
        ReportState::Withdrawn => Err(ReportRejection::Withdrawn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b14_given_texts_when_read_as_periods_then_months_and_mondays_only() {
        let days = |text| Period::parse(text).map(|period| period.days()).map(|(a, b)| format!("{a} {b}"));
        assert_eq!(days("2025-02").as_deref(), Some("2025-02-01 2025-02-28"));
        assert_eq!(days("2025-12-29").as_deref(), Some("2025-12-29 2026-01-04"));
        assert_eq!([days("2025-12-30"), days("2025-13"), days("")], [None, None, None]);
        let before = |text| Period::parse(text).and_then(|period| period.before().text());
        assert_eq!(before("2025-01").as_ref().map(Text::as_str), Some("2024-12"));
        assert_eq!(before("2026-01-05").as_ref().map(Text::as_str), Some("2025-12-29"));
    }

    #[test]
    fn b14_given_a_state_when_moved_then_forward_by_one_step_and_the_same_again_is_nothing() {
        use ReportState::{Draft, Published, Withdrawn};
        assert_eq!((moves(Draft, Published), moves(Published, Published)), (Ok(true), Ok(false)));
        assert_eq!((moves(Published, Withdrawn), moves(Withdrawn, Withdrawn)), (Ok(true), Ok(false)));
        assert!(moves(Draft, Withdrawn).is_err() && moves(Withdrawn, Published).is_err());
    }
}
