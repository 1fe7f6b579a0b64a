//! Restatements (E4): what changed in a month that was over, from what to what, when and because of which facts.
//!
//! A month is closed an hour after its end. One that was over before the log began was served as closed by nobody until
//! a report of it is published, or the import that filled it ends; from then on it is closed too.
//!
//! A tracker folds a tenant's facts in the order of the log, beside the live fold, and compares the cells of closed
//! months after each. Cells are copied on write and the tracker keeps a pointer to each, so comparing addresses is
//! enough: a fact that changes no closed month costs a few comparisons.

mod cause;
mod changes;
mod flat;
mod imports;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::report::ReportFact;
use domain::keys::Position;
use domain::members::{Day, Instant, Month, Text};
use domain::rules::reports::Period;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub use self::cause::RestatementCause;
pub use self::changes::{FigureChange, changes, month_figures};
use self::flat::{flat, value};
pub use self::imports::ImportRun;
use crate::Recorded;
use crate::figures::Cell;
use crate::store::{Cursor, Page, heap_size};
use crate::tenant::Tenant;

/// How long after its end a month is closed, µs (RULINGS, Restatement).
const CLOSED_AFTER: i64 = 3_600_000_000;
/// Causes that a row names; beyond them it only counts.
const CAUSES_MAX: usize = 50;
const DAY: i64 = 86_400_000_000;

/// A figure of a closed month that changed on one day.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RestatementItem {
    /// The closed month, `2025-10`.
    pub month: String,
    /// The figure by its name in `/metrics/month`: `qualified`, `outcomes.voicemail`, `by_agent[ann@example.com].calls`.
    pub figure: String,
    /// Local day on which the causes were recorded.
    pub recorded_on: String,
    /// Whether facts changed it or a rule.
    pub cause: RestatementCause,
    /// Position of the `import_finished` of the import that brought the causes; null where none did.
    pub import: Option<u64>,
    /// What it was before the first of them; null where it was null.
    #[schema(value_type = Option<f64>)]
    pub old: Value,
    /// What it is since the last of them.
    #[schema(value_type = Option<f64>)]
    pub new: Value,
    /// How many facts changed it.
    pub causes: u64,
    /// The first of them, by position.
    pub positions: Vec<u64>,
}

/// When, which month and which figure; by what, and by which import.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    day: Reverse<Day>,
    month: Reverse<Month>,
    figure: Arc<str>,
    cause: RestatementCause,
    import: Option<Position>,
}

heap_size!(Key { figure; day, month, cause, import });

#[derive(Debug, Clone)]
struct Row {
    old: Value,
    new: Value,
    causes: u64,
    positions: Vec<Position>,
}

heap_size!(Row { old, new, positions; causes });

/// The cells of one entity in the closed months.
type MonthCells = Vec<(Month, Arc<Cell>)>;

/// The restatements of one tenant up to a position.
#[derive(Debug, Clone, Default)]
pub struct RestatementTracker {
    /// The tenant's models at that position.
    tenant: Tenant,
    position: Position,
    /// When its first fact was recorded. Months that were over by then were never served with other figures.
    began: Option<Instant>,
    /// The local day of recording. It never goes back, also not when the tenant's zone changes.
    day: Option<Day>,
    cells: Vec<MonthCells>,
    /// Months that are not closed, each with the last position of a fact of it.
    filled: BTreeMap<Month, Position>,
    /// Imports by the position of their end.
    runs: BTreeMap<Position, ImportRun>,
    figures: BTreeMap<Month, BTreeMap<Arc<str>, Value>>,
    rows: BTreeMap<Key, Row>,
}

heap_size!(RestatementTracker { tenant, cells, filled, runs, figures, rows; position, began, day });

impl RestatementTracker {
    /// The position of the last fact that was compared.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether the import began before this position and is not known: a tracker that is made anew knows it.
    pub fn misses(&self, run: &ImportRun) -> bool {
        run.new.is_some_and(|(first, _)| first <= self.position) && !self.runs.contains_key(&run.finished)
    }

    /// Learns of imports beforehand: a row is of one, and their ends stand behind their facts.
    pub fn expect(&mut self, runs: impl IntoIterator<Item = ImportRun>) {
        self.runs.extend(runs.into_iter().map(|run| (run.finished, run)));
    }

    /// Folds the next fact of the tenant.
    pub fn apply(&mut self, recorded: &Recorded<'_>) {
        self.close_months(recorded.recorded_at);
        self.tenant.apply(recorded);
        self.diff(&[recorded.position], recorded.recorded_at, RestatementCause::of(recorded.fact));
        self.fill(recorded);
        if let Fact::Report(ReportFact::Published(report)) = recorded.fact {
            self.close_published(report.period.as_ref().map(Text::as_str), recorded.recorded_at);
        }
    }

    /// Closes the months of a report that were over before the log began: with its figures they were told to somebody.
    fn close_published(&mut self, period: Option<&str>, recorded_at: Instant) {
        let Some((first, last)) = period.and_then(Period::parse).map(Period::days) else { return };
        let zone = self.tenant.profile.timeline.latest().zone;
        let over = zone.month(Instant(recorded_at.0 - CLOSED_AFTER));
        self.close((first.month().0..=last.month().0).map(Month).filter(|month| *month < over));
    }

    /// Notes which months the fact fills that are not closed.
    fn fill(&mut self, recorded: &Recorded<'_>) {
        let zone = self.tenant.profile.timeline.latest().zone;
        for month in imports::months_of(recorded, zone).filter(|month| !self.figures.contains_key(month)) {
            self.filled.insert(month, recorded.position);
        }
    }

    /// Closes the months that were over before the log began and that an import filled: its end stands here.
    fn close_filled(&mut self, position: Position, recorded_at: Instant) {
        let Some(lowest) = self.runs.get(&position).and_then(|run| run.lowest) else { return };
        let zone = self.tenant.profile.timeline.latest().zone;
        let over = zone.month(Instant(recorded_at.0 - CLOSED_AFTER));
        let filled = self.filled.range(..over).filter(|(_, last)| **last >= lowest);
        let filled: Vec<Month> = filled.map(|(month, _)| *month).collect();
        self.filled.retain(|month, _| !filled.contains(month));
        self.close(filled.into_iter());
    }

    /// Closes months with the figures that they have here.
    fn close(&mut self, months: impl Iterator<Item = Month>) {
        for month in months {
            let tenant = &self.tenant;
            self.figures.entry(month).or_insert_with(|| flat(&tenant.figures_of(month)));
        }
        self.snapshot();
    }

    /// Passes over a fact that no model folds.
    pub fn pass(&mut self, position: Position, recorded_at: Instant) {
        self.close_months(recorded_at);
        self.position = position;
        self.close_filled(position, recorded_at);
    }

    /// Goes on with models that were folded anew, because facts at `positions` change what stands before them: an
    /// accepted conflict, or voids that were recorded at once.
    pub fn replace(
        &mut self,
        tenant: Tenant,
        positions: &[Position],
        recorded_at: Instant,
        cause: RestatementCause,
    ) {
        self.close_months(recorded_at);
        self.tenant = tenant;
        self.diff(positions, recorded_at, cause);
    }

    /// Swaps in the live models at the same position, so that the rows are in memory only once.
    pub fn share(&mut self, tenant: Tenant) {
        self.tenant = tenant;
        self.snapshot();
    }

    /// Remembers the figures of the months that closed since the fact before, as they were when they closed.
    fn close_months(&mut self, recorded_at: Instant) {
        let zone = self.tenant.profile.timeline.latest().zone;
        let began = *self.began.get_or_insert(recorded_at);
        let closed = Month(zone.month(Instant(recorded_at.0 - CLOSED_AFTER)).0 - 1);
        // The first configuration sets the zone, and in that zone the log may have begun a month earlier.
        let first = zone.month(began);
        // Those between were closed with the last one.
        if closed < first || [first, closed].iter().all(|month| self.figures.contains_key(month)) {
            return;
        }
        self.close((first.0..=closed.0).map(Month));
    }

    fn watched(&self) -> Option<RangeInclusive<Month>> {
        Some(*self.figures.first_key_value()?.0..=*self.figures.last_key_value()?.0)
    }

    /// Keeps the cells of the watched months to compare the next fact's with.
    fn snapshot(&mut self) {
        let Some(months) = self.watched() else { return };
        let of_entity = |cells: Option<&crate::figures::Cells>| -> MonthCells {
            let cells = cells.into_iter().flat_map(|cells| cells.between(months.clone()));
            cells.map(|(month, cell)| (month, Arc::clone(cell))).collect()
        };
        self.cells = self.tenant.cells().map(of_entity).into();
    }

    /// The closed months with a cell that is not the one of the last snapshot. Pointers are compared in order first:
    /// after nearly every fact all of them are the same.
    fn changed(&self) -> BTreeSet<Month> {
        let mut changed = BTreeSet::new();
        let Some(months) = self.watched() else { return changed };
        for (cells, held) in self.tenant.cells().into_iter().zip(&self.cells) {
            let Some(cells) = cells else { continue };
            let mut pairs = cells.between(months.clone()).zip(held);
            let count = cells.between(months.clone()).count();
            if count == held.len()
                && pairs.all(|((month, cell), (known, held))| month == *known && Arc::ptr_eq(cell, held))
            {
                continue;
            }
            let is_same = |month, cell: &Arc<Cell>| {
                held.iter().any(|(known, held)| *known == month && Arc::ptr_eq(held, cell))
            };
            changed
                .extend(cells.between(months.clone()).filter(|(m, cell)| !is_same(*m, cell)).map(|(m, _)| m));
            changed
                .extend(held.iter().map(|(month, _)| *month).filter(|month| cells.month(*month).is_none()));
        }
        // Between a published month of long ago and the first of the log lie months that nobody was told of.
        changed.retain(|month| self.figures.contains_key(month));
        changed
    }

    /// Records what the facts at `positions` changed in closed months.
    fn diff(&mut self, positions: &[Position], recorded_at: Instant, cause: RestatementCause) {
        let Some(position) = positions.last().copied() else { return };
        self.position = position;
        let changed = self.changed();
        if changed.is_empty() {
            return;
        }
        let here = self.tenant.profile.timeline.latest().zone.day(recorded_at);
        let day = self.day.map_or(here, |known| known.max(here));
        self.day = Some(day);
        let import = self.runs.range(position..).map(|(_, run)| run).find(|run| run.brought(position));
        let import = import.map(|run| run.finished);
        for month in changed {
            let new = flat(&self.tenant.figures_of(month));
            let old = self.figures.insert(month, new.clone()).unwrap_or_default();
            let names: BTreeSet<&Arc<str>> = old.keys().chain(new.keys()).collect();
            for name in names {
                let [old, new] = [&old, &new].map(|figures| figures.get(name));
                let (old, new) = (value(name, old, new), value(name, new, old));
                if old != new {
                    let (day, month, figure) = (Reverse(day), Reverse(month), Arc::clone(name));
                    self.record(Key { day, month, figure, cause, import }, old, new, positions);
                }
            }
        }
        self.snapshot();
    }

    fn record(&mut self, key: Key, old: Value, new: Value, positions: &[Position]) {
        let row = self.rows.entry(key).or_insert_with(|| Row {
            old,
            new: Value::Null,
            causes: 0,
            positions: Vec::new(),
        });
        row.new = new;
        row.causes += positions.len() as u64;
        let named = CAUSES_MAX.saturating_sub(row.positions.len());
        row.positions.extend(positions.iter().take(named));
    }

    /// One page of restatements, of all months or of one: the latest recorded first, then the latest month, then by name.
    pub fn page(&self, month: Option<Month>, after: Option<&Cursor>, limit: usize) -> Page<RestatementItem> {
        let (mut items, mut last) = (Vec::new(), None);
        let wanted = self.rows.iter().filter(|(key, _)| month.is_none_or(|month| key.month.0 == month));
        let beyond = wanted.filter(|(key, _)| {
            let here = cursor(key);
            after.is_none_or(|after| here.at < after.at || (here.at == after.at && here.name > after.name))
        });
        for (key, row) in beyond {
            if items.len() == limit {
                return Page { position: self.position, items, next_cursor: last };
            }
            items.push(item(key, row));
            last = Some(cursor(key).to_string());
        }
        Page { position: self.position, items, next_cursor: None }
    }
}

fn cursor(Key { day, month, figure, cause, import }: &Key) -> Cursor {
    // Names sort upwards, months downwards; no character of a name comes before a blank.
    let (month, import) = (999_999 - month.0.0, import.unwrap_or_default());
    let name = format!("{month:06}/{figure} {} {import:020}", cause.as_str());
    Cursor { at: Instant(i64::from(day.0.0) * DAY), name }
}

fn item(Key { day, month, figure, cause, import }: &Key, row: &Row) -> RestatementItem {
    RestatementItem {
        month: month.0.to_string(),
        figure: figure.to_string(),
        recorded_on: day.0.to_string(),
        cause: *cause,
        import: *import,
        old: row.old.clone(),
        new: row.new.clone(),
        causes: row.causes,
        positions: row.positions.clone(),
    }
}
