//! How well an endpoint is: a truly rolling 24 hours, and the usual gap between its deliveries (D5, RULINGS).

use std::collections::VecDeque;

use domain::members::Instant;

use super::{Delivered, DeliveryStatus};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Gaps of so many days make the usual one.
const GAP_DAYS: i64 = 14;
/// From so many deliveries up there is a usual gap.
const DELIVERIES_MIN: u64 = 50;
/// The usual gap is at least so long, s: shorter ones need not be told apart.
const GAP_MIN: i64 = HOUR;

/// Whose deliveries, and where they come in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The tenant; none where it is not known.
    pub tenant: Option<Box<str>>,
    /// The provider.
    pub provider: Box<str>,
    /// Reference of the endpoint.
    pub endpoint: Box<str>,
}

/// What came in one second.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    second: i64,
    success: u32,
    failure: u32,
    neutral: u32,
    refused: u32,
    limited: u32,
    quarantined: u32,
    weak: u32,
    unknown_numbers: u32,
}

/// What is remembered of an endpoint: bounded by the seconds of a day and the hours of 14.
#[derive(Debug, Clone, Default)]
pub struct Health {
    last: Option<Instant>,
    day: VecDeque<Cell>,
    /// Gaps under an hour by the hour they ended in.
    short: VecDeque<(i64, u64)>,
    /// Gaps from an hour up: the second they ended in, and how long, s.
    long: VecDeque<(i64, i64)>,
}

/// How well an endpoint is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthSummary {
    /// Which.
    pub place: Place,
    /// The last authentic delivery.
    pub last: Option<Instant>,
    /// Authentic deliveries of the last 24 hours.
    pub deliveries: u64,
    /// Those that were recorded, known or of no account.
    pub success: u64,
    /// Those that were quarantined or failed.
    pub failure: u64,
    /// Those that were quarantined.
    pub quarantined: u64,
    /// Those of which something that would identify them was absent: told again, they may count twice.
    pub weak: u64,
    /// Those that met another content under their key: neither.
    pub conflicts: u64,
    /// Refused requests (401): not of the provider, or its secret has changed.
    pub refused: u64,
    /// Requests that were answered 429: the endpoint brought more than it may.
    pub limited: u64,
    /// The first of the refused ones.
    pub first_refused: Option<Instant>,
    /// Deliveries about tracking numbers that the tenant's configuration does not have.
    pub unknown_numbers: u64,
    /// The first of them.
    pub first_unknown_number: Option<Instant>,
    /// Seconds within which a delivery usually comes; none under 50 deliveries in 14 days.
    pub usual_gap_seconds: Option<i64>,
}

impl HealthSummary {
    /// One that nothing came by.
    pub fn without_deliveries(tenant: &str, provider: &str, reference: &str) -> Self {
        let place =
            Place { tenant: Some(tenant.into()), provider: provider.into(), endpoint: reference.into() };
        Health::default().at(&place, Instant(0))
    }

    /// Success of success and failure in percent, two decimals, half up; none without either.
    pub fn success_rate(&self) -> Option<f64> {
        let of = self.success + self.failure;
        (of > 0).then(|| ((self.success * 20_000 + of) / (2 * of)) as f64 / 100.0)
    }

    /// At least 95 % success; none without a rate.
    pub fn is_healthy(&self) -> Option<bool> {
        let of = self.success + self.failure;
        (of > 0).then_some(self.success * 100 >= 95 * of)
    }

    /// How long nothing has come at `now`, where that is longer than three usual gaps: since when.
    pub fn silent_since(&self, now: Instant) -> Option<Instant> {
        let (last, gap) = (self.last?, self.usual_gap_seconds?);
        (now.0 - last.0 > 3 * gap * SECOND).then_some(last)
    }
}

impl Health {
    /// Takes the next delivery; nearly in order, as several requests are under way at a time.
    pub fn take(&mut self, delivered: &Delivered) {
        let second = delivered.at.div_euclid(SECOND);
        if let DeliveryStatus::Rejected = delivered.status {
            return;
        }
        if !matches!(delivered.status, DeliveryStatus::Refused | DeliveryStatus::Limited) {
            self.gap(Instant(delivered.at));
        }
        let newest = self.day.back().map_or(i64::MIN, |cell| cell.second);
        if newest < second {
            self.day.push_back(Cell { second, ..Cell::default() });
        }
        // One that comes late counts in the newest second.
        let Some(cell) = self.day.back_mut() else { return };
        match delivered.status {
            DeliveryStatus::Recorded | DeliveryStatus::Duplicate | DeliveryStatus::Ignored => {
                cell.success += 1
            }
            DeliveryStatus::Quarantined => {
                cell.failure += 1;
                cell.quarantined += 1;
            }
            DeliveryStatus::Failed => cell.failure += 1,
            DeliveryStatus::Conflict => cell.neutral += 1,
            DeliveryStatus::Refused => cell.refused += 1,
            DeliveryStatus::Limited => cell.limited += 1,
            DeliveryStatus::Rejected => {}
        }
        cell.weak += u32::from(delivered.weak);
        cell.unknown_numbers += u32::from(delivered.is_of_unknown_number());
        self.forget(second);
    }

    fn gap(&mut self, at: Instant) {
        if let Some(last) = self.last {
            let (end, gap) = (at.0.div_euclid(SECOND), (at.0 - last.0) / SECOND);
            if gap >= GAP_MIN {
                self.long.push_back((end, gap));
            } else {
                match self.short.back_mut() {
                    Some((hour, count)) if *hour >= end / HOUR => *count += 1,
                    Some(_) | None => self.short.push_back((end / HOUR, 1)),
                }
            }
        }
        self.last = self.last.max(Some(at));
    }

    fn forget(&mut self, now: i64) {
        while self.day.front().is_some_and(|cell| cell.second <= now - DAY) {
            self.day.pop_front();
        }
        while self.short.front().is_some_and(|(hour, _)| *hour < (now - GAP_DAYS * DAY) / HOUR) {
            self.short.pop_front();
        }
        while self.long.front().is_some_and(|(end, _)| *end < now - GAP_DAYS * DAY) {
            self.long.pop_front();
        }
    }

    /// How well it is at `now`.
    pub fn at(&mut self, place: &Place, now: Instant) -> HealthSummary {
        self.forget(now.0.div_euclid(SECOND));
        let sum = |of: fn(&Cell) -> u32| self.day.iter().map(|cell| u64::from(of(cell))).sum::<u64>();
        let (success, failure) = (sum(|cell| cell.success), sum(|cell| cell.failure));
        let conflicts = sum(|cell| cell.neutral);
        let first_unknown_number = self.day.iter().find(|cell| cell.unknown_numbers > 0);
        let first_refused = self.day.iter().find(|cell| cell.refused > 0);
        HealthSummary {
            place: place.clone(),
            last: self.last,
            deliveries: success + failure + conflicts,
            success,
            failure,
            quarantined: sum(|cell| cell.quarantined),
            weak: sum(|cell| cell.weak),
            conflicts,
            refused: sum(|cell| cell.refused),
            limited: sum(|cell| cell.limited),
            first_refused: first_refused.map(|cell| Instant(cell.second * SECOND)),
            unknown_numbers: sum(|cell| cell.unknown_numbers),
            first_unknown_number: first_unknown_number.map(|cell| Instant(cell.second * SECOND)),
            usual_gap_seconds: self.usual_gap(),
        }
    }

    /// The 95th percentile (the smallest gap that at least 95 % do not pass), at least an hour.
    fn usual_gap(&self) -> Option<i64> {
        let short: u64 = self.short.iter().map(|(_, count)| count).sum();
        let gaps = short + self.long.len() as u64;
        if gaps + 1 < DELIVERIES_MIN {
            return None;
        }
        let rank = (95 * gaps).div_ceil(100);
        if rank <= short {
            return Some(GAP_MIN);
        }
        let mut long: Vec<i64> = self.long.iter().map(|(_, gap)| *gap).collect();
        long.sort_unstable();
        long.get((rank - short - 1) as usize).copied()
    }
}
