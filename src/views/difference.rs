//! What differs between live models and those that were built beside them (E5): rows and figures, old and new.

use std::collections::{BTreeMap, BTreeSet};

use projections::canonical::{RowPrint, prints};
use projections::figures::restatements::changes;
use projections::tenant::{ENTITIES, Tenant};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::shadow::{Models, Shadow};

/// Most differences that are listed; all are counted.
const LISTED_MAX: usize = 10_000;

/// A row or a figure that differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelDifference {
    /// Whose.
    pub tenant: String,
    /// The model of the row; `month` of a figure.
    pub model: &'static str,
    /// The row by what names it, such as a call's id; null of a figure.
    pub row: Option<String>,
    /// The figure's month, `2025-10`; null of a row.
    pub month: Option<String>,
    /// The figure by its name in `/metrics/month`; null of a row.
    pub figure: Option<String>,
    /// In the live model: a figure's value, or a digest of the row's members; null where it is not there.
    pub old: Value,
    /// In the one that was built.
    pub new: Value,
}

/// What differs between two builds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Differences {
    /// Rows that differ.
    pub rows: u64,
    /// Figures that differ.
    pub figures: u64,
    /// The first 10,000, by tenant.
    pub listed: Vec<ModelDifference>,
}

impl Differences {
    /// Compares at one position.
    pub(super) fn between(live: &BTreeMap<Box<str>, Tenant>, shadow: &Shadow) -> Self {
        let mut found = Self::default();
        let nobody = Tenant::default();
        let ids: BTreeSet<&Box<str>> = live.keys().chain(shadow.tenants.keys()).collect();
        for id in ids {
            let old = live.get(id).unwrap_or(&nobody);
            let new = shadow.tenants.get(id).map_or(&nobody, |state| &state.tenant);
            found.of_tenant(id, old, new, shadow.models);
        }
        found
    }

    fn of_tenant(&mut self, id: &str, old: &Tenant, new: &Tenant, models: Models) {
        let entities = match models {
            Models::One(at) => at..at + 1,
            Models::All => 0..ENTITIES.len(),
        };
        for at in entities.filter(|at| old.digest_of(*at, id) != new.digest_of(*at, id)) {
            let [before, after] = [old, new].map(|tenant| prints(|| tenant.digest_of(at, id)));
            self.of_rows(id, ENTITIES[at].name, &before, &after);
        }
        let whole = match models {
            Models::All => new.clone(),
            Models::One(at) => {
                let (mut whole, mut built) = (old.clone(), new.clone());
                whole.exchange(at, &mut built);
                whole
            }
        };
        for change in changes(old, &whole) {
            self.figures += 1;
            self.list(ModelDifference {
                tenant: id.to_owned(),
                model: "month",
                row: None,
                month: Some(change.month),
                figure: Some(change.figure),
                old: change.old,
                new: change.new,
            });
        }
    }

    fn of_rows(&mut self, id: &str, model: &'static str, before: &[RowPrint], after: &[RowPrint]) {
        let sorted = |prints: &[RowPrint]| prints.iter().map(|row| row.print).collect::<BTreeSet<_>>();
        let (there, here) = (sorted(before), sorted(after));
        // Two rows may have one name: they are paired in their order.
        let mut rows: BTreeMap<&str, [Vec<String>; 2]> = BTreeMap::new();
        let gone = before.iter().filter(|row| !here.contains(&row.print)).map(|row| (0, row));
        let new = after.iter().filter(|row| !there.contains(&row.print)).map(|row| (1, row));
        for (side, row) in gone.chain(new) {
            rows.entry(row.name.as_str()).or_default()[side].push(hex::encode(row.print));
        }
        for (name, [old, new]) in rows {
            for at in 0..old.len().max(new.len()) {
                self.rows += 1;
                self.list(ModelDifference {
                    tenant: id.to_owned(),
                    model,
                    row: Some(name.to_owned()),
                    month: None,
                    figure: None,
                    old: old.get(at).cloned().into(),
                    new: new.get(at).cloned().into(),
                });
            }
        }
    }

    fn list(&mut self, difference: ModelDifference) {
        if self.listed.len() < LISTED_MAX {
            self.listed.push(difference);
        }
    }
}
