//! CallRail and CallTrackingMetrics of two tenants, played by stand-ins whose lists are read every 15 minutes: calls of the
//! last days that no webhook brings.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::started;
use super::traffic::{TENANTS, Tenant};
use crate::cli::Failure;
use crate::config::{CallRail, Config, Ctm};
use crate::directory::Secret;
use crate::standins::StandIn;
use crate::standins::calls::CallAccount;

const KEY: &str = "demo-tracker-key";
const CALLRAIL_ACCOUNT: &str = "ACC1";
const CTM_ACCOUNT: &str = "100001";
/// Calls of each list, five hours apart.
const CALLS: u32 = 12;

/// The stand-ins, until they are dropped.
pub struct PlayedTrackers {
    callrail: StandIn,
    ctm: StandIn,
}

/// Starts the stand-ins, and has the server read them.
pub async fn play(config: &mut Config, now: DateTime<Utc>) -> Result<PlayedTrackers, Failure> {
    let what = "a call tracker's stand-in";
    let (lotus, harbour) = (&TENANTS[1], &TENANTS[2]);
    let callrail = CallAccount::callrail(CALLRAIL_ACCOUNT, KEY);
    let ctm = CallAccount::ctm(CTM_ACCOUNT, KEY, KEY);
    for number in 1..=CALLS {
        callrail.put(callrail_row(lotus, number, now));
        ctm.put(ctm_row(harbour, number, now));
    }
    let played = PlayedTrackers { callrail: started(what, callrail).await?, ctm: started(what, ctm).await? };
    for of in &mut config.tenants {
        if of.id.as_str() == lotus.id {
            of.sources.callrail = Some(CallRail {
                base_url: format!("{}/", played.callrail.url()),
                api_key: Secret::new(KEY),
                account_id: CALLRAIL_ACCOUNT.to_owned(),
                company_id: None,
            });
        }
        if of.id.as_str() == harbour.id {
            of.sources.ctm = Some(Ctm {
                base_url: format!("{}/", played.ctm.url()),
                access_key: Secret::new(KEY),
                secret_key: Secret::new(KEY),
                account_id: CTM_ACCOUNT.to_owned(),
            });
        }
    }
    Ok(played)
}

impl PlayedTrackers {
    /// Where they are.
    pub fn told(&self) -> String {
        format!(
            "CallRail of {} at {} and CallTrackingMetrics of {} at {} list {CALLS} calls each that no webhook brought",
            TENANTS[1].id,
            self.callrail.url(),
            TENANTS[2].id,
            self.ctm.url()
        )
    }
}

/// When a call began, how long it lasted, and whether somebody answered: two of three.
fn call(number: u32, now: DateTime<Utc>) -> (DateTime<Utc>, u32, bool) {
    (now - TimeDelta::hours(5 * i64::from(number)), 20 + 17 * number, !number.is_multiple_of(3))
}

fn callrail_row(tenant: &Tenant, number: u32, now: DateTime<Utc>) -> Value {
    let (began, seconds, is_answered) = call(number, now);
    json!({"id": format!("CAL{number:06}"), "answered": is_answered, "business_phone_number": null,
        "customer_phone_number": format!("+1415555088{}", number % 10), "direction": "inbound", "duration": seconds,
        "recording": null, "recording_duration": null, "recording_player": null, "start_time": began.to_rfc3339(),
        "tracking_phone_number": tenant.numbers[0].0, "voicemail": false, "agent_email": null,
        "call_type": if is_answered { "answered" } else { "missed" }, "company_id": "COM1", "company_name": tenant.name,
        "source_name": "Google Ads", "source": null})
}

fn ctm_row(tenant: &Tenant, number: u32, now: DateTime<Utc>) -> Value {
    let (began, seconds, is_answered) = call(number, now);
    let (status, talked) = if is_answered { ("answered", seconds) } else { ("no answer", 0) };
    json!({"id": 4_379_952_000_u64 + u64::from(number), "account_id": 100_001, "direction": "inbound",
        "dial_status": status, "talk_time": talked, "duration": seconds, "ring_time": 4,
        "caller_number": format!("+1415555099{}", number % 10), "tracking_number": tenant.numbers[0].0,
        "unix_time": began.timestamp(), "called_at": began.format("%Y-%m-%d %I:%M %p %:z").to_string(),
        "source": "Google Ads"})
}
