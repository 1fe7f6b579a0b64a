//! Answers of `/metrics/month` and `/metrics/days`: calls, outreach and ad spend.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::report::TargetMetric;
use domain::keys::Position;
use domain::members::{Day, Instant, Month};
use domain::rules::outcomes::Outcome;
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::cells::CallsByDirection;
use crate::figures::directions::{DirectionFigures, rate};
use crate::figures::money::{MoneyFigures, MoneySums};
use crate::figures::pace::{TargetFigures, TargetsFigure};
use crate::figures::{Cell, Measure};
use crate::store::Texts;
use crate::tenant::Tenant;

/// Figures of one agent; `agent` is null for calls that are nobody's, so that the rows sum to the tenant's.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AgentFigures {
    /// Lower case.
    pub agent: Option<String>,
    /// All calls.
    pub calls: i64,
    /// Of counted directions.
    pub answered: i64,
    /// Of counted directions.
    pub qualified: i64,
    /// Over answered calls, whatever their direction.
    pub talk_seconds: i64,
    /// Calls whose last outcome is `connected`, `appointment-set` or `voicemail`.
    pub pickups: i64,
    /// Calls whose last outcome is `connected` or `appointment-set`.
    pub connected: i64,
    /// answered / calls of counted directions, percent.
    pub answered_rate: Option<f64>,
    /// Inbound calls, whatever the tenant counts.
    pub inbound: DirectionFigures,
    /// Outbound calls, whatever the tenant counts.
    pub outbound: DirectionFigures,
}

/// Figures of one month or day. Rates are percents with two decimals, null over nothing (R10).
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// All calls, reported or disposed.
    pub calls: i64,
    /// Answered calls of counted directions.
    pub answered: i64,
    /// Qualified calls of counted directions.
    pub qualified: i64,
    /// Seconds of answered calls, whatever their direction.
    pub talk_seconds: i64,
    /// answered / calls of counted directions.
    pub answered_rate: Option<f64>,
    /// Calls of counted directions: what `answered_rate` is over, for sums of several days.
    #[serde(skip)]
    pub counted_calls: i64,
    /// Inbound calls, whatever the tenant counts.
    pub inbound: DirectionFigures,
    /// Outbound calls, whatever the tenant counts.
    pub outbound: DirectionFigures,
    /// `email_sent` events.
    pub emails_sent: i64,
    /// `lead_replied` events.
    pub replies: i64,
    /// Distinct leads that replied; days need not sum to their month.
    pub unique_replies: i64,
    /// `lead_interested` events.
    pub interested: i64,
    /// Distinct leads, once for ever, when they were first interested.
    pub positive_replies: i64,
    /// `email_bounced` events.
    pub bounces: i64,
    /// `lead_unsubscribed` events.
    pub unsubscribes: i64,
    /// replies / emails sent.
    pub reply_rate: Option<f64>,
    /// interested / replies.
    pub interest_rate: Option<f64>,
    /// bounces / emails sent.
    pub bounce_rate: Option<f64>,
    /// unsubscribes / emails sent.
    pub unsubscribe_rate: Option<f64>,
    /// Ad spend and what follows from it.
    #[serde(flatten)]
    pub money: MoneyFigures,
    /// Calls by their last disposition; outcomes without a call are left out.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub outcomes: BTreeMap<&'static str, i64>,
    /// By name, nobody's calls last.
    pub by_agent: Vec<AgentFigures>,
}

/// The cells of one month or day, copied out under the lock; figures are made of them outside it.
#[derive(Debug, Clone, Default)]
pub struct FigureCells {
    /// Of calls.
    pub calls: Option<Arc<Cell>>,
    /// Of leads.
    pub leads: Option<Arc<Cell>>,
    /// Of ad spend.
    pub money: MoneySums,
}

impl Figures {
    /// The figures of those cells; `agents` are the texts of the calls' table.
    pub fn of(cells: &FigureCells, agents: &Texts) -> Self {
        let of = |cell: &Option<Arc<Cell>>, measure| cell.as_ref().map_or(0, |cell| cell.get(measure));
        let calls = |measure| of(&cells.calls, measure);
        let leads = |measure| of(&cells.leads, measure);
        let [sent, replies] = [leads(Measure::EmailsSent), leads(Measure::Replies)];
        let [interested, bounces] = [leads(Measure::Interested), leads(Measure::Bounces)];
        let unsubscribes = leads(Measure::Unsubscribes);
        let by_direction = cells.calls.as_ref().map(|cell| cell.all_calls()).unwrap_or_default();
        Self {
            calls: calls(Measure::Calls),
            answered: calls(Measure::Answered),
            qualified: calls(Measure::Qualified),
            talk_seconds: calls(Measure::TalkSeconds),
            answered_rate: rate(calls(Measure::Answered), calls(Measure::CountedCalls)),
            counted_calls: calls(Measure::CountedCalls),
            inbound: DirectionFigures::of(&by_direction.inbound),
            outbound: DirectionFigures::of(&by_direction.outbound),
            emails_sent: sent,
            replies,
            unique_replies: leads(Measure::UniqueReplies),
            interested,
            positive_replies: leads(Measure::PositiveReplies),
            bounces,
            unsubscribes,
            reply_rate: rate(replies, sent),
            interest_rate: rate(interested, replies),
            bounce_rate: rate(bounces, sent),
            unsubscribe_rate: rate(unsubscribes, sent),
            money: MoneyFigures::of(&cells.money, calls(Measure::Qualified)),
            outcomes: Outcome::ALL
                .iter()
                .map(|outcome| (outcome.as_str(), calls(Measure::Outcome(*outcome))))
                .filter(|(_, count)| *count != 0)
                .collect(),
            by_agent: cells.calls.as_ref().map_or_else(Vec::new, |cell| by_agent(cell, agents)),
        }
    }
}

fn by_agent(cell: &Cell, agents: &Texts) -> Vec<AgentFigures> {
    let mut rows: Vec<AgentFigures> = cell
        .agents()
        .into_iter()
        .map(|(agent, CallsByDirection { all: sums, inbound, outbound })| AgentFigures {
            agent: agents.maybe(agent).map(str::to_owned),
            calls: sums.calls(),
            answered: sums.answered(),
            qualified: sums.qualified(),
            talk_seconds: sums.talk_seconds(),
            pickups: sums.pickups(),
            connected: sums.connected(),
            answered_rate: rate(sums.answered(), sums.counted()),
            inbound: DirectionFigures::of(&inbound),
            outbound: DirectionFigures::of(&outbound),
        })
        .collect();
    rows.sort_unstable_by(|a, b| (a.agent.is_none(), &a.agent).cmp(&(b.agent.is_none(), &b.agent)));
    rows
}

/// Answer of `/metrics/month`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MonthAnswer {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// `2025-10`
    pub month: String,
    /// IANA name of the zone that cuts the month.
    pub timezone: &'static str,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// By metric, those that are set.
    #[schema(value_type = BTreeMap<String, TargetFigures>)]
    pub targets: TargetsFigure,
}

/// One day of `/metrics/days`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DayFigures {
    /// `2025-10-09`
    pub date: String,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Answer of `/metrics/days`: every day asked for, those without facts as zeros.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DaysAnswer {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// IANA name of the zone that cuts the last day.
    pub timezone: &'static str,
    /// Oldest first.
    pub items: Vec<DayFigures>,
}

impl Tenant {
    /// The figures of a month; its targets as they stand at `now`, which decides nothing about a past month.
    pub fn month(&self, position: Position, month: Month, now: Instant) -> MonthAnswer {
        let figures = self.figures_of(month);
        let today = self.profile.timeline.latest().zone.day(now);
        MonthAnswer {
            position,
            month: month.to_string(),
            timezone: self.zone_of(month.last()),
            targets: self.targets_of(month, &figures, today),
            figures,
        }
    }

    /// What a month's answer has but for its name and targets.
    pub(super) fn figures_of(&self, month: Month) -> Figures {
        Figures::of(&self.cells_of_month(month), self.calls.rows.texts())
    }

    fn targets_of(&self, month: Month, figures: &Figures, today: Day) -> TargetsFigure {
        let set = |metric: &TargetMetric| Some((*metric, self.targets.rows.get(month, *metric)?));
        let set: Vec<_> = TargetMetric::ALL.iter().filter_map(set).collect();
        if set.is_empty() {
            return TargetsFigure::new();
        }
        let of_today = self.figures_on(today);
        let target = |(metric, target)| {
            let [value, of_today] = [figures, &of_today].map(|figures| reached(metric, figures));
            (metric.as_str(), TargetFigures::of(target, value, of_today, month, today))
        };
        set.into_iter().map(target).collect()
    }

    /// The figures of a day alone.
    pub(super) fn figures_on(&self, day: Day) -> Figures {
        Figures::of(&self.cells_of_day(day), self.calls.rows.texts())
    }

    fn cells_of_month(&self, month: Month) -> FigureCells {
        let (first, last) = (month.first(), month.last());
        let mut money = self.money_between(self.spend.figures.month(month), first, last);
        for day in first.0..=last.0 {
            money.add_calls(Day(day), self.calls.figures.day(Day(day)), &self.profile.timeline);
        }
        FigureCells {
            calls: self.calls.figures.month(month).cloned(),
            leads: self.leads.figures.cells.month(month).cloned(),
            money,
        }
    }

    fn cells_of_day(&self, day: Day) -> FigureCells {
        let calls = self.calls.figures.day(day);
        let mut money = self.money_between(self.spend.figures.day(day), day, day);
        money.add_calls(day, calls, &self.profile.timeline);
        FigureCells { calls: calls.cloned(), leads: self.leads.figures.cells.day(day).cloned(), money }
    }

    fn money_between(&self, spend: Option<&Arc<Cell>>, from: Day, to: Day) -> MoneySums {
        let observed = spend.and_then(|_| self.spend.rows.observed(from, to));
        MoneySums { spend: spend.cloned(), observed, ..MoneySums::default() }
    }

    /// The cells of each day from `from` to `to`, to be made into an answer outside the lock.
    pub fn days(&self, from: Day, to: Day) -> Days {
        let cells = (from.0..=to.0).map(|day| self.cells_of_day(Day(day))).collect();
        let agents = self.calls.rows.texts().clone();
        Days { from, cells, agents, timezone: self.zone_of(to) }
    }

    /// The zone that cuts `day`.
    pub(super) fn zone_of(&self, day: Day) -> &'static str {
        self.profile.timeline.on(day).zone.as_str()
    }
}

/// The cells of some days, copied out under the lock.
#[derive(Debug)]
pub struct Days {
    from: Day,
    cells: Vec<FigureCells>,
    agents: Texts,
    timezone: &'static str,
}

impl Days {
    /// The answer.
    pub fn answer(self, position: Position) -> DaysAnswer {
        let items = (self.from.0..).zip(&self.cells).map(|(day, cells)| DayFigures {
            date: Day(day).to_string(),
            figures: Figures::of(cells, &self.agents),
        });
        DaysAnswer { position, timezone: self.timezone, items: items.collect() }
    }
}

/// The figure that a target of this metric is set for.
pub fn reached(metric: TargetMetric, figures: &Figures) -> i64 {
    match metric {
        TargetMetric::PositiveReplies => figures.positive_replies,
        TargetMetric::EmailsSent => figures.emails_sent,
        TargetMetric::Qualified => figures.qualified,
    }
}
