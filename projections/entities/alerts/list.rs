//! `/alerts`: alerts as they are served, newest first (F2).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::Position;
use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use super::Alerts;
use super::row::{AlertState, Raised, Row, SendAttempt};
use crate::store::cursor::page;
use crate::store::{Cursor, Page};

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Where they stand.
    pub state: Option<AlertState>,
    /// Of which rule.
    pub rule: Option<String>,
}

/// An alert as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertItem {
    /// Stable: what is sent carries it.
    pub alert_id: String,
    /// `open` or `cleared`.
    pub state: &'static str,
    /// The rule.
    pub rule: String,
    /// Of what it speaks; null: of the tenant.
    pub subject: Option<String>,
    /// What happened, in a line.
    pub title: String,
    /// The figures that the rule decided by.
    pub figures: BTreeMap<String, String>,
    /// When it was raised.
    pub raised_at: String,
    /// When it was over.
    pub cleared_at: Option<String>,
    /// Why it is over.
    pub cleared_reason: Option<String>,
    /// Where its `alert_raised` stands.
    pub fact_position: Position,
    /// How often somebody was to be told of it.
    pub attempts: usize,
    /// How many targets took it.
    pub delivered: usize,
}

/// An alert as it is told to targets.
#[derive(Debug, Clone)]
pub struct AlertHistory {
    /// As served.
    pub item: AlertItem,
    /// When it was raised.
    pub raised_at: Instant,
    /// When it was over; none while it is not.
    pub cleared_at: Option<Instant>,
    /// Each attempt so far.
    pub attempts: Arc<Vec<SendAttempt>>,
}

impl Alerts {
    /// Alerts that were raised from `since` on, newest day first, with the attempts to send them.
    pub fn raised_since(&self, since: Instant) -> impl Iterator<Item = AlertHistory> {
        let rows = self.order.newest_first(Instant(i64::MAX), since).flatten();
        rows.filter_map(move |at| self.history_of(self.rows.get(*at)).filter(|told| told.raised_at >= since))
    }

    /// One alert with the attempts to send it.
    pub fn told(&self, id: &str) -> Option<AlertHistory> {
        self.find(id).and_then(|at| self.history_of(self.rows.get(at)))
    }

    /// The attempts so far to tell targets of this; also of what is no alert.
    pub fn attempts(&self, id: &str) -> Arc<Vec<SendAttempt>> {
        self.find(id).map_or_else(Arc::default, |at| Arc::clone(&self.rows.get(at).attempts))
    }

    /// One page of all that targets were told of, alerts or not: its id, and the attempts to send it; what was sent last
    /// first.
    pub fn sent(
        &self,
        position: Position,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<(String, Arc<Vec<SendAttempt>>)> {
        let rows = (0..self.rows.len() as u32).filter_map(|at| {
            let row = self.rows.get(at);
            Some((row.attempts.iter().map(|sent| sent.at).max()?, row.id.to_string(), at))
        });
        let make = |at| {
            let row = self.rows.get(at);
            (row.id.to_string(), Arc::clone(&row.attempts))
        };
        let (items, next_cursor) = page(std::iter::once(rows.collect()), after, limit, make);
        Page { position, items, next_cursor }
    }

    fn history_of(&self, row: &Row) -> Option<AlertHistory> {
        let raised_at = row.raised.as_ref()?.at;
        let cleared_at = row.cleared.as_ref().map(|cleared| cleared.at);
        Some(AlertHistory { item: item(row)?, raised_at, cleared_at, attempts: Arc::clone(&row.attempts) })
    }

    /// One page, newest first.
    pub fn page(
        &self,
        position: Position,
        filter: &AlertFilter,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<AlertItem> {
        let wants = |row: &Row, raised: &Raised| {
            filter.state.is_none_or(|state| row.state() == state)
                && filter.rule.as_deref().is_none_or(|rule| rule == &*raised.rule)
        };
        let place = |at| {
            let row = self.rows.get(at);
            let raised = row.raised.as_ref().filter(|raised| wants(row, raised))?;
            Some((raised.at, row.id.to_string()))
        };
        self.order.page(position, (after, limit), place, |at| item(self.rows.get(at)))
    }
}

fn item(row: &Row) -> Option<AlertItem> {
    let raised = row.raised.as_ref()?;
    let taken: std::collections::BTreeSet<&str> =
        row.attempts.iter().filter(|sent| sent.error.is_none()).map(|sent| &*sent.target_id).collect();
    Some(AlertItem {
        alert_id: row.id.to_string(),
        state: row.state().as_str(),
        rule: raised.rule.to_string(),
        subject: raised.subject.as_ref().map(|subject| subject.to_string()),
        title: raised.title.to_string(),
        figures: raised.figures.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        raised_at: raised.at.to_string(),
        cleared_at: row.cleared.as_ref().map(|cleared| cleared.at.to_string()),
        cleared_reason: row
            .cleared
            .as_ref()
            .and_then(|cleared| cleared.reason.as_ref())
            .map(|why| why.to_string()),
        fact_position: raised.position,
        attempts: row.attempts.len(),
        delivered: taken.len(),
    })
}
