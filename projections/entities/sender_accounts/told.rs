//! What each fact told of a sender account, and what its lifetime totals gained day by day (D6, L3).

use domain::members::Day;
use domain::rules::configuration::Timeline;
use domain::words;

use crate::Order;
use crate::store::heap_free;

words! {
    /// Where a sender account stands.
    AccountState { Connected = "connected", Disconnected = "disconnected", Removed = "removed" }
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

/// What one fact told of its account, but for what it is called. Totals are kept one higher, so that 0 is "not given".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) order: Order,
    totals: [u64; 3],
    /// Which of the account's facts it is, from 0, as they were folded.
    pub(super) nth: u32,
    pub(super) state: AccountState,
}

heap_free!(Told, AccountState);

impl Told {
    pub(super) fn new(order: Order, state: AccountState, nth: u32, totals: [Option<u64>; 3]) -> Self {
        let totals = totals.map(|given| given.map_or(0, |total| total.saturating_add(1)));
        Self { order, totals, nth, state }
    }

    pub(super) fn get(&self, counter: Counter) -> Option<u64> {
        self.totals[counter as usize].checked_sub(1)
    }

    /// Whether it is a reading: one that gives a total.
    pub(super) fn is_reading(&self) -> bool {
        self.totals != [0; 3]
    }

    /// Whether it gives every total.
    pub(super) fn is_whole(&self) -> bool {
        !self.totals.contains(&0)
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

/// What `counter` gained from the last of its readings on one day to the last on a later one.
pub(super) fn gains(counter: Counter, told: &[Told], timeline: &Timeline, each: &mut impl FnMut(Gain)) {
    let given =
        told.iter().filter_map(|told| Some((timeline.at(told.order.occurred_at()).1, told.get(counter)?)));
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
