//! What leads add to the sums of days and months (D2, L5).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::members::Day;

use super::row::EventKind;
use crate::figures::{CellSpan, Cells, Measure, Share, Sums};
use crate::store::heap_size;

/// The days on which each row's replies came, under one timeline; rows without replies are not in it.
pub type ReplyDays = BTreeMap<u32, Vec<Day>>;

/// What one timeline makes of the leads.
#[derive(Debug, Clone, Default)]
pub struct LeadFigures {
    /// The sums.
    pub cells: Cells,
    /// An index for the live fold: a lead's distinct shares without a walk through all its events.
    pub(super) replied: Arc<ReplyDays>,
}

heap_size!(LeadFigures { cells, replied });

impl Sums<Share> for LeadFigures {
    fn add(&mut self, share: &Share, sign: i64) {
        self.cells.add(share, sign);
    }
}

/// What an event adds, whatever else its lead did.
pub fn event_share(kind: EventKind, day: Day) -> Option<Share> {
    kind.measure().map(|measure| Share::one(CellSpan::Day(day), measure))
}

/// What a lead adds once, however often: to the days and months in which it replied, and to those of its first
/// interest. `days` ascend, each once.
pub fn distinct_shares(days: &[Day], first_interest: Option<Day>, mut out: impl FnMut(Share)) {
    let mut month = None;
    for day in days {
        out(Share::one(CellSpan::DayAlone(*day), Measure::UniqueReplies));
        if month.replace(day.month()) != Some(day.month()) {
            out(Share::one(CellSpan::MonthAlone(day.month()), Measure::UniqueReplies));
        }
    }
    if let Some(day) = first_interest {
        out(Share::one(CellSpan::Day(day), Measure::PositiveReplies));
    }
}

/// Puts a day among ascending ones, once.
pub fn add_day(days: &mut Vec<Day>, day: Day) {
    if let Err(at) = days.binary_search(&day) {
        days.insert(at, day);
    }
}
