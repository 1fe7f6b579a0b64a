//! `/conflicts`: conflicts as they are served, newest first (E1).

use domain::keys::{ContentDigest, Position};
use serde::Serialize;
use utoipa::ToSchema;

use super::Conflicts;
use super::row::{ConflictState, Row};
use crate::store::{Cursor, Page};

/// A conflict as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConflictItem {
    /// Position of the evidence, a `conflict_observed`: the conflict's id.
    pub conflict_id: Position,
    /// `open`, `accepted` or `rejected`.
    pub state: &'static str,
    /// Kind of the content that came.
    pub kind: &'static str,
    /// The fact that was there first.
    pub first_position: Position,
    /// Digest of its content, hexadecimal.
    pub first_digest: String,
    /// Digest of the content that came.
    pub second_digest: String,
    /// When what came says it happened.
    pub occurred_at: String,
    /// When it came for the first time.
    pub observed_at: String,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Where the decision stands: of an accepted conflict the correction.
    pub decision_position: Option<Position>,
    /// The fact whose content stands now: the one that was there first, or the last accepted correction of it.
    pub stands_position: Position,
    #[serde(skip)]
    second: ContentDigest,
}

impl ConflictItem {
    /// The content that came.
    pub fn second(&self) -> ContentDigest {
        self.second
    }
}

impl Conflicts {
    /// One page, newest first; all states where none is asked for.
    pub fn page(
        &self,
        position: Position,
        state: Option<ConflictState>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<ConflictItem> {
        let place = |at| {
            let row = self.rows.get(at);
            let seen = row.seen.filter(|_| state.is_none_or(|state| row.state() == state))?;
            Some((seen.at, name(row)))
        };
        self.order.page(position, (after, limit), place, |at| self.item(self.rows.get(at)))
    }

    /// The conflict whose evidence stands at `evidence`.
    pub fn get(&self, evidence: Position) -> Option<ConflictItem> {
        let is = |row: &&Row| row.seen.is_some_and(|seen| seen.position == evidence);
        self.rows.iter().find(is).and_then(|row| self.item(row))
    }

    fn item(&self, row: &Row) -> Option<ConflictItem> {
        let seen = row.seen?;
        Some(ConflictItem {
            conflict_id: seen.position,
            state: row.state().as_str(),
            kind: seen.kind,
            first_position: row.first,
            first_digest: hex::encode(seen.first_digest),
            second_digest: hex::encode(row.second),
            occurred_at: seen.occurred_at.to_string(),
            observed_at: seen.at.to_string(),
            decided_at: row.decided.map(|decided| decided.at.to_string()),
            decided_by: self
                .strings
                .texts()
                .maybe(row.decided.and_then(|decided| decided.by))
                .map(str::to_owned),
            decision_position: row.decided.map(|decided| decided.position),
            stands_position: self
                .replacements
                .get(&row.first)
                .and_then(|over| over.last())
                .map_or(row.first, |last| *last),
            second: row.second,
        })
    }
}

/// Its place among conflicts of the same instant.
fn name(row: &Row) -> String {
    format!("{:016x}{}", row.first, hex::encode(row.second))
}
