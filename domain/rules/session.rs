//! Dialer sessions: one active per agent and pipeline, one attempt per lead, no lead to two lines (C1, C2, C3).
//!
//! Decisions on a session as it was folded. What comes with time, the time-out, is decided from its facts and is a
//! fact itself: whoever meets a session that is overdue records that first, whatever he wants of it.

use crate::facts::Fact;
use crate::facts::session::{
    LeadAttempted, LeadReserved, SessionEnded, SessionFact, SessionResumed, SessionStarted, SessionTimedOut,
};
use crate::keys::engine::EngineKey;
use crate::keys::{KeyPart, Position};
use crate::members::{Email, Instant, Text};
use crate::rules::decision::{Decision, NewFact};
use crate::rules::outcomes::Outcome;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionState {
    /// Leads are worked.
    Active,
    /// Nothing happened for too long; it can be resumed.
    TimedOut,
    /// Its agent is done, for ever.
    Ended,
}

/// A session as a decision meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub session_id: Text,
    /// Who works it.
    pub agent: Email,
    /// The list's pipeline.
    pub pipeline_id: Text,
    /// Where it stands.
    pub state: SessionState,
    /// The last that happened in it.
    pub last_activity_at: Instant,
    /// The last fact of it that was folded.
    pub last_position: Position,
}

/// A lead of the queue as next-lead meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedLead<'a> {
    /// Its place, from 0.
    pub index: usize,
    /// The lead.
    pub lead_id: &'a str,
    /// Attempted, or not to be called at all.
    pub is_done: bool,
    /// How often it was reserved.
    pub reservations: u32,
    /// By which line it was reserved last, and until when.
    pub reserved: Option<(&'a str, Instant)>,
}

impl QueuedLead<'_> {
    fn place(&self) -> QueuePlace {
        QueuePlace { lead_id: self.lead_id.to_owned(), index: self.index }
    }
}

/// The lead that a line rings next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePlace {
    /// The lead.
    pub lead_id: String,
    /// Its place in the queue, from 0.
    pub index: usize,
}

/// Which activation of a session this would be for its agent and pipeline: starting one and reviving one compete
/// for the same key, so that one session is active.
#[derive(Debug, Clone, Copy)]
pub struct Activation<'a> {
    /// The active session of agent and pipeline, where there is one.
    pub active: Option<&'a Session>,
    /// How often one was started or resumed.
    pub count: u64,
}

/// The tenant's rules of time, in seconds; none of them is shorter than one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// So long may nothing happen in a session.
    pub timeout_seconds: u32,
    /// So long does a lead wait for the line that it was given to.
    pub reservation_seconds: u32,
}

/// Why a session does not do what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRejection {
    /// Nobody started it.
    #[error("there is no such session")]
    Unknown,
    /// Ended is ended.
    #[error("the session has ended")]
    Ended,
    /// It must be resumed first.
    #[error("the session timed out; it can be resumed")]
    TimedOut,
    /// Not in its queue.
    #[error("the lead is not one of this session")]
    UnknownLead,
    /// The agent went on in another one.
    #[error("the agent has another active session in this pipeline: {0}")]
    OtherActive(Text),
}

fn after(at: Instant, seconds: u32) -> Instant {
    Instant(at.0.saturating_add(i64::from(seconds.max(1)) * 1_000_000).min(Instant::END - 1))
}

fn new_fact(key: EngineKey, fact: SessionFact) -> NewFact {
    NewFact { key, occurred_at: None, fact: Fact::Session(fact) }
}

fn activation(agent: &Email, pipeline: &Text, count: u64) -> EngineKey {
    EngineKey::activation(agent.as_str(), pipeline.as_str(), count)
}

impl Session {
    fn key_part(&self) -> KeyPart {
        KeyPart::new(self.session_id.as_str())
    }

    /// The time-out that is due at `now`: it happened when the last activity was so long ago.
    pub fn time_out(&self, spans: Spans, now: Instant) -> Option<NewFact> {
        let due = after(self.last_activity_at, spans.timeout_seconds);
        (self.state == SessionState::Active && due <= now).then(|| NewFact {
            key: EngineKey::SessionTimeout { session: self.key_part(), last: self.last_position },
            occurred_at: Some(due),
            fact: Fact::Session(SessionFact::TimedOut(SessionTimedOut {
                session_id: self.session_id.clone(),
                last_activity_at: self.last_activity_at,
            })),
        })
    }

    /// Refuses a session that is not active; one that is overdue times out first.
    fn active<T>(&self, spans: Spans, now: Instant) -> Result<Option<Decision<T>>, SessionRejection> {
        match self.state {
            SessionState::Ended => Err(SessionRejection::Ended),
            SessionState::TimedOut => Err(SessionRejection::TimedOut),
            SessionState::Active => Ok(self.time_out(spans, now).map(Decision::First)),
        }
    }
}

/// Gets the active session of agent and pipeline, or starts `wanted`; answers the id of the one that is active.
pub fn start(
    activations: Activation<'_>,
    wanted: &SessionStarted,
    spans: Spans,
    now: Instant,
) -> Decision<Text> {
    match activations.active {
        Some(active) => match active.time_out(spans, now) {
            Some(due) => Decision::First(due),
            None => Decision::Stands(active.session_id.clone()),
        },
        None => Decision::Append(new_fact(
            activation(&wanted.agent, &wanted.pipeline_id, activations.count),
            SessionFact::Started(wanted.clone()),
        )),
    }
}

/// Goes on with a session, timed out or not. `done`: this command has recorded that already, or lost a race to
/// another one that did.
///
/// # Errors
/// [`SessionRejection::Ended`], [`SessionRejection::OtherActive`].
pub fn resume(
    session: &Session,
    activations: Activation<'_>,
    done: bool,
    spans: Spans,
    now: Instant,
) -> Result<Decision<()>, SessionRejection> {
    let resumed =
        || SessionFact::Resumed(SessionResumed { session_id: session.session_id.clone(), reason: None });
    match (session.state, activations.active) {
        (SessionState::Ended, _) => Err(SessionRejection::Ended),
        (SessionState::Active, _) => Ok(match session.time_out(spans, now) {
            Some(due) => Decision::First(due),
            None if done => Decision::Stands(()),
            None => {
                let (session, last) = (session.key_part(), session.last_position);
                Decision::Append(new_fact(EngineKey::SessionResume { session, last }, resumed()))
            }
        }),
        (SessionState::TimedOut, Some(other)) => match other.time_out(spans, now) {
            Some(due) => Ok(Decision::First(due)),
            None => Err(SessionRejection::OtherActive(other.session_id.clone())),
        },
        (SessionState::TimedOut, None) => {
            let key = activation(&session.agent, &session.pipeline_id, activations.count);
            Ok(Decision::Append(new_fact(key, resumed())))
        }
    }
}

/// Ends a session, once.
pub fn end(session: &Session) -> Decision<()> {
    match session.state {
        SessionState::Ended => Decision::Stands(()),
        SessionState::Active | SessionState::TimedOut => {
            let ended = SessionEnded { session_id: session.session_id.clone(), reason: None };
            let key = EngineKey::SessionEnd { session: session.key_part() };
            Decision::Append(new_fact(key, SessionFact::Ended(ended)))
        }
    }
}

/// Marks the attempt of a lead, once per session (C2); answers the outcome that stands. `attempted` is what is known
/// of the lead: not in the queue, not attempted yet, or the outcome.
///
/// # Errors
/// [`SessionRejection::UnknownLead`]; [`SessionRejection::Ended`] and [`SessionRejection::TimedOut`] of a lead not attempted before.
pub fn attempt(
    session: &Session,
    attempted: Option<Option<Outcome>>,
    lead_id: &Text,
    outcome: Outcome,
    spans: Spans,
    now: Instant,
) -> Result<Decision<Outcome>, SessionRejection> {
    let attempted = attempted.ok_or(SessionRejection::UnknownLead)?;
    if let Some(stands) = attempted {
        return Ok(Decision::Stands(stands));
    }
    if let Some(first) = session.active(spans, now)? {
        return Ok(first);
    }
    let key = EngineKey::LeadAttempt { session: session.key_part(), lead: KeyPart::new(lead_id.as_str()) };
    let (session_id, lead_id) = (session.session_id.clone(), lead_id.clone());
    Ok(Decision::Append(new_fact(
        key,
        SessionFact::Attempted(LeadAttempted { session_id, lead_id, outcome }),
    )))
}

/// Whether a call may be placed in a session; `is_queued`: no lead is named, or one of its queue.
///
/// # Errors
/// [`SessionRejection::UnknownLead`], [`SessionRejection::Ended`], [`SessionRejection::TimedOut`].
pub fn may_call(
    session: &Session,
    is_queued: bool,
    spans: Spans,
    now: Instant,
) -> Result<(), SessionRejection> {
    if !is_queued {
        return Err(SessionRejection::UnknownLead);
    }
    // Overdue is timed out, whether or not that is recorded yet.
    match session.active::<()>(spans, now)? {
        Some(_) => Err(SessionRejection::TimedOut),
        None => Ok(()),
    }
}

/// A lead of the queue for a line.
enum Candidate<'a> {
    /// The line has it.
    Held(QueuedLead<'a>),
    /// No line has it.
    Free(QueuedLead<'a>),
}

/// The lead that `line` has, else the first that is not done and that no line has.
fn candidate<'a>(
    queue: impl Iterator<Item = QueuedLead<'a>>,
    line: Option<&str>,
    now: Instant,
) -> Option<Candidate<'a>> {
    let mut free = None;
    for lead in queue.filter(|lead| !lead.is_done) {
        match lead.reserved.filter(|(_, until)| now < *until) {
            Some((holder, _)) if Some(holder) == line => return Some(Candidate::Held(lead)),
            Some(_) => {}
            None => free = free.or(Some(lead)),
        }
    }
    free.map(Candidate::Free)
}

/// The lead that [`next_lead`] would give `line` now, and whether the line has it already; nothing is decided. A new
/// line has none.
///
/// # Errors
/// [`SessionRejection::Ended`], [`SessionRejection::TimedOut`].
pub fn shown_lead<'a>(
    session: &Session,
    queue: impl Iterator<Item = QueuedLead<'a>>,
    line: Option<&Text>,
    spans: Spans,
    now: Instant,
) -> Result<Option<(QueuePlace, bool)>, SessionRejection> {
    // Overdue is timed out, whether or not that is recorded yet.
    if session.active::<()>(spans, now)?.is_some() {
        return Err(SessionRejection::TimedOut);
    }
    Ok(candidate(queue, line.map(Text::as_str), now).map(|found| match found {
        Candidate::Held(lead) => (lead.place(), true),
        Candidate::Free(lead) => (lead.place(), false),
    }))
}

/// The lead for `line` to ring: the one it has, else the first that is not done and that no line has (C3). Answers
/// none when there is none.
///
/// # Errors
/// [`SessionRejection::Ended`], [`SessionRejection::TimedOut`].
pub fn next_lead<'a>(
    session: &Session,
    queue: impl Iterator<Item = QueuedLead<'a>>,
    line: &Text,
    spans: Spans,
    now: Instant,
) -> Result<Decision<Option<QueuePlace>>, SessionRejection> {
    if let Some(first) = session.active(spans, now)? {
        return Ok(first);
    }
    let free = match candidate(queue, Some(line.as_str()), now) {
        Some(Candidate::Held(lead)) => return Ok(Decision::Stands(Some(lead.place()))),
        Some(Candidate::Free(lead)) => Some(lead),
        None => None,
    };
    let reserved = free.and_then(|lead| {
        let key = EngineKey::LeadReservation {
            session: session.key_part(),
            lead: KeyPart::new(lead.lead_id),
            earlier: lead.reservations.into(),
        };
        let fact = SessionFact::Reserved(LeadReserved {
            session_id: session.session_id.clone(),
            lead_id: Text::new(lead.lead_id)?,
            line: line.clone(),
            until: after(now, spans.reservation_seconds),
        });
        Some(Decision::Append(new_fact(key, fact)))
    });
    Ok(reserved.unwrap_or(Decision::Stands(None)))
}

#[cfg(test)]
mod tests;
