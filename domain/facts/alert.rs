//! Facts of alerts: raised, cleared, and each attempt to tell a target of one (F2).

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::{LongText, Text};
use crate::{body, group};

body! {
    /// One figure of an alert.
    Figure {
        public {
            /// What it is.
            required name: Text;
            /// How much, as it is read.
            required value: Text;
        }
    }
}

body! {
    /// `alert_raised`: a rule found what a person should know.
    AlertRaised {
        public {
            /// Stable: every attempt to send it carries it.
            required alert_id: Text;
            /// The rule, in a word: `silence`, `conflict`, ….
            required rule: Text;
            /// Of what the rule speaks, such as an endpoint; absent when of the tenant.
            optional subject: Text;
            /// Which occasion: of one rule, subject and window there is one alert.
            optional window: Text;
            /// What happened, in a line that names no person.
            required title: Text;
        }
        personal {
            /// More of it.
            optional detail: LongText;
        }
        rows {
            /// The figures that the rule decided by.
            figures: Figure;
        }
    }
}

body! {
    /// `alert_cleared`: what the alert spoke of is over.
    AlertCleared {
        public {
            /// Which.
            required alert_id: Text;
            /// Why, in a line.
            optional reason: Text;
        }
    }
}

body! {
    /// `alert_sent`: one attempt to tell a target, whatever came of it.
    AlertSent {
        public {
            /// Which alert; of a mail that tells of none: what it tells of (`cleared/…`, `report/…`, `digest/…`).
            required alert_id: Text;
            /// To whom.
            required target_id: Text;
            /// From 1.
            required attempt: u32;
            /// HTTP or SMTP status of the answer; absent when there was none.
            optional status: u32;
            /// Why it failed; absent when it was taken.
            optional error: Text;
        }
    }
}

group! {
    /// Facts of alerts.
    AlertFact = 12 {
        1 "alert_raised" Raised(AlertRaised),
        2 "alert_cleared" Cleared(AlertCleared),
        3 "alert_sent" Sent(AlertSent),
    }
}

impl Subject for AlertFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let id = match self {
            Self::Raised(body) => &body.alert_id,
            Self::Cleared(body) => &body.alert_id,
            Self::Sent(body) => &body.alert_id,
        };
        format!("alert/{id}")
    }
}
