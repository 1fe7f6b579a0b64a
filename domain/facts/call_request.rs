//! Facts of requests to place a call: asked for, about to be sent, taken by the provider, proven, or not (C7).
//!
//! What was asked, what the provider took and what the provider proved are three facts, because any of them can be
//! missing. `call_request_sent` is durable before the request leaves, so that a crash never leads to a second ring.

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::{Email, Phone, Text};
use crate::{body, group, words};

words! {
    /// Why it is certain that a request rang nobody.
    CallFailure {
        /// It was not sent within a minute, and nobody waits for it any more.
        Expired = "expired",
        /// The tenant's account at the provider is not configured any more.
        NotConfigured = "not_configured",
        /// The number was erased before the request was sent.
        Erased = "erased",
        /// No connection to the provider was made, at any try.
        NotConnected = "not_connected",
        /// The provider answered 429 at every try.
        RateLimited = "rate_limited",
        /// The provider refused it (4xx).
        Refused = "refused",
    }
}

words! {
    /// Why nobody knows whether a request rang.
    CallDoubt {
        /// The answer did not come in time.
        TimedOut = "timed_out",
        /// The connection broke before the answer was whole, or the answer says nothing.
        BrokenAnswer = "broken_answer",
        /// The provider answered with an error of its own (5xx).
        ProviderError = "provider_error",
        /// The server stopped before it knew the answer.
        Interrupted = "interrupted",
    }
}

body! {
    /// `call_requested`: somebody wants a call to be placed.
    CallRequested {
        public {
            /// Ours; the callback URL carries it.
            required request_id: Text;
            /// Who calls.
            required agent: Email;
            /// The lead to be called.
            optional lead_id: Text;
            /// The dialer session.
            optional session_id: Text;
            /// Whether the call is to be recorded from its answer on.
            optional recording: bool;
        }
        personal {
            /// The number to be called.
            required to: Phone;
            /// The number to be shown.
            required from: Phone;
        }
    }
}

body! {
    /// `call_request_sent`: from here on the provider may have it. Who appended it may send, nobody else, and once.
    CallRequestSent {
        public {
            /// The request.
            required request_id: Text;
        }
    }
}

body! {
    /// `call_request_accepted`: the provider took it and named the call.
    CallRequestAccepted {
        public {
            /// The request.
            required request_id: Text;
            /// The call that it became.
            required call_id: Text;
        }
    }
}

body! {
    /// `call_request_confirmed`: the provider told of the call by itself.
    CallRequestConfirmed {
        public {
            /// The request.
            required request_id: Text;
            /// The call that it became.
            required call_id: Text;
        }
    }
}

body! {
    /// `call_request_failed`: it is certain that nobody was rung.
    CallRequestFailed {
        public {
            /// The request.
            required request_id: Text;
            /// Why.
            required reason: CallFailure;
            /// HTTP status of the provider's last answer.
            optional status: u32;
            /// The provider's own code of the error.
            optional code: u32;
        }
    }
}

body! {
    /// `call_request_unknown`: it may have rung. It is not sent again; a callback or the provider's list settles it.
    CallRequestUnknown {
        public {
            /// The request.
            required request_id: Text;
            /// Why.
            required reason: CallDoubt;
            /// HTTP status of the provider's answer, where there was one.
            optional status: u32;
        }
    }
}

group! {
    /// Facts of requests to place a call.
    CallRequestFact = 16 {
        1 "call_requested" Requested(CallRequested),
        2 "call_request_sent" Sent(CallRequestSent),
        3 "call_request_accepted" Accepted(CallRequestAccepted),
        4 "call_request_confirmed" Confirmed(CallRequestConfirmed),
        5 "call_request_failed" Failed(CallRequestFailed),
        6 "call_request_unknown" Unknown(CallRequestUnknown),
    }
}

impl CallRequestFact {
    /// The request of which the fact speaks.
    pub fn request_id(&self) -> &Text {
        match self {
            Self::Requested(body) => &body.request_id,
            Self::Sent(body) => &body.request_id,
            Self::Accepted(body) => &body.request_id,
            Self::Confirmed(body) => &body.request_id,
            Self::Failed(body) => &body.request_id,
            Self::Unknown(body) => &body.request_id,
        }
    }
}

impl Subject for CallRequestFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        format!("call-request/{}", self.request_id())
    }
}
