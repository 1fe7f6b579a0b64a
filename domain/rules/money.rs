//! What qualified calls cost and bring (A7): money by currency, minor units, never one currency added to another.

use std::collections::BTreeMap;

use crate::members::Currency;
use crate::rules::rates::{percent_hundredths, ratio_rounded};

/// Minor units by currency. Sums of members of 64 bits, so that none overflows.
pub type Money = BTreeMap<Currency, i128>;

/// What a qualified call cost, half away from zero; `None` without any, or for nothing spent in any currency.
pub fn cost_per_qualified(spend: &Money, qualified: i64) -> Option<Money> {
    let each = |(currency, minor): (&Currency, &i128)| {
        Some((*currency, i128::from(ratio_rounded(*minor, i128::from(qualified))?)))
    };
    if spend.is_empty() { None } else { spend.iter().map(each).collect() }
}

/// What calls are worth by the job values of their days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worth {
    by_currency: BTreeMap<Option<Currency>, i128>,
    is_unknown: bool,
}

impl Worth {
    /// Adds the qualified calls of a day, at what one was worth then. No calls are worth nothing, whatever one is.
    pub fn add(&mut self, qualified: i64, job_value_minor: Option<i64>, currency: Option<Currency>) {
        match job_value_minor {
            _ if qualified == 0 => {}
            Some(value) => {
                *self.by_currency.entry(currency).or_default() += i128::from(qualified) * i128::from(value);
            }
            None => self.is_unknown = true,
        }
    }

    /// What it is over the spend, by currency. `None` where nothing was observed to be spent, or where a call's
    /// worth is not known: neither it nor, among several, its currency.
    pub fn over(&self, spend: &Money) -> Option<Money> {
        if spend.is_empty() || self.is_unknown {
            return None;
        }
        let mut roi: Money = spend.iter().map(|(currency, minor)| (*currency, -minor)).collect();
        for (currency, minor) in &self.by_currency {
            let currency = match currency {
                Some(currency) => *currency,
                None => only(spend)?.0,
            };
            *roi.entry(currency).or_default() += minor;
        }
        Some(roi)
    }
}

/// The return in hundredths of a percent of the spend; `None` over nothing, and for more than one currency.
pub fn roi_percent_hundredths(roi: &Money, spend: &Money) -> Option<i64> {
    let ((currency, roi), (of, spend)) = (only(roi)?, only(spend)?);
    let in_bounds = |minor: i128| i64::try_from(minor).ok();
    if currency == of { percent_hundredths(in_bounds(roi)?, in_bounds(spend)?) } else { None }
}

fn only(money: &Money) -> Option<(Currency, i128)> {
    let mut all = money.iter();
    let (currency, minor) = all.next()?;
    all.next().is_none().then_some((*currency, *minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(of: &[(&str, i128)]) -> Money {
        of.iter().map(|(currency, minor)| (Currency::parse(currency).expect("code"), *minor)).collect()
    }

    fn worth(calls: &[(i64, Option<i64>, Option<&str>)]) -> Worth {
        let mut worth = Worth::default();
        for (qualified, value, currency) in calls {
            worth.add(*qualified, *value, currency.and_then(Currency::parse));
        }
        worth
    }

    #[test]
    fn a7_given_ten_qualified_and_500_then_50_each_and_an_eleventh_45_45() {
        let spend = money(&[("USD", 50_000)]);
        assert_eq!(cost_per_qualified(&spend, 10), Some(money(&[("USD", 5_000)])));
        assert_eq!(cost_per_qualified(&spend, 11), Some(money(&[("USD", 4_545)])));
        assert_eq!(cost_per_qualified(&money(&[("USD", 5)]), 10), Some(money(&[("USD", 1)])), "a half");
    }

    #[test]
    fn a7_given_none_qualified_and_250_spent_then_no_cost_and_roi_minus_250_whatever_a_job_is_worth() {
        let spend = money(&[("USD", 25_000)]);
        assert_eq!(cost_per_qualified(&spend, 0), None);
        for value in [None, Some(15_000)] {
            let roi = worth(&[(0, value, Some("USD"))]).over(&spend);
            assert_eq!(roi, Some(money(&[("USD", -25_000)])));
            assert_eq!(roi_percent_hundredths(&roi.expect("known"), &spend), Some(-10_000));
        }
    }

    #[test]
    fn a7_given_eight_qualified_at_150_and_400_spent_then_roi_800_which_is_200_percent() {
        let spend = money(&[("USD", 40_000)]);
        for currency in [Some("USD"), None] {
            let roi = worth(&[(8, Some(15_000), currency)]).over(&spend).expect("known");
            assert_eq!(roi, money(&[("USD", 80_000)]));
            assert_eq!(roi_percent_hundredths(&roi, &spend), Some(20_000));
        }
    }

    #[test]
    fn given_a_job_value_that_changed_when_summed_then_each_day_counts_at_its_own() {
        let worth = worth(&[(1, Some(10_000), Some("USD")), (2, Some(15_000), Some("USD"))]);
        assert_eq!(worth.over(&money(&[("USD", 40_000)])), Some(money(&[("USD", 0)])));
    }

    #[test]
    fn given_what_is_not_known_when_asked_for_roi_then_null() {
        let spend = money(&[("USD", 100)]);
        assert_eq!(worth(&[(1, None, Some("USD"))]).over(&spend), None, "no job value");
        assert_eq!(worth(&[(1, Some(5), Some("USD"))]).over(&Money::new()), None, "no observation");
        assert_eq!(worth(&[(1, Some(5), None)]).over(&money(&[("USD", 1), ("EUR", 1)])), None);
        assert_eq!(cost_per_qualified(&Money::new(), 3), None);
        assert_eq!(roi_percent_hundredths(&money(&[("USD", 5)]), &money(&[("USD", 0)])), None);
    }

    #[test]
    fn given_several_currencies_when_set_against_each_other_then_each_stays_its_own() {
        let spend = money(&[("EUR", 300), ("USD", 200)]);
        let roi = worth(&[(2, Some(400), Some("USD"))]).over(&spend).expect("known");
        assert_eq!(roi, money(&[("EUR", -300), ("USD", 600)]));
        assert_eq!(roi_percent_hundredths(&roi, &spend), None);
    }

    #[test]
    fn given_the_largest_amounts_when_summed_then_nothing_overflows() {
        let most = i128::from(i64::MAX);
        let roi = worth(&[(i64::MAX, Some(i64::MAX), Some("USD"))]).over(&money(&[("USD", -most)]));
        let roi = roi.expect("known");
        assert_eq!(roi, money(&[("USD", most * most + most)]));
        assert_eq!(roi_percent_hundredths(&roi, &money(&[("USD", 1)])), None);
    }
}
