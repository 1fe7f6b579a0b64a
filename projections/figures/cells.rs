//! Cells: what is counted or summed per local day and month, and how a row's share goes in and out of them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use domain::members::{Currency, Day, Month};
use domain::rules::outcomes::Outcome;

use crate::canonical::{Canonical, Digest};
use crate::figures::agents::CallSums;
use crate::store::{Symbol, Texts};

/// What a cell counts or sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Calls, reported or disposed.
    Calls,
    /// Answered calls of counted directions.
    Answered,
    /// Qualified calls of counted directions.
    Qualified,
    /// Seconds of answered calls, whatever their direction.
    TalkSeconds,
    /// `email_sent` events.
    EmailsSent,
    /// `lead_replied` events.
    Replies,
    /// Distinct leads that replied.
    UniqueReplies,
    /// `lead_interested` events.
    Interested,
    /// Distinct leads, once for ever, when they were first interested.
    PositiveReplies,
    /// `email_bounced` events.
    Bounces,
    /// `lead_unsubscribed` events.
    Unsubscribes,
    /// Seconds of calls with a known duration, answered or not.
    KnownSeconds,
    /// Calls with a known duration.
    KnownDurations,
    /// Calls by outcome.
    Outcome(Outcome),
}

const PLAIN: usize = 13;
const MEASURES: usize = PLAIN + Outcome::ALL.len();

impl Measure {
    fn at(self) -> usize {
        match self {
            Self::Calls => 0,
            Self::Answered => 1,
            Self::Qualified => 2,
            Self::TalkSeconds => 3,
            Self::EmailsSent => 4,
            Self::Replies => 5,
            Self::UniqueReplies => 6,
            Self::Interested => 7,
            Self::PositiveReplies => 8,
            Self::Bounces => 9,
            Self::Unsubscribes => 10,
            Self::KnownSeconds => 11,
            Self::KnownDurations => 12,
            Self::Outcome(outcome) => PLAIN + outcome as usize,
        }
    }
}

/// Which cells a share falls in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A day and its month: what adds up over days.
    Day(Day),
    /// A day alone: what is distinct within it.
    DayAlone(Day),
    /// A month alone.
    MonthAlone(Month),
}

/// As many measures as a call has.
pub(crate) const AMOUNTS: usize = 7;

/// What one row adds to the cells of one day or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Where it falls.
    pub when: When,
    /// Whose it is as well, for calls: an agent, or nobody.
    pub agent: Option<Option<Symbol>>,
    /// How much of what.
    pub amounts: [(Measure, i64); AMOUNTS],
}

impl Share {
    /// One of one measure.
    pub fn one(when: When, measure: Measure) -> Self {
        let mut amounts = [(measure, 0); AMOUNTS];
        amounts[0].1 = 1;
        Self { when, agent: None, amounts }
    }
}

/// What accounts spent, in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Minor units. Wide, so that no sum of members of 64 bits overflows.
    pub minor: i128,
    /// Days of accounts: none is not the same as nothing spent.
    pub observations: i64,
}

/// Sums of one day or month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    sums: [i64; MEASURES],
    spend: BTreeMap<Currency, Spent>,
    agents: BTreeMap<Option<Symbol>, CallSums>,
}

impl Cell {
    /// The sum of a measure.
    pub fn get(&self, measure: Measure) -> i64 {
        self.sums[measure.at()]
    }

    /// Sums over calls by agent, nobody's among them; in no order that can be served.
    pub fn agents(&self) -> impl Iterator<Item = (Option<Symbol>, &CallSums)> {
        self.agents.iter().map(|(agent, sums)| (*agent, sums))
    }

    /// Sums over the calls of one agent.
    pub fn agent(&self, agent: Symbol) -> Option<&CallSums> {
        self.agents.get(&Some(agent))
    }

    fn add(&mut self, share: &Share, sign: i64) {
        for (measure, amount) in share.amounts {
            self.sums[measure.at()] += sign * amount;
        }
        let Some(agent) = share.agent else { return };
        let sums = self.agents.entry(agent).or_default();
        sums.add(share, sign);
        if sums.is_zero() {
            self.agents.remove(&agent);
        }
    }

    fn add_spend(&mut self, currency: Currency, minor: i64, sign: i64) {
        let spent = self.spend.entry(currency).or_default();
        spent.minor += i128::from(sign) * i128::from(minor);
        spent.observations += sign;
        if spent.observations == 0 {
            self.spend.remove(&currency);
        }
    }

    /// Ad spend by currency; a currency without an observation is left out.
    pub fn spend(&self) -> impl Iterator<Item = (Currency, Spent)> {
        self.spend.iter().map(|(currency, spent)| (*currency, *spent))
    }

    fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.spend.is_empty() && self.sums == [0; MEASURES]
    }

    /// Every sum that is not 0, in fixed order.
    pub fn sums(&self) -> impl Iterator<Item = (usize, i64)> {
        self.sums.iter().copied().enumerate().filter(|(_, sum)| *sum != 0)
    }
}

/// All cells of one tenant and one entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    days: BTreeMap<Day, Arc<Cell>>,
    months: BTreeMap<Month, Arc<Cell>>,
}

impl Cells {
    /// Adds a share, or takes it out with `sign` −1.
    pub fn add(&mut self, share: &Share, sign: i64) {
        match share.when {
            When::Day(day) => {
                change(&mut self.days, day, |cell| cell.add(share, sign));
                change(&mut self.months, day.month(), |cell| cell.add(share, sign));
            }
            When::DayAlone(day) => change(&mut self.days, day, |cell| cell.add(share, sign)),
            When::MonthAlone(month) => change(&mut self.months, month, |cell| cell.add(share, sign)),
        }
    }

    /// Adds what an account spent on a day, or takes it out with `sign` −1.
    pub fn add_spend(&mut self, day: Day, currency: Currency, minor: i64, sign: i64) {
        change(&mut self.days, day, |cell| cell.add_spend(currency, minor, sign));
        change(&mut self.months, day.month(), |cell| cell.add_spend(currency, minor, sign));
    }

    /// The cell of a month; none where all is 0.
    pub fn month(&self, month: Month) -> Option<&Arc<Cell>> {
        self.months.get(&month)
    }

    /// The cell of a day; none where all is 0.
    pub fn day(&self, day: Day) -> Option<&Arc<Cell>> {
        self.days.get(&day)
    }

    /// The cells of some months, those that are not all 0, oldest first.
    pub fn between(&self, months: RangeInclusive<Month>) -> impl Iterator<Item = (Month, &Arc<Cell>)> {
        let is_some = months.start() <= months.end();
        let found = is_some.then(|| self.months.range(months)).into_iter().flatten();
        found.map(|(month, cell)| (*month, cell))
    }

    /// Digest of all cells; `agents` are the texts of the table that the rows' symbols are of.
    pub fn digest(&self, tenant: &str, agents: &Texts) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        let days = self.days().map(|(day, cell)| (0, day.0, cell));
        let months = self.months().map(|(month, cell)| (1, month.0, cell));
        for (span, at, cell) in days.chain(months) {
            row.start(tenant);
            row.number(span);
            row.number(i64::from(at));
            for (measure, sum) in cell.sums() {
                row.number(measure as i64);
                row.number(sum);
            }
            for (currency, spent) in cell.spend() {
                row.text(Some(&currency.to_string()));
                row.number(spent.minor as i64);
                row.number(spent.observations);
            }
            let mut by_agent: Vec<_> =
                cell.agents().map(|(agent, sums)| (agents.maybe(agent), sums)).collect();
            by_agent.sort_unstable();
            for (agent, sums) in by_agent {
                row.text(agent);
                sums.values().for_each(|sum| row.number(sum));
            }
            digest.add(row.bytes());
        }
        digest
    }

    /// Every day that is not all 0.
    pub fn days(&self) -> impl Iterator<Item = (Day, &Cell)> {
        self.days.iter().map(|(day, cell)| (*day, &**cell))
    }

    /// The days from `from` to `to` that are not all 0.
    pub fn days_between(&self, from: Day, to: Day) -> impl Iterator<Item = (Day, &Cell)> {
        // A range that ends before it begins is none; the map would not have it.
        self.days
            .range(from..=to.max(from))
            .map(|(day, cell)| (*day, &**cell))
            .filter(move |(day, _)| *day <= to)
    }

    /// Every month that is not all 0.
    pub fn months(&self) -> impl Iterator<Item = (Month, &Cell)> {
        self.months.iter().map(|(month, cell)| (*month, &**cell))
    }
}

fn change<K: Ord + Copy>(cells: &mut BTreeMap<K, Arc<Cell>>, key: K, change: impl FnOnce(&mut Cell)) {
    let cell = Arc::make_mut(cells.entry(key).or_default());
    change(cell);
    if cell.is_empty() {
        cells.remove(&key);
    }
}
