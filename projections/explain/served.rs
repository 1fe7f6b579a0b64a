//! The rows of answers as the routes serve them: what a figure's value is read from.

use domain::members::Instant;
use domain::rules::configuration::folded;
use serde::Serialize;
use serde_json::Value;

use super::model::{ExplainedModel, FigureSelection, NOBODY};
use crate::figures::lead_summary::LeadSummaryInput;
use crate::figures::pipeline::PipelineInput;
use crate::tenant::Tenant;

fn json<T: Serialize>(answer: &T) -> Value {
    serde_json::to_value(answer).unwrap_or_default()
}

/// The row that `selection` selects, as its route serves it at `now`; none where nothing has that name, and null where the
/// answer has no such row for want of facts.
pub fn row(
    tenant: &Tenant,
    model: ExplainedModel,
    selection: &FigureSelection,
    now: Instant,
) -> Option<Value> {
    let of_agent = |row: Value| match &selection.agent {
        None => row,
        Some(agent) => {
            let is_it = |of: &&Value| of["agent"].as_str().unwrap_or(NOBODY) == agent;
            row["by_agent"].as_array().into_iter().flatten().find(is_it).cloned().unwrap_or_default()
        }
    };
    match model {
        ExplainedModel::Month => Some(of_agent(json(&tenant.month(0, selection.month?, now)))),
        ExplainedModel::Days => {
            let day = selection.day?;
            let answer = tenant.days(day, day).answer(0);
            Some(of_agent(answer.items.first().map(json).unwrap_or_default()))
        }
        ExplainedModel::Agents => match selection.agent_email() {
            Some(agent) => Some(json(&tenant.agent_metrics(0, &agent, selection.from, selection.to))),
            None => Some(Value::Null),
        },
        ExplainedModel::Sessions => {
            let (book, id) = (tenant.session_book(), selection.session_id.as_deref()?);
            let mut row = json(&book.sums(id, &tenant.profile.timeline)?.metrics());
            let item = book.sessions.row(id).and_then(|at| book.item(at)).map(|item| json(&item));
            if let (Some(row), Some(Value::Object(item))) = (row.as_object_mut(), item) {
                row.extend(item);
            }
            Some(row)
        }
        ExplainedModel::Pipeline => {
            let row = json(&PipelineInput::new(&tenant.crm.rows, &tenant.profile.timeline).answer(0));
            Some(named(row, "stages", "stage", selection.stage.as_deref()))
        }
        ExplainedModel::Leads => {
            let row = json(&LeadSummaryInput::new(&tenant.crm.rows, &tenant.profile.timeline).answer(0));
            Some(match selection.status.as_deref() {
                Some(status) => named(row, "by_status", "status", Some(status)),
                None => named(row, "by_source", "source", selection.source.as_deref()),
            })
        }
        ExplainedModel::SenderAccounts => Some(json(&tenant.sender_accounts.rows.status(0))),
        ExplainedModel::ProviderPerformance => {
            let day = selection.day?;
            let items = tenant.performance().answer(0, day, day).items;
            let of = items.iter().find(|item| item.email_provider == selection.email_provider);
            Some(of.map(json).unwrap_or_default())
        }
        // A report is of moments of its own: whoever reads it has its row.
        ExplainedModel::Reports => None,
        ExplainedModel::Calls => tenant.call(selection.call_id.as_deref()?).map(|call| json(&call)),
        ExplainedModel::OutreachLeads => {
            let head = tenant.leads.rows.by_id(selection.lead_id.as_deref()?)?;
            Some(json(&tenant.lead(head)))
        }
        ExplainedModel::Leaderboard => {
            let today = tenant.profile.timeline.latest().zone.day(now);
            let date = selection.date.unwrap_or(today);
            let items = tenant.leaderboard_sums(0, selection.period?, date, today).rank().items;
            let agent = selection.agent.as_deref();
            Some(items.iter().find(|item| Some(item.agent.as_str()) == agent).map(json).unwrap_or_default())
        }
        ExplainedModel::Targets => {
            let targets = tenant.month(0, selection.month?, now).targets;
            Some(targets.get(selection.metric?.as_str()).map(json).unwrap_or_default())
        }
    }
}

/// Of a list in a row the element that is called `name`, in any case; the row itself where no name is given.
fn named(row: Value, list: &str, member: &str, name: Option<&str>) -> Value {
    let Some(name) = name else { return row };
    let is_it = |of: &&Value| of[member].as_str().is_some_and(|known| folded(known) == folded(name));
    row[list].as_array().into_iter().flatten().find(is_it).cloned().unwrap_or_default()
}

/// The member of a row at a dotted name.
pub fn member<'v>(row: &'v Value, field: &str) -> Option<&'v Value> {
    field.split('.').try_fold(row, |value, name| value.get(name))
}
