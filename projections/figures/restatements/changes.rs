//! What differs between two folds of a tenant, month by month and figure by figure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::members::Month;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::flat::{flat, value};
use crate::figures::Cells;
use crate::tenant::Tenant;

/// A figure of a month that two folds give differently.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FigureChange {
    /// The month, `2025-10`.
    pub month: String,
    /// The figure by its name in `/metrics/month`: `qualified`, `outcomes.voicemail`, `by_agent[ann@example.com].calls`.
    pub figure: String,
    /// What it is in the first fold; null where it is null.
    #[schema(value_type = Option<f64>)]
    pub old: Value,
    /// What it is in the second.
    #[schema(value_type = Option<f64>)]
    pub new: Value,
}

/// Every figure of every month that has any, by its name in `/metrics/month`.
pub fn month_figures(tenant: &Tenant) -> BTreeMap<Month, BTreeMap<Arc<str>, Value>> {
    let cells = tenant.cells().into_iter().flatten();
    let months: BTreeSet<Month> = cells.flat_map(Cells::months).map(|(month, _)| month).collect();
    months.into_iter().map(|month| (month, flat(&tenant.figures_of(month)))).collect()
}

/// The figures of months that differ between `old` and `new`, the earliest month first, then by name.
pub fn changes(old: &Tenant, new: &Tenant) -> Vec<FigureChange> {
    let pairs = || old.cells().into_iter().zip(new.cells());
    let months = |cells: Option<&Cells>| -> Vec<Month> {
        cells.into_iter().flat_map(Cells::months).map(|(month, _)| month).collect()
    };
    let all: BTreeSet<Month> = pairs().flat_map(|(old, new)| [months(old), months(new)].concat()).collect();
    let cell = |cells: Option<&Cells>, month| cells.and_then(|cells| cells.month(month)).cloned();
    let differs = |month: &Month| pairs().any(|(old, new)| cell(old, *month) != cell(new, *month));
    let mut found = Vec::new();
    for month in all.into_iter().filter(differs) {
        let [old, new] = [old, new].map(|tenant| flat(&tenant.figures_of(month)));
        let names: BTreeSet<&Arc<str>> = old.keys().chain(new.keys()).collect();
        for name in names {
            let [old, new] = [&old, &new].map(|figures| figures.get(name));
            let (old, new) = (value(name, old, new), value(name, new, old));
            if old != new {
                found.push(FigureChange { month: month.to_string(), figure: name.to_string(), old, new });
            }
        }
    }
    found
}
