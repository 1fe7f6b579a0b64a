//! One sender account, folded from its facts in any order, and what its lifetime totals gained day by day (D6, L3).

use domain::facts::sender_account::{AccountStatus, SenderAccountFact};
use domain::members::{Day, Instant};
use domain::rules::configuration::Timeline;
use domain::words;

use crate::entities::leads::links::Workspace;
use crate::store::{Chain, Latest, Strings, Symbol, heap_free, heap_size};
use crate::{Order, Recorded};

words! {
    /// Where a sender account stands.
    AccountState { Connected = "connected", Disconnected = "disconnected", Removed = "removed" }
}

/// By what a fact names its account within the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountName {
    /// The provider's id.
    Id(Symbol),
    /// An event without the id speaks of all accounts of that address.
    Email(Symbol),
}

/// The provider's counters, in the order in which rows keep them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Mails sent.
    Sends,
    /// Replies received.
    Replies,
    /// Mails that bounced.
    Bounces,
}

impl Counter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sends, Self::Replies, Self::Bounces];
}

/// Lifetime totals as one observation gave them. Each is kept one higher, so that 0 is "not given".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    order: Order,
    totals: [u64; 3],
    /// Which of the account's facts gave it, from 0, as they were folded.
    nth: u32,
}

heap_free!(Reading);

impl Reading {
    fn get(&self, counter: Counter) -> Option<u64> {
        self.totals[counter as usize].checked_sub(1)
    }
}

/// What a counter gained over the days after one reading, up to and with the day of a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gain {
    /// Which.
    pub counter: Counter,
    /// First day it may have been gained on.
    pub from: Day,
    /// Last day it may have been gained on: that of the later reading.
    pub to: Day,
    /// How much.
    pub amount: u64,
    /// How often the counter fell meanwhile: then it had begun anew, and the new value is what it gained since.
    pub resets: u32,
}

/// What facts give of an account, in the order in which rows keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountMember {
    /// Its address.
    Email,
    /// Gmail, Outlook, ….
    EmailProvider,
    /// From its tags.
    Reseller,
}

impl AccountMember {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Email, Self::EmailProvider, Self::Reseller];
}

const MEMBERS: usize = AccountMember::ALL.len();

/// Which facts told of an account's email provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProviderTold {
    Never,
    /// One and the same, from this fact on.
    From(u32),
    /// Several, or nobody knows which came first.
    Several,
}

/// What facts say of one account: an order-free union.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// Where.
    pub workspace: Workspace,
    /// Which.
    pub name: AccountName,
    members: Latest<Option<Symbol>, MEMBERS>,
    tags: (Order, Vec<Symbol>),
    state: (Order, AccountState),
    first_at: Instant,
    readings: Vec<Reading>,
    facts: Chain,
    count: u32,
    provider: ProviderTold,
}

heap_size!(AccountRow { members, tags, readings, facts; workspace, name, state, first_at, count, provider });
heap_free!(ProviderTold);

impl AccountRow {
    /// An account of which nothing is known yet.
    pub fn new(workspace: Workspace, name: AccountName) -> Self {
        Self {
            workspace,
            name,
            members: Latest::default(),
            tags: (Order::default(), Vec::new()),
            state: (Order::default(), AccountState::Connected),
            first_at: Instant(i64::MAX),
            readings: Vec::new(),
            facts: Chain::default(),
            count: 0,
            provider: ProviderTold::Never,
        }
    }

    /// Takes one fact.
    pub fn fold(&mut self, recorded: &Recorded<'_>, fact: &SenderAccountFact, strings: &mut Strings) {
        let at = recorded.occurred_at;
        let state = match fact {
            SenderAccountFact::Observed(body) => match body.status {
                AccountStatus::Connected => AccountState::Connected,
                AccountStatus::Disconnected => AccountState::Disconnected,
            },
            SenderAccountFact::Added(_) | SenderAccountFact::Reconnected(_) => AccountState::Connected,
            SenderAccountFact::Disconnected(_) => AccountState::Disconnected,
            SenderAccountFact::Removed(_) => AccountState::Removed,
        };
        let order = Order::new(at, state as u8, &recorded.content);
        let nth = self.count;
        self.facts.push(recorded.position);
        self.count += 1;
        self.first_at = self.first_at.min(at);
        self.state = self.state.max((order, state));
        match fact {
            SenderAccountFact::Observed(body) => {
                let mut intern = |text: &str| strings.intern(text);
                let members = [
                    Some(intern(body.email.as_str())),
                    body.email_provider.as_ref().map(|text| intern(text.as_str())),
                    body.reseller.as_ref().map(|text| intern(text.as_str())),
                ];
                self.provider = match (members[AccountMember::EmailProvider as usize], self.provider) {
                    (None, known) => known,
                    (Some(_), ProviderTold::Never) => ProviderTold::From(nth),
                    (told, known @ ProviderTold::From(_)) if told == self.email_provider() => known,
                    (Some(_), ProviderTold::From(_) | ProviderTold::Several) => ProviderTold::Several,
                };
                self.members.give(order, members);
                if !body.tags.is_empty() && order > self.tags.0 {
                    self.tags = (order, body.tags.iter().map(|tag| intern(tag.as_str())).collect());
                }
                let total = |given: Option<u64>| given.map_or(0, |total| total.saturating_add(1));
                let totals = [body.sends, body.replies, body.bounces].map(total);
                if totals != [0; 3] {
                    self.take(Reading { order, totals, nth });
                }
            }
            SenderAccountFact::Added(body)
            | SenderAccountFact::Disconnected(body)
            | SenderAccountFact::Reconnected(body)
            | SenderAccountFact::Removed(body) => {
                self.members.give(order, [Some(strings.intern(body.email.as_str())), None, None]);
            }
        }
    }

    fn take(&mut self, reading: Reading) {
        let at = self.readings.partition_point(|known| known.order < reading.order);
        self.readings.insert(at, reading);
    }

    /// Takes over what another shard knows of the same account, in symbols of the same table.
    pub fn merge(&mut self, other: Self) {
        for at in 0..MEMBERS {
            let (order, value) = other.members.with_order(at);
            let mut given = [None; MEMBERS];
            given[at] = value;
            self.members.give(order, given);
        }
        if other.tags.0 > self.tags.0 {
            self.tags = other.tags;
        }
        self.state = self.state.max(other.state);
        self.first_at = self.first_at.min(other.first_at);
        for reading in other.readings {
            self.take(Reading { nth: self.count + reading.nth, ..reading });
        }
        other.facts.iter().for_each(|position| self.facts.push(position));
        self.count += other.count;
        self.provider = ProviderTold::Several;
    }

    /// Replaces its symbols by those of another table.
    pub fn translate(&mut self, mut symbol: impl FnMut(Symbol) -> Symbol) {
        self.workspace = self.workspace.map(&mut symbol);
        let (AccountName::Id(name) | AccountName::Email(name)) = &mut self.name;
        *name = symbol(*name);
        self.members.map(|_, value| value.map(&mut symbol));
        self.tags.1.iter_mut().for_each(|tag| *tag = symbol(*tag));
    }

    /// A member with the place of the fact that gave it: the latest given.
    pub fn member(&self, member: AccountMember) -> (Order, Option<Symbol>) {
        self.members.with_order(member as usize)
    }

    /// Gmail, Outlook, …: the latest given.
    pub fn email_provider(&self) -> Option<Symbol> {
        self.members.get(AccountMember::EmailProvider as usize)
    }

    /// The latest given, a set, with the place of the fact that gave it.
    pub fn tags(&self) -> (Order, &[Symbol]) {
        (self.tags.0, &self.tags.1)
    }

    /// Where it stands, with the place of the fact that says so.
    pub fn state(&self) -> (Order, AccountState) {
        self.state
    }

    /// When the first of its facts happened.
    pub fn first_at(&self) -> Instant {
        self.first_at
    }

    /// A lifetime total as it was last told.
    pub fn total(&self, counter: Counter) -> Option<u64> {
        self.readings.iter().rev().find_map(|reading| reading.get(counter))
    }

    /// The place of the fact that told its totals last.
    pub fn read(&self) -> Option<Order> {
        self.readings.last().map(|reading| reading.order)
    }

    /// At how many readings a total had fallen, whichever.
    pub fn resets(&self) -> usize {
        let mut known = Counter::ALL.map(|_| None);
        let has_fallen = |totals: [Option<u64>; 3]| {
            let pairs =
                known.iter_mut().zip(totals).filter_map(|(known, total)| total.map(|total| (known, total)));
            pairs.fold(false, |fell, (known, total)| {
                known.replace(total).is_some_and(|before| total < before) || fell
            })
        };
        self.readings().map(|(_, totals)| totals).map(has_fallen).filter(|fell| *fell).count()
    }

    /// The totals it gave, by time: for the canonical form.
    pub fn readings(&self) -> impl Iterator<Item = (Instant, [Option<u64>; 3])> {
        self.readings
            .iter()
            .map(|reading| (reading.order.occurred_at(), Counter::ALL.map(|counter| reading.get(counter))))
    }

    /// Positions of its facts, in the order they were folded.
    pub fn facts(&self) -> &Chain {
        &self.facts
    }

    /// All that its counters gained.
    pub fn gains(&self, timeline: &Timeline, mut each: impl FnMut(Gain)) {
        for counter in Counter::ALL {
            gains(counter, &self.readings, timeline, &mut each);
        }
    }

    /// What `amount` makes of the account once each of its facts was folded that may have changed what was gained around `day`,
    /// by the fact's number, from 0. None where the row does not tell: several email providers were told, or it has been in
    /// several zones.
    pub fn amounts_around(
        &self,
        day: Day,
        timeline: &Timeline,
        amount: impl Fn(&Self) -> i128,
    ) -> Option<Vec<(u32, i128)>> {
        let zone = timeline.latest().zone;
        let begin = match self.provider {
            ProviderTold::Never => 0,
            ProviderTold::From(nth) => nth,
            ProviderTold::Several => return None,
        };
        if timeline.all().iter().any(|configuration| configuration.zone != zone) {
            return None;
        }
        let mut told: Vec<&Reading> = self.readings.iter().collect();
        told.sort_unstable_by_key(|reading| reading.nth);
        let mut known = Self { members: self.members.clone(), ..Self::new(self.workspace, self.name) };
        let (mut earlier, mut later, mut is_read) = (Day(i32::MIN), Day(i32::MAX), false);
        let (mut amounts, mut has_begun) = (Vec::new(), false);
        for reading in told {
            if !has_begun && reading.nth > begin {
                amounts.push((begin, amount(&known)));
                has_begun = true;
            }
            known.take(*reading);
            let at = zone.day(reading.order.occurred_at());
            let may_change = earlier <= at && at <= later;
            is_read |= at >= day;
            // One that lacks a counter stands before no other.
            if !reading.totals.contains(&0) {
                if at < day {
                    earlier = earlier.max(at);
                } else if at > day {
                    later = later.min(at);
                }
            }
            if reading.nth == begin || (has_begun && may_change && is_read) {
                amounts.push((reading.nth, amount(&known)));
                has_begun = true;
            }
        }
        if !has_begun {
            amounts.push((begin, amount(&known)));
        }
        Some(amounts)
    }

    /// The gains that a reading at `at` is part of, or would be: none but these change when one is added there.
    pub fn gains_around(&self, at: Instant, timeline: &Timeline, mut each: impl FnMut(Gain)) {
        // Days follow each other as readings do within one zone; else all gains are counted anew.
        let zone = timeline.latest().zone;
        if timeline.all().iter().any(|configuration| configuration.zone != zone) {
            return self.gains(timeline, each);
        }
        let day = zone.day(at);
        let day_of = |reading: &Reading| zone.day(reading.order.occurred_at());
        let middle = self.readings.partition_point(|known| known.order.occurred_at() < at);
        for counter in Counter::ALL {
            let given = |reading: &&Reading| reading.get(counter).is_some();
            let earlier = self.readings[..middle].iter().rposition(|r| given(&r) && day_of(r) < day);
            let later = self.readings[middle..].iter().filter(given).map(day_of).find(|next| *next > day);
            let end = later.map_or(self.readings.len(), |next| {
                self.readings.partition_point(|reading| day_of(reading) <= next)
            });
            gains(counter, &self.readings[earlier.unwrap_or(0)..end], timeline, &mut each);
        }
    }
}

/// What `counter` gained from the last of its readings on one day to the last on a later one.
fn gains(counter: Counter, readings: &[Reading], timeline: &Timeline, each: &mut impl FnMut(Gain)) {
    let given = readings
        .iter()
        .filter_map(|reading| Some((timeline.at(reading.order.occurred_at()).1, reading.get(counter)?)));
    let mut closed: Option<Day> = None;
    let mut open: Option<(Day, u64)> = None;
    let (mut amount, mut resets) = (0, 0);
    let mut close = |closed: Option<Day>, to: Day, amount, resets| {
        if let Some(closed) = closed {
            each(Gain { counter, from: Day(closed.0 + 1), to, amount, resets });
        }
    };
    for (day, total) in given {
        if let Some((last, before)) = open {
            if day > last {
                close(closed, last, amount, resets);
                (closed, amount, resets) = (Some(last), 0, 0);
            }
            match total.checked_sub(before) {
                Some(more) => amount = more.saturating_add(amount),
                None => (amount, resets) = (total.saturating_add(amount), resets + 1),
            }
        }
        open = Some((open.map_or(day, |(last, _)| last.max(day)), total));
    }
    if let Some((last, _)) = open {
        close(closed, last, amount, resets);
    }
}
