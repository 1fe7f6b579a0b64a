//! Facts of dialer sessions: started, resumed, ended, and the attempts made in them.

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::{Email, Text};
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

group! {
    /// Facts of dialer sessions.
    SessionFact = 2 {
        1 "session_started" Started(SessionStarted),
        2 "session_resumed" Resumed(SessionResumed),
        3 "session_ended" Ended(SessionEnded),
        4 "lead_attempted" Attempted(LeadAttempted),
    }
}

impl Subject for SessionFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let id = match self {
            Self::Started(body) => &body.session_id,
            Self::Resumed(body) => &body.session_id,
            Self::Ended(body) => &body.session_id,
            Self::Attempted(body) => &body.session_id,
        };
        format!("session/{id}")
    }
}
