//! Dispositions, metrics of agents and sessions, recordings and the leaderboard through the socket (C4, C5, C6, F6).

use std::sync::Arc;

use crate::common::facts::{answered, call, with};
use crate::common::{Server, Site, TWO_TENANTS};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T16:00:00Z";

/// The disposition of a call by the command.
async fn dispose(server: &Server, call: &str, body: Value) -> crate::common::Answer {
    server.command("acme", &format!("calls/{call}/disposition"), &body).await
}

async fn outcome(server: &Server, call: &str) -> Value {
    server.read("acme", &format!("calls/{call}")).await["outcome"].clone()
}

#[tokio::test]
async fn c4_the_last_disposition_counts_and_all_are_kept() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    let first = dispose(&server, "CA1", json!({"outcome": "No_Answer", "note": " rang out "})).await;
    first.is(201);
    assert_eq!((first.outcome(), &first.json["kind"]), ("recorded", &json!("call_disposed")));
    let body = json!({"call_id": "CA1", "outcome": "no-answer", "note": "rang out"});
    assert_eq!(first.json["body"], body);
    let second = json!({"outcome": "appointment_set", "agent": "Ann@Example.com"});
    dispose(&server, "CA1", second).await.is(201);
    assert_eq!(outcome(&server, "CA1").await, "appointment-set");

    let history = server.all_items("acme", "calls/CA1/dispositions?limit=1").await;
    let told: Vec<_> =
        history.iter().map(|item| json!([item["outcome"], item["agent"], item["note"]])).collect();
    let expected =
        [json!(["appointment-set", "ann@example.com", null]), json!(["no-answer", null, "rang out"])];
    assert_eq!(told, expected);
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["outcomes"], json!({"appointment-set": 1}), "a call counts by its last disposition");
    server.get("/api/v1/tenants/acme/calls/unknown/dispositions").await.problem(404);
}

#[tokio::test]
async fn c4_every_outcome_is_understood_and_others_are_refused_by_field() {
    let server = Site::new().start().await;
    let outcomes = [
        "connected",
        "voicemail",
        "no-answer",
        "busy",
        "callback",
        "not_interested",
        "wrong-number",
        "DNC",
        "failed",
        "appointment_set",
    ];
    for (n, given) in outcomes.into_iter().enumerate() {
        let call = format!("CA{n}");
        dispose(&server, &call, json!({"outcome": given})).await.is(201);
        assert_eq!(outcome(&server, &call).await, given.replace('_', "-").to_lowercase());
    }
    dispose(&server, "CA0", json!({"outcome": "answered"})).await.names("/outcome").problem(422);
    dispose(&server, "CA0", json!({"outcome": "skipped"})).await.names("/outcome").problem(422);
    dispose(&server, "CA0", json!({})).await.names("/outcome").problem(422);
    dispose(&server, "CA0", json!({"outcome": "busy", "lead": "L1"})).await.names("/lead").problem(422);
    assert_eq!(outcome(&server, "CA0").await, "connected", "nothing of it was taken");
}

#[tokio::test]
async fn c4_an_idempotency_key_is_one_disposition_for_ever() {
    let site = Site::new();
    let server = Arc::new(site.start().await);
    let send = async |server: &Server, call: &str, outcome: &str| {
        let (route, body) = (format!("calls/{call}/disposition"), json!({"outcome": outcome}));
        server.command_with("acme", &route, &body, &[("Idempotency-Key", "k-1")]).await
    };
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { send(&server, "CA1", "busy").await })
        })
        .collect();
    let (mut created, mut positions) = (0, Vec::new());
    for racer in racers {
        let answer = racer.await.expect("answered");
        created += usize::from(answer.status == 201);
        positions.push(answer.position());
    }
    positions.dedup();
    assert_eq!((created, positions.len()), (1, 1));
    for (call, outcome) in [("CA1", "connected"), ("CA2", "busy")] {
        assert_eq!(send(&server, call, outcome).await.problem(422)["code"], "idempotency_mismatch");
    }
    server.kill();
    let server = site.start().await;
    let again = send(&server, "CA1", "busy").await;
    assert_eq!((again.is(200).outcome(), again.position()), ("existing", positions[0]));
    assert_eq!(server.all_items("acme", "calls/CA1/dispositions").await.len(), 1);
}

/// Six calls of ann's in a session: two spoken to, a voicemail, three that nobody answered.
async fn a_day_of_calls(server: &Server, at: &str) {
    let of_ann = |fact: Value| {
        with(fact, json!({"agent": "Ann@example.com", "session_id": "S1", "direction": "outbound"}))
    };
    let unanswered = |id: &str, status: &str| of_ann(call(id, status, at));
    let facts = [
        of_ann(answered("A", 61, at)),
        of_ann(answered("B", 30, at)),
        of_ann(answered("C", 10, at)),
        with(unanswered("D", "no_answer"), json!({"duration_seconds": 0})),
        unanswered("E", "busy"),
        unanswered("F", "failed"),
        with(answered("G", 500, at), json!({"agent": "bob@example.com"})),
    ];
    server.record("acme", &facts).await;
    for (call, outcome) in [("A", "busy"), ("A", "connected"), ("B", "appointment_set"), ("C", "voicemail")] {
        dispose(server, call, json!({"outcome": outcome})).await.is(201);
    }
}

const METRICS: [&str; 7] = [
    "calls_made",
    "pickups",
    "talk_seconds",
    "success_rate",
    "average_call_seconds",
    "conversion_rate",
    "outcomes",
];

fn metrics(answer: &Value) -> Value {
    METRICS.map(|member| answer[member].clone()).into_iter().collect()
}

#[tokio::test]
async fn c5_agents_and_sessions_are_measured_over_distinct_calls() {
    let server = Site::new().start().await;
    a_day_of_calls(&server, AT).await;
    // Told twice and in pieces, they are the same calls.
    server.record("acme", &[call("A", "ringing", AT), call("A", "initiated", AT)]).await;
    let outcomes = json!({"connected": 1, "appointment-set": 1, "voicemail": 1});
    let expected = json!([6, 3, 101, 33.33, 25.25, 66.67, outcomes]);
    let summary = server.read("acme", "metrics/agents/ANN@example.com/summary").await;
    assert_eq!(metrics(&summary), expected);
    assert_eq!(summary["agent"], "ann@example.com");
    let ranged = "metrics/agents/ann@example.com/summary?from=2025-10-09&to=2025-10-09";
    assert_eq!(metrics(&server.read("acme", ranged).await), expected);
    assert_eq!(metrics(&server.read("acme", "metrics/sessions/S1").await), expected);

    let nothing = json!([0, 0, 0, null, null, null, {}]);
    for route in [
        "metrics/agents/ann@example.com/summary?from=2025-10-10",
        "metrics/agents/ann@example.com/today",
        "metrics/agents/nobody@example.com/summary",
    ] {
        assert_eq!(metrics(&server.read("acme", route).await), nothing, "{route}");
    }
    let reversed = "/api/v1/tenants/acme/metrics/agents/a/summary?from=2025-10-10&to=2025-10-09";
    server.get(reversed).await.problem(400);
    server.get("/api/v1/tenants/acme/metrics/sessions/unknown").await.problem(404);
    let empty = server.start_session(&["L1"]).await;
    assert_eq!(metrics(&server.read("acme", &format!("metrics/sessions/{empty}")).await), nothing);
}

#[tokio::test]
async fn c5_today_is_the_tenants_and_is_not_to_be_stored() {
    let server = Site::new().start().await;
    let now = chrono::Utc::now();
    let zone: chrono_tz::Tz = "America/New_York".parse().expect("zone");
    a_day_of_calls(&server, &now.to_rfc3339()).await;
    let path = "/api/v1/tenants/acme/metrics/agents/ann@example.com/today";
    let today = server.get(&format!("{path}?min_position={}", server.seen())).await;
    assert_eq!((today.is(200).header("cache-control"), today.header("etag")), ("no-store", ""));
    let day = now.with_timezone(&zone).format("%F").to_string();
    // Over midnight there the day may be the next one, without calls.
    if today.json["from"] == day.as_str() {
        assert_eq!(
            (&today.json["calls_made"], &today.json["timezone"]),
            (&json!(6), &json!("America/New_York"))
        );
    }
}

#[tokio::test]
async fn c5_an_attempt_lends_its_outcome_to_the_one_undisposed_call() {
    let server = Site::new().start().await;
    let id = server.start_session(&["L1", "L2"]).await;
    let of = |call_id: &str, lead: &str| {
        with(
            call(call_id, "completed", AT),
            json!({"lead_id": lead, "session_id": id, "agent": "ann@example.com"}),
        )
    };
    server.record("acme", &[of("A", "L1"), of("B", "L2"), of("C", "L2")]).await;
    server.mark_attempt(&id, "L1", "voicemail").await.is(201);
    server.mark_attempt(&id, "L2", "connected").await.is(201);
    let route = format!("metrics/sessions/{id}");
    assert_eq!(
        server.read("acme", &route).await["outcomes"],
        json!({"voicemail": 1}),
        "two calls: whose is it?"
    );
    dispose(&server, "C", json!({"outcome": "busy"})).await.is(201);
    let outcomes = json!({"voicemail": 1, "connected": 1, "busy": 1});
    assert_eq!(server.read("acme", &route).await["outcomes"], outcomes);
    dispose(&server, "A", json!({"outcome": "callback"})).await.is(201);
    assert_eq!(outcome(&server, "A").await, "callback");
}

#[tokio::test]
async fn c6_recordings_are_found_by_call_and_by_lead() {
    let server = Site::new().start().await;
    let recording = |call: &str, id: &str, at: &str| {
        json!({"provider": "twilio", "external_id": format!("{id}:completed"), "kind": "call_recorded",
            "occurred_at": at, "body": {"call_id": call, "recording_id": id, "duration_seconds": 44,
            "url": format!("https://api.twilio.com/{id}"), "lead_id": "L7", "agent": "ann@example.com"}})
    };
    let facts = [
        with(answered("A", 45, AT), json!({"agent": "ann@example.com"})),
        recording("A", "RE1", "2025-10-09T16:01:00Z"),
        recording("A", "RE2", "2025-10-09T16:02:00Z"),
        recording("B", "RE3", "2025-10-09T16:03:00Z"),
        answered("C", 45, AT),
    ];
    server.record("acme", &facts).await;
    let by_call = server.read("acme", "calls/A/recordings").await;
    let newest = json!({"recording_id": "RE2", "call_id": "A", "lead_id": "L7", "agent": "ann@example.com",
        "duration_seconds": 44, "url": "https://api.twilio.com/RE2", "occurred_at": "2025-10-09T16:02:00Z"});
    assert_eq!(by_call["items"][0], newest);
    let by_lead = server.all_items("acme", "leads/L7/recordings?limit=1").await;
    let ids: Vec<_> = by_lead.iter().map(|item| item["recording_id"].clone()).collect();
    assert_eq!(ids, ["RE3", "RE2", "RE1"]);
    assert_eq!(by_lead[0]["agent"], "ann@example.com", "of a call that only its recording tells of");
    assert_eq!(server.read("acme", "calls/C/recordings").await["items"], json!([]));
    assert_eq!(server.read("acme", "leads/unknown/recordings").await["items"], json!([]));
    server.get("/api/v1/tenants/acme/calls/unknown/recordings").await.problem(404);
    server.get("/api/v1/tenants/globex/calls/A/recordings").await.problem(404);
    assert_eq!(
        server.read("globex", "leads/L7/recordings").await["items"],
        json!([]),
        "another tenant's lead"
    );
}

#[tokio::test]
async fn c6_leads_tell_when_they_were_called_last_and_how_often() {
    let server = Site::new().start().await;
    let lead =
        crate::common::facts::mail("lead_replied", 1, json!({"id": "77", "email": "bo@x.example"}), AT);
    let of_lead = |id: &str, at: &str| with(call(id, "completed", at), json!({"lead_id": "77"}));
    server.record("acme", &[lead, of_lead("A", AT), of_lead("B", "2025-10-10T16:00:00Z")]).await;
    let leads = server.read("acme", "outreach/leads").await;
    let told = (&leads["items"][0]["last_called_at"], &leads["items"][0]["call_count"]);
    assert_eq!(told, (&json!("2025-10-10T16:00:00Z"), &json!(2)));
}

#[tokio::test]
async fn f6_agents_are_ranked_by_day_week_and_month_with_the_daily_goal() {
    let rules = "currency = \"USD\"\n[tenant.rules]\ndaily_call_goal = 4\n";
    let server = Site::with(&TWO_TENANTS.replacen("currency = \"USD\"\n", rules, 1)).start().await;
    a_day_of_calls(&server, AT).await;
    let more =
        |n: u32, at: &str| with(answered(&format!("M{n}"), 10, at), json!({"agent": "bob@example.com"}));
    let others =
        ["2025-10-06T16:00:00Z", "2025-10-12T16:00:00Z", "2025-10-31T16:00:00Z", "2025-11-01T16:00:00Z"];
    let others: Vec<Value> = (0..).zip(others).map(|(n, at)| more(n, at)).collect();
    server.record("acme", &others).await;
    let nobody = answered("N", 10, AT);
    server.record("acme", &[nobody]).await;

    let day = server.read("acme", "leaderboard?period=day&date=2025-10-09").await;
    let of = |calls: u32, answered: u32, qualified: u32, seconds: u32, rate: Value| {
        json!({"calls": calls, "answered": answered, "qualified": qualified, "talk_seconds": seconds,
            "answered_rate": rate})
    };
    let none = || of(0, 0, 0, 0, Value::Null);
    let ann = json!({"rank": 1, "agent": "ann@example.com", "calls": 6, "pickups": 3, "connected": 2,
        "talk_seconds": 101, "goal_progress": 150.0, "goal_days": 1, "answered": 0, "answered_rate": null,
        "inbound": none(), "outbound": of(6, 3, 2, 101, json!(50.0))});
    let bob = json!({"rank": 2, "agent": "bob@example.com", "calls": 1, "pickups": 0, "connected": 0,
        "talk_seconds": 500, "goal_progress": 25.0, "goal_days": 0, "answered": 1, "answered_rate": 100.0,
        "inbound": none(), "outbound": none()});
    assert_eq!(day["items"], json!([ann, bob]), "nobody's calls have no place");
    assert_eq!((&day["daily_call_goal"], &day["goal_calls"]), (&json!(4), &json!(4)));
    let span =
        |board: &Value| json!([board["from"], board["to"], board["items"][1]["calls"], board["goal_calls"]]);
    let week = server.read("acme", "leaderboard?period=week&date=2025-10-09").await;
    assert_eq!(span(&week), json!(["2025-10-06", "2025-10-12", 3, 28]));
    let month = server.read("acme", "leaderboard?period=month&date=2025-10-09").await;
    assert_eq!(span(&month), json!(["2025-10-01", "2025-10-31", 4, 124]));
    let today = server.get("/api/v1/tenants/acme/leaderboard").await;
    assert_eq!((&today.is(200).json["items"], today.header("cache-control")), (&json!([]), "no-store"));
    assert_eq!(server.read("globex", "leaderboard").await["daily_call_goal"], 50);
    server.get("/api/v1/tenants/acme/leaderboard?period=year").await.names_parameter("period").problem(400);
}
