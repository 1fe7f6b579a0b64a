//! Calls from outside (A3, A4, A5, L1, L15): any order and repetition of facts gives one call and the same figures.

use crate::common::facts::{answered, call, disposed, fact, four_stages, orders, with};
use crate::common::{Server, Site, twilio};
use serde_json::{Value, json};

/// Members of the month's figures that calls feed.
fn call_figures(month: &Value) -> [&Value; 4] {
    ["calls", "answered", "qualified", "talk_seconds"].map(|name| &month[name])
}

async fn october(server: &Server) -> Value {
    server.read("acme", "metrics/month?month=2025-10").await
}

/// Status, reason, call status, answered and duration of a call.
async fn verdict(server: &Server, call_id: &str) -> Value {
    let call = server.read("acme", &format!("calls/{call_id}")).await;
    json!([call["status"], call["reason"], call["call_status"], call["answered"], call["duration_seconds"]])
}

#[tokio::test]
async fn a3_four_stages_in_every_order_each_twice_are_one_call_qualified_once() {
    let server = Site::new().start().await;
    for (n, order) in orders(4).iter().enumerate() {
        let stages = four_stages(&format!("CA{n}"));
        let twice: Vec<Value> =
            order.iter().flat_map(|at| [stages[*at].clone(), stages[*at].clone()]).collect();
        let answer = server.post("acme", &Value::from(twice)).await;
        let counts = (&answer.is(200).json["recorded"], &answer.json["duplicates"]);
        assert_eq!(counts, (&json!(4), &json!(4)), "expected 4 recorded and 4 duplicates: {answer:?}");
    }
    let expected = json!(["qualified", "rules_satisfied", "completed", true, 45]);
    for n in 0..24 {
        assert_eq!(
            verdict(&server, &format!("CA{n}")).await,
            expected,
            "expected order {n} to give the same call"
        );
    }
    let month = october(&server).await;
    assert_eq!(call_figures(&month), [24, 24, 24, 24 * 45], "expected each call once: {month}");
    assert_eq!(month["month"], "2025-10", "expected the month asked for");
    assert_eq!(month["timezone"], "America/New_York", "expected the tenant's zone");
}

#[tokio::test]
async fn a3_twilio_callbacks_in_every_order_each_twice_are_one_call_qualified_once() {
    let server = Site::new().start().await;
    for (n, order) in orders(4).iter().enumerate() {
        let sid = format!("CA{n:032}");
        let at = |second: u32| format!("Thu, 09 Oct 2025 12:00:{second:02} +0000");
        let stages = [
            twilio::callback(&sid, "initiated", 0, &at(0)),
            twilio::callback(&sid, "ringing", 1, &at(2)),
            twilio::callback(&sid, "in-progress", 2, &at(9)),
            twilio::ended(&sid, "completed", 45, &at(54)),
        ];
        for stage in order {
            let first = twilio::deliver(&server, &stages[*stage]).await;
            let again = twilio::deliver(&server, &stages[*stage]).await;
            assert_eq!(first.is(200).outcome(), "recorded", "expected a new stage to be recorded: {first:?}");
            assert_eq!(
                again.is(200).outcome(),
                "duplicate",
                "expected the redelivery to be a duplicate: {again:?}"
            );
            assert_eq!(again.position(), first.position(), "expected the first position again: {again:?}");
        }
    }
    let month = october(&server).await;
    assert_eq!(call_figures(&month), [24, 24, 24, 24 * 45], "expected each call once: {month}");
    let call = server.read("acme", &format!("calls/CA{:032}", 7)).await;
    assert_eq!(call["agent"], "ann@example.com", "expected the tracking number's agent, lower case: {call}");
    assert_eq!(call["direction"], "inbound", "expected Twilio's direction: {call}");
}

#[tokio::test]
async fn a4_answered_and_thirty_seconds_make_a_call_qualified() {
    let server = Site::new().start().await;
    let at = "2025-10-09T12:00:00Z";
    let facts = [
        answered("long", 45, at),
        answered("edge", 30, at),
        answered("under", 29, at),
        answered("short", 10, at),
        with(call("missed", "no_answer", at), json!({"answered": false, "duration_seconds": 0})),
        with(call("rang-long", "completed", at), json!({"answered": false, "duration_seconds": 60})),
        call("rings", "ringing", at),
        with(call("talks", "in_progress", at), json!({"answered": true})),
    ];
    server.record("acme", &facts).await;
    let cases = [
        ("long", "qualified", "rules_satisfied"),
        ("edge", "qualified", "rules_satisfied"),
        ("under", "unqualified", "short_duration"),
        ("short", "unqualified", "short_duration"),
        ("missed", "unqualified", "not_answered"),
        ("rang-long", "unqualified", "not_answered"),
        ("rings", "unqualified", "not_answered"),
        ("talks", "unqualified", "short_duration"),
    ];
    for (id, status, reason) in cases {
        let call = server.read("acme", &format!("calls/{id}")).await;
        assert_eq!([&call["status"], &call["reason"]], [status, reason], "expected of {id}: {call}");
    }
    let month = october(&server).await;
    assert_eq!(
        call_figures(&month),
        [8, 5, 2, 45 + 30 + 29 + 10],
        "expected unqualified calls listed, not counted"
    );
    let listed = server.all_items("acme", "calls").await;
    assert_eq!(listed.len(), 8, "expected unqualified calls to be listed still");
}

#[tokio::test]
async fn a4_each_tenant_has_its_own_threshold() {
    let server = Site::new().start().await;
    let facts = [answered("a", 45, "2025-10-09T12:00:00Z"), answered("b", 60, "2025-10-09T12:00:00Z")];
    for tenant in ["acme", "globex"] {
        server.record(tenant, &facts).await;
    }
    let globex = server.read("globex", "metrics/month?month=2025-10").await;
    assert_eq!(october(&server).await["qualified"], 2, "expected acme's default of 30 s");
    assert_eq!(globex["qualified"], 1, "expected globex's threshold of 60 s");
}

#[tokio::test]
async fn a3_status_only_moves_forward() {
    let server = Site::new().start().await;
    let late_ringing =
        [answered("a", 45, "2025-10-09T12:00:54Z"), call("a", "ringing", "2025-10-09T12:30:00Z")];
    server.record("acme", &late_ringing).await;
    let expected = json!(["qualified", "rules_satisfied", "completed", true, 45]);
    assert_eq!(verdict(&server, "a").await, expected, "expected a late ringing not to undo completed");

    let busy_then_completed = [
        with(call("b", "busy", "2025-10-09T12:00:10Z"), json!({"answered": false})),
        answered("b", 50, "2025-10-09T12:01:00Z"),
    ];
    for (id, order) in [("b", [0, 1]), ("c", [1, 0])] {
        let facts = order.map(|at: usize| {
            let mut fact = with(busy_then_completed[at].clone(), json!({"call_id": id}));
            fact["external_id"] = json!(format!("{id}:{at}"));
            fact
        });
        server.record("acme", &facts).await;
        let call = server.read("acme", &format!("calls/{id}")).await;
        assert_eq!(call["call_status"], "completed", "expected the later of two terminal states: {call}");
    }
}

#[tokio::test]
async fn a3_members_take_the_latest_given_value_and_nothing_is_overwritten_by_nothing() {
    let server = Site::new().start().await;
    let early = with(
        call("a", "ringing", "2025-10-09T12:00:00Z"),
        json!({"agent": "Ann@Example.com", "lead_id": "L7", "from": "+12025550123", "duration_seconds": 5}),
    );
    let late = with(answered("a", 45, "2025-10-09T12:01:00Z"), json!({"agent": "bob@example.com"}));
    server.record("acme", &[late, early]).await;
    let call = server.read("acme", "calls/a").await;
    assert_eq!(call["agent"], "bob@example.com", "expected the agent of the later fact: {call}");
    assert_eq!(call["duration_seconds"], 45, "expected the duration of the later fact: {call}");
    assert_eq!(call["lead_id"], "L7", "expected the lead id to stay: {call}");
    assert_eq!(call["from"], "+12025550123", "expected the caller to stay: {call}");
}

#[tokio::test]
async fn a3_twilio_says_which_endings_were_answered() {
    let server = Site::new().start().await;
    let at = "Thu, 09 Oct 2025 12:00:54 +0000";
    let cases = [
        ("completed", "completed", true),
        ("in-progress", "in_progress", true),
        ("busy", "busy", false),
        ("no-answer", "no_answer", false),
        ("failed", "failed", false),
        ("canceled", "canceled", false),
    ];
    for (wire, status, answered) in cases {
        let sid = format!("CA{wire}");
        let answer = twilio::deliver(&server, &twilio::ended(&sid, wire, 49, at)).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "expected {wire} to be recorded: {answer:?}");
        let call = server.read("acme", &format!("calls/{sid}")).await;
        assert_eq!(call["call_status"], status, "expected of {wire}: {call}");
        assert_eq!(call["answered"], answered, "expected of {wire}: {call}");
    }
    let call = server.read("acme", "calls/CAcompleted").await;
    assert_eq!(
        call["duration_seconds"], 49,
        "expected CallDuration in seconds, not Duration in minutes: {call}"
    );
}

#[tokio::test]
async fn c4_the_last_disposition_by_its_time_counts() {
    let server = Site::new().start().await;
    let at = |minute: u32| format!("2025-10-09T12:{minute:02}:00Z");
    let facts = [
        answered("a", 45, &at(0)),
        disposed("a", 2, "callback", &at(9)),
        disposed("a", 1, "connected", &at(5)),
        answered("b", 45, &at(0)),
        disposed("b", 1, "no_answer", &at(5)),
        answered("c", 45, &at(0)),
        disposed("c", 1, "appointment_set", &at(5)),
        answered("d", 45, &at(0)),
    ];
    server.record("acme", &facts).await;
    for (id, outcome) in
        [("a", json!("callback")), ("b", json!("no-answer")), ("c", json!("appointment-set"))]
    {
        let call = server.read("acme", &format!("calls/{id}")).await;
        assert_eq!(call["outcome"], outcome, "expected of {id}: {call}");
    }
    let month = october(&server).await;
    let expected = json!({"callback": 1, "no-answer": 1, "appointment-set": 1});
    let mut given = month["outcomes"].clone();
    if let Some(given) = given.as_object_mut() {
        given.retain(|_, count| *count != 0);
    }
    assert_eq!(given, expected, "expected calls of the month by last disposition: {month}");
}

#[tokio::test]
async fn c4_a_machine_is_voicemail_until_a_person_disposes() {
    let server = Site::new().start().await;
    let machine = with(answered("a", 45, "2025-10-09T12:00:00Z"), json!({"answered_by": "machine_start"}));
    server.record("acme", &[machine]).await;
    let before = server.read("acme", "calls/a").await;
    assert_eq!(before["outcome"], "voicemail", "expected the machine's outcome: {before}");
    server.record("acme", &[disposed("a", 1, "callback", "2025-10-09T12:05:00Z")]).await;
    let after = server.read("acme", "calls/a").await;
    assert_eq!(after["outcome"], "callback", "expected the person's outcome: {after}");
}

#[tokio::test]
async fn a3_a_disposition_without_a_report_counts_as_a_call_and_a_placed_one_does_not_yet() {
    let server = Site::new().start().await;
    let at = "2025-10-09T12:00:00Z";
    let placed = with(
        fact("twilio", "placed/p", "call_placed", at),
        json!({"call_id": "p", "to": "+12025550123", "agent": "ann@example.com"}),
    );
    let recording = with(
        fact("twilio", "recorded/r", "call_recorded", at),
        json!({"call_id": "r", "recording_id": "RE1", "url": "https://example.com/RE1", "duration_seconds": 45}),
    );
    server.record("acme", &[disposed("d", 1, "voicemail", at), placed, recording]).await;
    let month = october(&server).await;
    assert_eq!(call_figures(&month), [1, 0, 0, 0], "expected only the disposed call to count: {month}");
    assert_eq!(month["outcomes"]["voicemail"], 1, "expected its outcome to count: {month}");
    for id in ["d", "p", "r"] {
        let call = server.read("acme", &format!("calls/{id}")).await;
        assert_eq!(call["call_id"], id, "expected the call to exist: {call}");
    }
    let recorded = server.read("acme", "calls/r").await;
    assert_eq!(recorded["recordings"][0]["recording_id"], "RE1", "expected its recording: {recorded}");
    server.record("acme", &[answered("p", 45, "2025-10-09T12:02:00Z")]).await;
    let month = october(&server).await;
    assert_eq!(
        call_figures(&month),
        [2, 1, 1, 45],
        "expected the placed call to count once reported: {month}"
    );
}

#[tokio::test]
async fn a3_a_child_leg_folds_into_its_parent_in_any_order() {
    let server = Site::new().start().await;
    let parent = |id: &str| answered(id, 80, "2025-10-09T12:01:20Z");
    let leg = |id: &str, status: &str, answered: bool, seconds: u64| {
        let body = json!({"parent_call_id": id, "answered": answered, "duration_seconds": seconds});
        with(call(&format!("{id}-leg"), status, "2025-10-09T12:01:10Z"), body)
    };
    server.record("acme", &[parent("a"), leg("a", "completed", true, 20)]).await;
    server.record("acme", &[leg("b", "completed", true, 20), parent("b")]).await;
    server.record("acme", &[parent("c"), leg("c", "no_answer", false, 0)]).await;
    for id in ["a", "b"] {
        let given = verdict(&server, id).await;
        assert_eq!(given[1], "short_duration", "expected the leg's 20 s to decide {id}: {given}");
        assert_eq!(
            [&given[3], &given[4]],
            [&json!(true), &json!(20)],
            "expected the leg's answer for {id}: {given}"
        );
    }
    let missed = verdict(&server, "c").await;
    assert_eq!(missed[1], "not_answered", "expected an unanswered leg to decide: {missed}");
    let month = october(&server).await;
    assert_eq!(call_figures(&month), [3, 2, 0, 40], "expected a leg to be no call of its own: {month}");
    let listed = server.all_items("acme", "calls").await;
    assert_eq!(listed.len(), 3, "expected only the parents to be listed: {listed:?}");
}

/// Three calls of 45 s by Ann, one inbound, one outbound, one unknown, and one of 10 s by nobody.
async fn calls_of_all_directions(server: &Server) -> Value {
    let at = "2025-10-09T12:00:00Z";
    let by_ann = |id: &str, direction: Value| {
        with(answered(id, 45, at), json!({"direction": direction, "agent": "Ann@example.com"}))
    };
    let facts = [
        by_ann("in", json!("inbound")),
        by_ann("out", json!("outbound")),
        by_ann("unknown", Value::Null),
        answered("nobody", 10, at),
    ];
    server.record("acme", &facts).await;
    october(server).await
}

fn agent_row(month: &Value, agent: Value) -> [Option<u64>; 4] {
    let rows = month["by_agent"].as_array().expect("rows by agent");
    let row = rows.iter().find(|row| row["agent"] == agent).expect("a row of the agent");
    ["calls", "answered", "qualified", "talk_seconds"].map(|name| row[name].as_u64())
}

#[tokio::test]
async fn a7_outbound_calls_are_neither_answered_nor_qualified_ones_of_the_tenant() {
    let server = Site::new().start().await;
    let month = calls_of_all_directions(&server).await;
    assert_eq!(month["calls"], 4, "expected every direction in `calls`: {month}");
    assert_eq!(month["answered"], 3, "expected inbound and unknown in `answered`: {month}");
    assert_eq!(month["qualified"], 2, "expected inbound and unknown in `qualified`: {month}");
    let nobody = agent_row(&month, Value::Null);
    assert_eq!(nobody, [1, 1, 0, 10].map(Some), "expected a row for the calls of nobody: {month}");
    let rows = month["by_agent"].as_array().expect("rows");
    let sum: u64 = rows.iter().filter_map(|row| row["calls"].as_u64()).sum();
    assert_eq!(sum, 4, "expected the rows to sum to the month's calls: {month}");
    let call = server.read("acme", "calls/out").await;
    assert_eq!(
        call["status"], "qualified",
        "expected the call's own status not to depend on direction: {call}"
    );
}

#[tokio::test]
async fn a7_figures_of_agents_count_directions_as_the_tenants_do_and_talk_seconds_count_all() {
    let server = Site::new().start().await;
    let month = calls_of_all_directions(&server).await;
    let ann = agent_row(&month, json!("ann@example.com"));
    // RULINGS Calls: answered and qualified count the configured directions, of agents too, so that rows sum to
    // the tenant's; calls and talk seconds count all directions.
    assert_eq!(ann, [3, 2, 2, 135].map(Some), "expected calls and talk of all directions: {month}");
    assert_eq!(month["talk_seconds"], 145, "expected talk over all answered calls: {month}");
}
