//! Whether a row says already what a report says.

use domain::facts::call::CallReported;
use domain::members::{Email, Instant, Phone, Text};

use super::{AGENT, CallRow, DIRECTION, DURATION, FROM, MACHINE, OUTCOME, TO, is_machine};
use crate::entities::calls::leg::{CallLeg, known};
use crate::store::{Strings, Symbol};

/// Whether a member of a row is what is given; what is not given says nothing.
fn holds(has: Option<Symbol>, given: Option<&str>, strings: &Strings) -> bool {
    given.is_none_or(|given| has.is_some() && strings.find(given) == has)
}

/// Whether each moment that is given is known, whatever it is: two ways to tell of one moment differ by what they round.
fn has_moments(has: [Option<Instant>; 2], given: [Option<Instant>; 2]) -> bool {
    has.iter().zip(given).all(|(has, given)| given.is_none() || has.is_some())
}

impl CallRow {
    /// Whether a provider reported the call itself.
    pub fn has_own_status(&self) -> bool {
        self.latest_status.is_some_and(|latest| latest.own)
    }

    /// When its status was last told, unless it has ended.
    pub fn open_since(&self) -> Option<Instant> {
        let latest = self.latest_status.filter(|latest| latest.own && latest.rank < 3)?;
        Some(latest.order.occurred_at())
    }

    /// When the last that is known of it happened.
    pub fn last_told(&self) -> Instant {
        let status = self.latest_status.map(|latest| latest.order.occurred_at());
        let disposed = self.disposed.as_ref().map(|disposed| disposed.with_order(OUTCOME).0.occurred_at());
        let told = [status, disposed].into_iter().chain(self.moments()).flatten();
        told.max().unwrap_or(self.begun).max(self.begun)
    }

    /// Whether its end was reported.
    pub fn has_ended(&self) -> bool {
        self.has_own_status() && self.open_since().is_none()
    }

    fn leg_of(&self, report: &CallReported, strings: &Strings) -> Option<&CallLeg> {
        let id = strings.find(report.call_id.as_str())?;
        self.legs().iter().find(|leg| leg.id == id)
    }

    /// Whether the call, or the leg, that `report` is of was reported before.
    pub fn has_reported(&self, report: &CallReported, strings: &Strings) -> bool {
        if is_own(report) { self.has_own_status() } else { self.leg_of(report, strings).is_some() }
    }

    /// Whether `report` says nothing that the row does not say. What no later report can take back (that somebody
    /// answered, an earlier start, an end) is not said anew by its contrary.
    pub fn tells(&self, report: &CallReported, strings: &Strings) -> bool {
        if !holds(self.agent_told(), report.agent.as_ref().map(Email::as_str), strings) {
            return false;
        }
        let moments = [report.answered_at, report.ended_at];
        if !is_own(report) {
            return self.leg_of(report, strings).is_some_and(|leg| {
                let duration = leg.duration.map(|(_, seconds)| seconds);
                (leg.answered || report.answered != Some(true))
                    && (report.duration_seconds.is_none() || report.duration_seconds == duration)
                    && has_moments(known(&leg.moments), moments)
            });
        }
        let status = self
            .latest_status
            .filter(|latest| latest.own)
            .is_some_and(|latest| report.status.rank() < latest.rank || report.status == latest.status);
        let machine = report.answered_by.as_ref();
        let machine =
            machine.is_none_or(|by| self.told.get(MACHINE) == 1 + u32::from(is_machine(by.as_str())));
        let seconds = report.duration_seconds;
        let duration = seconds.is_none_or(|seconds| self.told.get(DURATION) == seconds.saturating_add(1));
        let direction = report.direction;
        let direction = direction.is_none_or(|direction| self.told.get(DIRECTION) == direction as u32 + 1);
        let started = report.started_at;
        let [source, campaign] = self.from_where();
        status
            && machine
            && duration
            && direction
            && (self.answered || report.answered != Some(true))
            && started.is_none_or(|started| self.starts_known && self.begun <= started)
            && has_moments(known(&self.moments), moments)
            && holds(Symbol::numbered(self.told.get(FROM)), report.from.as_ref().map(Phone::as_str), strings)
            && holds(Symbol::numbered(self.told.get(TO)), report.to.as_ref().map(Phone::as_str), strings)
            && holds(source, report.source.as_ref().map(Text::as_str), strings)
            && holds(campaign, report.campaign.as_ref().map(Text::as_str), strings)
    }

    fn agent_told(&self) -> Option<Symbol> {
        Symbol::numbered(self.told.get(AGENT))
    }
}

/// Whether a report is of the call itself and of none of its legs.
fn is_own(report: &CallReported) -> bool {
    report.parent_call_id.as_ref().is_none_or(|parent| *parent == report.call_id)
}
