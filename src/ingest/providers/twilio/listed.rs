//! Rows of Twilio's list of calls (GET /2010-04-01/Accounts/{sid}/Calls.json).

use serde_json::Value;

use super::{Fields, PRESET, bare, number, stage, staged};
use crate::ingest::delivery::Form;
use crate::ingest::error::{MappingFailure, Reason};
use crate::ingest::owner::OwnerClaims;
use crate::ingest::payload::scalar;
use crate::ingest::providers::listed::{ListContext, ListedReport, ListedRow, owner_of_row};

/// What the list of calls calls a callback's fields. Its `duration` is seconds, and it has no time of a stage but the end.
const LISTED: [(&str, &str); 9] = [
    ("sid", "CallSid"),
    ("parent_call_sid", "ParentCallSid"),
    ("status", "CallStatus"),
    ("direction", "Direction"),
    ("from", "From"),
    ("to", "To"),
    ("duration", "CallDuration"),
    ("start_time", "StartTime"),
    ("answered_by", "AnsweredBy"),
];

/// A row of the list of calls.
pub(in crate::ingest::providers) fn listed(
    row: &Value,
    context: ListContext<'_>,
) -> Result<ListedRow, MappingFailure> {
    let named = |(name, field): &(&str, &str)| Some(((*field).to_owned(), scalar(&row[*name])?));
    let mut body: Vec<(String, String)> = LISTED.iter().filter_map(named).collect();
    let given = scalar(&row["status"]);
    let given = given.ok_or_else(|| MappingFailure::new(Reason::MissingField, "/status"))?;
    let (_, status) = stage(&given)?;
    if let Some(ended) = scalar(&row["end_time"]).filter(|_| status.rank() == 3) {
        body.push(("Timestamp".to_owned(), ended));
    }
    let fields = Fields { body, form: Form::default(), query: Form::default() };
    let number = number(&fields, context.directory);
    let claims = OwnerClaims { number: number.as_ref(), workspaces: &[], agent: None };
    let Some(owner) = owner_of_row(context, claims) else { return Ok(ListedRow::OfAnother) };
    let id = fields.required("CallSid")?;
    let reported = staged(&fields, status, bare(&fields, id.clone(), number, &owner))?;
    let (provider, mapping) = (PRESET.name, PRESET.mapping);
    Ok(ListedRow::Call(Box::new(ListedReport { provider, mapping, id, reported, recorded: None })))
}
