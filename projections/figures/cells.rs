//! Cells: the sums of rows' shares by local day and month.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use domain::facts::tenant::CountedDirection;
use domain::members::{Currency, Day, Month};

use super::agents::CallSums;
use super::measure::Measure;
use super::share::{Amount, CellSpan, Share, Sums};
use crate::canonical::{Canonical, Digest};
use crate::store::{Symbol, Texts, heap_free, heap_size};

/// What accounts spent, in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpendSum {
    /// Minor units. Wide, so that no sum of members of 64 bits overflows.
    pub minor: i128,
    /// Days of accounts: none is not the same as nothing spent.
    pub observations: i64,
}

heap_free!(SpendSum);

/// Sums over calls, of all of them and of each direction that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallsByDirection {
    /// All calls.
    pub all: CallSums,
    /// Inbound calls.
    pub inbound: CallSums,
    /// Outbound calls.
    pub outbound: CallSums,
}

impl CallsByDirection {
    /// Adds the sums over calls of one direction.
    pub fn merge(&mut self, direction: CountedDirection, sums: &CallSums) {
        self.all.merge(sums);
        match direction {
            CountedDirection::Inbound => self.inbound.merge(sums),
            CountedDirection::Outbound => self.outbound.merge(sums),
            CountedDirection::Unknown => {}
        }
    }

    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        self.all.merge(&other.all);
        self.inbound.merge(&other.inbound);
        self.outbound.merge(&other.outbound);
    }
}

/// Sums of one day or month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    sums: [i64; Measure::COUNT],
    spend: BTreeMap<Currency, SpendSum>,
    calls: BTreeMap<(Option<Symbol>, CountedDirection), CallSums>,
}

heap_size!(Cell { spend, calls; sums });

impl Cell {
    /// The sum of a measure.
    pub fn get(&self, measure: Measure) -> i64 {
        self.sums[measure.slot()]
    }

    /// Sums over calls by agent, nobody's among them; in no order that can be served.
    pub fn agents(&self) -> BTreeMap<Option<Symbol>, CallsByDirection> {
        let mut agents: BTreeMap<Option<Symbol>, CallsByDirection> = BTreeMap::new();
        for ((agent, direction), sums) in &self.calls {
            agents.entry(*agent).or_default().merge(*direction, sums);
        }
        agents
    }

    /// Sums over the calls of one agent.
    pub fn agent(&self, agent: Symbol) -> CallsByDirection {
        let mut found = CallsByDirection::default();
        for direction in CountedDirection::ALL {
            if let Some(sums) = self.calls.get(&(Some(agent), *direction)) {
                found.merge(*direction, sums);
            }
        }
        found
    }

    /// Sums over all calls.
    pub fn all_calls(&self) -> CallsByDirection {
        let mut found = CallsByDirection::default();
        self.calls.iter().for_each(|((_, direction), sums)| found.merge(*direction, sums));
        found
    }

    fn add(&mut self, amount: &Amount, sign: i64) {
        match amount {
            Amount::Call { agent, direction, amounts } => {
                for (measure, amount) in amounts {
                    self.sums[measure.slot()] += sign * amount;
                }
                let key = (*agent, *direction);
                let sums = self.calls.entry(key).or_default();
                sums.add_call(amounts, sign);
                if sums.is_zero() {
                    self.calls.remove(&key);
                }
            }
            Amount::One(measure) => self.sums[measure.slot()] += sign,
            Amount::Spend(currency, minor) => {
                let spent = self.spend.entry(*currency).or_default();
                spent.minor += i128::from(sign) * i128::from(*minor);
                spent.observations += sign;
                if spent.observations == 0 {
                    self.spend.remove(currency);
                }
            }
        }
    }

    /// Ad spend by currency; a currency without an observation is left out.
    pub fn spend(&self) -> impl Iterator<Item = (Currency, SpendSum)> {
        self.spend.iter().map(|(currency, spent)| (*currency, *spent))
    }

    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.spend.is_empty() && self.sums == [0; Measure::COUNT]
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

heap_size!(Cells { days, months });

impl Sums<Share> for Cells {
    fn add(&mut self, Share { span, amount }: &Share, sign: i64) {
        match *span {
            CellSpan::Day(day) => {
                change(&mut self.days, day, |cell| cell.add(amount, sign));
                change(&mut self.months, day.month(), |cell| cell.add(amount, sign));
            }
            CellSpan::DayAlone(day) => change(&mut self.days, day, |cell| cell.add(amount, sign)),
            CellSpan::MonthAlone(month) => change(&mut self.months, month, |cell| cell.add(amount, sign)),
        }
    }
}

impl Cells {
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
                cell.calls.iter().map(|((agent, of), sums)| (agents.maybe(*agent), *of, sums)).collect();
            by_agent.sort_unstable();
            for (agent, direction, sums) in by_agent {
                row.text(agent);
                row.number(direction as i64);
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
