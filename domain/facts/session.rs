//! Facts of dialer sessions: started, resumed, ended, timed out, and the leads reserved and attempted in them.

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::{Email, Instant, Text};
use crate::rules::outcomes::Outcome;
use crate::{body, group};

body! {
    /// `session_started`: an agent begins to work a list.
    SessionStarted {
        public {
            /// Ours or the source's.
            required session_id: Text;
            /// Who works it.
            required agent: Email;
            /// The list's pipeline.
            required pipeline_id: Text;
            /// The leads, in queue order: one at least.
            filled lead_ids: Text;
        }
    }
}

body! {
    /// `session_resumed`: the agent came back.
    SessionResumed {
        public {
            /// The session.
            required session_id: Text;
            /// Why, in a word.
            optional reason: Text;
        }
    }
}

body! {
    /// `session_ended`: the agent is done.
    SessionEnded {
        public {
            /// The session.
            required session_id: Text;
            /// Why, in a word.
            optional reason: Text;
        }
    }
}

body! {
    /// `lead_attempted`: one lead of the session was tried.
    LeadAttempted {
        public {
            /// The session.
            required session_id: Text;
            /// The lead.
            required lead_id: Text;
            /// What came of it.
            required outcome: Outcome;
        }
    }
}

body! {
    /// `lead_reserved`: a line was given the lead to ring next (C3).
    LeadReserved {
        public {
            /// The session.
            required session_id: Text;
            /// The lead.
            required lead_id: Text;
            /// The dialer's line.
            required line: Text;
            /// From then on the lead comes back, unless it was attempted.
            required until: Instant;
        }
    }
}

body! {
    /// `session_timed_out`: nothing happened in the session for as long as the tenant allows (C1).
    SessionTimedOut {
        public {
            /// The session.
            required session_id: Text;
            /// The last that happened in it.
            required last_activity_at: Instant;
        }
    }
}

group! {
    /// Facts of dialer sessions.
    SessionFact = 2 {
        1 "session_started" Started(SessionStarted),
        2 "session_resumed" Resumed(SessionResumed),
        3 "session_ended" Ended(SessionEnded),
        4 "lead_attempted" Attempted(LeadAttempted),
        5 "lead_reserved" Reserved(LeadReserved),
        6 "session_timed_out" TimedOut(SessionTimedOut),
    }
}

impl SessionFact {
    /// The session of which the fact speaks.
    pub fn session_id(&self) -> &Text {
        match self {
            Self::Started(body) => &body.session_id,
            Self::Resumed(body) => &body.session_id,
            Self::Ended(body) => &body.session_id,
            Self::Attempted(body) => &body.session_id,
            Self::Reserved(body) => &body.session_id,
            Self::TimedOut(body) => &body.session_id,
        }
    }
}

impl Subject for SessionFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        format!("session/{}", self.session_id())
    }
}
