//! Twilio as it answers: calls that are placed ring, and their callbacks come signed; the account's list has them.
//!
//! A placed call is told by the callbacks that its request asked for, at the paces of a telephone. Its number decides how
//! it ends, so that the same call ends the same way again.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha1::Sha1;

use super::calls::CallAccount;
use super::{PlayedAnswer, PlayedProvider, PlayedRequest};
use crate::outbound::{Allowed, Client, OutboundRequest};

/// Waits between the stages of a call: until it begins, rings, is answered, ends, is recorded.
const PACES: [u64; 5] = [200, 600, 2_500, 8_000, 1_500];

type Form = Vec<(String, String)>;

/// An account that places calls. Clones are handles of the same one.
#[derive(Clone)]
pub struct TwilioLine {
    inner: Arc<Line>,
}

struct Line {
    sid: String,
    token: String,
    calls: CallAccount,
    placed: Mutex<u64>,
    callbacks: Client,
}

/// `X-Twilio-Signature`: base64 of the HMAC-SHA1 over the URL and the sorted parameters.
pub fn sign(token: &str, url: &str, form: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    let mut sorted: Vec<(&str, &str)> =
        form.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    sorted.sort_unstable();
    // Shorter keys are filled up with zeros, which HMAC says.
    let mut key = [0; 64];
    let length = token.len().min(key.len());
    key[..length].copy_from_slice(&token.as_bytes()[..length]);
    let mut mac = <Hmac<Sha1> as KeyInit>::new(&key.into());
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A moment as Twilio writes it.
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

impl TwilioLine {
    /// The account of this sid and token, whose list is `calls`.
    pub fn new(sid: &str, token: &str, calls: CallAccount) -> Self {
        let callbacks = Client::new(Allowed::new(&["127.0.0.1".to_owned()]));
        let (sid, token, placed) = (sid.to_owned(), token.to_owned(), Mutex::default());
        Self { inner: Arc::new(Line { sid, token, calls, placed, callbacks }) }
    }

    fn place(&self, form: Form) -> PlayedAnswer {
        let of = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let (Some(to), Some(from)) = (of("To"), of("From")) else {
            return PlayedAnswer::json(
                400,
                json!({"code": 21201, "message": "No 'To' number is specified", "status": 400}),
            );
        };
        let number = {
            let mut placed = self.inner.placed.lock();
            *placed += 1;
            *placed
        };
        let sid = format!("CA{:032x}", (Utc::now().timestamp_micros() as u128) << 32 | u128::from(number));
        let row = json!({
            "sid": sid, "account_sid": self.inner.sid, "parent_call_sid": null, "direction": "outbound-api",
            "to": to, "from": from, "status": "queued", "duration": null, "price": null, "answered_by": null,
            "date_created": moment(Utc::now()), "start_time": null, "end_time": null, "api_version": "2010-04-01",
            "uri": format!("/2010-04-01/Accounts/{}/Calls/{sid}.json", self.inner.sid),
        });
        self.inner.calls.put(row.clone());
        let call = PlacedCall { line: Arc::clone(&self.inner), row: row.clone(), form };
        tokio::spawn(call.ring());
        PlayedAnswer::json(201, row)
    }
}

struct PlacedCall {
    line: Arc<Line>,
    row: Value,
    form: Form,
}

impl PlacedCall {
    fn of(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every sixth number is busy, and another sixth does not answer.
    fn end(&self) -> &'static str {
        let digits = self.row["to"].as_str().unwrap_or_default().bytes().filter(u8::is_ascii_digit);
        match digits.map(u64::from).sum::<u64>() % 6 {
            0 => "busy",
            1 => "no-answer",
            _ => "completed",
        }
    }

    async fn ring(mut self) {
        let [begins, rings, answers, ends, recorded] = PACES.map(Duration::from_millis);
        let end = self.end();
        let mut stages = vec![("initiated", begins), ("ringing", rings)];
        if end == "completed" {
            stages.push(("in-progress", answers));
        }
        stages.push((end, ends));
        let mut answered_at = None;
        for (sequence, (status, pause)) in stages.into_iter().enumerate() {
            tokio::time::sleep(pause).await;
            let now = Utc::now();
            self.row["status"] = status.into();
            match status {
                "ringing" => self.row["start_time"] = moment(now).into(),
                "in-progress" => answered_at = Some(now),
                _ => {}
            }
            let talked = answered_at.map_or(0, |at| (now - at).num_seconds());
            let mut told: Form = vec![("CallStatus".to_owned(), status.to_owned())];
            told.push(("SequenceNumber".to_owned(), sequence.to_string()));
            told.push(("CallbackSource".to_owned(), "call-progress-events".to_owned()));
            if status == end {
                (self.row["end_time"], self.row["duration"]) =
                    (moment(now).into(), talked.to_string().into());
                told.push(("CallDuration".to_owned(), talked.to_string()));
                told.push(("Duration".to_owned(), ((talked + 59) / 60).to_string()));
            }
            self.line.calls.put(self.row.clone());
            self.tell("StatusCallback", told).await;
        }
        if self.of("Record") == Some("true") && end == "completed" {
            tokio::time::sleep(recorded).await;
            let recording = self.row["sid"].as_str().unwrap_or_default().replacen("CA", "RE", 1);
            let url = format!(
                "https://api.twilio.com/2010-04-01/Accounts/{}/Recordings/{recording}",
                self.line.sid
            );
            let duration = self.row["duration"].as_str().unwrap_or_default().to_owned();
            let told = [
                ("RecordingSid", recording),
                ("RecordingUrl", url),
                ("RecordingStatus", "completed".to_owned()),
                ("RecordingDuration", duration),
                ("RecordingChannels", "1".to_owned()),
                ("RecordingSource", "OutboundAPI".to_owned()),
            ];
            self.tell("RecordingStatusCallback", told.map(|(name, value)| (name.to_owned(), value)).into())
                .await;
        }
    }

    /// Tells the URL that the request named under `callback`. As Twilio does, it gives up after one more try.
    async fn tell(&self, callback: &str, more: Form) {
        let Some(url) = self.of(callback) else { return };
        let text = |name: &str| self.row[name].as_str().unwrap_or_default().to_owned();
        let mut form: Form = [
            ("CallSid", text("sid")),
            ("AccountSid", self.line.sid.clone()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("Direction", "outbound-api".to_owned()),
            ("To", text("to")),
            ("From", text("from")),
            ("Timestamp", moment(Utc::now())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        form.extend(more);
        let signature = sign(&self.line.token, url, &form);
        let request = OutboundRequest::post(url).header("x-twilio-signature", signature).form(form);
        for _ in 0..2 {
            if self.line.callbacks.send(request.clone()).await.is_ok() {
                break;
            }
        }
    }
}

impl PlayedProvider for TwilioLine {
    fn answer(&self, request: &PlayedRequest) -> PlayedAnswer {
        let path = format!("/2010-04-01/Accounts/{}/Calls.json", self.inner.sid);
        if (request.method.as_str(), &request.path) != ("POST", &path) {
            return self.inner.calls.answer(request);
        }
        let right = STANDARD.encode(format!("{}:{}", self.inner.sid, self.inner.token));
        if request.header("authorization") != format!("Basic {right}") {
            return PlayedAnswer::json(401, json!({"code": 20003, "message": "Authenticate", "status": 401}));
        }
        self.place(request.form())
    }
}
