//! The fields of each model: what is counted or summed, what follows from other fields, and what facts of one subject say.

mod accounts;
mod crm;
mod figures;
mod reports;
mod states;
mod targets;

use domain::facts::report::TargetMetric;
use domain::members::Month;

use super::model::{ExplainedModel, FigureSelection};
use super::tally::FigureTally;

/// How a field comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// The sum of what subjects add.
    Sum(FigureTally),
    /// A formula over other fields.
    Derived {
        /// The formula.
        text: &'static str,
        /// What it is over.
        inputs: Vec<Input>,
        /// What it is measured in.
        unit: &'static str,
    },
    /// What facts of one subject say, the last of them by their order.
    State(StateSubject),
}

impl FieldKind {
    /// A formula over fields of the same row.
    fn derived(text: &'static str, inputs: &[&str], unit: &'static str) -> Self {
        let inputs = inputs.iter().map(|input| Input::Field((*input).to_owned())).collect();
        Self::Derived { text, inputs, unit }
    }
}

/// What a formula is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A field of the same row.
    Field(String),
    /// Every member of a field that is a map.
    Members(&'static str),
    /// The metric's figure of today.
    Today(TargetMetric),
    /// A field of another model's row.
    Elsewhere(Box<(ExplainedModel, String, FigureSelection)>),
}

/// Whose facts decide a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateSubject {
    /// A target's.
    Target(Month, TargetMetric),
    /// A dialer session's.
    Session(String),
    /// A call's.
    Call(String),
    /// A lead's of outreach.
    OutreachLead(String),
}

/// The kind of `field` in the row that `selection` selects; none where the model has no such field.
pub fn field(model: ExplainedModel, field: &str, selection: &FigureSelection) -> Option<FieldKind> {
    match model {
        ExplainedModel::Month => {
            figures::field(model, field, selection).or_else(|| targets::of_month(field, selection))
        }
        ExplainedModel::Days | ExplainedModel::Agents | ExplainedModel::Leaderboard => {
            figures::field(model, field, selection)
        }
        ExplainedModel::Sessions => {
            states::field(model, field, selection).or_else(|| figures::field(model, field, selection))
        }
        ExplainedModel::Targets => targets::field(field, selection),
        ExplainedModel::Pipeline => crm::pipeline(field, selection),
        ExplainedModel::Leads => crm::leads(field, selection),
        ExplainedModel::SenderAccounts => accounts::standing(field),
        ExplainedModel::ProviderPerformance => accounts::performance(field, selection),
        ExplainedModel::Reports => reports::field(field, selection),
        ExplainedModel::Calls | ExplainedModel::OutreachLeads => states::field(model, field, selection),
    }
}

/// The names of the model's fields in the row that `selection` selects.
pub fn names(model: ExplainedModel, selection: &FigureSelection) -> Vec<String> {
    match model {
        ExplainedModel::Month => {
            figures::names(model, selection).into_iter().chain(targets::names_of_month(selection)).collect()
        }
        ExplainedModel::Days | ExplainedModel::Agents | ExplainedModel::Leaderboard => {
            figures::names(model, selection)
        }
        ExplainedModel::Sessions => {
            states::names(model).into_iter().chain(figures::names(model, selection)).collect()
        }
        ExplainedModel::Targets => targets::names(),
        ExplainedModel::Pipeline => crm::names_of_pipeline(selection),
        ExplainedModel::Leads => crm::names_of_leads(selection),
        ExplainedModel::SenderAccounts => accounts::names_of_standing(),
        ExplainedModel::ProviderPerformance => accounts::names_of_performance(),
        ExplainedModel::Reports => reports::names(),
        ExplainedModel::Calls | ExplainedModel::OutreachLeads => states::names(model),
    }
}
