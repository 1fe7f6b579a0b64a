//! What people said of a call, from the facts that its row holds: the last one counts, all are kept (C4).

use domain::facts::Fact;
use domain::facts::call::CallFact;
use domain::keys::Position;
use domain::members::Instant;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;

use super::TenantView;
use super::facts::{FactError, content};
use crate::log::{LogError, LogSnapshot};

/// One disposition of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DispositionItem {
    /// Its fact's place in the log.
    #[schema(value_type = u64)]
    pub position: Position,
    /// When it was said.
    pub occurred_at: String,
    /// When we learned it.
    pub recorded_at: String,
    /// What came of the call.
    pub outcome: &'static str,
    /// Who says so.
    pub agent: Option<String>,
    /// Free text; none where it was erased.
    pub note: Option<String>,
}

/// One page of a call's dispositions, those recorded last first, behind the position `after`; none of a call that is
/// not known. Reads files, so no async thread may be held.
///
/// # Errors
/// What cannot be read.
pub fn dispositions(
    view: &TenantView,
    log: &LogSnapshot,
    call_id: &str,
    after: Option<Position>,
    limit: usize,
) -> Result<Option<Page<DispositionItem>>, FactError> {
    let (facts, position) = view.with(|tenant, position| {
        let calls = &tenant.calls.rows;
        let facts = calls.row(call_id).map(|row| calls.rows().get(row).facts().iter().collect::<Vec<_>>());
        (facts, position)
    });
    let Some(mut facts) = facts else { return Ok(None) };
    facts.sort_unstable_by(|a, b| b.cmp(a));
    facts.dedup();
    let mut items: Vec<DispositionItem> = Vec::new();
    for at in facts.into_iter().filter(|at| after.is_none_or(|after| *at < after)) {
        let Some(item) = disposition(log, at)? else { continue };
        if items.len() == limit {
            let next_cursor = items.last().map(|item| item.position.to_string());
            return Ok(Some(Page { position, items, next_cursor }));
        }
        items.push(item);
    }
    Ok(Some(Page { position, items, next_cursor: None }))
}

fn disposition(log: &LogSnapshot, position: Position) -> Result<Option<DispositionItem>, FactError> {
    let Some(record) = log.read(position)? else { return Ok(None) };
    let view = record.view().map_err(|error| LogError::Record { position, error })?;
    let Fact::Call(CallFact::Disposed(body)) = content(position, &view)? else { return Ok(None) };
    Ok(Some(DispositionItem {
        position,
        occurred_at: Instant(view.header.occurred_at).to_string(),
        recorded_at: Instant(view.header.recorded_at).to_string(),
        outcome: body.outcome.as_str(),
        agent: body.agent.map(|agent| agent.as_str().to_owned()),
        note: body.note.map(|note| note.as_str().to_owned()),
    }))
}
