//! Fields of reports: figures of the period beside those of the one before.

use super::{FieldKind, Input, figures};
use crate::explain::model::{ExplainedModel, FigureSelection};

/// Sums and rates of a report, as a month has them; those of a direction and of a currency have names below them.
const SUMS: [&str; 10] = [
    "calls",
    "answered",
    "qualified",
    "talk_seconds",
    "emails_sent",
    "replies",
    "interested",
    "positive_replies",
    "bounces",
    "unsubscribes",
];
const RATES: [&str; 5] = ["answered_rate", "reply_rate", "interest_rate", "bounce_rate", "unsubscribe_rate"];
const OF_DIRECTION: [&str; 5] = ["calls", "answered", "qualified", "talk_seconds", "answered_rate"];
/// What the CRM held when the period ended.
const OF_CRM: [&str; 4] = ["total_leads", "qualified_leads", "pipeline_value_minor", "weighted_value_minor"];

/// The figures of a report, `figures.` left out.
fn known() -> Vec<String> {
    let directions = ["inbound", "outbound"].into_iter();
    let directed = directions.flat_map(|of| OF_DIRECTION.map(|name| format!("{of}.{name}")));
    SUMS.iter().chain(&RATES).chain(&OF_CRM).map(|name| (*name).to_owned()).chain(directed).collect()
}

/// A field of `/reports/{report_id}`, with or without `figures.` before it.
pub fn field(field: &str, selection: &FigureSelection) -> Option<FieldKind> {
    let field = field.strip_prefix("figures.").unwrap_or(field);
    let (figure, part) = field.rsplit_once('.')?;
    let is_known = known().iter().any(|name| name == figure)
        || figure == "counted_calls"
        || figure.starts_with("ad_spend_minor.");
    let period = selection.report.filter(|_| is_known)?;
    let (value, before) = (format!("{figure}.value"), format!("{figure}.before"));
    let (from, to) = match part {
        "value" => period.days(),
        "before" => period.before().days(),
        "change" => return Some(FieldKind::derived("value − before", &[&value, &before], "as the value")),
        "change_percent" => {
            return Some(FieldKind::derived(
                "(value − before) / before, percent",
                &[&value, &before],
                "percent",
            ));
        }
        _ => return None,
    };
    if OF_CRM.contains(&figure) {
        return Some(FieldKind::derived("as the CRM was when the period ended", &[], "as the CRM has it"));
    }
    let days = FigureSelection { from: Some(from), to: Some(to), ..FigureSelection::default() };
    match figures::field(ExplainedModel::Reports, figure, &days)? {
        FieldKind::Derived { text, inputs, unit } => {
            let of_part = |input| match input {
                Input::Field(name) => Input::Field(format!("{name}.{part}")),
                other @ (Input::Members(_) | Input::Today(_) | Input::Elsewhere(_)) => other,
            };
            Some(FieldKind::Derived { text, inputs: inputs.into_iter().map(of_part).collect(), unit })
        }
        kind @ (FieldKind::Sum(_) | FieldKind::State(_)) => Some(kind),
    }
}

/// Their names.
pub fn names() -> Vec<String> {
    known()
        .iter()
        .flat_map(|name| ["value", "before", "change"].map(|part| format!("{name}.{part}")))
        .collect()
}
