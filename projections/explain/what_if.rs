//! What other rules would make of the history (E8): figures under the rules in force and under others, and the subjects that
//! would count or count no more. Rows do not depend on rules, so nothing is folded anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::tenant::Rules;
use domain::keys::Position;
use domain::members::{Instant, Month};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::model::{ExplainedModel, FigureName, FigureSelection};
use super::question::Question;
use super::reasons::{COUNTS, NotCounted};
use super::served;
use super::subjects::SubjectId;
use crate::tenant::Tenant;

/// Figures whose subjects are told where they would count, or count no more.
const FLIPPING: [(ExplainedModel, &str); 5] = [
    (ExplainedModel::Month, "answered"),
    (ExplainedModel::Month, "qualified"),
    (ExplainedModel::Leads, "total_leads"),
    (ExplainedModel::Leads, "qualified_leads"),
    (ExplainedModel::Pipeline, "deals"),
];

/// A figure that other rules would change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChangedFigure {
    /// Which.
    pub figure: FigureName,
    /// Under the rules in force.
    pub old: Value,
    /// Under the others.
    pub new: Value,
}

/// A subject that would count, or count no more.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FlippedSubject {
    /// The figure.
    pub figure: FigureName,
    /// What is counted.
    pub subject: String,
    /// The first of its facts.
    pub position: Position,
    /// What it adds under the rules in force.
    pub old: i64,
    /// What it adds under the others.
    pub new: i64,
    /// `rules_satisfied` where it would count, else why it would not.
    pub code: &'static str,
    /// Why it counts under one of them and not under the other.
    pub reason: String,
}

/// A tenant under the rules in force and under others.
#[derive(Debug)]
pub struct WhatIf {
    old: Tenant,
    new: Tenant,
    months: Vec<Month>,
    now: Instant,
}

/// Where a page of flipped subjects ended: the figure, the first fact and the place.
pub type FlipPlace = (usize, Position, u32);

impl WhatIf {
    /// Lays `rules` over those in force. Takes as long as a configuration does: every row's share is made anew.
    pub fn new(tenant: Tenant, rules: &Rules, (from, to): (Month, Month), now: Instant) -> Self {
        let timeline = Arc::new(tenant.profile.timeline.under(rules));
        let new = tenant.under(timeline);
        Self { old: tenant, new, months: (from.0..=to.0).map(Month).collect(), now }
    }

    /// The rows of answers whose figures are compared.
    fn rows(&self) -> impl Iterator<Item = (ExplainedModel, FigureSelection)> {
        let month = |month: &Month| FigureSelection { month: Some(*month), ..FigureSelection::default() };
        let months = self.months.iter().map(move |at| (ExplainedModel::Month, month(at)));
        let crm = [ExplainedModel::Leads, ExplainedModel::Pipeline];
        months.chain(crm.map(|model| (model, FigureSelection::default())))
    }

    /// The figures that differ, by month.
    pub fn figures(&self) -> Vec<ChangedFigure> {
        let mut changed = Vec::new();
        for (model, selection) in self.rows() {
            let [old, new] = [&self.old, &self.new].map(|tenant| {
                let mut leaves = BTreeMap::new();
                let row = served::row(tenant, model, &selection, self.now).unwrap_or_default();
                add_leaves(&row, "", &mut leaves);
                leaves
            });
            let fields: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for field in fields {
                let of = |leaves: &BTreeMap<String, Value>| leaves.get(field).cloned().unwrap_or_default();
                let (old, new) = (of(&old), of(&new));
                if old != new {
                    let selection = selection.given();
                    let figure = FigureName { model: model.as_str(), field: field.clone(), selection };
                    changed.push(ChangedFigure { figure, old, new });
                }
            }
        }
        changed
    }

    /// How many subjects flip, and a page of them behind `after`, with where it ends.
    pub fn flips(
        &self,
        after: Option<FlipPlace>,
        limit: usize,
    ) -> (usize, Vec<FlippedSubject>, Option<FlipPlace>) {
        let (mut count, mut items, mut last, mut next) = (0, Vec::new(), None, None);
        let questions = self.rows().flat_map(|(model, selection)| {
            let fields = FLIPPING.iter().filter(move |(of, _)| *of == model);
            fields.filter_map(move |(_, field)| Question::new(model.as_str(), field, selection.clone()).ok())
        });
        for (number, question) in questions.enumerate() {
            let Some(tally) = question.tally() else { continue };
            let mut amounts: BTreeMap<(Position, u32), (SubjectId, i128, i128)> = BTreeMap::new();
            for subject in tally.subjects(&self.old) {
                amounts.insert((subject.first, subject.place), (subject.id, subject.amount, 0));
            }
            for subject in tally.subjects(&self.new) {
                let known = amounts.entry((subject.first, subject.place));
                known.or_insert((subject.id, 0, 0)).2 = subject.amount;
            }
            for ((first, place), (id, old, new)) in
                amounts.into_iter().filter(|(_, (_, old, new))| old != new)
            {
                count += 1;
                let at = (number, first, place);
                if after.is_some_and(|after| at <= after) {
                    continue;
                }
                if items.len() == limit {
                    next = last;
                    continue;
                }
                let why = |tenant: &Tenant| tally.why_not(tenant, id);
                let (code, reason) = match (old, new) {
                    (0, _) => (COUNTS, format!("it does not count now: {}", why(&self.old).reason)),
                    (_, 0) => {
                        let NotCounted { code, reason, .. } = why(&self.new);
                        (code, reason)
                    }
                    _ => (COUNTS, tally.rule(&self.new)),
                };
                let narrow = |amount: i128| amount.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                items.push(FlippedSubject {
                    figure: question.name(),
                    subject: id.name(&self.old),
                    position: first,
                    old: narrow(old),
                    new: narrow(new),
                    code,
                    reason,
                });
                last = Some(at);
            }
        }
        (count, items, next)
    }
}

/// Numbers and nulls of a row by their dotted names, targets left out: they change with the figures that they are of.
fn add_leaves(value: &Value, name: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (member, value) in
                members.iter().filter(|(member, _)| !name.is_empty() || member.as_str() != "targets")
            {
                let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                add_leaves(value, &name, found);
            }
        }
        Value::Null | Value::Number(_) => {
            found.insert(name.to_owned(), value.clone());
        }
        Value::Array(_) | Value::String(_) | Value::Bool(_) => {}
    }
}
