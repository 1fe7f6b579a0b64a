//! Facts as a client would write them for `POST /facts`.

use serde_json::{Value, json};

/// A fact of this key, kind and time with an empty body.
pub fn fact(provider: &str, external_id: &str, kind: &str, at: &str) -> Value {
    json!({"provider": provider, "external_id": external_id, "kind": kind, "occurred_at": at, "body": {}})
}

/// The same fact with more members in its body.
pub fn with(mut fact: Value, members: Value) -> Value {
    for (name, value) in members.as_object().expect("an object of members") {
        fact["body"][name] = value.clone();
    }
    fact
}

/// One stage of a call.
pub fn call(call_id: &str, status: &str, at: &str) -> Value {
    let fact = fact("twilio", &format!("{call_id}:{status}"), "call_reported", at);
    with(fact, json!({"call_id": call_id, "status": status}))
}

/// A completed and answered call of this length, in one fact.
pub fn answered(call_id: &str, seconds: u64, at: &str) -> Value {
    with(call(call_id, "completed", at), json!({"answered": true, "duration_seconds": seconds}))
}

/// A disposition; `n` makes its key.
pub fn disposed(call_id: &str, n: u32, outcome: &str, at: &str) -> Value {
    let fact = fact("dialer", &format!("disposition/{call_id}/{n}"), "call_disposed", at);
    with(fact, json!({"call_id": call_id, "outcome": outcome}))
}

/// An outreach event of a lead, by provider id, email or both.
pub fn mail(kind: &str, n: u32, lead: Value, at: &str) -> Value {
    let fact = fact("emailbison", &format!("{kind}/{n}"), kind, at);
    with(fact, json!({"instance": "dedi.emailbison.com", "workspace": "17", "lead": lead}))
}

/// What a person decided on a lead.
pub fn staged(n: u32, lead: Value, stage: &str, at: &str) -> Value {
    let fact = fact("desk", &format!("stage/{n}"), "lead_staged", at);
    with(fact, json!({"lead": lead, "stage": stage, "by": "ann@example.com"}))
}

/// The four stages of one answered call of 45 s that began on 2025-10-09 at 12:00 UTC.
pub fn four_stages(call_id: &str) -> Vec<Value> {
    vec![
        call(call_id, "initiated", "2025-10-09T12:00:00Z"),
        call(call_id, "ringing", "2025-10-09T12:00:02Z"),
        with(call(call_id, "in_progress", "2025-10-09T12:00:09Z"), json!({"answered": true})),
        answered(call_id, 45, "2025-10-09T12:00:54Z"),
    ]
}

/// All orders of the numbers below `n`.
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut longer = order.clone();
        longer.insert(at, n - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..n).map(|at| insert(order, at)).collect::<Vec<_>>()).collect()
}
