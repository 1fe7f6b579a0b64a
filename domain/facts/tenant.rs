//! Facts of a tenant's configuration: what the rules need stands in the log (R5).

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::facts::call::Direction;
use crate::members::{Currency, Day, Email, Percent, Phone, Text};
use crate::rules::calendar::ZoneName;
use crate::{body, group, words};

body! {
    /// A stage of the pipeline.
    Stage {
        public {
            /// Its name.
            required name: Text;
            /// How likely a deal in it closes, 0 to 100.
            optional likelihood_percent: Percent;
        }
    }
}

words! {
    /// Which calls count as answered and qualified; `unknown` are those without a direction.
    CountedDirection { Inbound = "inbound", Outbound = "outbound", Unknown = "unknown" }
}

impl CountedDirection {
    /// The word for a call's direction.
    pub fn of(direction: Option<Direction>) -> Self {
        match direction {
            Some(Direction::Inbound) => Self::Inbound,
            Some(Direction::Outbound) => Self::Outbound,
            None => Self::Unknown,
        }
    }
}

body! {
    /// The tenant's rules; what is absent has the product's default.
    Rules {
        public {
            /// An answered call qualifies from this many seconds (A4; default 30).
            optional qualified_min_seconds: u32;
            /// What a qualified call is worth, minor units (A7).
            optional job_value_minor: i64;
            /// Spend of the current month is read again after this long (A6; default 2,700).
            optional stale_after_seconds: u32;
            /// A session ends after this long without a fact (C1; default 1,800).
            optional session_timeout_seconds: u32;
            /// A reserved lead comes back after this long (C3; default 120).
            optional reservation_seconds: u32;
            /// A reply rate this much below the day before raises an alert (D9; default 20).
            optional reply_rate_drop_percent: Percent;
            /// Which of the CRM's contact types count (B6).
            set counted_contact_types: Text;
            /// Which directions count as answered and qualified (default inbound and unknown).
            set counted_directions: CountedDirection;
            /// Stages whose leads are qualified (B6).
            set qualified_stages: Text;
            /// Stages of the hot list (B8).
            set hot_stages: Text;
            /// Calls a day that an agent is to make (F6; default 50).
            optional daily_call_goal: u32;
        }
        rows {
            /// The pipeline's stages in order (B7).
            stages: Stage;
        }
    }
}

body! {
    /// A number that leads to this tenant, and whose it is (A2).
    TrackingNumber {
        public {
            /// The number.
            required number: Phone;
            /// The person behind it.
            optional agent: Email;
        }
    }
}

body! {
    /// `tenant_configured`: holds from its position on, for days from `effective_from`.
    TenantConfigured {
        public {
            /// The tenant's name.
            required name: Text;
            /// IANA time zone: decides days and months (R6).
            required timezone: ZoneName;
            /// Of money that names none.
            optional currency: Currency;
            /// Whether placed calls are recorded (C6).
            optional recording: bool;
            /// First local day it holds for; default: the day it is recorded.
            optional effective_from: Day;
            /// Names or ids of outreach workspaces that belong to the tenant.
            set workspaces: Text;
        }
        nested {
            /// The rules.
            rules: Rules;
        }
        rows {
            /// The numbers.
            tracking_numbers: TrackingNumber;
        }
    }
}

body! {
    /// `tenant_closed`: gone from the configuration; hooks quarantine, syncs stop, reading goes on.
    TenantClosed {
        public {
            /// Why.
            optional reason: Text;
        }
    }
}

group! {
    /// Facts of tenants.
    TenantFact = 10 {
        1 "tenant_configured" Configured(TenantConfigured),
        2 "tenant_closed" Closed(TenantClosed),
    }
}

impl Subject for TenantFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        "tenant".to_owned()
    }
}
