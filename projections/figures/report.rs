//! What a report says: figures of its period, with the change on the period before (B14).

use std::collections::BTreeMap;

use domain::rules::rates::{percent_hundredths, ratio_rounded};
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::directions::DirectionFigures;
use crate::figures::lead_summary::LeadSummary;
use crate::figures::month::DayFigures;
use crate::figures::pipeline::Pipeline;

/// A figure beside that of the period before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Compared {
    /// Of the period; null of what was never observed.
    pub value: Option<i64>,
    /// Of the period before.
    pub before: Option<i64>,
    /// Value − before.
    pub change: Option<i64>,
    /// Change / before in percent; null where there was nothing before.
    pub change_percent: Option<f64>,
}

/// A rate beside that of the period before, in percent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ComparedRate {
    /// Of the period; null over nothing.
    pub value: Option<f64>,
    /// Of the period before.
    pub before: Option<f64>,
    /// Value − before, in percentage points.
    pub change: Option<f64>,
}

/// The calls of one direction beside those of the period before, whether or not the tenant counts the direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ComparedDirection {
    /// Calls, reported or disposed.
    pub calls: Compared,
    /// Those that somebody answered.
    pub answered: Compared,
    /// Those whose status is `qualified`.
    pub qualified: Compared,
    /// Seconds of answered calls.
    pub talk_seconds: Compared,
    /// answered / calls.
    pub answered_rate: ComparedRate,
}

/// The figures of a report. Events are summed over its days; what the CRM held is as it was when the period ended,
/// however often it was read (L10).
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ReportFigures {
    /// All calls.
    pub calls: Compared,
    /// Answered calls of counted directions.
    pub answered: Compared,
    /// Qualified calls of counted directions.
    pub qualified: Compared,
    /// Seconds of answered calls.
    pub talk_seconds: Compared,
    /// answered / calls of counted directions.
    pub answered_rate: ComparedRate,
    /// Inbound calls, whatever the tenant counts.
    pub inbound: ComparedDirection,
    /// Outbound calls, whatever the tenant counts.
    pub outbound: ComparedDirection,
    /// `email_sent` events.
    pub emails_sent: Compared,
    /// `lead_replied` events.
    pub replies: Compared,
    /// `lead_interested` events.
    pub interested: Compared,
    /// Distinct leads, once for ever, when they were first interested.
    pub positive_replies: Compared,
    /// `email_bounced` events.
    pub bounces: Compared,
    /// `lead_unsubscribed` events.
    pub unsubscribes: Compared,
    /// replies / emails sent.
    pub reply_rate: ComparedRate,
    /// interested / replies.
    pub interest_rate: ComparedRate,
    /// bounces / emails sent.
    pub bounce_rate: ComparedRate,
    /// unsubscribes / emails sent.
    pub unsubscribe_rate: ComparedRate,
    /// Minor units by currency, of the days that were observed.
    pub ad_spend_minor: BTreeMap<String, Compared>,
    /// The CRM's leads when the period ended.
    pub total_leads: Compared,
    /// Those in qualified stages.
    pub qualified_leads: Compared,
    /// Currency of the pipeline's values.
    pub currency: Option<String>,
    /// What all deals were worth when the period ended.
    pub pipeline_value_minor: Compared,
    /// The same, weighted by the likelihoods of their stages.
    pub weighted_value_minor: Compared,
}

/// What one period is made of.
#[derive(Debug, Clone)]
pub struct ReportPeriod {
    /// Its days.
    pub days: Vec<DayFigures>,
    /// The CRM's leads when it ended.
    pub leads: LeadSummary,
    /// The CRM's deals when it ended.
    pub deals: Pipeline,
}

impl ReportPeriod {
    fn sum(&self, of: impl Fn(&DayFigures) -> i64) -> i64 {
        self.days.iter().map(of).sum()
    }

    fn spend(&self) -> BTreeMap<String, i64> {
        let mut spend = BTreeMap::new();
        let days = self.days.iter().filter_map(|day| day.figures.money.ad_spend_minor.as_ref());
        for (currency, minor) in days.flatten() {
            *spend.entry(currency.clone()).or_default() += minor;
        }
        spend
    }

    fn led(&self, of: impl Fn(&LeadSummary) -> i64) -> Option<i64> {
        self.leads.observed_at.as_ref().map(|_| of(&self.leads))
    }

    fn dealt(&self, of: impl Fn(&Pipeline) -> Option<i64>) -> Option<i64> {
        self.deals.observed_at.as_ref().and_then(|_| of(&self.deals))
    }
}

impl ReportFigures {
    /// The figures of a period beside those of the one before.
    pub fn of(period: &ReportPeriod, before: &ReportPeriod) -> Self {
        let both = [period, before];
        let sum = |of: fn(&DayFigures) -> i64| compared(both.map(|period| Some(period.sum(of))));
        let rate = |part: fn(&DayFigures) -> i64, whole: fn(&DayFigures) -> i64| {
            rates(both.map(|period| percent_hundredths(period.sum(part), period.sum(whole))))
        };
        let direction = |of: fn(&DayFigures) -> &DirectionFigures| {
            let sums =
                |part: fn(&DirectionFigures) -> i64| both.map(|period| period.sum(|day| part(of(day))));
            let [calls, answered] = [sums(|of| of.calls), sums(|of| of.answered)];
            let answered_rate = [0, 1].map(|at: usize| percent_hundredths(answered[at], calls[at]));
            ComparedDirection {
                calls: compared(calls.map(Some)),
                answered: compared(answered.map(Some)),
                qualified: compared(sums(|of| of.qualified).map(Some)),
                talk_seconds: compared(sums(|of| of.talk_seconds).map(Some)),
                answered_rate: rates(answered_rate),
            }
        };
        let led = |of: fn(&LeadSummary) -> i64| compared(both.map(|period| period.led(of)));
        let dealt = |of: fn(&Pipeline) -> Option<i64>| compared(both.map(|period| period.dealt(of)));
        let [spent, spent_before] = both.map(ReportPeriod::spend);
        let currencies: Vec<&String> = spent.keys().chain(spent_before.keys()).collect();
        let spend = |currency: &String| [&spent, &spent_before].map(|spend| spend.get(currency).copied());
        Self {
            calls: sum(|day| day.figures.calls),
            answered: sum(|day| day.figures.answered),
            qualified: sum(|day| day.figures.qualified),
            talk_seconds: sum(|day| day.figures.talk_seconds),
            answered_rate: rate(|day| day.figures.answered, |day| day.figures.counted_calls),
            inbound: direction(|day| &day.figures.inbound),
            outbound: direction(|day| &day.figures.outbound),
            emails_sent: sum(|day| day.figures.emails_sent),
            replies: sum(|day| day.figures.replies),
            interested: sum(|day| day.figures.interested),
            positive_replies: sum(|day| day.figures.positive_replies),
            bounces: sum(|day| day.figures.bounces),
            unsubscribes: sum(|day| day.figures.unsubscribes),
            reply_rate: rate(|day| day.figures.replies, |day| day.figures.emails_sent),
            interest_rate: rate(|day| day.figures.interested, |day| day.figures.replies),
            bounce_rate: rate(|day| day.figures.bounces, |day| day.figures.emails_sent),
            unsubscribe_rate: rate(|day| day.figures.unsubscribes, |day| day.figures.emails_sent),
            ad_spend_minor: currencies.iter().map(|of| ((*of).clone(), compared(spend(of)))).collect(),
            total_leads: led(|leads| leads.total_leads),
            qualified_leads: led(|leads| leads.qualified_leads),
            currency: period.deals.currency.clone().or_else(|| before.deals.currency.clone()),
            pipeline_value_minor: dealt(|deals| Some(deals.total_value_minor)),
            weighted_value_minor: dealt(|deals| deals.weighted_value_minor),
        }
    }
}

/// A figure beside the one before; the change is null where one of both is.
pub(super) fn compared([value, before]: [Option<i64>; 2]) -> Compared {
    let change = value.zip(before).map(|(value, before)| value.saturating_sub(before));
    let of = change
        .zip(before)
        .and_then(|(change, before)| ratio_rounded(i128::from(change) * 10_000, i128::from(before).abs()));
    Compared { value, before, change, change_percent: of.map(percent) }
}

/// Rates in hundredths of a percent.
pub(super) fn rates([value, before]: [Option<i64>; 2]) -> ComparedRate {
    let change = value.zip(before).map(|(value, before)| value - before);
    ComparedRate { value: value.map(percent), before: before.map(percent), change: change.map(percent) }
}

/// Hundredths of a percent as percents with two decimals.
fn percent(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b14_given_two_periods_then_the_change_and_its_percent_of_the_one_before() {
        let of = |value, before| {
            let compared = compared([value, before]);
            (compared.change, compared.change_percent)
        };
        assert_eq!(of(Some(15), Some(10)), (Some(5), Some(50.0)));
        assert_eq!(of(Some(9), Some(12)), (Some(-3), Some(-25.0)));
        assert_eq!(of(Some(9), Some(0)), (Some(9), None), "nothing to be a part of");
        assert_eq!(of(Some(9), None), (None, None), "never observed before");
        let rate = rates([Some(1_234), Some(1_000)]);
        assert_eq!((rate.value, rate.change), (Some(12.34), Some(2.34)));
    }
}
