//! One figure that is to be explained: checked, and answered with its value, unit and formula.

use std::collections::BTreeSet;

use domain::json::{FieldError, did_you_mean};
use domain::members::{Email, Instant};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::{self, FieldKind, Input, StateSubject};
use super::model::{ExplainedModel, FigureName, FigureSelection, NOBODY};
use super::records::{RecordSum, RecordTally};
use super::served;
use super::tally::{FigureTally, TallyOf};
use crate::figures::Measure;
use crate::tenant::Tenant;

/// A figure that follows from others.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FigureFormula {
    /// How.
    pub text: &'static str,
    /// Over which; each can be explained itself.
    pub inputs: Vec<FormulaInput>,
}

/// A figure that another follows from.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FormulaInput {
    /// Which.
    pub figure: FigureName,
    /// Its value.
    pub value: Value,
}

/// A figure that a model serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    model: ExplainedModel,
    field: String,
    selection: FigureSelection,
    kind: FieldKind,
    /// The row as its route serves it, where whoever asks has read it.
    row: Option<Value>,
}

fn fault(name: &str, message: String) -> FieldError {
    FieldError { pointer: format!("/{name}"), message }
}

/// The end of a message that refuses a name.
fn hint(given: &str, known: &[&str]) -> String {
    let near = did_you_mean(given, known);
    format!("{near} (there are: {})", known.join(", "))
}

/// The field as it is served: a currency in capitals, `ad_spend` by its whole name.
fn canonical(field: &str) -> String {
    let field = field.strip_prefix("figures.").unwrap_or(field);
    let (head, rest) = field.split_once('.').unwrap_or((field, ""));
    let head = if head == "ad_spend" { "ad_spend_minor" } else { head };
    match (head.ends_with("_minor"), rest) {
        (_, "") => head.to_owned(),
        (true, rest) => {
            let (currency, part) = rest
                .split_once('.')
                .map_or((rest, String::new()), |(currency, part)| (currency, format!(".{part}")));
            // A report's figure may be none by currency.
            let is_part = ["value", "before", "change", "change_percent"].contains(&currency);
            let currency = if is_part { currency.to_owned() } else { currency.to_uppercase() };
            format!("{head}.{currency}{part}")
        }
        (false, rest) => format!("{head}.{rest}"),
    }
}

impl Question {
    /// The figure of those names.
    ///
    /// # Errors
    /// Which names are unknown or missing, each with the nearest known ones.
    pub fn new(model: &str, field: &str, mut selection: FigureSelection) -> Result<Self, Vec<FieldError>> {
        let models: Vec<&str> = ExplainedModel::ALL.iter().map(|model| model.as_str()).collect();
        let known = ExplainedModel::ALL.iter().find(|known| known.as_str() == model).copied();
        let model =
            known.ok_or_else(|| vec![fault("model", format!("is no model{}", hint(model, &models)))])?;
        let mut faults = Vec::new();
        let (required, optional) = model.selects();
        let given: BTreeSet<&str> = selection.given().into_keys().collect();
        for missing in required.iter().filter(|name| !given.contains(*name)) {
            faults
                .push(fault(missing, format!("is required: it selects the row of model {}", model.as_str())));
        }
        for other in given.iter().filter(|name| !required.contains(name) && !optional.contains(name)) {
            let names = [required, optional].concat().join(", ");
            let message =
                format!("selects nothing of model {}, which is selected by: {names}", model.as_str());
            faults.push(fault(other, message));
        }
        if selection.from.zip(selection.to).is_some_and(|(from, to)| from > to) {
            faults.push(fault("from", "must not be after `to`".to_owned()));
        }
        if let Some(agent) = &mut selection.agent {
            match Email::new(agent) {
                Some(email) => *agent = email.as_str().to_owned(),
                None if agent == NOBODY => {}
                None => faults.push(fault("agent", format!("must be an email address, or {NOBODY}"))),
            }
        }
        let field = canonical(field);
        let kind = fields::field(model, &field, &selection);
        if kind.is_none() {
            let names = fields::names(model, &selection);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            faults.push(fault(
                "field",
                format!("is no figure of model {}{}", model.as_str(), hint(&field, &names)),
            ));
        }
        match kind {
            Some(kind) if faults.is_empty() => Ok(Self { model, field, selection, kind, row: None }),
            _ => Err(faults),
        }
    }

    /// With the row as its route serves it.
    pub fn with_row(self, row: Option<Value>) -> Self {
        Self { row, ..self }
    }

    fn served_row(&self, tenant: &Tenant, now: Instant) -> Option<Value> {
        self.row.clone().or_else(|| served::row(tenant, self.model, &self.selection, now))
    }

    /// Another field of the same row.
    fn beside(&self, field: String) -> Option<Self> {
        let kind = fields::field(self.model, &field, &self.selection)?;
        Some(Self { field, kind, ..self.clone() })
    }

    /// The figure's name in answers.
    pub fn name(&self) -> FigureName {
        FigureName {
            model: self.model.as_str(),
            field: self.field.clone(),
            selection: self.selection.given(),
        }
    }

    /// What is counted or summed, where the figure is a sum.
    pub fn tally(&self) -> Option<&FigureTally> {
        match &self.kind {
            FieldKind::Sum(tally) => Some(tally),
            FieldKind::Derived { .. } | FieldKind::State(_) => None,
        }
    }

    /// Whether it depends on the time that it is asked at.
    pub fn is_of_now(&self) -> bool {
        matches!(self.model, ExplainedModel::Targets | ExplainedModel::Leaderboard)
            || self.field.starts_with("targets.")
    }

    /// Whose facts decide the figure, where it is a state.
    pub fn state(&self) -> Option<&StateSubject> {
        match &self.kind {
            FieldKind::State(subject) => Some(subject),
            FieldKind::Sum(_) | FieldKind::Derived { .. } => None,
        }
    }

    /// What the figure is measured in.
    pub fn unit(&self) -> String {
        match &self.kind {
            FieldKind::Derived { unit, .. } => (*unit).to_owned(),
            FieldKind::State(StateSubject::Target(..)) => "count".to_owned(),
            FieldKind::State(_) => "state".to_owned(),
            FieldKind::Sum(tally) => match &tally.of {
                TallyOf::Spend(currency) => format!("minor units of {currency}"),
                TallyOf::Calls(measures)
                    if measures
                        .iter()
                        .any(|of| matches!(of, Measure::TalkSeconds | Measure::KnownSeconds)) =>
                {
                    "seconds".to_owned()
                }
                TallyOf::Records(RecordTally { sum: RecordSum::Value, .. }) => "minor units".to_owned(),
                TallyOf::Records(RecordTally { sum: RecordSum::ValueIn(currency), .. }) => {
                    format!("minor units of {currency}")
                }
                TallyOf::Calls(_)
                | TallyOf::Leads(_)
                | TallyOf::Records(_)
                | TallyOf::Gains(_)
                | TallyOf::Mailboxes(_) => "count".to_owned(),
            },
        }
    }

    /// The figure as its route serves it at `now`; none where nothing has the name that selects it.
    pub fn value(&self, tenant: &Tenant, now: Instant) -> Option<Value> {
        let row = self.served_row(tenant, now)?;
        Some(self.value_in(tenant, &row))
    }

    fn value_in(&self, tenant: &Tenant, row: &Value) -> Value {
        match (served::member(row, &self.field), &self.kind) {
            (Some(value), _) => value.clone(),
            // Spend of which nothing was observed is served as null, whatever the currency.
            (None, FieldKind::Sum(FigureTally { of: TallyOf::Spend(_), .. }))
                if row.get("ad_spend_minor").is_none_or(Value::is_null) =>
            {
                Value::Null
            }
            // Where no account was read, nothing is known.
            (None, FieldKind::Sum(FigureTally { of: TallyOf::Gains(_), .. })) => Value::Null,
            // What is 0 is left out of maps, and what is part of a rate alone is served nowhere.
            (None, FieldKind::Sum(tally)) => as_json(tally.value(tenant)),
            (None, FieldKind::Derived { .. } | FieldKind::State(_)) => Value::Null,
        }
    }

    /// How the figure follows from others, where it does.
    pub fn formula(&self, tenant: &Tenant, now: Instant) -> Option<FigureFormula> {
        let FieldKind::Derived { text, inputs, .. } = &self.kind else { return None };
        let row = self.served_row(tenant, now)?;
        let beside = |field| {
            let question = self.beside(field)?;
            Some(FormulaInput { value: question.value_in(tenant, &row), figure: question.name() })
        };
        let elsewhere = |model: ExplainedModel, field: &str, selection| {
            let question = Self::new(model.as_str(), field, selection).ok()?;
            Some(FormulaInput { value: question.value(tenant, now)?, figure: question.name() })
        };
        let mut over = Vec::new();
        for input in inputs {
            match input {
                Input::Field(field) => over.extend(beside(field.clone())),
                Input::Members(map) => {
                    let members = row.get(map).and_then(Value::as_object).into_iter().flatten();
                    over.extend(members.filter_map(|(name, _)| beside(format!("{map}.{name}"))));
                }
                Input::Today(metric) => {
                    let day = Some(tenant.profile.timeline.latest().zone.day(now));
                    let selection = FigureSelection { day, ..FigureSelection::default() };
                    over.extend(elsewhere(ExplainedModel::Days, metric.as_str(), selection));
                }
                Input::Elsewhere(named) => {
                    let (model, field, selection) = &**named;
                    over.extend(elsewhere(*model, field, selection.clone()));
                }
            }
        }
        Some(FigureFormula { text, inputs: over })
    }
}

/// A sum as JSON, which has no wider numbers that clients read.
pub fn as_json(sum: i128) -> Value {
    Value::from(sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}
