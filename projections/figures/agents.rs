//! What of the calls is kept by agent, and what an agent or a session is measured by (C5, F6).

use std::collections::BTreeMap;

use domain::rules::outcomes::Outcome;
use domain::rules::rates::{percent_hundredths, ratio_rounded};
use serde::Serialize;
use utoipa::ToSchema;

use super::measure::Measure;
use super::share::{Amount, Share, Sums};

use crate::store::heap_free;

const COUNTS: usize = 7;

/// Sums over calls: of an agent in a day or month, or of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSums {
    counts: [i32; COUNTS],
    outcomes: [i32; Outcome::ALL.len()],
    talk_seconds: i64,
    known_seconds: i64,
}

heap_free!(CallSums);

impl Sums<Share> for CallSums {
    /// Only calls are summed here.
    fn add(&mut self, share: &Share, sign: i64) {
        if let Amount::Call { amounts, .. } = &share.amount {
            self.add_call(amounts, sign);
        }
    }
}

impl CallSums {
    /// Adds a call, or takes it out with `sign` −1.
    pub fn add_call(&mut self, amounts: &[(Measure, i64)], sign: i64) {
        for (measure, amount) in amounts {
            let (amount, count) = (sign * amount, (sign * amount) as i32);
            match measure {
                Measure::Calls => self.counts[0] += count,
                Measure::Answered => self.counts[1] += count,
                Measure::Qualified => self.counts[2] += count,
                Measure::KnownDurations => self.counts[3] += count,
                Measure::CountedCalls => self.counts[4] += count,
                Measure::AnsweredOfAll => self.counts[5] += count,
                Measure::QualifiedOfAll => self.counts[6] += count,
                Measure::Outcome(outcome) => self.outcomes[*outcome as usize] += count,
                Measure::TalkSeconds => self.talk_seconds += amount,
                Measure::KnownSeconds => self.known_seconds += amount,
                // Of leads, which are no agent's.
                Measure::EmailsSent
                | Measure::Replies
                | Measure::UniqueReplies
                | Measure::Interested
                | Measure::PositiveReplies
                | Measure::Bounces
                | Measure::Unsubscribes => {}
            }
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        let add =
            |sums: &mut [i32], more: &[i32]| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        add(&mut self.counts, &other.counts);
        add(&mut self.outcomes, &other.outcomes);
        self.talk_seconds += other.talk_seconds;
        self.known_seconds += other.known_seconds;
    }

    /// Whether all of them are 0.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Every sum in fixed order, for digests.
    pub fn values(&self) -> impl Iterator<Item = i64> {
        let counts = self.counts.into_iter().chain(self.outcomes).map(i64::from);
        counts.chain([self.talk_seconds, self.known_seconds])
    }

    /// Calls, reported or disposed.
    pub fn calls(&self) -> i64 {
        self.counts[0].into()
    }

    /// Answered calls of counted directions.
    pub fn answered(&self) -> i64 {
        self.counts[1].into()
    }

    /// Qualified calls of counted directions.
    pub fn qualified(&self) -> i64 {
        self.counts[2].into()
    }

    /// Calls of counted directions.
    pub fn counted(&self) -> i64 {
        self.counts[4].into()
    }

    /// Answered calls of any direction.
    pub fn answered_of_all(&self) -> i64 {
        self.counts[5].into()
    }

    /// Qualified calls of any direction.
    pub fn qualified_of_all(&self) -> i64 {
        self.counts[6].into()
    }

    /// Seconds of answered calls.
    pub fn talk_seconds(&self) -> i64 {
        self.talk_seconds
    }

    /// Calls whose last outcome `is` so.
    fn of(&self, is: impl Fn(Outcome) -> bool) -> i64 {
        let outcomes = Outcome::ALL.iter().zip(self.outcomes).filter(|(outcome, _)| is(**outcome));
        outcomes.map(|(_, count)| i64::from(count)).sum()
    }

    /// Calls on which somebody was spoken to.
    pub fn connected(&self) -> i64 {
        self.of(Outcome::is_connected)
    }

    /// Calls that somebody or something picked up.
    pub fn pickups(&self) -> i64 {
        self.of(Outcome::is_pickup)
    }

    /// The figures of C5.
    pub fn metrics(&self) -> CallMetrics {
        let decimals = |hundredths: Option<i64>| hundredths.map(|hundredths| hundredths as f64 / 100.0);
        let (calls, connected, pickups) = (self.calls(), self.connected(), self.pickups());
        let average = ratio_rounded(i128::from(self.known_seconds) * 100, self.counts[3].into());
        let outcomes = Outcome::ALL.iter().zip(self.outcomes).filter(|(_, count)| *count != 0);
        CallMetrics {
            calls_made: calls,
            pickups,
            talk_seconds: self.talk_seconds,
            success_rate: decimals(percent_hundredths(connected, calls)),
            average_call_seconds: decimals(average),
            conversion_rate: decimals(percent_hundredths(connected, pickups)),
            outcomes: outcomes.map(|(outcome, count)| (outcome.as_str(), count.into())).collect(),
        }
    }
}

/// How an agent or a session did, over distinct calls (C5). Rates are percents; they and the average have at most two
/// decimals, half away from zero, and are null over nothing (R10).
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct CallMetrics {
    /// Calls, reported or disposed, whatever their direction.
    pub calls_made: i64,
    /// Calls whose last outcome is `connected`, `appointment-set` or `voicemail`.
    pub pickups: i64,
    /// Seconds of answered calls.
    pub talk_seconds: i64,
    /// connected / calls made.
    pub success_rate: Option<f64>,
    /// Over calls with a known duration.
    pub average_call_seconds: Option<f64>,
    /// connected / pickups.
    pub conversion_rate: Option<f64>,
    /// Calls by their last outcome; outcomes without a call are left out.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub outcomes: BTreeMap<&'static str, i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(calls: &[(Option<Outcome>, bool, Option<i64>)]) -> CallSums {
        let mut sums = CallSums::default();
        for (outcome, answered, seconds) in calls {
            let talked = if *answered { seconds.unwrap_or(0) } else { 0 };
            let amounts = [
                (Measure::Calls, 1),
                (Measure::Answered, 0),
                (Measure::Qualified, 0),
                (Measure::TalkSeconds, talked),
                (Measure::KnownSeconds, seconds.unwrap_or(0)),
                (Measure::KnownDurations, i64::from(seconds.is_some())),
                (Measure::Outcome(outcome.unwrap_or(Outcome::Skipped)), i64::from(outcome.is_some())),
            ];
            sums.add_call(&amounts, 1);
        }
        sums
    }

    #[test]
    fn c5_given_calls_when_measured_then_rates_of_last_outcomes_with_two_decimals() {
        let metrics = sums(&[
            (Some(Outcome::Connected), true, Some(61)),
            (Some(Outcome::AppointmentSet), true, Some(30)),
            (Some(Outcome::Voicemail), true, Some(10)),
            (Some(Outcome::NoAnswer), false, Some(0)),
            (Some(Outcome::Busy), false, None),
            (None, false, None),
        ])
        .metrics();
        assert_eq!((metrics.calls_made, metrics.pickups, metrics.talk_seconds), (6, 3, 101));
        assert_eq!(metrics.success_rate, Some(33.33));
        assert_eq!(metrics.conversion_rate, Some(66.67));
        assert_eq!(metrics.average_call_seconds, Some(25.25), "over the four with a known duration");
        let outcomes: Vec<_> = metrics.outcomes.into_iter().collect();
        assert_eq!(
            outcomes,
            [("appointment-set", 1), ("busy", 1), ("connected", 1), ("no-answer", 1), ("voicemail", 1)]
        );
    }

    #[test]
    fn c5_given_nothing_when_measured_then_null_and_not_zero() {
        let metrics = CallSums::default().metrics();
        assert_eq!((metrics.calls_made, metrics.pickups, metrics.talk_seconds), (0, 0, 0));
        assert_eq!(
            (metrics.success_rate, metrics.average_call_seconds, metrics.conversion_rate),
            (None, None, None)
        );
        let unanswered = sums(&[(Some(Outcome::Busy), false, None)]).metrics();
        assert_eq!((unanswered.success_rate, unanswered.conversion_rate), (Some(0.0), None));
    }

    #[test]
    fn sums_that_are_taken_out_again_are_zero() {
        let mut sums = sums(&[(Some(Outcome::Dnc), true, Some(5))]);
        let other = sums;
        sums.merge(&other);
        assert_eq!(sums.calls(), 2);
        assert!(!sums.is_zero() && CallSums::default().is_zero());
    }
}
