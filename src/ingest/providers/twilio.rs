//! Twilio Voice: status, recording and answering-machine callbacks as facts of calls.
//!
//! Source: twilio.com/docs/voice/api/call-resource, /docs/voice/twiml/number, /docs/usage/webhooks. Senders that
//! speak Twilio's dialect leave fields out, write numbers as numbers and times in words of their own, so only
//! what makes a fact impossible sends a delivery to quarantine.

mod listed;

use std::borrow::Cow;

use chrono_tz::Tz;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::call::{CallFact, CallRecorded, CallReported, CallStatus, Direction};
use domain::facts::call_request::{CallRequestConfirmed, CallRequestFact};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, LogSecret, NameError, TenantId};
use domain::members::{Instant, Phone, Text, fold_word};
use serde_json::Value;
use uuid::Uuid;

use super::facts::FactBuilder;
use crate::directory::Directory;
use crate::ingest::delivery::{Delivery, Form};
use crate::ingest::error::{MappingFailure, Reason};
use crate::ingest::owner::{Owner, OwnerClaims, owner};
use crate::ingest::payload::{email, integer, phone, scalar, text};
use crate::ingest::provider::{MappedDelivery, MappingContext, MappingResult, Preset};
use crate::ingest::signature::Scheme;
use crate::ingest::time::instant;

pub(super) use self::listed::listed;

/// The provider `twilio`.
pub const PRESET: Preset = Preset {
    name: "twilio",
    methods: &["POST", "GET"],
    events: &[],
    mapping: 1,
    signature: Scheme::Twilio,
    map,
    completes: Some(completes),
};

/// Whether the end of a call came first without its length and now with it, as some senders tell it (RULINGS).
fn completes(first: &Fact, second: &Fact) -> bool {
    let (Fact::Call(CallFact::Reported(first)), Fact::Call(CallFact::Reported(second))) = (first, second)
    else {
        return false;
    };
    [first, second].iter().all(|report| report.status == CallStatus::Completed)
        && first.call_id == second.call_id
        && first.duration_seconds.is_none()
        && second.duration_seconds.is_some()
}

fn map(
    delivery: &Delivery,
    context: MappingContext<'_>,
    mapped: &mut MappedDelivery,
) -> Result<MappingResult, MappingFailure> {
    let MappingContext { endpoint, directory, secret } = context;
    let fields = Fields::read(delivery)?;
    let number = number(&fields, directory);
    let agent = fields.get("agent").and_then(|agent| email(&agent));
    let owner = owner(endpoint, directory, OwnerClaims { number: number.as_ref(), workspaces: &[], agent });
    mapped.owned_by(&owner);
    let mut callback = Callback { fields, delivery, secret, number, event: None };
    let facts = callback.map(owner);
    mapped.event = callback.event.take();
    let mut facts = facts?;
    let confirmed = facts.first().map(|first| callback.confirmed(first.tenant.clone())).transpose()?;
    facts.extend(confirmed.flatten());
    Ok(if facts.is_empty() { MappingResult::Ignored } else { MappingResult::Facts { facts, weak: false } })
}

/// Fields of a callback: of the body and, behind them, of the query; of a GET the query alone, since only that
/// is signed.
struct Fields<'a> {
    body: Vec<(String, String)>,
    form: Form<'a>,
    query: Form<'a>,
}

impl<'a> Fields<'a> {
    fn read(delivery: &'a Delivery) -> Result<Self, MappingFailure> {
        let query = Form::parse(delivery.query().as_bytes());
        if delivery.method == "GET" {
            return Ok(Self { body: Vec::new(), form: Form::default(), query });
        }
        if !delivery.is_json() {
            return Ok(Self { body: Vec::new(), form: delivery.form(), query });
        }
        let parsed = domain::json::parse_as_written(&delivery.json())
            .map_err(|error| MappingFailure::new(Reason::MalformedBody, error.to_string()))?;
        let Value::Object(members) = parsed else {
            return Err(MappingFailure::new(Reason::MalformedBody, "the body must be a JSON object"));
        };
        let body = members.into_iter().filter_map(|(name, value)| Some((name, scalar(&value)?))).collect();
        Ok(Self { body, form: Form::default(), query })
    }

    /// The first value that is not blank, trimmed.
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let member = self.body.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        let member = member.filter(|value| !value.is_empty()).map(Cow::Borrowed);
        member.or_else(|| self.form.get(name)).or_else(|| self.query.get(name))
    }

    fn text(&self, name: &str) -> Option<Text> {
        self.get(name).and_then(|value| text(&value))
    }

    fn required(&self, name: &str) -> Result<Text, MappingFailure> {
        self.text(name).ok_or_else(|| MappingFailure::new(Reason::MissingField, name))
    }

    /// A caller or called: a number, a client or a SIP address.
    fn phone(&self, name: &str) -> Option<Phone> {
        self.get(name).and_then(|value| phone(&value))
    }

    fn seconds(&self, name: &str) -> Result<Option<u32>, MappingFailure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match integer(&value).map(u32::try_from) {
            Some(Ok(seconds)) => Ok(Some(seconds)),
            Some(Err(_)) | None => Err(MappingFailure::new(
                Reason::MalformedField,
                format!("{name}: {value:?} is not a number of seconds"),
            )),
        }
    }

    /// An RFC 2822 time, or as other senders write it: UTC, where they name no zone. `None` where nothing can be read.
    fn time(&self, name: &str) -> Option<Instant> {
        instant(&self.get(name)?, Some(Tz::UTC))
    }

    /// Who called whom. A browser's call through a TwiML App says `inbound`, though a person dials out.
    fn direction(&self) -> Option<Direction> {
        let browser = self.get("From").is_some_and(|from| from.starts_with("client:"));
        match self.get("Direction")?.as_ref() {
            "inbound" if browser => Some(Direction::Outbound),
            "inbound" => Some(Direction::Inbound),
            other => other.starts_with("outbound").then_some(Direction::Outbound),
        }
    }

    /// The tenant's number: the one called, or the one calling out.
    fn tracking_number(&self) -> Option<Phone> {
        let field = match self.direction() {
            Some(Direction::Outbound) => "From",
            Some(Direction::Inbound) | None => "To",
        };
        self.phone(field).filter(|number| {
            number.as_str().starts_with(['+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
        })
    }
}

/// The tenant's number. A leg shows the caller's number or one of ours, and rings a person: only a number that is
/// known to be a tenant's is its tracking number.
fn number(fields: &Fields<'_>, directory: &Directory) -> Option<Phone> {
    let number = fields.tracking_number();
    if fields.get("ParentCallSid").is_none() {
        return number;
    }
    [number, fields.phone("To")].into_iter().flatten().find(|number| directory.number(number).is_some())
}

struct Callback<'a> {
    fields: Fields<'a>,
    delivery: &'a Delivery,
    secret: &'a LogSecret,
    number: Option<Phone>,
    event: Option<String>,
}

impl Callback<'_> {
    fn map(&mut self, owner: Result<Owner, MappingFailure>) -> Result<Vec<Envelope>, MappingFailure> {
        let fields = &self.fields;
        if let Some(status) = fields.get("DialCallStatus") {
            let (word, status) = stage(&status)?;
            self.event = Some(format!("dial-{word}"));
            self.dialed(status, owner?)
        } else if let Some(status) = fields.get("CallStatus") {
            let (word, status) = stage(&status)?;
            self.event = Some(word.to_owned());
            self.status(word, status, owner?)
        } else if let Some(status) = fields.get("RecordingStatus") {
            let status = fold_word(&status);
            self.event = Some(format!("recording-{status}"));
            self.recording(&status, owner)
        } else if let Some(heard) = self.fields.text("AnsweredBy") {
            self.event = Some("amd".to_owned());
            self.answering_machine(heard, owner?)
        } else {
            let detail = "none of CallStatus, RecordingStatus and AnsweredBy is there";
            Err(MappingFailure::new(Reason::UnknownEventType, detail))
        }
    }

    /// The proof that a request of ours became this call: our callback URL, which the signature covers, names it.
    fn confirmed(&self, tenant: TenantId) -> Result<Option<Envelope>, MappingFailure> {
        let request = self.fields.query.get("request_id").and_then(|id| Uuid::try_parse(&id).ok());
        let call_id = self.fields.text("ParentCallSid").or_else(|| self.fields.text("CallSid"));
        let request_id = request.and_then(|id| text(&id.to_string()));
        let (Some(request_id), Some(call_id)) = (request_id, call_id) else { return Ok(None) };
        let key = EngineKey::CallRequestConfirmed { request: KeyPart::new(request_id.as_str()) };
        let body = CallRequestConfirmed { request_id, call_id };
        let fact = Fact::CallRequest(CallRequestFact::Confirmed(body));
        let confirmed = Envelope::by_engine(tenant, &key, self.delivery.received_at, fact);
        let malformed = |error: NameError| MappingFailure::new(Reason::MalformedField, error.to_string());
        confirmed.map(Some).map_err(malformed)
    }

    fn facts(&self, owner: &Owner) -> FactBuilder<'_> {
        let tenant = owner.tenant.clone();
        FactBuilder { provider: &PRESET, delivery: self.delivery, tenant, secret: self.secret }
    }

    /// A stage of a call. A stage happens once to a call sid, so the key is sid and stage; SequenceNumber is no
    /// part of it, since it is absent where a number's own callback is meant and in other senders' dialects.
    fn status(&self, word: &str, status: CallStatus, owner: Owner) -> Result<Vec<Envelope>, MappingFailure> {
        let fields = &self.fields;
        let call_id = fields.required("CallSid")?;
        let at = fields.time("Timestamp");
        let ended = status.rank() == 3;
        let reported = staged(fields, status, self.call(call_id.clone(), &owner))?;
        let facts = self.facts(&owner);
        let reported = Fact::Call(CallFact::Reported(reported));
        let mut made = vec![facts.envelope(&facts.key(&[call_id.as_str(), word]), at, reported)?];
        if let (true, Some(recording_id), Some(url)) =
            (ended, fields.text("RecordingSid"), fields.text("RecordingUrl"))
        {
            // The recording's own callback tells the same with other times, under its own key.
            let key = facts.key(&[call_id.as_str(), word, recording_id.as_str()]);
            let recorded = self.recorded(call_id, recording_id, url, owner)?;
            made.push(facts.envelope(&key, at, recorded)?);
        }
        Ok(made)
    }

    /// A `<Dial>` has ended: what became of the leg that it rang. The call's own status stands beside it and is told
    /// by its own callbacks; a leg without a sid, such as one to a conference, is known by its call's.
    fn dialed(&self, status: CallStatus, owner: Owner) -> Result<Vec<Envelope>, MappingFailure> {
        let fields = &self.fields;
        let call_id = fields.required("CallSid")?;
        let leg = fields.text("DialCallSid").or_else(|| text(&format!("{call_id}/dial")));
        let leg = leg.ok_or_else(|| MappingFailure::new(Reason::MissingField, "DialCallSid"))?;
        let status = if status == CallStatus::InProgress { CallStatus::Completed } else { status };
        // Somebody may have picked up and declined before the two were brought together.
        let bridged = fields.get("DialBridged").is_none_or(|given| !given.eq_ignore_ascii_case("false"));
        let reported = CallReported {
            status,
            answered: (status.rank() == 3).then_some(status == CallStatus::Completed && bridged),
            duration_seconds: fields.seconds("DialCallDuration")?,
            parent_call_id: Some(call_id),
            ..self.call(leg.clone(), &owner)
        };
        let facts = self.facts(&owner);
        let key = facts.key(&[leg.as_str(), "dial"]);
        Ok(vec![facts.envelope(&key, None, Fact::Call(CallFact::Reported(reported)))?])
    }

    /// Only a completed recording can be heard; the other states are known and carry nothing to count.
    fn recording(
        &self,
        status: &str,
        owner: Result<Owner, MappingFailure>,
    ) -> Result<Vec<Envelope>, MappingFailure> {
        match status {
            "completed" => {}
            "in-progress" | "absent" | "failed" | "paused" | "stopped" | "processing" | "deleted" => {
                return Ok(Vec::new());
            }
            other => {
                return Err(MappingFailure::new(
                    Reason::UnknownEventType,
                    format!("RecordingStatus: {other:?}"),
                ));
            }
        }
        let (fields, owner) = (&self.fields, owner?);
        let recording_id = fields.required("RecordingSid")?;
        let facts = self.facts(&owner);
        let key = facts.key(&[recording_id.as_str(), status]);
        let (call_id, url) = (fields.required("CallSid")?, fields.required("RecordingUrl")?);
        let recorded = self.recorded(call_id, recording_id, url, owner)?;
        Ok(vec![facts.envelope(&key, fields.time("RecordingStartTime"), recorded)?])
    }

    /// What the asynchronous detection heard: only an answered call is listened to. The callback has no time.
    fn answering_machine(&self, heard: Text, owner: Owner) -> Result<Vec<Envelope>, MappingFailure> {
        let call_id = self.fields.required("CallSid")?;
        let facts = self.facts(&owner);
        let key = facts.key(&[call_id.as_str(), "amd"]);
        let reported = CallReported {
            answered: Some(true),
            answered_by: Some(heard),
            tracking_number: None,
            ..self.call(call_id, &owner)
        };
        Ok(vec![facts.envelope(&key, None, Fact::Call(CallFact::Reported(reported)))?])
    }

    fn recorded(
        &self,
        call_id: Text,
        recording_id: Text,
        url: Text,
        owner: Owner,
    ) -> Result<Fact, MappingFailure> {
        Ok(Fact::Call(CallFact::Recorded(CallRecorded {
            call_id,
            recording_id,
            url: Some(url),
            duration_seconds: self.fields.seconds("RecordingDuration")?,
            lead_id: self.fields.text("lead_id"),
            agent: owner.agent,
        })))
    }

    /// A call of which only the owner and what our own callback URL names are known.
    fn call(&self, call_id: Text, owner: &Owner) -> CallReported {
        bare(&self.fields, call_id, self.number.clone(), owner)
    }
}

/// A call of which only the owner, the tenant's number and what our own callback URL names are known.
fn bare(fields: &Fields<'_>, call_id: Text, number: Option<Phone>, owner: &Owner) -> CallReported {
    CallReported {
        call_id,
        status: CallStatus::InProgress,
        answered: None,
        duration_seconds: None,
        direction: None,
        tracking_number: number,
        agent: owner.agent.clone(),
        lead_id: fields.text("lead_id"),
        session_id: fields.text("session_id"),
        started_at: None,
        answered_at: None,
        ended_at: None,
        answered_by: None,
        parent_call_id: None,
        source: None,
        campaign: None,
        from: None,
        to: None,
    }
}

/// The call at one of its stages.
fn staged(
    fields: &Fields<'_>,
    status: CallStatus,
    call: CallReported,
) -> Result<CallReported, MappingFailure> {
    let at = fields.time("Timestamp");
    Ok(CallReported {
        status,
        answered: match status {
            CallStatus::InProgress | CallStatus::Completed => Some(true),
            CallStatus::Busy | CallStatus::NoAnswer | CallStatus::Failed | CallStatus::Canceled => {
                Some(false)
            }
            CallStatus::Initiated | CallStatus::Ringing => None,
        },
        // `Duration` is billed minutes.
        duration_seconds: fields.seconds("CallDuration")?,
        direction: fields.direction(),
        from: fields.phone("From"),
        to: fields.phone("To"),
        started_at: fields.time("StartTime"),
        answered_at: at.filter(|_| status == CallStatus::InProgress),
        ended_at: at.filter(|_| status.rank() == 3),
        answered_by: fields.text("AnsweredBy"),
        parent_call_id: fields.text("ParentCallSid"),
        ..call
    })
}

/// Twilio's word for a stage, as it stands in keys, and what it means.
fn stage(given: &str) -> Result<(&'static str, CallStatus), MappingFailure> {
    Ok(match fold_word(given).as_str() {
        "queued" => ("queued", CallStatus::Initiated),
        "initiated" => ("initiated", CallStatus::Initiated),
        "ringing" => ("ringing", CallStatus::Ringing),
        "in-progress" | "answered" => ("in-progress", CallStatus::InProgress),
        "completed" => ("completed", CallStatus::Completed),
        "busy" => ("busy", CallStatus::Busy),
        "no-answer" => ("no-answer", CallStatus::NoAnswer),
        "failed" => ("failed", CallStatus::Failed),
        "canceled" | "cancelled" => ("canceled", CallStatus::Canceled),
        _ => return Err(MappingFailure::new(Reason::UnknownEventType, format!("CallStatus: {given:?}"))),
    })
}
