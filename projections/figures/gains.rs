//! What sender accounts gained, by email provider: on each day, and over spans of days that nobody read one by one (L3).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::members::Day;

use super::share::Sums;
use crate::canonical::{Canonical, Digest};
use crate::entities::sender_accounts::told::Gain;
use crate::store::{Symbol, Texts, heap_free, heap_size};

/// What one account adds: a gain of one counter, at the account's email provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountGain {
    /// Gmail, Outlook, …; none where no fact says.
    pub provider: Option<Symbol>,
    /// Which counter, over which days, how much.
    pub gain: Gain,
}

/// What one counter gained, over all accounts that were read at both ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gained {
    /// How much. Wide, so that no sum of counters of 64 bits overflows.
    pub amount: i128,
    /// By how many accounts.
    pub accounts: i64,
    /// How often a counter fell, and had begun anew.
    pub resets: i64,
}

heap_free!(Gained);

impl Gained {
    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.amount += other.amount;
        self.accounts += other.accounts;
        self.resets += other.resets;
    }
}

/// By counter: sends, replies, bounces.
pub type Counters = [Gained; 3];

/// First day, last day, email provider.
type Span = (Day, Day, Option<Symbol>);

/// The gains of one tenant. `clone` costs two counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gains {
    days: Arc<BTreeMap<(Day, Option<Symbol>), Counters>>,
    spans: Arc<BTreeMap<Span, Counters>>,
}

heap_size!(Gains { days, spans });

impl Sums<AccountGain> for Gains {
    fn add(&mut self, AccountGain { provider, gain }: &AccountGain, sign: i64) {
        if gain.from == gain.to {
            add(Arc::make_mut(&mut self.days), (gain.to, *provider), gain, sign);
        } else {
            add(Arc::make_mut(&mut self.spans), (gain.from, gain.to, *provider), gain, sign);
        }
    }
}

impl Gains {
    /// What was gained on `day` by accounts at `provider`; all 0 where no account was read at both ends of it.
    pub fn day(&self, day: Day, provider: Option<Symbol>) -> Counters {
        self.days.get(&(day, provider)).copied().unwrap_or_default()
    }

    /// Every day on which accounts were read at both ends, by provider, oldest first.
    pub fn days(&self, from: Day, to: Day) -> impl Iterator<Item = (Day, Option<Symbol>, &Counters)> {
        let of = self.days.range((from, None)..(Day(to.0.saturating_add(1)), None));
        of.map(|((day, provider), counters)| (*day, *provider, counters))
    }

    /// Every span of several days that touches those asked for.
    pub fn spans(&self, from: Day, to: Day) -> impl Iterator<Item = (Day, Day, Option<Symbol>, &Counters)> {
        let begun = self.spans.range(..(Day(to.0.saturating_add(1)), Day(i32::MIN), None));
        begun
            .filter(move |((_, end, _), _)| *end >= from)
            .map(|((start, end, provider), counters)| (*start, *end, *provider, counters))
    }

    /// Digest of all of them.
    pub fn digest(&self, tenant: &str, texts: &Texts) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        let days = self.days.iter().map(|((day, provider), counters)| (*day, *day, *provider, counters));
        let spans =
            self.spans.iter().map(|((from, to, provider), counters)| (*from, *to, *provider, counters));
        for (from, to, provider, counters) in days.chain(spans) {
            row.start(tenant);
            row.text(Some("sender_accounts"));
            [from, to].iter().for_each(|day| row.number(i64::from(day.0)));
            row.text(texts.maybe(provider));
            for gained in counters {
                row.number(gained.amount as i64);
                row.number(gained.accounts);
                row.number(gained.resets);
            }
            digest.add(row.bytes());
        }
        digest
    }
}

fn add<K: Ord + Copy>(cells: &mut BTreeMap<K, Counters>, key: K, gain: &Gain, sign: i64) {
    let counters = cells.entry(key).or_default();
    let gained = &mut counters[gain.counter as usize];
    gained.amount += i128::from(sign) * i128::from(gain.amount);
    gained.accounts += sign;
    gained.resets += sign * i64::from(gain.resets);
    if *counters == Counters::default() {
        cells.remove(&key);
    }
}

/// The first day and the last of gains whose days overlap, with what was gained over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoveredSpan {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// What was gained.
    pub counters: Counters,
}

impl CoveredSpan {
    /// Takes in another span.
    pub fn widen(known: Option<Self>, from: Day, to: Day, counters: &Counters) -> Option<Self> {
        let mut covered = known.unwrap_or(Self { from, to, counters: Counters::default() });
        (covered.from, covered.to) = (covered.from.min(from), covered.to.max(to));
        covered.counters.iter_mut().zip(counters).for_each(|(sum, more)| sum.merge(more));
        Some(covered)
    }
}
