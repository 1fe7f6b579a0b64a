//! What one row adds to the figures, and what sums such shares (I10).

use std::fmt::Debug;

use domain::facts::tenant::CountedDirection;
use domain::members::{Currency, Day, Month};

use super::measure::Measure;
use crate::store::Symbol;

/// Sums that shares of rows go into and come out of, in any order.
pub trait Sums<Share>: Clone + Default + Debug + Send + Sync + 'static {
    /// Adds a share, or takes it out with `sign` −1.
    fn add(&mut self, share: &Share, sign: i64);
}

/// Of rows whose shares nobody sums ahead of a question.
impl<Share> Sums<Share> for () {
    fn add(&mut self, _share: &Share, _sign: i64) {}
}

/// The cells that a share falls in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellSpan {
    /// A day and its month: what adds up over days.
    Day(Day),
    /// A day alone: what is distinct within it.
    DayAlone(Day),
    /// A month alone.
    MonthAlone(Month),
}

/// As many measures as a call has.
pub(crate) const CALL_MEASURES: usize = 10;

/// How much of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// A call: counted for the tenant and for its agent, or for nobody.
    Call {
        /// Whose it is.
        agent: Option<Symbol>,
        /// Who called whom.
        direction: CountedDirection,
        /// What it adds to each measure of calls.
        amounts: [(Measure, i64); CALL_MEASURES],
    },
    /// One of a measure.
    One(Measure),
    /// What an account spent on a day, minor units.
    Spend(Currency, i64),
}

/// What one row adds to the cells of one day or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Where it falls.
    pub span: CellSpan,
    /// How much of what.
    pub amount: Amount,
}

impl Share {
    /// One of a measure.
    pub fn one(span: CellSpan, measure: Measure) -> Self {
        Self { span, amount: Amount::One(measure) }
    }
}
