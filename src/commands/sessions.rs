//! Commands of the power dialer: start, resume, end, attempt, next lead (C1, C2, C3).

use domain::facts::session::SessionStarted;
use domain::keys::{Position, TenantId};
use domain::members::{Email, Instant, Text};
use domain::rules::outcomes::Outcome;
use domain::rules::session::{self, Activation, Next, Rejected, Session, Spans};
use projections::entities::sessions::item::SessionBook;
use uuid::Uuid;

use super::{CommandError, Commands, Decision, Done};
use crate::ingest::answer::IngestError;
use crate::views::{SessionAnswer, TenantView};

type Outcomes<T> = Result<Done<T>, CommandError<Rejected>>;

/// The lead that a line rings next, with the position at which it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextLead {
    /// True at this position.
    pub position: Position,
    /// The lead; none when no lead is left for the line.
    pub next: Option<Next>,
}

/// The sessions of the view that a command decides on.
struct Desk {
    book: SessionBook,
    position: Position,
    spans: Spans,
}

impl Desk {
    fn of(view: &TenantView) -> Self {
        let (book, position) = view.session_book();
        Self { book, position, spans: view.session_spans() }
    }

    fn session(&self, session_id: &Text) -> Result<(u32, Session), Rejected> {
        let row = self.book.sessions.row(session_id.as_str()).ok_or(Rejected::Unknown)?;
        let session = self.book.sessions.state(row).ok_or(Rejected::Unknown)?;
        Ok((row, session))
    }

    fn active(&self, agent: &Email, pipeline: &Text) -> (Option<Session>, u64) {
        let sessions = &self.book.sessions;
        let active = sessions.active(agent, pipeline).and_then(|row| sessions.state(row));
        (active, sessions.activations(agent, pipeline))
    }

    fn answer(&self, session_id: &Text) -> Result<SessionAnswer, Rejected> {
        let row = self.book.sessions.row(session_id.as_str()).ok_or(Rejected::Unknown)?;
        let session = self.book.item(row).ok_or(Rejected::Unknown)?;
        Ok(SessionAnswer { position: self.position, session })
    }
}

/// What stands in place of what a decision on a session answers.
fn instead<T, U>(
    decision: Decision<T>,
    answer: impl FnOnce(T) -> Result<U, Rejected>,
) -> Result<Decision<U>, Rejected> {
    Ok(match decision {
        Decision::Stands(stands) => Decision::Stands(answer(stands)?),
        Decision::Record(record) => Decision::Record(record),
        Decision::First(first) => Decision::First(first),
    })
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
    ) -> Outcomes<SessionAnswer> {
        // Ids of ours are UUIDs of version 7 (R9).
        let session_id = Text::new(&Uuid::now_v7().to_string());
        let wanted = SessionStarted {
            session_id: session_id.ok_or_else(|| IngestError::Engine("a new id is no text".into()))?,
            agent: agent.clone(),
            pipeline_id: pipeline_id.clone(),
            lead_ids: lead_ids.to_vec(),
        };
        let decide = |view: &TenantView, now: Instant| {
            let desk = Desk::of(view);
            let (active, count) = desk.active(agent, pipeline_id);
            let activation = Activation { active: active.as_ref(), count };
            instead(session::start(activation, &wanted, desk.spans, now), |id| desk.answer(&id))
        };
        self.decide(tenant, decide).await
    }

    /// Goes on with a session that is active or timed out.
    ///
    /// # Errors
    /// [`Rejected::Unknown`], [`Rejected::Ended`], [`Rejected::OtherActive`].
    pub async fn resume_session(&self, tenant: &TenantId, session_id: &Text) -> Outcomes<SessionAnswer> {
        let mut tried = false;
        let decide = |view: &TenantView, now: Instant| {
            let desk = Desk::of(view);
            let (_, met) = desk.session(session_id)?;
            let (active, count) = desk.active(&met.agent, &met.pipeline_id);
            let activation = Activation { active: active.as_ref(), count };
            let decision = session::resume(&met, activation, tried, desk.spans, now)?;
            tried |= matches!(decision, Decision::Record(_));
            instead(decision, |()| desk.answer(session_id))
        };
        self.decide(tenant, decide).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Rejected::Unknown`].
    pub async fn end_session(&self, tenant: &TenantId, session_id: &Text) -> Outcomes<SessionAnswer> {
        let decide = |view: &TenantView, _: Instant| {
            let desk = Desk::of(view);
            let (_, met) = desk.session(session_id)?;
            instead(session::end(&met), |()| desk.answer(session_id))
        };
        self.decide(tenant, decide).await
    }

    /// Marks the attempt of a lead; answers the outcome that stands with the session.
    ///
    /// # Errors
    /// [`Rejected::Unknown`], [`Rejected::UnknownLead`], [`Rejected::Ended`], [`Rejected::TimedOut`].
    pub async fn attempt_lead(
        &self,
        tenant: &TenantId,
        session_id: &Text,
        lead_id: &Text,
        outcome: Outcome,
    ) -> Outcomes<(Outcome, SessionAnswer)> {
        let decide = |view: &TenantView, now: Instant| {
            let desk = Desk::of(view);
            let (row, met) = desk.session(session_id)?;
            let attempted = desk.book.attempted(row, lead_id.as_str());
            let decision = session::attempt(&met, attempted, lead_id, outcome, desk.spans, now)?;
            instead(decision, |stands| Ok((stands, desk.answer(session_id)?)))
        };
        self.decide(tenant, decide).await
    }

    /// Reserves the lead that `line` rings next, or gives it the one it has.
    ///
    /// # Errors
    /// [`Rejected::Unknown`], [`Rejected::Ended`], [`Rejected::TimedOut`].
    pub async fn next_lead(&self, tenant: &TenantId, session_id: &Text, line: &Text) -> Outcomes<NextLead> {
        let decide = |view: &TenantView, now: Instant| {
            let desk = Desk::of(view);
            let (row, met) = desk.session(session_id)?;
            let decision = session::next_lead(&met, desk.book.queue(row), line, desk.spans, now)?;
            instead(decision, |next| Ok(NextLead { position: desk.position, next }))
        };
        self.decide(tenant, decide).await
    }
}
