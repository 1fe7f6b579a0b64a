//! Every figure at one moment as a table that the next release can read: model, path and value (RULINGS, Across releases).
//!
//! Who an agent is stands nowhere in it: names are keyed digests, and are shown where the log still has them.

use std::collections::{BTreeMap, BTreeSet};

use domain::keys::{LogSecret, Position, TenantId};
use projections::figures::lead_summary::LeadSummaryInput;
use projections::figures::pipeline::PipelineInput;
use projections::figures::restatements::month_figures;
use projections::tenant::{MODELS, Tenant};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time_travel::Moment;
use super::{FoldError, Views};

/// Figures by model and path, such as `month` and `2025-10/qualified`.
type Figures = BTreeMap<String, BTreeMap<String, Value>>;

/// A tenant's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TenantFigures {
    /// They are true at this position.
    position: Position,
    figures: Figures,
}

/// The figures of all tenants, and what gave them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureTable {
    /// The release that stored it.
    pub release: String,
    /// Version of each model.
    pub models: BTreeMap<String, u32>,
    tenants: BTreeMap<String, TenantFigures>,
}

/// A figure that this release gives otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureDifference {
    /// Whose.
    pub tenant: String,
    /// True at this position, then and now.
    pub position: Position,
    /// `month`, `lead_summary` or `pipeline`.
    pub model: String,
    /// The figure, such as `2025-10/qualified`.
    pub path: String,
    /// What was stored; null where it was not there.
    pub old: Value,
    /// What this release gives.
    pub new: Value,
}

/// Writes tables: names in them are digests under the log's secret.
struct Writer<'s> {
    secret: &'s LogSecret,
    /// Digest and name of each agent that was met.
    names: BTreeMap<String, String>,
}

impl Writer<'_> {
    fn figures(&mut self, tenant: &Tenant, position: Position) -> Figures {
        let mut months = BTreeMap::new();
        for (month, figures) in month_figures(tenant) {
            for (name, value) in figures {
                months.insert(format!("{month}/{}", self.path(&name)), value);
            }
        }
        let (crm, timeline) = (&tenant.crm.rows, &tenant.profile.timeline);
        let summary = serde_json::to_value(LeadSummaryInput::new(crm, timeline).answer(position));
        let pipeline = serde_json::to_value(PipelineInput::new(crm, timeline).answer(position));
        let mut figures = Figures::from([("month".to_owned(), months)]);
        for (model, told) in [("lead_summary", summary), ("pipeline", pipeline)] {
            let mut flat = BTreeMap::new();
            numbers(String::new(), told.unwrap_or_default(), &mut flat);
            flat.remove("position");
            figures.insert(model.to_owned(), flat);
        }
        figures
    }

    /// `by_agent[ann@example.com].calls` with a digest in the name's place.
    fn path(&mut self, name: &str) -> String {
        let Some((before, rest)) = name.split_once('[') else { return name.to_owned() };
        let Some((agent, after)) = rest.rsplit_once(']') else { return name.to_owned() };
        let digest = self.secret.reference("stored figure", &[agent.as_bytes()]);
        let digest = hex::encode(&digest[..8]);
        self.names.insert(digest.clone(), agent.to_owned());
        format!("{before}[{digest}]{after}")
    }

    fn shown(&self, path: &str) -> String {
        let Some((before, rest)) = path.split_once('[') else { return path.to_owned() };
        let Some((digest, after)) = rest.split_once(']') else { return path.to_owned() };
        format!("{before}[{}]{after}", self.names.get(digest).map_or(digest, String::as_str))
    }
}

/// The numbers of an answer by their paths; rows are named by their first text.
fn numbers(path: String, value: Value, found: &mut BTreeMap<String, Value>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                numbers(below(&name), value, found);
            }
        }
        Value::Array(rows) => {
            for row in rows {
                let name = row.as_object().and_then(|row| row.values().find_map(Value::as_str));
                let name = name.unwrap_or_default().to_owned();
                numbers(below(&name), row, found);
            }
        }
        Value::Number(_) => {
            found.insert(path, value);
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Versions of the models of this release.
fn versions() -> BTreeMap<String, u32> {
    MODELS.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
}

impl FigureTable {
    /// The figures as they are now. Folding waits only while a tenant's counters are taken.
    pub fn of(views: &Views, secret: &LogSecret) -> Self {
        let mut writer = Writer { secret, names: BTreeMap::new() };
        let mut tenants = BTreeMap::new();
        for (id, view) in views.tenants() {
            let told = view.frozen().with(|tenant, position| {
                let figures = writer.figures(tenant, position);
                TenantFigures { position, figures }
            });
            tenants.insert(id.to_string(), told);
        }
        Self { release: env!("CARGO_PKG_VERSION").to_owned(), models: versions(), tenants }
    }

    /// The models that this release has in another version, or not, with the version of then.
    pub fn changed_models(&self) -> Vec<(&str, u32)> {
        let now = versions();
        let changed = self.models.iter().filter(|(name, version)| now.get(*name) != Some(version));
        changed.map(|(name, version)| (name.as_str(), *version)).collect()
    }

    /// What this release gives otherwise, each tenant folded up to the position that its figures were stored at.
    ///
    /// # Errors
    /// What the log cannot read.
    pub async fn differences(
        &self,
        views: &Views,
        secret: &LogSecret,
    ) -> Result<Vec<FigureDifference>, FoldError> {
        let mut found = Vec::new();
        for (id, stored) in &self.tenants {
            let Ok(tenant) = TenantId::stored(id) else { continue };
            let moment = Moment { as_of_position: Some(stored.position), ..Moment::default() };
            let Some(view) = views.at(&tenant, moment).await? else { continue };
            let mut writer = Writer { secret, names: BTreeMap::new() };
            let now = view.with(|tenant, _| writer.figures(tenant, stored.position));
            let models: BTreeSet<&String> = stored.figures.keys().chain(now.keys()).collect();
            for model in models {
                let nothing = BTreeMap::new();
                let [old, new] = [&stored.figures, &now].map(|all| all.get(model).unwrap_or(&nothing));
                let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for path in paths.into_iter().filter(|path| old.get(*path) != new.get(*path)) {
                    let value = |of: &BTreeMap<String, Value>| of.get(path).cloned().unwrap_or_default();
                    found.push(FigureDifference {
                        tenant: id.clone(),
                        position: stored.position,
                        model: model.clone(),
                        path: writer.shown(path),
                        old: value(old),
                        new: value(new),
                    });
                }
            }
        }
        Ok(found)
    }
}
