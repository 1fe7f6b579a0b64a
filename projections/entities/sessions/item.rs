//! Dialer sessions as they are served, and their queues for next-lead, both without leads that are not to be called.

use domain::rules::configuration::Timeline;
use domain::rules::outcomes::Outcome;
use domain::rules::session::{QueuedLead, SessionState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::calls::Calls;
use crate::entities::sessions::Sessions;
use crate::entity::Entity;
use crate::figures::{CallSums, Sums};
use crate::tenant::Tenant;

/// A dialer session as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionItem {
    /// Its id.
    pub session_id: String,
    /// Who works it.
    pub agent: String,
    /// The list's pipeline.
    pub pipeline_id: String,
    /// Leads in its queue.
    pub total_leads: usize,
    /// Leads with an attempt, and those that are not to be called.
    pub completed_leads: usize,
    /// Place of the first lead that is not completed, from 0; null when all are.
    pub current_lead_index: Option<usize>,
    /// That lead.
    pub current_lead_id: Option<String>,
    /// Neither ended nor timed out.
    pub is_active: bool,
    /// The last that was done in it.
    pub last_activity_at: String,
}

/// Sessions and calls at one position. A clone of a few counters: read without a lock while folding goes on.
#[derive(Debug, Clone)]
pub struct SessionBook {
    /// The sessions.
    pub sessions: Sessions,
    calls: Calls,
}

impl SessionBook {
    /// The leads of a session in queue order; none of one that nobody started.
    pub fn queue(&self, row: u32) -> impl Iterator<Item = QueuedLead<'_>> {
        let (session, texts) = (self.sessions.rows().get(row), self.sessions.texts());
        let leads = session.started().map_or(&[][..], |started| &started.leads);
        leads.iter().enumerate().map(move |(index, lead)| {
            let (lead_id, reservation) = (texts.get(*lead), session.reservation(*lead));
            QueuedLead {
                index,
                lead_id,
                is_done: session.attempted(*lead).is_some() || self.calls.is_dnc(lead_id),
                reservations: reservation.map_or(0, |reservation| reservation.count),
                reserved: reservation.map(|reservation| (texts.get(reservation.line), reservation.until)),
            }
        })
    }

    /// The attempt of a lead: none where the lead is not in the queue, `Some(None)` before it is attempted.
    pub fn attempted(&self, row: u32, lead_id: &str) -> Option<Option<Outcome>> {
        let (session, lead) = (self.sessions.rows().get(row), self.sessions.symbol(lead_id)?);
        let is_queued = session.started()?.leads.contains(&lead);
        is_queued.then(|| session.attempted(lead))
    }

    /// Sums over the calls made in a session; none where neither the session nor a call of it is known.
    pub fn sums(&self, session_id: &str, timeline: &Timeline) -> Option<CallSums> {
        let rows = self.calls.of_session(session_id);
        let started = || self.sessions.rows().get(self.sessions.row(session_id)?).started();
        if rows.is_empty() && started().is_none() {
            return None;
        }
        let mut sums = CallSums::default();
        for row in rows {
            self.calls.contributions(row, timeline, &mut |share| sums.add(&share, 1));
        }
        Some(sums)
    }

    /// The session as served; none that nobody started.
    pub fn item(&self, row: u32) -> Option<SessionItem> {
        let (session, texts) = (self.sessions.rows().get(row), self.sessions.texts());
        let started = session.started()?;
        let (mut completed_leads, mut current) = (0, None);
        for lead in self.queue(row) {
            if lead.is_done {
                completed_leads += 1;
            } else if current.is_none() {
                current = Some((lead.index, lead.lead_id.to_owned()));
            }
        }
        let (current_lead_index, current_lead_id) = current.unzip();
        Some(SessionItem {
            session_id: texts.get(session.id).to_owned(),
            agent: texts.get(started.agent).to_owned(),
            pipeline_id: texts.get(started.pipeline).to_owned(),
            total_leads: started.leads.len(),
            completed_leads,
            current_lead_index,
            current_lead_id,
            is_active: session.state() == SessionState::Active,
            last_activity_at: session.activity().occurred_at().to_string(),
        })
    }
}

impl Tenant {
    /// Sessions and calls as they are now, to be read while folding goes on.
    pub fn session_book(&self) -> SessionBook {
        SessionBook { sessions: self.sessions.rows.clone(), calls: self.calls.rows.clone() }
    }
}
