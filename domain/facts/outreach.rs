//! Facts of email outreach: what was sent to a lead, what the lead did, where a person put it.

use crate::codec::PersonHasher;
use crate::facts::{Subject, part};
use crate::json::{Json, Reader};
use crate::keys::PersonDigest;
use crate::members::{Email, Instant, LongText, Text};
use crate::{body, group, words};

body! {
    /// A lead as an event names it: by the provider's id, by email, or both.
    OutreachLead {
        public {
            /// The provider's id of the lead.
            optional id: Text;
        }
        person {
            /// The lead's address, in lower case.
            email as email_digest: Email;
        }
        personal {
            /// Given name.
            optional first_name: Text;
            /// Family name.
            optional last_name: Text;
            /// Where the lead works.
            optional company: Text;
            /// As what.
            optional title: Text;
        }
    }
}

body! {
    /// The reply that an event speaks of.
    OutreachReply {
        public {
            /// The provider's id of the reply.
            optional id: Text;
            /// When it came.
            optional received_at: Instant;
        }
        personal {
            /// What it says.
            optional text: LongText;
        }
    }
}

body! {
    /// The body of the five outreach events.
    OutreachEvent {
        public {
            /// Host of the provider's instance.
            optional instance: Text;
            /// The provider's workspace: its id, else its name.
            optional workspace: Text;
            /// The campaign's name.
            optional campaign: Text;
            /// The tenant's account that wrote.
            optional sender_email: Email;
        }
        nested {
            /// To or from whom; what is posted needs its id or email.
            lead: OutreachLead;
            /// The reply, where there is one.
            reply: OutreachReply;
        }
    }
}

words! {
    /// Where a person puts a lead (`lead_staged`).
    LeadStage {
        Interested = "interested",
        Quoting = "quoting",
        FollowUp = "follow_up",
        Won = "won",
        Lost = "lost",
    }
}

body! {
    /// `lead_staged`: a person says where the lead stands.
    LeadStaged {
        public {
            /// The stage.
            required stage: LeadStage;
            /// Who says so.
            optional by: Email;
            /// Host of the provider's instance.
            optional instance: Text;
            /// The provider's workspace.
            optional workspace: Text;
        }
        nested {
            /// Which lead.
            lead: OutreachLead;
        }
        /// `lead` must have an id or an email.
        check names_a_lead(lead);
    }
}

/// What a lead that is nobody is answered with.
pub const LEAD_RULE: &str = "must have an id or an email";

/// Whether a posted body of this kind is one of the five events and says of no lead that it speaks of, whatever else is
/// wrong with it.
pub fn is_about_nobody(kind: &str, body: &Json<'_>) -> bool {
    let is_event = kind != "lead_staged" && OutreachFact::KINDS.iter().any(|(_, name)| *name == kind);
    let given = |name| body.member("lead")?.member(name).filter(|value| !value.is_blank());
    is_event && given("id").is_none() && given("email").is_none()
}

impl LeadStaged {
    fn names_a_lead(at: &mut Reader<'_>, lead: &Option<OutreachLead>) {
        if !lead.as_ref().is_some_and(OutreachLead::is_named) {
            at.fault_at("lead", LEAD_RULE);
        }
    }
}

group! {
    /// Facts of email outreach.
    OutreachFact = 3 {
        /// A mail was sent to a lead.
        1 "email_sent" Sent(OutreachEvent),
        /// A lead answered.
        2 "lead_replied" Replied(OutreachEvent),
        /// The provider found a reply interested.
        3 "lead_interested" Interested(OutreachEvent),
        /// A mail could not be delivered to a lead.
        4 "email_bounced" Bounced(OutreachEvent),
        /// A lead wants no more mail.
        5 "lead_unsubscribed" Unsubscribed(OutreachEvent),
        6 "lead_staged" Staged(LeadStaged),
    }
}

/// By what a lead is known within its instance and workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadName<'a> {
    /// The provider's id.
    Id(&'a Text),
    /// Only the digest of an email.
    Email(PersonDigest),
}

impl OutreachFact {
    /// The lead, where the fact names one.
    pub fn lead(&self) -> Option<&OutreachLead> {
        match self {
            Self::Sent(body)
            | Self::Replied(body)
            | Self::Interested(body)
            | Self::Bounced(body)
            | Self::Unsubscribed(body) => body.lead.as_ref(),
            Self::Staged(body) => body.lead.as_ref(),
        }
    }

    /// Instance and workspace, empty where the fact has none.
    pub fn workspace(&self) -> (&str, &str) {
        let (instance, workspace) = match self {
            Self::Sent(body)
            | Self::Replied(body)
            | Self::Interested(body)
            | Self::Bounced(body)
            | Self::Unsubscribed(body) => (&body.instance, &body.workspace),
            Self::Staged(body) => (&body.instance, &body.workspace),
        };
        (instance.as_ref().map_or("", Text::as_str), workspace.as_ref().map_or("", Text::as_str))
    }
}

impl OutreachLead {
    /// Whether it is somebody: known by an id or an email.
    pub fn is_named(&self) -> bool {
        self.id.is_some() || self.email.is_some() || self.email_digest.is_some()
    }

    /// By id where there is one, else by the email's digest (D3).
    pub fn name(&self, person: PersonHasher<'_>) -> Option<LeadName<'_>> {
        match &self.id {
            Some(id) => Some(LeadName::Id(id)),
            None => self.email_digest(person).map(LeadName::Email),
        }
    }

    /// The digest of the email, from the email itself or from the log.
    pub fn email_digest(&self, person: PersonHasher<'_>) -> Option<PersonDigest> {
        self.email_digest.or_else(|| self.email.as_ref().map(|email| person(email.as_str())))
    }
}

impl Subject for OutreachFact {
    fn subject(&self, person: PersonHasher<'_>) -> String {
        let (instance, workspace) = self.workspace();
        let (instance, workspace) = (part(instance), part(workspace));
        match self.lead().and_then(|lead| lead.name(person)) {
            Some(LeadName::Id(id)) => format!("lead/{instance}/{workspace}/{id}"),
            Some(LeadName::Email(digest)) => {
                format!("lead/{instance}/{workspace}/@{}", hex::encode(digest))
            }
            None => format!("workspace/{instance}/{workspace}"),
        }
    }
}
