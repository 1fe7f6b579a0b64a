//! What a sender account's lifetime totals gained over some days (D6): exact, or null with the span that is known (L3).

use std::sync::Arc;

use domain::members::Day;
use domain::rules::configuration::Timeline;
use domain::rules::rates::percent_hundredths;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::sender_accounts::row::AccountRow;
use crate::entities::sender_accounts::told::{Counter, Gain};

/// The days that are asked for, in the tenant's zone.
#[derive(Debug, Clone)]
pub struct AccountPeriod {
    /// The first.
    pub from: Day,
    /// The last.
    pub to: Day,
    /// Cuts days.
    pub timeline: Arc<Timeline>,
}

/// What an account gained over a period. A figure is null where the totals were not read at the end of the day before
/// it and on its last day; never 0 for want of a reading.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PeriodFigures {
    /// First day, inclusive.
    pub from: String,
    /// Last day, inclusive.
    pub to: String,
    /// Mails sent.
    pub sends: Option<u64>,
    /// Replies received.
    pub replies: Option<u64>,
    /// Mails that bounced.
    pub bounces: Option<u64>,
    /// Replies / sends, percent.
    pub reply_rate: Option<f64>,
    /// How often a total fell on the days that are told of.
    pub resets: u32,
    /// Where a figure is null: the days nearest to the period over which it is known, and what was gained on them.
    pub span: Option<KnownSpan>,
}

/// Days over which totals were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KnownSpan {
    /// First day, inclusive.
    pub from: String,
    /// Last day, inclusive.
    pub to: String,
    /// Mails sent.
    pub sends: Option<u64>,
    /// Replies received.
    pub replies: Option<u64>,
    /// Mails that bounced.
    pub bounces: Option<u64>,
}

/// What one counter gained over the days of the period that are known.
#[derive(Debug, Clone, Copy)]
struct PeriodGain {
    from: Day,
    to: Day,
    amount: u64,
    resets: u32,
}

impl PeriodGain {
    /// One gain more; gains of one counter follow each other day by day.
    fn and(known: Option<Self>, gain: &Gain) -> Self {
        let before = known.unwrap_or(Self { from: gain.from, to: gain.to, amount: 0, resets: 0 });
        Self {
            from: before.from.min(gain.from),
            to: before.to.max(gain.to),
            amount: before.amount.saturating_add(gain.amount),
            resets: before.resets + gain.resets,
        }
    }
}

impl AccountPeriod {
    /// What the account gained.
    pub fn of(&self, account: Option<&AccountRow>) -> PeriodFigures {
        let mut known: [Option<PeriodGain>; 3] = [None; 3];
        if let Some(account) = account {
            account.gains(&self.timeline, |gain| {
                if gain.from <= self.to && gain.to >= self.from {
                    let counter = &mut known[gain.counter as usize];
                    *counter = Some(PeriodGain::and(*counter, &gain));
                }
            });
        }
        let is_whole = |gained: &PeriodGain| gained.from == self.from && gained.to == self.to;
        let exact = known.map(|gained| gained.filter(is_whole).map(|gained| gained.amount));
        let [sends, replies, bounces] = exact;
        let rate = sends.zip(replies).and_then(|(sends, replies)| {
            percent_hundredths(i64::try_from(replies).ok()?, i64::try_from(sends).ok()?)
        });
        PeriodFigures {
            from: self.from.to_string(),
            to: self.to.to_string(),
            sends,
            replies,
            bounces,
            reply_rate: rate.map(|hundredths| hundredths as f64 / 100.0),
            resets: known.iter().flatten().map(|gained| gained.resets).max().unwrap_or(0),
            span: span(&known, &exact),
        }
    }
}

/// The days that are known of counters that are not known over the period itself.
fn span(known: &[Option<PeriodGain>; 3], exact: &[Option<u64>; 3]) -> Option<KnownSpan> {
    let of = |counter: Counter| known[counter as usize].filter(|_| exact[counter as usize].is_none());
    let days = Counter::ALL.into_iter().filter_map(of);
    let (from, to) = days.fold(None, |days: Option<(Day, Day)>, gained| {
        let (from, to) = days.unwrap_or((gained.from, gained.to));
        Some((from.min(gained.from), to.max(gained.to)))
    })?;
    // A counter that was read on other days than those says nothing about them.
    let over = |counter| {
        of(counter).filter(|gained| (gained.from, gained.to) == (from, to)).map(|gained| gained.amount)
    };
    let [sends, replies, bounces] = Counter::ALL.map(over);
    Some(KnownSpan { from: from.to_string(), to: to.to_string(), sends, replies, bounces })
}
