//! Schemas of posted facts and of their answers.

use domain::json::FieldError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::api::common_responses::FieldAtFault;
use crate::ingest::answer::{BatchTally, Posted};

/// A fact to be posted. The API document has its schema by kind in this one's place.
#[derive(ToSchema)]
#[schema(as = NewFact)]
pub struct PostedFact {}

/// One fact, or a batch of facts that are each recorded or rejected as if posted alone.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents what the first byte of a body tells apart")]
pub enum NewFacts {
    /// One fact, answered 201, 200 or 409.
    One(PostedFact),
    /// A batch, answered 200 with results.
    Many(Vec<PostedFact>),
}

/// The result of one posted fact.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostAnswer {
    /// `recorded` or `duplicate`.
    pub outcome: &'static str,
    /// The fact's position in the log.
    pub position: u64,
    /// True where the fact is voided: it counts as if it had never come.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub voided: bool,
}

/// The result of one fact of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineAnswer {
    /// Line of the NDJSON or element of the array, from 1.
    line: u64,
    /// `recorded`, `duplicate`, `conflict` or `rejected`.
    pub outcome: &'static str,
    /// Position of the fact, or of the first fact with its key; null when rejected.
    position: Option<u64>,
    /// Why the fact was not recorded; null after success.
    error: Option<String>,
    /// True where the fact is voided: it counts as if it had never come.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub voided: bool,
    /// The invalid fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldAtFault>, required = false)]
    errors: Vec<FieldError>,
}

/// Most results in one answer; further ones are counted only, and `results_cut` is true.
const RESULTS_MAX: usize = 100_000;

/// The results of a batch.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// Counts by outcome.
    #[serde(flatten)]
    pub tally: BatchTally,
    /// Results of the facts that were not recorded; with `results=all` of all facts.
    pub results: Vec<LineAnswer>,
    /// True where there are more than 100,000 results and the rest is left out.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub results_cut: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The answer of `POST /facts`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PostFactsAnswer {
    /// The result of one fact.
    One(PostAnswer),
    /// The results of a batch.
    Batch(BatchAnswer),
}

impl BatchAnswer {
    /// Counts a result and lists it; one that was recorded only where `all` are asked for.
    pub fn add(&mut self, line: LineAnswer, all: bool) {
        let count = match line.outcome {
            "recorded" => &mut self.tally.recorded,
            "duplicate" => &mut self.tally.duplicates,
            "conflict" => &mut self.tally.conflicts,
            _ => &mut self.tally.rejected,
        };
        *count += 1;
        self.tally.last_position = self.tally.last_position.max(line.position);
        self.list(line, all);
    }

    /// Lists a result that is counted already.
    pub fn list(&mut self, line: LineAnswer, all: bool) {
        if !all && line.outcome == "recorded" {
            return;
        }
        if self.results.len() == RESULTS_MAX {
            self.results_cut = true;
            return;
        }
        self.results.push(line);
    }
}

impl LineAnswer {
    /// A result as it is told.
    pub fn told(line: u64, outcome: &'static str, position: Option<u64>, error: Option<String>) -> Self {
        Self { line, outcome, position, error, voided: false, errors: Vec::new() }
    }

    /// The result of the fact on `line`.
    pub fn new(line: u64, posted: &Posted) -> Self {
        let result = |outcome, position, error| Self::told(line, outcome, position, error);
        match posted {
            Posted::Recorded(position) => result("recorded", Some(*position), None),
            Posted::Duplicate(position) => result("duplicate", Some(*position), None),
            Posted::Conflict(conflict) => {
                let fields: Vec<&str> = conflict.diff.iter().map(|diff| diff.pointer.as_str()).collect();
                let error = format!("recorded before with different content: {}", fields.join(", "));
                result("conflict", Some(conflict.first_position), Some(error))
            }
            Posted::Rejected(errors) => {
                let first = errors.first().map(ToString::to_string);
                Self { errors: errors.clone(), ..result("rejected", None, first) }
            }
            Posted::Unparsable(why) => result("rejected", None, Some(format!("invalid JSON: {why}"))),
            Posted::NotAccepted(kind) => result("rejected", None, Some(format!("kind_not_accepted: {kind}"))),
            Posted::Forbidden(kind) => {
                result("rejected", None, Some(format!("this role may not post {kind}")))
            }
        }
    }
}
