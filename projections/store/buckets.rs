//! Rows by instant, newest first, in buckets of a UTC day: what lists walk.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::Position;
use domain::members::Instant;

use super::cursor::{self, Cursor, Page};
use super::heap::HeapSize;

const DAY: i64 = 86_400_000_000;

/// Which rows have their instant on which UTC day. `clone` costs one counter.
#[derive(Debug, Clone, Default)]
pub struct Buckets(Arc<BTreeMap<i64, Arc<Vec<u32>>>>);

impl HeapSize for Buckets {
    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}

impl Buckets {
    /// Moves `row` from the bucket of one instant to that of another.
    pub fn place(&mut self, row: u32, from: Option<Instant>, to: Option<Instant>) {
        let (from, to) = (from.map(bucket), to.map(bucket));
        if from == to {
            return;
        }
        let buckets = Arc::make_mut(&mut self.0);
        if let Some(rows) = from.and_then(|day| buckets.get_mut(&day)) {
            let rows = Arc::make_mut(rows);
            if let Some(at) = rows.iter().position(|known| *known == row) {
                rows.swap_remove(at);
            }
        }
        if let Some(day) = to {
            Arc::make_mut(buckets.entry(day).or_default()).push(row);
        }
    }

    /// Buckets from the one of `from` back to the one of `to`, newest first.
    pub fn newest_first(&self, from: Instant, to: Instant) -> impl Iterator<Item = &[u32]> {
        let days = bucket(to)..=bucket(from).max(bucket(to));
        self.0.range(days).rev().map(|(_, rows)| rows.as_slice())
    }

    /// One page of the rows, newest first, then by name: those that `place` gives an instant and a name, each as `make`
    /// makes it.
    pub fn page<T>(
        &self,
        position: Position,
        (after, limit): (Option<&Cursor>, usize),
        place: impl Fn(u32) -> Option<(Instant, String)>,
        make: impl Fn(u32) -> Option<T>,
    ) -> Page<T> {
        let newest = after.map_or(Instant(i64::MAX), |after| after.at);
        let placed = |row: &u32| place(*row).map(|(at, name)| (at, name, *row));
        let buckets =
            self.newest_first(newest, Instant(0)).map(|rows| rows.iter().filter_map(placed).collect());
        let (items, next_cursor) = cursor::page(buckets, after, limit, make);
        Page { position, items: items.into_iter().flatten().collect(), next_cursor }
    }

    /// Buckets of the day of `from` and those before it, each with its day since 1970.
    pub fn days(&self, from: Instant) -> impl Iterator<Item = (i64, &[u32])> {
        self.0.range(..=bucket(from)).map(|(day, rows)| (*day, rows.as_slice()))
    }
}

fn bucket(at: Instant) -> i64 {
    at.0.div_euclid(DAY)
}
