//! What is asked of one tenant's models, each answer with the position at which it is true (R8).

use std::sync::Arc;

use domain::keys::Position;
use domain::members::{Day, Instant, Month};
use domain::rules::alerts::AlertRule;
use domain::rules::configuration::Timeline;
use projections::entities::calls::list::{CallFilter, CallItem};
use projections::entities::crm::coverage::{SourceCoverage, with_silent};
use projections::entities::leads::list::{LeadFilter, LeadItem};
use projections::figures::month::{DaysAnswer, MonthAnswer};
use projections::store::{Cursor, Page};
use projections::tenant::Tenant;
use serde::Serialize;
use utoipa::ToSchema;

use super::slot::{Slot, slot};

/// Answer of `/calls/{call_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallAnswer {
    /// True at this position.
    #[schema(value_type = u64)]
    pub position: Position,
    /// The call.
    #[serde(flatten)]
    pub call: CallItem,
}

/// One tenant's models; by default those of a tenant without facts.
#[derive(Debug, Clone, Default)]
pub struct TenantView {
    slot: Slot,
}

impl TenantView {
    pub(super) fn new(slot: Slot) -> Self {
        Self { slot }
    }

    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The models as they are now, which later facts change no more: a few counters and what is replaced meanwhile.
    pub fn frozen(&self) -> Self {
        Self { slot: slot(self.slot.read().clone()) }
    }

    /// Position of the last of the tenant's facts that is folded.
    pub fn position(&self) -> Position {
        self.slot.read().position
    }

    /// The tenant's name; none while it is not configured.
    pub fn name(&self) -> Option<String> {
        self.slot.read().tenant.profile.name.as_ref().map(|name| name.as_str().to_owned())
    }

    /// Its configurations; `latest()` for "today".
    pub fn timeline(&self) -> Arc<Timeline> {
        Arc::clone(&self.slot.read().tenant.profile.timeline)
    }

    /// Reads what a room's own answer needs, at one position. The lock is held meanwhile: look up, sum or clone rows,
    /// and encode, sort and search outside.
    pub fn with<T>(&self, read: impl FnOnce(&Tenant, Position) -> T) -> T {
        let state = self.slot.read();
        read(&state.tenant, state.position)
    }

    /// Through when each of its sources is known completely: those that are read, and those by whose endpoints nothing
    /// comes any more.
    pub fn coverage(&self) -> Vec<SourceCoverage> {
        let (runs, silent) = {
            let state = self.slot.read();
            let crm = &state.tenant.crm.rows;
            let silent =
                state.tenant.alerts.rows.open_figures(AlertRule::Silence.as_str(), "last_delivery_at");
            let silent = silent.filter_map(|(endpoint, at)| {
                Some((endpoint.split('/').next()?.to_owned(), Instant::parse(at)?))
            });
            (crm.runs().list(crm.texts()), silent.collect::<Vec<_>>())
        };
        with_silent(runs.complete_through(), silent.into_iter())
    }

    /// Figures of a month; `now` decides only about the pace of one that is not over.
    pub fn month(&self, month: Month, now: Instant) -> MonthAnswer {
        let state = self.slot.read();
        state.tenant.month(state.position, month, now)
    }

    /// Figures of each day from `from` to `to`, inclusive.
    pub fn days(&self, from: Day, to: Day) -> DaysAnswer {
        let (days, position) = {
            let state = self.slot.read();
            (state.tenant.days(from, to), state.position)
        };
        days.answer(position)
    }

    /// One page of calls, newest first; their recordings' URLs are left to [`super::facts::fill_recording_urls`].
    pub fn calls(&self, filter: &CallFilter, after: Option<&Cursor>, limit: usize) -> Page<CallItem> {
        let (list, position) = {
            let state = self.slot.read();
            (state.tenant.call_list(), state.position)
        };
        list.page(position, filter, after, limit)
    }

    /// One call. Its recordings' URLs are left to [`super::facts::fill_recording_urls`].
    pub fn call(&self, call_id: &str) -> Option<CallAnswer> {
        let state = self.slot.read();
        let call = state.tenant.call(call_id)?;
        Some(CallAnswer { position: state.position, call })
    }

    /// One page of outreach leads, newest first by their first event.
    pub fn leads(&self, filter: &LeadFilter, after: Option<&Cursor>, limit: usize) -> Page<LeadItem> {
        let (list, position) = {
            let state = self.slot.read();
            (state.tenant.lead_list(), state.position)
        };
        list.page(position, filter, after, limit)
    }
}
