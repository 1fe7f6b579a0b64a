//! Fields that the facts of one subject decide: a session's, a call's, a lead's.

use super::{FieldKind, StateSubject};
use crate::explain::model::{ExplainedModel, FigureSelection};

const SESSION: [&str; 8] = [
    "agent",
    "pipeline_id",
    "total_leads",
    "completed_leads",
    "current_lead_index",
    "current_lead_id",
    "is_active",
    "last_activity_at",
];

const CALL: [&str; 18] = [
    "status",
    "reason",
    "counted",
    "call_status",
    "answered",
    "duration_seconds",
    "direction",
    "from",
    "to",
    "agent",
    "lead_id",
    "session_id",
    "started_at",
    "answered_at",
    "ended_at",
    "source",
    "campaign",
    "outcome",
];

const LEAD: [&str; 8] = [
    "stage",
    "first_interested_at",
    "first_event_at",
    "last_event_at",
    "email",
    "first_name",
    "last_name",
    "company",
];

/// The models that have such fields.
const KNOWN: [(ExplainedModel, &[&str]); 3] = [
    (ExplainedModel::Sessions, &SESSION),
    (ExplainedModel::Calls, &CALL),
    (ExplainedModel::OutreachLeads, &LEAD),
];

fn known(model: ExplainedModel) -> &'static [&'static str] {
    KNOWN.iter().find(|(of, _)| *of == model).map_or(&[], |(_, known)| known)
}

/// A field of the model that the facts of one subject decide.
pub fn field(model: ExplainedModel, field: &str, selection: &FigureSelection) -> Option<FieldKind> {
    known(model).contains(&field).then_some(())?;
    let FigureSelection { session_id, call_id, lead_id, .. } = selection;
    let session = session_id.clone().map(StateSubject::Session);
    let call = call_id.clone().map(StateSubject::Call);
    let subject = session.or(call).or_else(|| lead_id.clone().map(StateSubject::OutreachLead));
    subject.map(FieldKind::State)
}

/// Their names.
pub fn names(model: ExplainedModel) -> Vec<String> {
    known(model).iter().map(|name| (*name).to_owned()).collect()
}
