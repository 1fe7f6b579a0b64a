//! Bodies of posted facts and of their answers.

use domain::json::FieldError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::api::common_responses::FieldAtFault;
use crate::ingest::answer::{BatchTally, Posted};

/// A fact as it is posted.
#[derive(ToSchema)]
#[schema(as = NewFact)]
#[expect(dead_code, reason = "documents what ingest reads by the kind")]
pub struct PostedFact {
    /// From whom: `[a-z0-9_]{1,32}`.
    provider: String,
    /// Its id there: 1 to 512 bytes. The same key is recorded once, for ever (R1).
    external_id: String,
    /// One of the contract's kinds.
    kind: String,
    /// When it happened: any offset, at most 24 hours ahead of now.
    occurred_at: String,
    /// The members of its kind; unknown ones are refused.
    #[schema(value_type = Object)]
    body: Value,
}

/// One fact, or a batch: each as if posted alone.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents what the first byte of a body tells apart")]
pub enum NewFacts {
    /// Answered with 201, 200 or 409.
    One(PostedFact),
    /// Answered with 200 and what became of each.
    Many(Vec<PostedFact>),
}

/// What became of one posted fact.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostAnswer {
    /// `recorded` or `duplicate`.
    pub outcome: &'static str,
    /// Where it stands.
    pub position: u64,
}

/// What became of a line of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineAnswer {
    /// Of NDJSON its line, of an array its place, from 1.
    line: u64,
    /// `recorded`, `duplicate`, `conflict` or `rejected`.
    pub outcome: &'static str,
    /// Where it, or the first of its key, stands.
    position: Option<u64>,
    /// Why it was not recorded.
    error: Option<String>,
    /// Fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldAtFault>, required = false)]
    errors: Vec<FieldError>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// Counts.
    #[serde(flatten)]
    pub tally: BatchTally,
    /// What was not recorded; with `results=all` all.
    pub results: Vec<LineAnswer>,
    /// That there are more results than fit into an answer.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub results_cut: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What `POST /facts` is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Answered {
    /// One fact.
    One(PostAnswer),
    /// A batch.
    Batch(BatchAnswer),
}

impl LineAnswer {
    /// What became of line `line`.
    pub fn new(line: u64, posted: &Posted) -> Self {
        let told = |outcome, position, error| Self { line, outcome, position, error, errors: Vec::new() };
        match posted {
            Posted::Recorded(position) => told("recorded", Some(*position), None),
            Posted::Duplicate(position) => told("duplicate", Some(*position), None),
            Posted::Conflict(conflict) => {
                let fields: Vec<&str> = conflict.diff.iter().map(|diff| diff.pointer.as_str()).collect();
                let error = format!("recorded before with other content: {}", fields.join(", "));
                told("conflict", Some(conflict.first_position), Some(error))
            }
            Posted::Rejected(errors) => {
                let first = errors.first().map(ToString::to_string);
                Self { errors: errors.clone(), ..told("rejected", None, first) }
            }
            Posted::Unparsable(why) => told("rejected", None, Some(format!("no JSON: {why}"))),
            Posted::NotAccepted(kind) => told("rejected", None, Some(format!("kind_not_accepted: {kind}"))),
            Posted::Forbidden(kind) => told("rejected", None, Some(format!("this role may not post {kind}"))),
        }
    }
}
