//! Twilio's REST API for calls: placing one, and the list by which an unknown one is settled (C7).
//!
//! Source: twilio.com/docs/voice/api/call-resource. Numbers and secrets stand in requests only, never in what is told.

use std::time::Duration;

use chrono::DateTime;
use domain::facts::call_request::{CallDoubt, CallFailure, CallRequested};
use domain::members::{Instant, Phone, Text};
use domain::rules::call_requests::{ListedCall, SentRequest};
use serde_json::Value;

use super::client::Client;
use super::error::OutboundError;
use super::request::{OutboundRequest, RemoteAnswer};
use crate::directory::TwilioAccount;

/// Calls of one page of the list.
const PAGE_SIZE: &str = "100";
/// Pages of a list that are read; a longer one is none that is whole.
const PAGES_MAX: usize = 20;
/// Bytes of a page: a call takes about 1.5 KB.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placement {
    /// The provider took it, and named the call so.
    Taken(Text),
    /// It is certain that it rang nobody.
    NotRung {
        /// Why.
        reason: CallFailure,
        /// HTTP status of the answer.
        status: Option<u16>,
        /// The provider's code of the error.
        code: Option<u32>,
        /// How long to wait at least before another try; `None` where none is made.
        again: Option<Duration>,
    },
    /// It may have rung.
    Doubtful {
        /// Why nobody knows.
        reason: CallDoubt,
        /// HTTP status of the answer.
        status: Option<u16>,
    },
}

/// What came of a request by its answer. Only a request that was never sent, and one that the provider refused before it
/// did anything (429), may be made again: every other failure may follow a ring.
fn placement(answer: Result<RemoteAnswer, OutboundError>, now: Instant) -> Placement {
    let doubtful = |reason, status| Placement::Doubtful { reason, status };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_unsent() => {
            // A URL that may not be called will not be a moment later.
            let is_passing = matches!(error, OutboundError::Unresolved | OutboundError::NotConnected(_));
            let (reason, again) = (CallFailure::NotConnected, is_passing.then_some(Duration::ZERO));
            return Placement::NotRung { reason, status: None, code: None, again };
        }
        Err(OutboundError::TimedOut) => return doubtful(CallDoubt::TimedOut, None),
        Err(_) => return doubtful(CallDoubt::BrokenAnswer, None),
    };
    let status = Some(answer.status);
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body["code"].as_u64().and_then(|code| u32::try_from(code).ok());
    match answer.status {
        200..=299 => match body["sid"].as_str().and_then(Text::new) {
            Some(call_id) => Placement::Taken(call_id),
            None => doubtful(CallDoubt::BrokenAnswer, status),
        },
        429 => {
            let again = Some(answer.retry_after(now.0).unwrap_or_default());
            Placement::NotRung { reason: CallFailure::RateLimited, status, code, again }
        }
        // A request time-out says nothing about what was done.
        408 | 500..=599 => doubtful(CallDoubt::ProviderError, status),
        400..=499 => Placement::NotRung { reason: CallFailure::Refused, status, code, again: None },
        _ => doubtful(CallDoubt::BrokenAnswer, status),
    }
}

/// The TwiML of an answered call: the agent's client, the agent being the client's name.
fn twiml(agent: &str) -> String {
    let mut escaped = String::with_capacity(agent.len());
    for letter in agent.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    format!("<Response><Dial><Client>{escaped}</Client></Dial></Response>")
}

/// The form that places a call. `callback` is told of its stages, and of its recording.
fn form(wish: &CallRequested, (to, from): (&Phone, &Phone), callback: &str) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("To", to.to_string()),
        ("From", from.to_string()),
        ("Twiml", twiml(wish.agent.as_str())),
        ("StatusCallback", callback.to_owned()),
        ("StatusCallbackMethod", "POST".to_owned()),
    ];
    let stages = ["initiated", "ringing", "answered", "completed"];
    form.extend(stages.map(|stage| ("StatusCallbackEvent", stage.to_owned())));
    if wish.recording == Some(true) {
        form.push(("Record", "true".to_owned()));
        form.push(("RecordingStatusCallback", callback.to_owned()));
        form.push(("RecordingStatusCallbackMethod", "POST".to_owned()));
        form.push(("RecordingStatusCallbackEvent", "completed".to_owned()));
    }
    form
}

/// One account's calls.
pub(super) struct TwilioCalls<'a> {
    pub client: &'a Client,
    pub account: &'a TwilioAccount,
    /// The time, for a `Retry-After` that names a date.
    pub now: Instant,
}

impl TwilioCalls<'_> {
    fn url(&self) -> String {
        format!("{}/2010-04-01/Accounts/{}/Calls.json", self.account.base_url, self.account.account_sid)
    }

    fn authenticated(&self, request: OutboundRequest) -> OutboundRequest {
        request.basic_auth(&self.account.account_sid, &self.account.auth_token.text())
    }

    /// Makes the request once, on a connection of its own.
    pub async fn place(&self, wish: &CallRequested, numbers: (&Phone, &Phone), callback: &str) -> Placement {
        let request = OutboundRequest::post(&self.url()).form(form(wish, numbers, callback));
        let sent = self.client.send(self.authenticated(request).on_a_new_connection()).await;
        placement(sent, self.now)
    }

    /// The calls that the provider lists for the request's numbers and window; `None` where the list is not whole.
    pub async fn list(&self, request: &SentRequest<'_>) -> Option<Vec<ListedCall>> {
        let (from, _) = request.window();
        let first = OutboundRequest::get(&self.url())
            .query("To", request.to)
            .query("From", request.from)
            .query("StartTime>", &from.utc().format("%Y-%m-%d").to_string())
            .query("PageSize", PAGE_SIZE);
        let (mut listed, mut next) = (Vec::new(), Some(first));
        for _ in 0..PAGES_MAX {
            let Some(page) = next.take() else { return Some(listed) };
            let answer = self.client.send(self.authenticated(page).bytes_max(PAGE_BYTES_MAX)).await.ok()?;
            let page: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.is_success())?;
            for call in page["calls"].as_array()? {
                listed.push(listed_call(call)?);
            }
            // A path of the same host: the credentials go nowhere else.
            let path = page["next_page_uri"].as_str().filter(|path| !path.is_empty());
            next = match path {
                Some(path) if path.starts_with('/') => {
                    Some(OutboundRequest::get(&format!("{}{path}", self.account.base_url)))
                }
                Some(_) => return None,
                None => return Some(listed),
            };
        }
        None
    }
}

fn listed_call(call: &Value) -> Option<ListedCall> {
    let text = |member: &str| call[member].as_str().map(str::to_owned);
    let created = call["date_created"].as_str().or_else(|| call["start_time"].as_str())?;
    let created_at = Instant::from_micros(DateTime::parse_from_rfc2822(created).ok()?.timestamp_micros())?;
    let is_child = call["parent_call_sid"].as_str().is_some_and(|sid| !sid.is_empty());
    let is_placed = call["direction"] == "outbound-api" && !is_child;
    Some(ListedCall { call_id: text("sid")?, to: text("to")?, from: text("from")?, created_at, is_placed })
}

#[cfg(test)]
mod tests {
    use domain::members::Email;

    use super::*;

    const NOW: Instant = Instant(0);

    fn answered(status: u16, body: &str) -> Placement {
        let (headers, body) = (Default::default(), body.as_bytes().to_vec());
        placement(Ok(RemoteAnswer { status, headers, body }), NOW)
    }

    fn not_rung(reason: CallFailure, status: u16, code: u32, again: Option<u64>) -> Placement {
        let (status, code, again) = (Some(status), Some(code), again.map(Duration::from_secs));
        Placement::NotRung { reason, status, code, again }
    }

    #[test]
    fn c7_only_what_rang_nobody_for_certain_may_be_made_again() {
        let again = |placement: Placement| matches!(placement, Placement::NotRung { again: Some(_), .. });
        for unsent in [OutboundError::Unresolved, OutboundError::NotConnected("refused".into())] {
            assert!(again(placement(Err(unsent), NOW)));
        }
        assert!(again(answered(429, "")));
        assert!(
            !again(placement(Err(OutboundError::Address), NOW)),
            "it is not public a moment later either"
        );
        for sent in
            [OutboundError::TimedOut, OutboundError::Broken("reset".into()), OutboundError::TooLong(9)]
        {
            assert!(matches!(placement(Err(sent.clone()), NOW), Placement::Doubtful { .. }), "{sent:?}");
        }
        for status in [200, 201, 204, 302, 408, 500, 502, 503, 504] {
            assert!(matches!(answered(status, "<html>"), Placement::Doubtful { .. }), "{status}");
        }
    }

    #[test]
    fn c7_an_answer_names_the_call_or_why_there_is_none() {
        assert_eq!(answered(201, r#"{"sid":"CA1"}"#), Placement::Taken(Text::new("CA1").expect("an id")));
        let refused =
            r#"{"code":21211,"message":"The 'To' number +1555 is not a valid phone number.","status":400}"#;
        assert_eq!(answered(400, refused), not_rung(CallFailure::Refused, 400, 21_211, None));
        let limited = r#"{"code":20429}"#;
        assert_eq!(answered(429, limited), not_rung(CallFailure::RateLimited, 429, 20_429, Some(0)));
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("retry-after", "900".parse().expect("a value"));
        let told =
            placement(Ok(RemoteAnswer { status: 429, headers: headers.clone(), body: limited.into() }), NOW);
        assert_eq!(told, not_rung(CallFailure::RateLimited, 429, 20_429, Some(60)), "capped");
        headers.insert("retry-after", "Thu, 01 Jan 1970 00:00:07 GMT".parse().expect("a value"));
        let told = placement(Ok(RemoteAnswer { status: 429, headers, body: limited.into() }), NOW);
        assert_eq!(told, not_rung(CallFailure::RateLimited, 429, 20_429, Some(7)), "a date");
    }

    #[test]
    fn c6_a_call_is_recorded_from_its_answer_where_the_switch_was_on() {
        let phone = |number: &str| Phone::new(number).expect("a number");
        let (to, from) = (phone("+12025550123"), phone("+12025550199"));
        let wish = |recording| CallRequested {
            request_id: Text::new("r1").expect("an id"),
            agent: Email::new("a<b>&c@example.com").expect("an address"),
            lead_id: None,
            session_id: None,
            recording,
            to: None,
            from: None,
        };
        let of = |recording| {
            let form = form(&wish(recording), (&to, &from), "https://h.example/x?request_id=r1");
            form.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        let recorded = of(Some(true));
        assert!(recorded.contains(&"Record=true".to_owned()));
        for name in ["StatusCallback", "RecordingStatusCallback"] {
            assert!(recorded.contains(&format!("{name}=https://h.example/x?request_id=r1")), "{name}");
        }
        assert!(recorded.iter().any(|pair| pair.contains("<Client>a&lt;b&gt;&amp;c@example.com</Client>")));
        for off in [Some(false), None] {
            assert!(!of(off).iter().any(|pair| pair.starts_with("Record")));
        }
    }

    #[test]
    fn c7_a_listed_call_that_cannot_be_dated_makes_the_list_useless() {
        let mut call = serde_json::json!({"sid": "CA1", "to": "+1", "from": "+2", "direction": "outbound-api",
            "parent_call_sid": null, "date_created": "Tue, 31 Aug 2010 20:36:28 +0000"});
        let listed = listed_call(&call).expect("listed");
        assert_eq!((listed.created_at.0, listed.is_placed), (1_283_286_988_000_000, true));
        call["parent_call_sid"] = "CA0".into();
        assert_eq!(listed_call(&call).map(|call| call.is_placed), Some(false));
        call["date_created"] = serde_json::Value::Null;
        assert_eq!(listed_call(&call), None);
    }
}
