//! Ad spend and what follows from it, as months and days serve it (A6, A7): by currency, null where nothing was observed.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::members::Day;
use domain::rules::configuration::Timeline;
use domain::rules::money::{Money, Worth, cost_per_qualified, roi_percent_hundredths};
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::spend::SpendCoverage;
use crate::figures::{Cell, Measure};

/// Minor units by currency.
pub type MoneyFigure = BTreeMap<String, i64>;

/// Minor units by currency: `{"USD": 12345}`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents MoneyFigure, which has no name of its own in the API document")]
pub struct AmountsByCurrency(BTreeMap<String, i64>);

/// The days that an observed figure covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpanFigure {
    /// First day, inclusive.
    pub from: String,
    /// Last day, inclusive.
    pub to: String,
}

impl SpanFigure {
    /// From `from` to `to`.
    pub fn new(from: Day, to: Day) -> Self {
        Self { from: from.to_string(), to: to.to_string() }
    }
}

/// Ad spend and what follows from it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct MoneyFigures {
    /// Spent, minor units by currency.
    #[schema(value_type = Option<AmountsByCurrency>)]
    pub ad_spend_minor: Option<MoneyFigure>,
    /// First and last day with an observation.
    pub ad_spend_span: Option<SpanFigure>,
    /// When the account that was read longest ago was last read.
    pub ad_spend_observed_at: Option<String>,
    /// Spend over qualified calls, minor units by currency; null without any.
    #[schema(value_type = Option<AmountsByCurrency>)]
    pub cost_per_qualified_call_minor: Option<MoneyFigure>,
    /// Qualified calls × job value − spend, minor units by currency; null where a call's job value is not known.
    #[schema(value_type = Option<AmountsByCurrency>)]
    pub estimated_roi_minor: Option<MoneyFigure>,
    /// Of the spend; null where there are several currencies, or nothing was spent.
    pub estimated_roi_percent: Option<f64>,
}

/// What money figures are made of, copied out under the lock.
#[derive(Debug, Clone, Default)]
pub struct MoneySums {
    /// The cell of spend.
    pub spend: Option<Arc<Cell>>,
    /// What its observations cover.
    pub observed: Option<SpendCoverage>,
    /// What the qualified calls are worth.
    pub worth: Worth,
}

impl MoneySums {
    /// Adds the calls of one day.
    pub fn add_calls(&mut self, day: Day, calls: Option<&Arc<Cell>>, timeline: &Timeline) {
        let qualified = calls.map_or(0, |cell| cell.get(Measure::Qualified));
        if qualified != 0 {
            let rules = timeline.on(day);
            self.worth.add(qualified, rules.job_value_minor, rules.currency);
        }
    }
}

impl MoneyFigures {
    /// The figures over `qualified` calls. All null where no spend was observed.
    pub fn of(sums: &MoneySums, qualified: i64) -> Self {
        let (Some(cell), Some(observed)) = (&sums.spend, &sums.observed) else { return Self::default() };
        let spend: Money = cell.spend().map(|(currency, spent)| (currency, spent.minor)).collect();
        let roi = sums.worth.over(&spend);
        let percent = roi.as_ref().and_then(|roi| roi_percent_hundredths(roi, &spend));
        Self {
            ad_spend_span: Some(SpanFigure::new(observed.from, observed.to)),
            ad_spend_observed_at: Some(observed.at.to_string()),
            cost_per_qualified_call_minor: cost_per_qualified(&spend, qualified).map(|cost| figure(&cost)),
            estimated_roi_minor: roi.map(|roi| figure(&roi)),
            estimated_roi_percent: percent.map(|hundredths| hundredths as f64 / 100.0),
            ad_spend_minor: Some(figure(&spend)),
        }
    }
}

/// Sums beyond 64 bits are shown as the largest there are: JSON has no wider numbers that clients read.
fn figure(money: &Money) -> MoneyFigure {
    let bounded = |minor: i128| minor.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    money.iter().map(|(currency, minor)| (currency.to_string(), bounded(*minor))).collect()
}
