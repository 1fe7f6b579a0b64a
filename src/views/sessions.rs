//! Dialer sessions as they are served, each answer at its position, and the time-outs that are due.

use domain::keys::Position;
use domain::members::{Email, Instant, Text};
use domain::rules::decision::NewFact;
use domain::rules::session::{self, QueuePlace, SessionRejection, Spans};
use projections::entities::sessions::item::{SessionBook, SessionItem};
use serde::Serialize;
use utoipa::ToSchema;

use super::TenantView;

/// A dialer session and the position at which that is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionAnswer {
    /// True at this position.
    #[schema(value_type = u64)]
    pub position: Position,
    /// The session.
    #[serde(flatten)]
    pub session: SessionItem,
}

impl TenantView {
    /// Sessions and calls as they are, with the position.
    pub fn session_book(&self) -> (SessionBook, Position) {
        self.with(|tenant, position| (tenant.session_book(), position))
    }

    /// The tenant's rules of time for sessions.
    pub fn session_spans(&self) -> Spans {
        let timeline = self.timeline();
        let rules = timeline.latest();
        Spans {
            timeout_seconds: rules.session_timeout_seconds,
            reservation_seconds: rules.reservation_seconds,
        }
    }

    /// The session of that id.
    pub fn session(&self, session_id: &str) -> Option<SessionAnswer> {
        let (book, position) = self.session_book();
        let session = book.item(book.sessions.row(session_id)?)?;
        Some(SessionAnswer { position, session })
    }

    /// The active session of agent and pipeline; without a pipeline the agent's newest one.
    pub fn active_session(&self, agent: &Email, pipeline: Option<&Text>) -> Option<SessionAnswer> {
        let (book, position) = self.session_book();
        let row = match pipeline {
            Some(pipeline) => book.sessions.active(agent, pipeline),
            None => book.sessions.newest(agent),
        };
        let session = book.item(row?)?;
        Some(SessionAnswer { position, session })
    }

    /// The lead that `line` would be given at `now`, with whether the line has it already, and the position.
    ///
    /// # Errors
    /// [`SessionRejection::Unknown`], [`SessionRejection::Ended`], [`SessionRejection::TimedOut`].
    pub fn shown_lead(
        &self,
        session_id: &str,
        line: Option<&Text>,
        now: Instant,
    ) -> Result<(Position, Option<(QueuePlace, bool)>), SessionRejection> {
        let ((book, position), spans) = (self.session_book(), self.session_spans());
        let row = book.sessions.row(session_id).ok_or(SessionRejection::Unknown)?;
        let state = book.sessions.state(row).ok_or(SessionRejection::Unknown)?;
        Ok((position, session::shown_lead(&state, book.queue(row), line, spans, now)?))
    }

    /// The time-outs that are due at `now`, one for each session that was left (C1).
    pub fn session_time_outs(&self, now: Instant) -> Vec<NewFact> {
        let ((book, _), spans) = (self.session_book(), self.session_spans());
        let open = book.sessions.open().filter_map(|row| book.sessions.state(row));
        open.filter_map(|session| session.time_out(spans, now)).collect()
    }
}
