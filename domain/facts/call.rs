//! Facts of calls: reported by a provider, disposed by a person, recorded, placed.

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::{Email, Instant, LongText, Phone, Text};
use crate::rules::outcomes::Outcome;
use crate::{body, group, words};

words! {
    /// Where a call stands; a call moves only forward (A3).
    CallStatus {
        Initiated = "initiated",
        Ringing = "ringing",
        InProgress = "in_progress",
        Completed = "completed",
        Busy = "busy",
        NoAnswer = "no_answer",
        Failed = "failed",
        Canceled = "canceled",
    }
}

impl CallStatus {
    /// 0 initiated, 1 ringing, 2 in progress, 3 the terminal ones.
    pub fn rank(self) -> u8 {
        match self {
            Self::Initiated => 0,
            Self::Ringing => 1,
            Self::InProgress => 2,
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled => 3,
        }
    }
}

words! {
    /// Who called whom.
    Direction { Inbound = "inbound", Outbound = "outbound" }
}

body! {
    /// `call_reported`: what a provider says of a call at one of its stages.
    CallReported {
        public {
            /// The call, across all its facts.
            required call_id: Text;
            /// The stage.
            required status: CallStatus;
            /// Whether a person or machine answered; only mappings say so.
            optional answered: bool;
            /// Whole seconds.
            optional duration_seconds: u32;
            /// Inbound or outbound.
            optional direction: Direction;
            /// The tenant's number that was called.
            optional tracking_number: Phone;
            /// The tenant's person.
            optional agent: Email;
            /// The lead called.
            optional lead_id: Text;
            /// The dialer session.
            optional session_id: Text;
            /// When the call began.
            optional started_at: Instant;
            /// When it was answered.
            optional answered_at: Instant;
            /// When it ended.
            optional ended_at: Instant;
            /// What a provider's detection heard: `human`, `machine_end_beep`, ….
            optional answered_by: Text;
            /// The call of which this is a leg.
            optional parent_call_id: Text;
            /// Where the caller came from, in the provider's words.
            optional source: Text;
            /// The campaign, in the provider's words.
            optional campaign: Text;
        }
        personal {
            /// The caller.
            optional from: Phone;
            /// The called.
            optional to: Phone;
        }
    }
}

body! {
    /// `call_disposed`: what a person says of a call.
    CallDisposed {
        public {
            /// The call.
            required call_id: Text;
            /// What came of it.
            required outcome: Outcome;
            /// Who says so.
            optional agent: Email;
            /// The lead called.
            optional lead_id: Text;
            /// The dialer session.
            optional session_id: Text;
        }
        personal {
            /// Free text.
            optional note: LongText;
        }
    }
}

body! {
    /// `call_recorded`: a recording is ready.
    CallRecorded {
        public {
            /// The call.
            required call_id: Text;
            /// The provider's id of the recording.
            required recording_id: Text;
            /// Whole seconds.
            optional duration_seconds: u32;
            /// The lead called.
            optional lead_id: Text;
            /// The tenant's person.
            optional agent: Email;
        }
        personal {
            /// Where it can be heard.
            required url: Text;
        }
    }
}

body! {
    /// `call_placed`: we had the provider ring someone.
    CallPlaced {
        public {
            /// The call.
            required call_id: Text;
            /// The tenant's person.
            optional agent: Email;
            /// The lead called.
            optional lead_id: Text;
            /// The dialer session.
            optional session_id: Text;
            /// Whether it is recorded.
            optional recording: bool;
        }
        personal {
            /// The called.
            required to: Phone;
            /// The number shown.
            optional from: Phone;
        }
    }
}

group! {
    /// Facts of calls.
    CallFact = 1 {
        1 "call_reported" Reported(CallReported),
        2 "call_disposed" Disposed(CallDisposed),
        3 "call_recorded" Recorded(CallRecorded),
        4 "call_placed" Placed(CallPlaced),
    }
}

impl CallFact {
    /// The call whose row the fact belongs to: a leg's facts belong to its parent's.
    pub fn call_id(&self) -> &Text {
        match self {
            Self::Reported(body) => body.parent_call_id.as_ref().unwrap_or(&body.call_id),
            Self::Disposed(body) => &body.call_id,
            Self::Recorded(body) => &body.call_id,
            Self::Placed(body) => &body.call_id,
        }
    }
}

impl Subject for CallFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        format!("call/{}", self.call_id())
    }
}
