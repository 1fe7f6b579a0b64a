//! Facts of the server's own settings made at run time; they stand in the control tenant.

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::{Instant, Text};
use crate::{body, group, words};

words! {
    /// How a target is told.
    AlertStyle {
        /// Signed by the rules of Standard Webhooks.
        Webhook = "webhook",
        /// One member `text`, as Slack takes it.
        Slack = "slack",
        /// A mail, through the server of `[email]`.
        Email = "email",
    }
}

body! {
    /// `alert_target_set`: alerts are told there from now on.
    AlertTargetSet {
        public {
            /// Its name.
            required target_id: Text;
            /// How it is told.
            required style: AlertStyle;
            /// Whose alerts; none: of every tenant.
            set tenants: Text;
            /// Which rules' alerts; none: of every rule.
            set rules: Text;
            /// Who set it.
            optional by: Text;
        }
        personal {
            /// Where: erasable, since whoever knows a Slack-style URL can post there.
            required url: Text;
        }
    }
}

body! {
    /// `alert_target_removed`: nothing is told there any more.
    AlertTargetRemoved {
        public {
            /// Which.
            required target_id: Text;
            /// Who removed it.
            optional by: Text;
        }
    }
}

body! {
    /// `lease_taken`: of the nodes of one log, this one does what one alone may do (schedules, timers, messages), until it
    /// says so again or the time is over.
    LeaseTaken {
        public {
            /// What it does.
            required lease: Text;
            /// Which node.
            required node: Text;
            /// Until when; in the past where the node gives it back.
            required until: Instant;
        }
    }
}

group! {
    /// Facts of settings.
    SettingFact = 14 {
        1 "alert_target_set" AlertTargetSet(AlertTargetSet),
        2 "alert_target_removed" AlertTargetRemoved(AlertTargetRemoved),
        3 "lease_taken" LeaseTaken(LeaseTaken),
    }
}

impl Subject for SettingFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let id = match self {
            Self::AlertTargetSet(body) => &body.target_id,
            Self::AlertTargetRemoved(body) => &body.target_id,
            Self::LeaseTaken(body) => return format!("lease/{}", body.lease),
        };
        format!("alert-target/{id}")
    }
}
