//! Email Bison: campaign events and sender accounts as facts of outreach.
//!
//! Source: docs.emailbison.com/webhooks. Deliveries are unsigned, so they rest on the endpoint's unguessable id;
//! they carry no event id, so the key is made of what identifies the event inside them.

pub mod listed;

use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::outreach::{OutreachEvent, OutreachFact, OutreachLead, OutreachReply};
use domain::facts::sender_account::{SenderAccountEvent, SenderAccountFact};
use domain::keys::ExternalId;
use domain::members::{Email, Instant, Text, fold_word};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::facts::FactBuilder;
use crate::ingest::delivery::Delivery;
use crate::ingest::error::{MappingFailure, Reason};
use crate::ingest::key::escaped;
use crate::ingest::payload::{self, is_blank, long_text, payload, scalar, text};
use crate::ingest::provider::{MappedDelivery, MappingContext, MappingResult, Preset};
use crate::ingest::signature::Scheme;
use crate::ingest::time::instant;

/// The provider `emailbison`.
pub const PRESET: Preset = Preset {
    name: "emailbison",
    methods: &["POST"],
    events: &[],
    mapping: 1,
    signature: Scheme::Unsigned,
    map,
    completes: None,
};

/// What an event type reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventKind {
    Sent,
    Replied,
    Interested,
    Bounced,
    Unsubscribed,
    AccountAdded,
    AccountDisconnected,
    AccountReconnected,
    AccountRemoved,
    /// Known, and counted nowhere: mail outside of campaigns, opens, tags, warm-up, block lists, and what another
    /// event tells too (the first contact is also an `email_sent`).
    Nothing,
}

impl EventKind {
    fn is_of_account(self) -> bool {
        matches!(
            self,
            Self::AccountAdded | Self::AccountDisconnected | Self::AccountReconnected | Self::AccountRemoved
        )
    }
}

/// The type in canonical spelling: any case, `CONTACT_` for `LEAD_`, `FIRST_EMAILED` for `FIRST_CONTACTED` (D1).
fn event_type(given: &str) -> String {
    let folded = fold_word(given).replace('-', "_");
    let lead = folded.strip_prefix("contact_").map_or(folded.clone(), |rest| format!("lead_{rest}"));
    if lead == "lead_first_emailed" { "lead_first_contacted".to_owned() } else { lead }
}

fn event_kind(event: &str) -> Option<EventKind> {
    Some(match event {
        "email_sent" => EventKind::Sent,
        "lead_replied" => EventKind::Replied,
        "lead_interested" => EventKind::Interested,
        "email_bounced" => EventKind::Bounced,
        "lead_unsubscribed" => EventKind::Unsubscribed,
        "email_account_added" => EventKind::AccountAdded,
        "email_account_disconnected" => EventKind::AccountDisconnected,
        "email_account_reconnected" => EventKind::AccountReconnected,
        "email_account_removed" => EventKind::AccountRemoved,
        "manual_email_sent"
        | "lead_first_contacted"
        | "untracked_reply_received"
        | "email_opened"
        | "tag_attached"
        | "tag_removed"
        | "warmup_disabled_receiving_bounces"
        | "warmup_disabled_causing_bounces"
        | "blacklisted_email_added"
        | "blacklisted_email_removed"
        | "blacklisted_domain_added"
        | "blacklisted_domain_removed" => EventKind::Nothing,
        _ => return None,
    })
}

fn id(value: &Value) -> Option<Text> {
    text(&scalar(value)?)
}

fn email(value: &Value) -> Option<Email> {
    value.as_str().and_then(payload::email)
}

/// The host of an instance's URL, lower case, without port.
fn host(url: &str) -> Option<Text> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    text(&host.to_lowercase())
}

fn map(
    delivery: &Delivery,
    context: MappingContext<'_>,
    mapped: &mut MappedDelivery,
) -> Result<MappingResult, MappingFailure> {
    let MappingContext { endpoint, directory, secret } = context;
    let body = payload(delivery)?;
    let envelope = &body["event"];
    let workspace_id = id(&envelope["workspace_id"]);
    let workspace_name = id(&envelope["workspace_name"]);
    let named = [&workspace_id, &workspace_name].into_iter().flatten();
    let tenant = endpoint
        .tenant
        .clone()
        .or_else(|| named.clone().find_map(|name| directory.workspace(name.as_str()).cloned()));
    mapped.tenant.clone_from(&tenant);
    let given = envelope["type"].as_str().filter(|given| !given.trim().is_empty());
    let given = given.ok_or_else(|| MappingFailure::new(Reason::MissingField, "/event/type"))?;
    let event = event_type(given);
    // What a sender may write at will does not become the event of the delivery log before it is known.
    let kind = event_kind(&event).ok_or_else(|| MappingFailure::new(Reason::UnknownEventType, given))?;
    mapped.event = Some(event.clone());
    if kind == EventKind::Nothing {
        return Ok(MappingResult::Ignored);
    }
    let tenant = tenant.ok_or_else(|| {
        let names: Vec<&str> = named.map(Text::as_str).collect();
        MappingFailure::new(Reason::UnknownWorkspace, names.join(" / "))
    })?;
    let instance = envelope["instance_url"].as_str().and_then(host);
    let event = Event {
        facts: FactBuilder { provider: &PRESET, delivery, tenant, secret },
        data: &body["data"],
        event,
        kind,
        instance,
        workspace: workspace_id.or(workspace_name),
    };
    event.map()
}

struct Event<'a> {
    facts: FactBuilder<'a>,
    data: &'a Value,
    event: String,
    kind: EventKind,
    instance: Option<Text>,
    workspace: Option<Text>,
}

impl Event<'_> {
    fn map(&self) -> Result<MappingResult, MappingFailure> {
        self.check_shape()?;
        let fact = match self.kind {
            EventKind::Nothing => return Ok(MappingResult::Ignored),
            EventKind::Replied if self.is_outgoing() => return Ok(MappingResult::Ignored),
            EventKind::Sent => Fact::Outreach(OutreachFact::Sent(self.outreach()?)),
            EventKind::Replied => Fact::Outreach(OutreachFact::Replied(self.outreach()?)),
            EventKind::Interested => Fact::Outreach(OutreachFact::Interested(self.outreach()?)),
            EventKind::Bounced => Fact::Outreach(OutreachFact::Bounced(self.outreach()?)),
            EventKind::Unsubscribed => Fact::Outreach(OutreachFact::Unsubscribed(self.outreach()?)),
            EventKind::AccountAdded => Fact::SenderAccount(SenderAccountFact::Added(self.account()?)),
            EventKind::AccountDisconnected => {
                Fact::SenderAccount(SenderAccountFact::Disconnected(self.account()?))
            }
            EventKind::AccountReconnected => {
                Fact::SenderAccount(SenderAccountFact::Reconnected(self.account()?))
            }
            EventKind::AccountRemoved => Fact::SenderAccount(SenderAccountFact::Removed(self.account()?)),
        };
        let (external_id, weak) = self.identity();
        let envelope: Envelope = self.facts.envelope(&external_id, self.occurred_at()?, fact)?;
        Ok(MappingResult::Facts { facts: vec![envelope], weak })
    }

    /// What is there must be of the kind it is read as: an event whose lead is a text is not one without a lead.
    fn check_shape(&self) -> Result<(), MappingFailure> {
        let wrong = |pointer: &str, rule: &str| {
            Err(MappingFailure::new(Reason::MalformedField, format!("/data{pointer} must be {rule}")))
        };
        if !(self.data.is_object() || is_blank(self.data)) {
            return wrong("", "an object");
        }
        for name in ["lead", "campaign", "sender_email", "reply", "campaign_event", "scheduled_email"] {
            let part = &self.data[name];
            if !(part.is_object() || is_blank(part)) {
                return wrong(&format!("/{name}"), "an object");
            }
            let id = &part["id"];
            if !is_blank(id) && (id.is_array() || id.is_object() || id.is_boolean()) {
                return wrong(&format!("/{name}/id"), "a number or a string");
            }
        }
        for name in ["lead", "sender_email"] {
            let email = &self.data[name]["email"];
            if !(email.is_string() || is_blank(email)) {
                return wrong(&format!("/{name}/email"), "a string");
            }
        }
        Ok(())
    }

    /// A mail of ours in the reply's place is no reply.
    fn is_outgoing(&self) -> bool {
        let reply = &self.data["reply"];
        let is = |member: &str, word| reply[member].as_str().is_some_and(|given| fold_word(given) == word);
        is("type", "outgoing-email") || is("folder", "sent")
    }

    /// Instance, workspace, event and what tells this event from others of its type, between slashes; without the
    /// latter a digest of the body. Never a person's email.
    fn identity(&self) -> (String, bool) {
        let keys = self.facts.keys();
        let part = |given: &str| escaped(&keys.part(given), '/').into_owned();
        let or_none = |name: &Option<Text>| match name.as_ref().map(Text::as_str) {
            None => "-".to_owned(),
            Some("-") => r"\-".to_owned(),
            Some(name) => part(name),
        };
        let prefix = format!("{}/{}/{}", or_none(&self.instance), or_none(&self.workspace), self.event);
        let of = |object: &str| Some(format!("{object}-{}", part(&scalar(&self.data[object]["id"])?)));
        let account = || {
            let account = &self.data["sender_email"];
            let (id, changed) = (scalar(&account["id"])?, scalar(&account["updated_at"])?);
            Some(format!("sender_email-{}@{}", part(&id), part(&changed)))
        };
        let own = match self.kind {
            kind if kind.is_of_account() => account(),
            // The list of replies, which fills gaps, has their ids alone.
            EventKind::Replied => of("reply").or_else(|| of("campaign_event")),
            _ => of("campaign_event").or_else(|| of("reply")),
        };
        let own = own.or_else(|| of("scheduled_email").filter(|_| !self.kind.is_of_account()));
        // An id that is too long for a key identifies no better than the digest.
        let named = own.map(|own| format!("{prefix}/{own}"));
        match named.filter(|name| ExternalId::new(name).is_ok()) {
            Some(name) => (name, false),
            None => {
                let digest: String =
                    Sha256::digest(&self.facts.delivery.body).iter().map(|b| format!("{b:02x}")).collect();
                let name = format!("{prefix}/digest-{digest}");
                let name = if ExternalId::new(&name).is_ok() {
                    name
                } else {
                    format!("{}/digest-{digest}", self.event)
                };
                (name, true)
            }
        }
    }

    /// The first time given of those that say when it happened.
    fn occurred_at(&self) -> Result<Option<Instant>, MappingFailure> {
        let paths: &[[&str; 2]] = match self.kind {
            EventKind::Sent => &[["campaign_event", "created_at"], ["scheduled_email", "sent_at"]],
            EventKind::Replied | EventKind::Interested | EventKind::Bounced => {
                &[["campaign_event", "created_at"], ["reply", "date_received"], ["reply", "created_at"]]
            }
            EventKind::Unsubscribed => &[["campaign_event", "created_at"]],
            EventKind::AccountAdded
            | EventKind::AccountDisconnected
            | EventKind::AccountReconnected
            | EventKind::AccountRemoved => &[["sender_email", "updated_at"], ["sender_email", "created_at"]],
            EventKind::Nothing => &[],
        };
        for [object, member] in paths {
            if let Some(at) = self.instant(object, member)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn instant(&self, object: &str, member: &str) -> Result<Option<Instant>, MappingFailure> {
        let given = &self.data[object][member];
        if is_blank(given) {
            return Ok(None);
        }
        match scalar(given).and_then(|text| instant(&text, None)) {
            Some(at) => Ok(Some(at)),
            None => {
                let detail = format!("/data/{object}/{member} {}, not {given}", Instant::RULE);
                Err(MappingFailure::new(Reason::MalformedField, detail))
            }
        }
    }

    fn outreach(&self) -> Result<OutreachEvent, MappingFailure> {
        Ok(OutreachEvent {
            instance: self.instance.clone(),
            workspace: self.workspace.clone(),
            campaign: self.text("campaign", "name"),
            sender_email: email(&self.data["sender_email"]["email"]),
            lead: self.lead(),
            reply: self.reply()?,
        })
    }

    fn text(&self, object: &str, member: &str) -> Option<Text> {
        id(&self.data[object][member])
    }

    fn lead(&self) -> Option<OutreachLead> {
        let lead = &self.data["lead"];
        // Some events carry the lead only as a reference of the mail that was scheduled to it.
        let id = id(&lead["id"]).or_else(|| id(&self.data["scheduled_email"]["lead_id"]));
        let lead = OutreachLead {
            id,
            email: email(&lead["email"]),
            email_digest: None,
            first_name: self.text("lead", "first_name"),
            last_name: self.text("lead", "last_name"),
            company: self.text("lead", "company"),
            title: self.text("lead", "title"),
        };
        (lead.id.is_some() || lead.email.is_some()).then_some(lead)
    }

    /// Only for events that the lead's own mail made: a bounce's text is the mail server's, kept in the original.
    fn reply(&self) -> Result<Option<OutreachReply>, MappingFailure> {
        if !matches!(self.kind, EventKind::Replied | EventKind::Interested) {
            return Ok(None);
        }
        let reply = OutreachReply {
            id: id(&self.data["reply"]["id"]),
            received_at: self.instant("reply", "date_received")?,
            text: self.data["reply"]["text_body"].as_str().and_then(long_text),
        };
        Ok((reply.id.is_some() || reply.received_at.is_some() || reply.text.is_some()).then_some(reply))
    }

    fn account(&self) -> Result<SenderAccountEvent, MappingFailure> {
        let missing = |pointer: &str| MappingFailure::new(Reason::MissingField, pointer);
        Ok(SenderAccountEvent {
            instance: self.instance.clone().ok_or_else(|| missing("/event/instance_url"))?,
            workspace: self.workspace.clone().ok_or_else(|| missing("/event/workspace_id"))?,
            email: email(&self.data["sender_email"]["email"])
                .ok_or_else(|| missing("/data/sender_email/email"))?,
            account_id: id(&self.data["sender_email"]["id"]),
        })
    }
}
