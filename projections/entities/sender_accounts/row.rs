//! One sender account, folded from its facts in any order (D6, L3).

use domain::facts::sender_account::{AccountStatus, SenderAccountFact};
use domain::members::{Day, Instant};
use domain::rules::configuration::Timeline;

use super::told::{AccountState, Counter, Gain, Told, gains};
use crate::entities::leads::links::Workspace;
use crate::store::{Chain, Latest, Strings, Symbol, heap_free, heap_size};
use crate::{Order, Recorded};

/// By what a fact names its account within the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountName {
    /// The provider's id.
    Id(Symbol),
    /// An event without the id speaks of all accounts of that address.
    Email(Symbol),
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
    /// By time, one a fact.
    told: Vec<Told>,
    facts: Chain,
    provider: ProviderTold,
}

heap_size!(AccountRow { members, tags, told, facts; workspace, name, provider });
heap_free!(ProviderTold);

impl AccountRow {
    /// An account of which nothing is known yet.
    pub fn new(workspace: Workspace, name: AccountName) -> Self {
        Self {
            workspace,
            name,
            members: Latest::default(),
            tags: (Order::default(), Vec::new()),
            told: Vec::new(),
            facts: Chain::default(),
            provider: ProviderTold::Never,
        }
    }

    /// Takes one fact.
    pub fn fold(&mut self, recorded: &Recorded<'_>, fact: &SenderAccountFact, strings: &mut Strings) {
        let state = match fact {
            SenderAccountFact::Observed(body) => match body.status {
                AccountStatus::Connected => AccountState::Connected,
                AccountStatus::Disconnected => AccountState::Disconnected,
            },
            SenderAccountFact::Added(_) | SenderAccountFact::Reconnected(_) => AccountState::Connected,
            SenderAccountFact::Disconnected(_) => AccountState::Disconnected,
            SenderAccountFact::Removed(_) => AccountState::Removed,
        };
        let order = Order::new(recorded.occurred_at, state as u8, &recorded.content);
        let nth = self.told.len() as u32;
        self.facts.push(recorded.position);
        let mut totals = [None; 3];
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
                totals = [body.sends, body.replies, body.bounces];
            }
            SenderAccountFact::Added(body)
            | SenderAccountFact::Disconnected(body)
            | SenderAccountFact::Reconnected(body)
            | SenderAccountFact::Removed(body) => {
                self.members.give(order, [Some(strings.intern(body.email.as_str())), None, None]);
            }
        }
        self.take(Told::new(order, state, nth, totals));
    }

    fn take(&mut self, told: Told) {
        let at = self.told.partition_point(|known| known.order < told.order);
        self.told.insert(at, told);
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
        let before = self.told.len() as u32;
        for mut told in other.told {
            told.nth += before;
            self.take(told);
        }
        other.facts.iter().for_each(|position| self.facts.push(position));
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

    /// Of which mailbox it is: its workspace and address.
    pub fn mailbox(&self) -> (Workspace, Option<Symbol>) {
        (self.workspace, self.members.get(AccountMember::Email as usize))
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
        self.told.last().map_or((Order::default(), AccountState::Connected), |told| (told.order, told.state))
    }

    /// When the first of its facts happened.
    pub fn first_at(&self) -> Instant {
        self.told.first().map_or(Instant(i64::MAX), |told| told.order.occurred_at())
    }

    /// A lifetime total as it was last told.
    pub fn total(&self, counter: Counter) -> Option<u64> {
        self.told.iter().rev().find_map(|told| told.get(counter))
    }

    /// The place of the fact that told its totals last.
    pub fn read(&self) -> Option<Order> {
        self.told.iter().rev().find(|told| told.is_reading()).map(|told| told.order)
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
        let readings = self.told.iter().filter(|told| told.is_reading());
        readings.map(|told| (told.order.occurred_at(), Counter::ALL.map(|counter| told.get(counter))))
    }

    /// Positions of its facts, in the order they were folded.
    pub fn facts(&self) -> &Chain {
        &self.facts
    }

    /// All that its counters gained.
    pub fn gains(&self, timeline: &Timeline, mut each: impl FnMut(Gain)) {
        for counter in Counter::ALL {
            gains(counter, &self.told, timeline, &mut each);
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
        let (begin, zone) = (self.provider_told()?, timeline.latest().zone);
        if timeline.all().iter().any(|configuration| configuration.zone != zone) {
            return None;
        }
        let mut known = Self { members: self.members.clone(), ..Self::new(self.workspace, self.name) };
        let (mut earlier, mut later, mut is_read) = (Day(i32::MIN), Day(i32::MAX), false);
        let mut amounts = Vec::new();
        for told in self.told_in_order() {
            let at = zone.day(told.order.occurred_at());
            let may_change = told.is_reading() && earlier <= at && at <= later;
            if told.is_reading() {
                known.take(told);
                is_read |= at >= day;
            }
            // One that lacks a counter stands before no other.
            if told.is_whole() {
                if at < day {
                    earlier = earlier.max(at);
                } else if at > day {
                    later = later.min(at);
                }
            }
            if told.nth == begin || (told.nth > begin && may_change && is_read) {
                amounts.push((told.nth, amount(&known)));
            }
        }
        Some(amounts)
    }

    /// What `each` makes of the account as it stood after each of its facts, its tags apart, in the order in which they were
    /// folded. None where the row does not tell: several email providers were told.
    pub fn stood<T>(&self, mut each: impl FnMut(&Self) -> T) -> Option<Vec<T>> {
        let begin = self.provider_told()?;
        let mut known = Self::new(self.workspace, self.name);
        let mut stood = |told: Told| {
            if told.nth == begin {
                known.members = self.members.clone();
            }
            known.take(told);
            each(&known)
        };
        Some(self.told_in_order().into_iter().map(&mut stood).collect())
    }

    /// From which of its facts on the account is at its email provider, from 0. None where several were told.
    fn provider_told(&self) -> Option<u32> {
        match self.provider {
            ProviderTold::Never => Some(0),
            ProviderTold::From(nth) => Some(nth),
            ProviderTold::Several => None,
        }
    }

    /// What its facts told, in the order in which they were folded.
    fn told_in_order(&self) -> Vec<Told> {
        let mut told = self.told.clone();
        told.sort_unstable_by_key(|told| told.nth);
        told
    }

    /// The gains that a reading at `at` is part of, or would be: none but these change when one is added there.
    pub fn gains_around(&self, at: Instant, timeline: &Timeline, mut each: impl FnMut(Gain)) {
        // Days follow each other as readings do within one zone; else all gains are counted anew.
        let zone = timeline.latest().zone;
        if timeline.all().iter().any(|configuration| configuration.zone != zone) {
            return self.gains(timeline, each);
        }
        let day = zone.day(at);
        let day_of = |told: &Told| zone.day(told.order.occurred_at());
        let middle = self.told.partition_point(|known| known.order.occurred_at() < at);
        for counter in Counter::ALL {
            let given = |told: &&Told| told.get(counter).is_some();
            let earlier = self.told[..middle].iter().rposition(|told| given(&told) && day_of(told) < day);
            let later = self.told[middle..].iter().filter(given).map(day_of).find(|next| *next > day);
            let end =
                later.map_or(self.told.len(), |next| self.told.partition_point(|told| day_of(told) <= next));
            gains(counter, &self.told[earlier.unwrap_or(0)..end], timeline, &mut each);
        }
    }
}
