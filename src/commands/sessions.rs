//! Commands of the power dialer: start, resume, end, attempt, next lead (C1, C2, C3).

use domain::facts::session::SessionStarted;
use domain::keys::{Position, TenantId};
use domain::members::{Email, Instant, Text};
use domain::rules::decision::Decision;
use domain::rules::outcomes::Outcome;
use domain::rules::session::{self, Activation, QueuePlace, Session, SessionRejection, Spans};
use projections::entities::sessions::item::SessionBook;

use super::{CommandError, Commands, Receipt, fresh_id};
use crate::views::{SessionAnswer, TenantView};

type SessionResult<T> = Result<Receipt<T>, CommandError<SessionRejection>>;

/// The lead that a line rings next, with the position at which it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextLead {
    /// True at this position.
    pub position: Position,
    /// The lead; none when no lead is left for the line.
    pub next: Option<QueuePlace>,
}

/// The sessions of the view that a command decides on.
struct SessionState {
    book: SessionBook,
    position: Position,
    spans: Spans,
}

impl SessionState {
    fn of(view: &TenantView) -> Self {
        let (book, position) = view.session_book();
        Self { book, position, spans: view.session_spans() }
    }

    fn session(&self, session_id: &Text) -> Result<(u32, Session), SessionRejection> {
        let row = self.book.sessions.row(session_id.as_str()).ok_or(SessionRejection::Unknown)?;
        let session = self.book.sessions.state(row).ok_or(SessionRejection::Unknown)?;
        Ok((row, session))
    }

    fn active(&self, agent: &Email, pipeline: &Text) -> (Option<Session>, u64) {
        let sessions = &self.book.sessions;
        let active = sessions.active(agent, pipeline).and_then(|row| sessions.state(row));
        (active, sessions.activations(agent, pipeline))
    }

    fn answer(&self, session_id: &Text) -> Result<SessionAnswer, SessionRejection> {
        let row = self.book.sessions.row(session_id.as_str()).ok_or(SessionRejection::Unknown)?;
        let session = self.book.item(row).ok_or(SessionRejection::Unknown)?;
        Ok(SessionAnswer { position: self.position, session })
    }
}

impl Commands {
    /// Gets the active session of agent and pipeline, or starts one over `lead_ids`.
    ///
    /// # Errors
    /// As of [`Commands::decide`].
    pub async fn start_session(
        &self,
        tenant: &TenantId,
        agent: &Email,
        pipeline_id: &Text,
        lead_ids: &[Text],
    ) -> SessionResult<SessionAnswer> {
        let wanted = SessionStarted {
            session_id: fresh_id()?,
            agent: agent.clone(),
            pipeline_id: pipeline_id.clone(),
            lead_ids: lead_ids.to_vec(),
        };
        let decide = |view: &TenantView, now: Instant| {
            let state = SessionState::of(view);
            let (active, count) = state.active(agent, pipeline_id);
            let activation = Activation { active: active.as_ref(), count };
            session::start(activation, &wanted, state.spans, now).try_map(|id| state.answer(&id))
        };
        self.decide(tenant, decide).await
    }

    /// Goes on with a session that is active or timed out.
    ///
    /// # Errors
    /// [`SessionRejection::Unknown`], [`SessionRejection::Ended`], [`SessionRejection::OtherActive`].
    pub async fn resume_session(&self, tenant: &TenantId, session_id: &Text) -> SessionResult<SessionAnswer> {
        let mut tried = false;
        let decide = |view: &TenantView, now: Instant| {
            let state = SessionState::of(view);
            let (_, met) = state.session(session_id)?;
            let (active, count) = state.active(&met.agent, &met.pipeline_id);
            let activation = Activation { active: active.as_ref(), count };
            let decision = session::resume(&met, activation, tried, state.spans, now)?;
            tried |= matches!(decision, Decision::Append(_));
            decision.try_map(|()| state.answer(session_id))
        };
        self.decide(tenant, decide).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`SessionRejection::Unknown`].
    pub async fn end_session(&self, tenant: &TenantId, session_id: &Text) -> SessionResult<SessionAnswer> {
        let decide = |view: &TenantView, _: Instant| {
            let state = SessionState::of(view);
            let (_, met) = state.session(session_id)?;
            session::end(&met).try_map(|()| state.answer(session_id))
        };
        self.decide(tenant, decide).await
    }

    /// Marks the attempt of a lead; answers the outcome that stands with the session.
    ///
    /// # Errors
    /// [`SessionRejection::Unknown`], [`SessionRejection::UnknownLead`], [`SessionRejection::Ended`], [`SessionRejection::TimedOut`].
    pub async fn attempt_lead(
        &self,
        tenant: &TenantId,
        session_id: &Text,
        lead_id: &Text,
        outcome: Outcome,
    ) -> SessionResult<(Outcome, SessionAnswer)> {
        let decide = |view: &TenantView, now: Instant| {
            let state = SessionState::of(view);
            let (row, met) = state.session(session_id)?;
            let attempted = state.book.attempted(row, lead_id.as_str());
            let decision = session::attempt(&met, attempted, lead_id, outcome, state.spans, now)?;
            decision.try_map(|stands| Ok((stands, state.answer(session_id)?)))
        };
        self.decide(tenant, decide).await
    }

    /// Reserves the lead that `line` rings next, or gives it the one it has.
    ///
    /// # Errors
    /// [`SessionRejection::Unknown`], [`SessionRejection::Ended`], [`SessionRejection::TimedOut`].
    pub async fn next_lead(
        &self,
        tenant: &TenantId,
        session_id: &Text,
        line: &Text,
    ) -> SessionResult<NextLead> {
        let decide = |view: &TenantView, now: Instant| {
            let state = SessionState::of(view);
            let (row, met) = state.session(session_id)?;
            let decision = session::next_lead(&met, state.book.queue(row), line, state.spans, now)?;
            decision.try_map(|next| Ok(NextLead { position: state.position, next }))
        };
        self.decide(tenant, decide).await
    }
}
