//! Calls by direction, and how many of them were answered: whatever direction the tenant's figures count.

use domain::rules::rates::percent_hundredths;
use serde::Serialize;
use utoipa::ToSchema;

use super::agents::CallSums;

/// `part / whole` in percent, two decimals, half away from zero; null over nothing.
pub fn rate(part: i64, whole: i64) -> Option<f64> {
    percent_hundredths(part, whole).map(|hundredths| hundredths as f64 / 100.0)
}

/// The calls of one direction. They are counted whether or not the tenant counts the direction as answered and qualified;
/// calls of unknown direction stand in neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct DirectionFigures {
    /// Calls, reported or disposed.
    pub calls: i64,
    /// Those that somebody answered.
    pub answered: i64,
    /// Those whose status is `qualified`.
    pub qualified: i64,
    /// Seconds of answered calls.
    pub talk_seconds: i64,
    /// answered / calls, percent.
    pub answered_rate: Option<f64>,
}

impl DirectionFigures {
    /// The figures of those sums.
    pub fn of(sums: &CallSums) -> Self {
        let (calls, answered) = (sums.calls(), sums.answered_of_all());
        Self {
            calls,
            answered,
            qualified: sums.qualified_of_all(),
            talk_seconds: sums.talk_seconds(),
            answered_rate: rate(answered, calls),
        }
    }
}
