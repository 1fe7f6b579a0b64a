//! Accounts whose calls come by webhooks and stand in a list: the same calls in the shapes of both, and a server that
//! reads the list.

use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use factfold::standins::StandIn;
use factfold::standins::calls::CallAccount;
use serde_json::{Value, json};

use super::tracker::{callrail, ctm, deliver_callrail, deliver_ctm, site, with};
use super::{Server, Site, twilio};

/// Stands in every credential of the lists.
pub const CANARY: &str = "list-canary-61";
const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// Whose calls they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lister {
    CallRail,
    Ctm,
    Twilio,
}

pub const LISTERS: [Lister; 3] = [Lister::CallRail, Lister::Ctm, Lister::Twilio];

/// A call of some seconds that began then; every fifth was not answered.
#[derive(Debug, Clone)]
pub struct Call {
    pub number: u32,
    pub began: DateTime<Utc>,
}

impl Call {
    fn is_answered(&self) -> bool {
        !self.number.is_multiple_of(5)
    }

    fn seconds(&self) -> u32 {
        20 + self.number
    }

    fn caller(&self) -> String {
        format!("+1202555{:04}", 1_000 + self.number)
    }

    fn end(&self) -> DateTime<Utc> {
        self.began + TimeDelta::seconds(self.seconds().into())
    }

    /// In New York's zone, in summer.
    fn local(&self) -> DateTime<FixedOffset> {
        self.began.with_timezone(&FixedOffset::west_opt(4 * 3_600).expect("an offset"))
    }
}

/// So many calls of 9 October 2025, a minute apart.
pub fn calls(count: u32) -> Vec<Call> {
    let first = DateTime::parse_from_rfc3339("2025-10-09T12:00:00Z").expect("a time").to_utc();
    (0..count).map(|number| Call { number, began: first + TimeDelta::minutes(number.into()) }).collect()
}

impl Lister {
    pub fn source(self) -> &'static str {
        match self {
            Self::CallRail => "callrail",
            Self::Ctm => "ctm",
            Self::Twilio => "twilio",
        }
    }

    /// The provider's id of a call.
    pub fn id(self, call: &Call) -> String {
        match self {
            Self::CallRail => format!("CAL{}", call.number),
            Self::Ctm => (4_379_952_365 + u64::from(call.number)).to_string(),
            Self::Twilio => format!("CA{:032x}", call.number),
        }
    }

    /// Ours.
    pub fn call_id(self, call: &Call) -> String {
        match self {
            Self::CallRail | Self::Ctm => format!("{}:{}", self.source(), self.id(call)),
            Self::Twilio => self.id(call),
        }
    }

    pub fn account(self) -> CallAccount {
        match self {
            Self::CallRail => CallAccount::callrail("ACC1", CANARY),
            Self::Ctm => CallAccount::ctm("100001", "access", CANARY),
            Self::Twilio => CallAccount::twilio(ACCOUNT, CANARY),
        }
    }

    /// What selects the second page in a request.
    pub fn second_page(self) -> &'static str {
        if self == Self::Twilio { "Page=1" } else { "&page=2" }
    }

    /// The usual tenants, endpoints for the webhooks, and the account at this URL.
    pub fn site(self, url: &str) -> Site {
        let table = match self {
            Self::CallRail => format!("[tenant.callrail]\napi_key = \"{CANARY}\"\naccount_id = \"ACC1\"\n"),
            Self::Ctm => format!(
                "[tenant.ctm]\naccess_key = \"access\"\nsecret_key = \"{CANARY}\"\naccount_id = \"100001\"\n"
            ),
            Self::Twilio => format!(
                "[tenant.twilio]\naccount_sid = \"{ACCOUNT}\"\nauth_token = \"{CANARY}\"\nfrom = \"+12025550199\"\n\
                 endpoint = \"{}\"\n",
                twilio::ENDPOINT
            ),
        };
        let usual = match self {
            Self::CallRail => site("callrail", &["pre_call", "post_call"]),
            Self::Ctm => site("ctm", &["start", "end"]),
            Self::Twilio => super::TWO_TENANTS.to_owned(),
        };
        let other = "[[tenant]]\nid = \"globex\"";
        let tables = usual.replace(other, &format!("{table}base_url = \"{url}\"\n{other}"));
        assert_ne!(tables, usual);
        Site::with(&format!("[outbound]\nallow = [\"127.0.0.1\"]\n{tables}"))
    }

    /// The call as its webhook tells it at its end.
    pub async fn deliver(self, server: &Server, call: &Call) {
        let answer = match self {
            Self::CallRail => {
                let body = with(
                    callrail(&self.id(call)),
                    json!({"answered": call.is_answered(), "call_type": call_type(call),
                        "duration": call.seconds().to_string(), "customer_phone_number": call.caller(),
                        "start_time": call.local().to_rfc3339(), "datetime": "", "timestamp": ""}),
                );
                deliver_callrail(server, "post_call", &body).await
            }
            Self::Ctm => deliver_ctm(server, "end", &self.row(call)).await,
            Self::Twilio => {
                let (sid, status) = (self.id(call), twilio_status(call));
                let begun = twilio::callback(&sid, "initiated", 0, &call.began.to_rfc2822());
                let begun = twilio::with(begun, "From", &call.caller());
                twilio::deliver(server, &begun).await.is(200);
                let ended = twilio::ended(&sid, status, call.seconds().into(), &call.end().to_rfc2822());
                twilio::deliver(server, &twilio::with(ended, "From", &call.caller())).await
            }
        };
        assert_eq!(answer.is(200).outcome(), "recorded", "{self:?}: {answer:?}");
    }

    /// The call as the list has it.
    pub fn row(self, call: &Call) -> Value {
        match self {
            Self::CallRail => json!({"answered": call.is_answered(), "business_phone_number": null,
                "customer_phone_number": call.caller(), "direction": "inbound", "duration": call.seconds(),
                "id": self.id(call), "recording": null, "recording_duration": null, "recording_player": null,
                "start_time": call.local().to_rfc3339(), "tracking_phone_number": "+12025550199", "voicemail": false,
                "agent_email": null, "call_type": call_type(call), "company_id": "COM1",
                "company_name": "Boost Marketing", "source_name": "Google AdWords", "source": null}),
            Self::Ctm => {
                let id: u64 = self.id(call).parse().expect("a number");
                let (word, talked) =
                    if call.is_answered() { ("answered", call.seconds()) } else { ("no answer", 0) };
                with(
                    ctm(id),
                    json!({"dial_status": word, "talk_time": talked, "duration": call.seconds(),
                        "caller_number": call.caller(), "unix_time": call.began.timestamp(),
                        "called_at": call.local().format("%Y-%m-%d %I:%M %p %:z").to_string()}),
                )
            }
            Self::Twilio => {
                json!({"sid": self.id(call), "parent_call_sid": null, "status": twilio_status(call),
                "direction": "inbound", "from": call.caller(), "to": "+12025550199",
                "duration": call.seconds().to_string(), "answered_by": null, "price": null,
                "start_time": call.began.to_rfc2822(), "end_time": call.end().to_rfc2822()})
            }
        }
    }
}

fn call_type(call: &Call) -> &'static str {
    if call.is_answered() { "answered" } else { "missed" }
}

fn twilio_status(call: &Call) -> &'static str {
    if call.is_answered() { "completed" } else { "no-answer" }
}

/// A provider with these calls in its list.
pub async fn played(lister: Lister, listed: &[Call], page: usize) -> (StandIn, CallAccount) {
    let account = lister.account().with_pages_of(page);
    listed.iter().for_each(|call| account.put(lister.row(call)));
    (StandIn::start(account.clone()).await.expect("a port"), account)
}

/// Runs the source to the run's end: the days that `days` names, or what is current.
pub async fn ended(server: &Server, lister: Lister, days: Option<(&str, &str)>) -> Value {
    let mut body = json!({"source": lister.source()});
    if let Some((from, to)) = days {
        body = with(body, json!({"from": from, "to": to}));
    }
    let begun = server.command("acme", "sync/run", &body).await;
    let id = begun.is(202).json["run_id"].as_str().expect("an id").to_owned();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let runs = server.all_items("acme", "sync/runs").await;
        let run = runs.into_iter().find(|run| run["run_id"] == *id).expect("the run is listed");
        if run["status"] != "running" {
            return run;
        }
        assert!(Instant::now() < deadline, "expected an end of {run}; {}", server.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A run that must succeed; how many calls it brought news of.
pub async fn updated(server: &Server, lister: Lister, days: Option<(&str, &str)>) -> u64 {
    let run = ended(server, lister, days).await;
    assert_eq!((&run["status"], &run["error"]), (&json!("success"), &json!(null)), "{lister:?}: {run}");
    run["records_updated"].as_u64().expect("a count")
}

/// Up to when the source is known to be complete.
pub async fn complete_through(server: &Server, lister: Lister) -> Value {
    let sources = server.read("acme", "sync/sources").await;
    let items = sources["items"].as_array().expect("items");
    let found = items.iter().find(|item| item["source"] == lister.source());
    found.unwrap_or_else(|| panic!("expected {lister:?} among {sources}"))["complete_through"].clone()
}

/// What runs told that nobody had delivered, newest last.
pub async fn differences(server: &Server) -> Vec<Value> {
    let mut facts = server.all_items("acme", "facts?kind=difference_observed").await;
    facts.sort_by_key(|fact| fact["position"].as_u64());
    facts.into_iter().map(|fact| fact["body"].clone()).collect()
}
