//! `/provider-performance`: each day's sends and replies by email provider (D7), by what the accounts' totals gained.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::keys::Position;
use domain::members::Day;
use domain::rules::configuration::Timeline;
use domain::rules::rates::percent_hundredths;
use domain::rules::reply_rate::DayReplies;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::sender_accounts::SenderAccounts;
use crate::entities::sender_accounts::list::mailboxes;
use crate::entities::sender_accounts::row::AccountMember;
use crate::entities::sender_accounts::told::{AccountState, Counter};
use crate::figures::gains::{Counters, CoveredSpan, Gained, Gains};
use crate::store::Symbol;
use crate::tenant::Tenant;

/// One email provider on one day. A figure is null where no account's total was read both on the day and the day
/// before; never 0 for want of a reading (L3).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProviderDay {
    /// `2025-10-09`
    pub date: String,
    /// Gmail, Outlook, …; null for accounts of which it was not told.
    pub email_provider: Option<String>,
    /// Mailboxes there were: each from the day it was first told of to the day before it was removed. One that was
    /// added again counts for the days between, too.
    pub accounts: i64,
    /// Accounts whose sends of the day are known, and are in the figures.
    pub measured_accounts: i64,
    /// Mails sent.
    pub sends: Option<i64>,
    /// Replies received.
    pub replies: Option<i64>,
    /// Mails that bounced.
    pub bounces: Option<i64>,
    /// Replies / sends, percent.
    pub reply_rate: Option<f64>,
    /// How often an account's sends had begun anew.
    pub resets: i64,
    /// Where accounts were not read day by day: what they gained over all the days of the gap.
    pub span: Option<SpanGains>,
}

/// What was gained over several days that cannot be told apart.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SpanGains {
    /// First day, inclusive.
    pub from: String,
    /// Last day, inclusive.
    pub to: String,
    /// Mails sent.
    pub sends: Option<i64>,
    /// Replies received.
    pub replies: Option<i64>,
    /// Mails that bounced.
    pub bounces: Option<i64>,
}

/// Answer of `/provider-performance`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PerformanceAnswer {
    /// True at this position (R8).
    pub position: Position,
    /// IANA name of the zone that cuts the last day.
    pub timezone: &'static str,
    /// Oldest first, then by provider; days on which there was no account are left out.
    pub items: Vec<ProviderDay>,
}

/// Accounts and their gains at one position. A clone of a few counters: read without a lock while folding goes on.
#[derive(Debug, Clone)]
pub struct Performance {
    accounts: SenderAccounts,
    gains: Gains,
    timeline: Arc<Timeline>,
}

/// None where no account was read.
fn known(gained: &Gained) -> Option<i64> {
    (gained.accounts != 0).then(|| gained.amount.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

fn of(counters: &Counters, counter: Counter) -> &Gained {
    &counters[counter as usize]
}

impl Tenant {
    /// What the email providers' figures are made of.
    pub fn performance(&self) -> Performance {
        Performance {
            accounts: self.sender_accounts.rows.clone(),
            gains: self.sender_accounts.figures.clone(),
            timeline: Arc::clone(&self.profile.timeline),
        }
    }
}

impl Performance {
    /// The answer for the days `from` to `to`.
    pub fn answer(&self, position: Position, from: Day, to: Day) -> PerformanceAnswer {
        let mut accounts = self.headcount(to);
        let mut items = Vec::new();
        let mut there: BTreeMap<Option<Symbol>, i64> = BTreeMap::new();
        for day in from.0..=to.0 {
            let day = Day(day);
            let later = accounts.split_off(&Day(day.0 + 1));
            for (provider, change) in std::mem::replace(&mut accounts, later).into_values().flatten() {
                *there.entry(provider).or_default() += change;
            }
            items.extend(self.day(day, &there));
        }
        PerformanceAnswer { position, timezone: self.timeline.on(to).zone.as_str(), items }
    }

    fn day(&self, day: Day, there: &BTreeMap<Option<Symbol>, i64>) -> Vec<ProviderDay> {
        let mut spans: BTreeMap<Option<Symbol>, Option<CoveredSpan>> = BTreeMap::new();
        for (from, to, provider, counters) in self.gains.spans(day, day) {
            let covered = spans.entry(provider).or_default();
            *covered = CoveredSpan::widen(covered.take(), from, to, counters);
        }
        let measured = self.gains.days(day, day).map(|(_, provider, _)| provider);
        let present = there.iter().filter(|(_, count)| **count != 0).map(|(provider, _)| *provider);
        let providers: BTreeSet<_> = measured.chain(present).chain(spans.keys().copied()).collect();
        let row = |provider| {
            let counters = self.gains.day(day, provider);
            let [sends, replies, bounces] = Counter::ALL.map(|counter| known(of(&counters, counter)));
            let rate = sends.zip(replies).and_then(|(sends, replies)| percent_hundredths(replies, sends));
            ProviderDay {
                date: day.to_string(),
                email_provider: self.accounts.texts().maybe(provider).map(str::to_owned),
                accounts: there.get(&provider).copied().unwrap_or(0),
                measured_accounts: of(&counters, Counter::Sends).accounts,
                sends,
                replies,
                bounces,
                reply_rate: rate.map(|hundredths| hundredths as f64 / 100.0),
                resets: of(&counters, Counter::Sends).resets,
                span: spans.get(&provider).copied().flatten().map(span),
            }
        };
        let mut rows: Vec<_> = providers.into_iter().map(row).collect();
        rows.sort_by(|a, b| {
            (a.email_provider.is_none(), &a.email_provider)
                .cmp(&(b.email_provider.is_none(), &b.email_provider))
        });
        rows
    }

    /// On which days mailboxes came and went, by provider, up to `to`. A mailbox is there from the day of its first
    /// fact to the day before it was removed.
    fn headcount(&self, to: Day) -> BTreeMap<Day, Vec<(Option<Symbol>, i64)>> {
        let mut changes: BTreeMap<Day, Vec<_>> = BTreeMap::new();
        for (_, mailbox) in mailboxes(&self.accounts) {
            let provider = mailbox.member(AccountMember::EmailProvider);
            let first = self.timeline.at(mailbox.first_at()).1;
            let (order, state) = mailbox.state();
            let gone = (state == AccountState::Removed).then(|| self.timeline.at(order.occurred_at()).1);
            let ends = gone.map(|day| (day, -1));
            for (day, change) in [Some((first, 1)), ends].into_iter().flatten().filter(|(day, _)| *day <= to)
            {
                changes.entry(day).or_default().push((provider, change));
            }
        }
        changes
    }

    /// Sends and replies of every day with data up to `to`, by email provider's name, oldest first (D9).
    pub fn reply_days(&self, from: Day, to: Day) -> BTreeMap<Option<&str>, Vec<DayReplies>> {
        let mut series: BTreeMap<_, Vec<DayReplies>> = BTreeMap::new();
        for (day, provider, counters) in self.gains.days(from, to) {
            let [sends, replies, _] = Counter::ALL.map(|counter| known(of(counters, counter)));
            if let (Some(sends), Some(replies)) = (sends, replies) {
                let days = series.entry(self.accounts.texts().maybe(provider)).or_default();
                days.push(DayReplies { day, sends, replies });
            }
        }
        series
    }
}

fn span(covered: CoveredSpan) -> SpanGains {
    let [sends, replies, bounces] = Counter::ALL.map(|counter| known(of(&covered.counters, counter)));
    SpanGains { from: covered.from.to_string(), to: covered.to.to_string(), sends, replies, bounces }
}
