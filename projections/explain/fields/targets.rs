//! Fields of targets: the target that was set last, and how the month and the day stand against it.

use domain::facts::report::TargetMetric;
use domain::members::Month;

use super::{FieldKind, Input, StateSubject};
use crate::explain::model::{ExplainedModel, FigureSelection};

/// What follows from a target and the month's figure: name, formula, unit.
const FIELDS: [(&str, &str, &str); 7] = [
    ("value", "the month's figure", "count"),
    ("progress", "value / target, percent", "percent"),
    ("projection", "value / days elapsed × days of the month", "count"),
    ("status", "above: the target is reached; on_track: the projection reaches it; else below", "state"),
    ("today", "the figure of today", "count"),
    ("daily_target", "target / days of the month", "count"),
    ("daily_status", "ok from 90 % of daily_target today, low from 70 %, else critical", "state"),
];

fn input(member: &str, month: Month, metric: TargetMetric) -> Input {
    let (month, metric) = (Some(month), Some(metric));
    let selection = FigureSelection { month, metric, ..FigureSelection::default() };
    Input::Elsewhere(Box::new((ExplainedModel::Targets, member.to_owned(), selection)))
}

fn member(member: &str, month: Month, metric: TargetMetric) -> Option<FieldKind> {
    if member == "target" {
        return Some(FieldKind::State(StateSubject::Target(month, metric)));
    }
    let (_, text, unit) = *FIELDS.iter().find(|(name, ..)| *name == member)?;
    let of = |members: &[&str]| members.iter().map(|name| input(name, month, metric)).collect::<Vec<_>>();
    let inputs = match member {
        "value" => {
            let selection = FigureSelection { month: Some(month), ..FigureSelection::default() };
            vec![Input::Elsewhere(Box::new((ExplainedModel::Month, metric.as_str().to_owned(), selection)))]
        }
        "today" => vec![Input::Today(metric)],
        "daily_target" => of(&["target"]),
        "daily_status" => of(&["today", "daily_target"]),
        "status" => of(&["value", "target", "projection"]),
        "projection" => of(&["value"]),
        _ => of(&["value", "target"]),
    };
    Some(FieldKind::Derived { text, inputs, unit })
}

/// A field of a target's own row.
pub fn field(field: &str, selection: &FigureSelection) -> Option<FieldKind> {
    let (month, metric) = selection.month.zip(selection.metric)?;
    member(field, month, metric)
}

/// `targets.<metric>.<member>` of a month.
pub fn of_month(field: &str, selection: &FigureSelection) -> Option<FieldKind> {
    let (month, None) = (selection.month?, &selection.agent) else { return None };
    let (metric, of) = field.strip_prefix("targets.")?.split_once('.')?;
    let metric = TargetMetric::ALL.iter().find(|known| known.as_str() == metric)?;
    match member(of, month, *metric)? {
        // The target's own row tells what set it.
        FieldKind::State(_) => {
            let (text, inputs) = ("the target that was set last", vec![input("target", month, *metric)]);
            Some(FieldKind::Derived { text, inputs, unit: "count" })
        }
        kind @ (FieldKind::Sum(_) | FieldKind::Derived { .. }) => Some(kind),
    }
}

/// Names of a target's members.
pub fn names() -> Vec<String> {
    ["target"].into_iter().chain(FIELDS.iter().map(|(name, ..)| *name)).map(str::to_owned).collect()
}

/// Names of a month's fields of targets.
pub fn names_of_month(selection: &FigureSelection) -> Vec<String> {
    let metrics = TargetMetric::ALL.iter().filter(|_| selection.agent.is_none());
    metrics
        .flat_map(|metric| names().into_iter().map(|name| format!("targets.{}.{name}", metric.as_str())))
        .collect()
}
