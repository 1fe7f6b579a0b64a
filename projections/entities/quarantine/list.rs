//! `/quarantine`: quarantined deliveries as they are served, newest first (R3).

use domain::keys::Position;
use domain::rules::quarantine::remedy;
use serde::Serialize;
use utoipa::ToSchema;

use super::Quarantine;
use super::row::{Delivery, QuarantineState, Row};
use crate::store::{Cursor, Page};

/// Which quarantined deliveries.
#[derive(Debug, Clone, Default)]
pub struct QuarantineFilter {
    /// Why.
    pub reason: Option<String>,
    /// Whose deliveries.
    pub provider: Option<String>,
    /// Where they stand.
    pub state: Option<QuarantineState>,
}

/// A quarantined delivery as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuarantineItem {
    /// The same for every redelivery.
    pub quarantine_id: String,
    /// Where its `delivery_quarantined` stands.
    pub fact_position: Position,
    /// `open` or `resolved`.
    pub state: &'static str,
    /// Why no fact could be made of it, in a word.
    pub reason: String,
    /// Which field is at fault and how, from the fact; null where nothing more is known, or it was erased.
    pub detail: Option<String>,
    /// What would change that: a setting, or a fix at the source; then it is retried.
    pub remedy: Option<&'static str>,
    /// Whose delivery.
    pub provider: String,
    /// Reference of the endpoint it came in by.
    pub endpoint: String,
    /// When it came.
    pub received_at: String,
    /// When it was mapped with success.
    pub resolved_at: Option<String>,
    /// What became of it then.
    pub outcome: Option<String>,
    /// Whose its facts are.
    pub tenant: Option<String>,
    /// Positions of its facts.
    pub facts: Vec<Position>,
    /// Who asked for the retry.
    pub resolved_by: Option<String>,
    /// Where the `quarantine_resolved` stands.
    pub resolution_position: Option<Position>,
}

impl Quarantine {
    /// One page, newest first.
    pub fn page(
        &self,
        position: Position,
        filter: &QuarantineFilter,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<QuarantineItem> {
        let texts = self.strings.texts();
        let is =
            |wanted: &Option<String>, symbol| wanted.as_deref().is_none_or(|text| text == texts.get(symbol));
        let wants = |row: &Row, kept: &Delivery| {
            filter.state.is_none_or(|state| row.state() == state)
                && is(&filter.reason, kept.reason)
                && is(&filter.provider, kept.provider)
        };
        let place = |at| {
            let row = self.rows.get(at);
            let kept = row.kept.filter(|kept| wants(row, kept))?;
            Some((kept.received_at, texts.get(row.id).to_owned()))
        };
        self.order.page(position, (after, limit), place, |at| self.item(self.rows.get(at)))
    }

    /// One delivery.
    pub fn get(&self, id: &str) -> Option<QuarantineItem> {
        self.find(id).and_then(|at| self.item(self.rows.get(at)))
    }

    fn item(&self, row: &Row) -> Option<QuarantineItem> {
        let kept = row.kept?;
        let texts = self.strings.texts();
        let text = |symbol| texts.get(symbol).to_owned();
        let resolved = row.resolved.as_ref();
        Some(QuarantineItem {
            quarantine_id: text(row.id),
            fact_position: kept.position,
            state: row.state().as_str(),
            reason: text(kept.reason),
            // It is personal: it can quote what came.
            detail: None,
            remedy: remedy(texts.get(kept.reason)),
            provider: text(kept.provider),
            endpoint: text(kept.endpoint),
            received_at: kept.received_at.to_string(),
            resolved_at: resolved.map(|resolved| resolved.at.to_string()),
            outcome: resolved.map(|resolved| text(resolved.outcome)),
            tenant: resolved.and_then(|resolved| resolved.tenant).map(text),
            facts: resolved.map(|resolved| resolved.facts.to_vec()).unwrap_or_default(),
            resolved_by: resolved.and_then(|resolved| resolved.by).map(text),
            resolution_position: resolved.map(|resolved| resolved.position),
        })
    }
}
