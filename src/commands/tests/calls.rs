//! The rows of placing calls: asked for, claimed, and what came of it.

use domain::facts::call_request::{CallDoubt, CallFailure};
use domain::members::{Instant, Phone};
use domain::rules::call_requests::ListedCall;
use projections::entities::call_requests::list::OpenCallRequest;

use super::House;
use super::prepared::*;
use super::rows::{Again, Row, Two, row};
use crate::commands::{CallOutcome, Commands, NewCall, OpenCall};
use crate::directory::{FileConfig, Secret, TwilioAccount};
use crate::testing::T0;

/// Every command over calls that are placed.
pub fn rows() -> Vec<Row> {
    use Again::{Another, Stands};
    vec![
        row(
            "request_call",
            account,
            |c, _| result(on(c.request_call(&acme(), None, new_call()))),
            Another,
            Two::Each,
        ),
        row(
            "request_call, keyed",
            account,
            |c, _| result(on(c.request_call(&acme(), Some(&once()), new_call()))),
            Stands,
            Two::One,
        ),
        row("claim_call", requested, |c, id| result(on(c.claim_call(&open_call(id)))), Stands, Two::One),
        row("record_call, failed", requested, |c, id| recorded(c, id, call_failed()), Stands, Two::One),
        row("record_call, unknown", requested, |c, id| recorded(c, id, call_unknown()), Stands, Two::One),
        Row {
            facts: 2,
            ..row("record_call, taken", requested, |c, id| recorded(c, id, call_taken()), Stands, Two::One)
        },
        row(
            "settle_call",
            sent,
            |c, id| result(on(c.settle_call(&open_call(id), &listed()))),
            Stands,
            Two::One,
        ),
    ]
}

fn account(house: &House) -> String {
    let account = TwilioAccount {
        base_url: TwilioAccount::BASE_URL.to_owned(),
        account_sid: "AC1".to_owned(),
        auth_token: Secret::new("token"),
        from: Phone::new("+12025550199").expect("a number"),
        endpoint: "tw-5b0f0d7e".to_owned(),
    };
    let accounts = [(acme(), account)].into();
    house.parts.registry.set_file(FileConfig { accounts, ..FileConfig::default() });
    String::new()
}

fn new_call() -> NewCall {
    let to = Phone::new("+12025550123").expect("a number");
    NewCall { to, from: None, agent: email(), lead_id: None, session_id: None }
}

/// Id and position of a request to place a call.
fn requested(house: &House) -> String {
    account(house);
    let (id, receipt) = on(house.commands.request_call(&acme(), None, new_call())).expect("requested");
    format!("{id} {}", receipt.answer)
}

fn sent(house: &House) -> String {
    let prepared = requested(house);
    assert!(on(house.commands.claim_call(&open_call(&prepared))).expect("claimed"));
    prepared
}

fn open_call(prepared: &str) -> OpenCall {
    let (id, position) = prepared.split_once(' ').expect("id and position");
    let request = OpenCallRequest {
        request_id: id.to_owned(),
        content_at: at(position),
        requested_at: Instant(T0),
        sent_at: Some(Instant(T0)),
        unknown_since: None,
        confirmed: None,
    };
    OpenCall { tenant: acme(), request }
}

fn recorded(commands: &Commands, prepared: &str, outcome: CallOutcome) -> Result<(), String> {
    result(on(commands.record_call(&open_call(prepared), &outcome)))
}

fn call_taken() -> CallOutcome {
    CallOutcome::Taken(text("CA1"))
}

fn call_failed() -> CallOutcome {
    CallOutcome::Failed { reason: CallFailure::Refused, status: Some(400), code: Some(21_211) }
}

fn call_unknown() -> CallOutcome {
    CallOutcome::Unknown { reason: CallDoubt::TimedOut, status: None }
}

fn listed() -> [ListedCall; 1] {
    let [call_id, to, from] = ["CA1", "+12025550123", "+12025550199"].map(str::to_owned);
    [ListedCall { call_id, to, from, created_at: Instant(T0), is_placed: true }]
}
