//! The answers of explaining, and where their pages end.

use std::fmt;
use std::str::FromStr;

use domain::keys::Position;
use projections::explain::model::FigureName;
use projections::explain::question::FigureFormula;
use projections::explain::verdict::FigureVerdict;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A fact and what it does to a figure; of subjects that do not count, their last fact.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Contribution {
    /// Its place in the log.
    pub position: Position,
    /// What it is.
    pub kind: &'static str,
    /// From whom.
    pub provider: String,
    /// Its id there.
    pub external_id: String,
    /// What it is counted as.
    pub subject: String,
    /// Of whom it speaks: the other party of a call, the lead, contact or mailbox, else the agent or author; absent where it
    /// names nobody, or whom it named was erased, and in proofs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// When it happened.
    pub occurred_at: String,
    /// When we learned it.
    pub recorded_at: String,
    /// By how much it moves the figure, after the facts of its subject before it; null where the figure is a state.
    pub delta: Option<i64>,
    /// Of a state: what it was before the fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Of a state: what the fact made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// `rules_satisfied`, or the code of why the subject does not count from this fact on; with `counted=false` in words.
    pub reason: String,
    /// Of what does not count: why, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The month or day that it fell in, where that is why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fell_in: Option<String>,
    /// The fact that counts in its place, or came first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Position>,
    /// The accepted correction whose content counts in the place of the fact's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Position>,
}

/// A figure explained.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// Which figure.
    pub figure: FigureName,
    /// Its value, as its route serves it.
    pub value: Value,
    /// What it is measured in.
    pub unit: String,
    /// By which rule subjects count; null where it follows from other figures.
    pub rule: Option<String>,
    /// How it follows from other figures; null where it is a sum.
    pub formula: Option<FigureFormula>,
    /// By subject in the order of their first facts, and within it by position.
    pub contributions: Vec<Contribution>,
    /// What all contributions come to, those of all pages: the value. Null where the figure is no sum.
    pub total: Option<i64>,
    /// Subjects that add something.
    pub contributing_subjects: usize,
    /// Subjects of the same span that add nothing.
    pub not_contributing_subjects: usize,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// Where a page of contributions ended. The pages after it are of the same position, so that they sum to one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContributionCursor {
    /// The position that the first page was true at.
    pub at: Position,
    /// The first fact of the last subject, and its place among those with the same first fact.
    pub(super) subject: (Position, u32),
    /// How many contributions of that subject were told.
    pub(super) told: usize,
}

/// What a fact does to every figure.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FactVerdict {
    /// The fact.
    pub position: Position,
    /// What it speaks of.
    pub subject: String,
    /// What it is.
    pub kind: &'static str,
    /// The accepted correction whose content counts in the place of the fact's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Position>,
    /// The facts that it is folded with, itself among them.
    pub facts: Vec<Position>,
    /// What it does to each figure that its subjects may be counted in, and why it does nothing to the others.
    pub figures: Vec<FigureVerdict>,
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAContributionCursor;

impl fmt::Display for ContributionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, place) = self.subject;
        write!(f, "{}.{first}.{place}.{}", self.at, self.told)
    }
}

impl FromStr for ContributionCursor {
    type Err = NotAContributionCursor;

    fn from_str(text: &str) -> Result<Self, NotAContributionCursor> {
        let numbers = text.split('.').map(|number| number.parse::<u64>().map_err(|_| NotAContributionCursor));
        match numbers.collect::<Result<Vec<_>, _>>()?.as_slice() {
            [at, first, place, told] => {
                let subject = (*first, u32::try_from(*place).map_err(|_| NotAContributionCursor)?);
                Ok(Self { at: *at, subject, told: *told as usize })
            }
            _ => Err(NotAContributionCursor),
        }
    }
}
