//! The rules R1 to R10 from outside, as far as the first work goes; equality and durability have files of their own.

use std::time::{Duration, Instant};

use crate::common::facts::{answered, call, mail, with};
use crate::common::{Answer, Server, Site, TWO_TENANTS, bison, twilio};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn october(server: &Server) -> Value {
    server.read("acme", "metrics/month?month=2025-10").await
}

/// The two digests of a conflict, which must differ.
fn digests(answer: &Answer) -> (String, String) {
    let members = answer.problem(409).as_object().expect("object");
    let named = members.iter().filter(|(name, _)| name.contains("digest"));
    let found: Vec<String> = named.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect();
    match found.as_slice() {
        [one, other] if one != other => (one.clone(), other.clone()),
        _ => panic!("expected two different digests in {}", answer.text),
    }
}

#[tokio::test]
async fn r1_the_same_key_and_content_is_a_duplicate_at_the_first_position() {
    let server = Site::new().start().await;
    let first = server.post("acme", &answered("CA1", 45, AT)).await;
    assert_eq!(first.is(201).outcome(), "recorded", "expected the first to be recorded: {first:?}");
    server.post("acme", &answered("CA2", 45, AT)).await.is(201);
    for _ in 0..3 {
        let again = server.post("acme", &answered("CA1", 45, AT)).await;
        assert_eq!(again.is(200).outcome(), "duplicate", "expected a duplicate: {again:?}");
        assert_eq!(again.position(), first.position(), "expected the first position: {again:?}");
    }
    assert_eq!(october(&server).await["calls"], 2, "expected nothing counted again");
    assert_eq!(
        server.all_facts("acme").await.iter().filter(|fact| fact["kind"] == "call_reported").count(),
        2
    );
}

#[tokio::test]
async fn r1_the_same_key_with_other_content_is_a_conflict_and_the_first_stays() {
    let server = Site::new().start().await;
    let first = server.post("acme", &answered("CA1", 45, AT)).await;
    let before = october(&server).await;
    let conflict = server.post("acme", &answered("CA1", 10, AT)).await;
    let problem = conflict.problem(409);
    assert_eq!(problem["code"], "conflict", "expected the code of a conflict: {problem}");
    assert_eq!(problem["first_position"], first.position(), "expected the first position: {problem}");
    let diff = problem["diff"].as_array().expect("expected a field diff");
    assert!(!diff.is_empty(), "expected the changed member in the diff: {problem}");
    assert!(
        problem["diff"].to_string().contains("duration_seconds"),
        "expected the member's name: {problem}"
    );
    let pair = digests(&conflict);
    let third = server.post("acme", &answered("CA1", 45, AT)).await;
    assert_eq!(third.is(200).outcome(), "duplicate", "expected A, A′, A to end as a duplicate: {third:?}");
    let again = server.post("acme", &answered("CA1", 10, AT)).await;
    assert_eq!(digests(&again), pair, "expected the same digests for the same second content");
    let mut after = october(&server).await;
    after["position"] = before["position"].clone();
    assert_eq!(after, before, "expected the figures unchanged by a conflict");
    let call = server.read("acme", "calls/CA1").await;
    assert_eq!(call["duration_seconds"], 45, "expected the first content to stay: {call}");
}

#[tokio::test]
async fn r1_a_conflict_is_kept_as_evidence_once() {
    let server = Site::new().start().await;
    server.post("acme", &answered("CA1", 45, AT)).await.is(201);
    for seconds in [10, 10, 10, 11] {
        server.post("acme", &answered("CA1", seconds, AT)).await.problem(409);
    }
    let kept = server.all_items("acme", "facts?kind=conflict_observed").await;
    assert_eq!(kept.len(), 2, "expected one evidence per second content: {kept:?}");
}

#[tokio::test]
async fn r1_a_batch_is_as_if_posted_one_by_one() {
    let server = Site::new().start().await;
    let (a, changed) = (answered("CA1", 45, AT), answered("CA1", 10, AT));
    let twice = server.post("acme", &json!([a, a])).await;
    let counts = |answer: &Answer| {
        ["recorded", "duplicates", "conflicts", "rejected"]
            .map(|name| answer.json[name].as_u64().unwrap_or(99))
    };
    assert_eq!(counts(twice.is(200)), [1, 1, 0, 0], "expected recorded and duplicate: {twice:?}");
    let listed = twice.json["results"].as_array().expect("results");
    assert_eq!(listed.len(), 1, "expected only what was not recorded: {twice:?}");
    assert_eq!([&listed[0]["line"], &listed[0]["outcome"]], [&json!(2), &json!("duplicate")], "{twice:?}");

    let (b, changed_b) = (answered("CA2", 45, AT), answered("CA2", 10, AT));
    let path = "/api/v1/tenants/acme/facts?results=all";
    let mixed = json!([b, changed_b, changed, {"kind": "nonsense"}]).to_string();
    let request = server
        .request("POST", path)
        .bearer_auth(crate::common::TOKEN)
        .header("content-type", "application/json");
    let mixed = server.send(request.body(mixed)).await;
    assert_eq!(
        counts(mixed.is(200)),
        [1, 0, 2, 1],
        "expected recorded, conflict, conflict, rejected: {mixed:?}"
    );
    let outcomes: Vec<&str> = mixed.json["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter_map(|r| r["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["recorded", "conflict", "conflict", "rejected"], "expected all results: {mixed:?}");
    assert!(!mixed.json["results"][3]["error"].is_null(), "expected the reason of a rejection: {mixed:?}");

    let lines = format!("{}\n{{broken\n{}\n", answered("CA3", 45, AT), a);
    let lines = server.post_raw("acme", "application/x-ndjson", lines).await;
    assert_eq!(counts(lines.is(200)), [1, 1, 0, 1], "expected one of each but conflicts: {lines:?}");
    let empty = server.post("acme", &json!([])).await;
    assert_eq!(counts(empty.is(200)), [0; 4], "expected an empty batch to do nothing: {empty:?}");
    assert!(empty.json["last_position"].is_null(), "expected no last position of nothing: {empty:?}");
}

#[tokio::test]
async fn r1_keys_are_of_tenant_provider_and_id() {
    let server = Site::new().start().await;
    let fact = answered("CA1", 45, AT);
    let mut other = fact.clone();
    other["provider"] = json!("callrail");
    server.post("acme", &fact).await.is(201);
    server.post("globex", &fact).await.is(201);
    server.post("acme", &other).await.is(201);
    let mut upper = fact.clone();
    upper["external_id"] = json!("ca1:completed");
    server.post("acme", &upper).await.is(201);
}

#[tokio::test]
async fn r3_what_is_authentic_and_cannot_be_mapped_is_quarantined_once_and_answered_alike() {
    let server = Site::new().start().await;
    let mut stranger = bison::sent("EMAIL_SENT", 1, bison::lead(1), AT);
    stranger["event"]["workspace_id"] = json!(99);
    stranger["event"]["workspace_name"] = json!("Nobody's");
    let far = bison::sent("EMAIL_SENT", 2, bison::lead(1), "2099-10-09T12:00:00.000000Z");
    let bodies = [
        stranger.to_string(),
        bison::sent("EMAIL_TELEPORTED", 3, bison::lead(1), AT).to_string(),
        far.to_string(),
        "{\"event\": {\"type\": \"EMAIL_SENT\", ".to_owned(),
        "[]".to_owned(),
        String::new(),
    ];
    for body in bodies {
        let first = bison::deliver_raw(&server, body.clone()).await;
        let again = bison::deliver_raw(&server, body).await;
        assert_eq!(first.is(200).outcome(), "quarantined", "expected a quarantine: {first:?}");
        assert_eq!(again.is(200).outcome(), "quarantined", "expected the same outcome: {again:?}");
        assert!(!first.json["delivery_id"].is_null(), "expected a delivery id: {first:?}");
        assert_eq!(again.position(), first.position(), "expected the first quarantine again: {again:?}");
    }
    assert_eq!(october(&server).await["emails_sent"], 0, "expected nothing counted");
    let other = server.read("globex", "metrics/month?month=2025-10").await;
    assert_eq!(other["emails_sent"], 0, "expected nothing counted for another tenant");
}

#[tokio::test]
async fn r3_a_malformed_field_sends_a_delivery_to_quarantine() {
    let server = Site::new().start().await;
    let event = bison::replied("LEAD_INTERESTED", 4, json!("no lead"), AT);
    let answer = bison::deliver(&server, &event).await;
    assert_eq!(
        answer.is(200).outcome(),
        "quarantined",
        "expected a lead that is a text to be malformed: {answer:?}"
    );
}

#[tokio::test]
async fn r3_a_bad_signature_is_refused_and_leaves_nothing() {
    let server = Site::new().start().await;
    let before = server.post("acme", &call("CA0", "ringing", AT)).await.position();
    let form = twilio::ended("CA1", "completed", 45, "Thu, 09 Oct 2025 12:00:54 +0000");
    let url = twilio::public_url(twilio::ENDPOINT);
    let right = twilio::sign(crate::common::TWILIO_TOKEN, &url, &form);
    let changed = twilio::with(form.clone(), "CallDuration", "46");
    let unsorted = twilio::sign(crate::common::TWILIO_TOKEN, &twilio::public_url("other"), &form);
    let stranger = twilio::sign("another secret", &url, &form);
    for (form, signature) in [
        (&form, None),
        (&form, Some("")),
        (&form, Some("WRONG_SIGNATURE")),
        (&form, Some(&stranger[..])),
        (&form, Some(&unsorted[..])),
        (&changed, Some(&right[..])),
        (&form, Some(&right[..right.len() - 2])),
    ] {
        twilio::deliver_signed(&server, twilio::ENDPOINT, form, signature).await.problem(401);
    }
    let next = server.post("acme", &call("CA9", "ringing", AT)).await.position();
    assert_eq!(next, before + 1, "expected refused deliveries to leave nothing in the log");
    server.get("/api/v1/tenants/acme/calls/CA1").await.problem(404);
    let accepted = twilio::deliver_signed(&server, twilio::ENDPOINT, &form, Some(&right)).await;
    assert_eq!(
        accepted.is(200).outcome(),
        "recorded",
        "expected the right signature to be accepted: {accepted:?}"
    );
}

#[tokio::test]
async fn r3_unknown_providers_and_endpoints_are_404() {
    let server = Site::new().start().await;
    for path in [
        "/hooks/twilio/nothing",
        "/hooks/nothing/tw-5b0f0d7e",
        "/hooks/emailbison/tw-5b0f0d7e",
        "/hooks/twilio",
    ] {
        server.send(server.request("POST", path).body("a=b")).await.problem(404);
    }
}

#[tokio::test]
async fn r5_a_changed_rule_holds_from_its_day_and_never_for_the_past() {
    let site = Site::new();
    let server = site.start().await;
    let facts = [answered("CA1", 45, AT), answered("CA2", 90, AT)];
    server.record("acme", &facts).await;
    server.stop();
    site.configure(
        &TWO_TENANTS.replace(
            "currency = \"USD\"\n",
            "currency = \"USD\"\n[tenant.rules]\nqualified_min_seconds = 60\n",
        ),
    );
    let server = site.start().await;
    server.record("acme", &[answered("CA3", 45, "2025-10-10T12:00:00Z")]).await;
    assert_eq!(october(&server).await["qualified"], 3, "expected the old threshold for the past");
    let now = chrono::Utc::now().to_rfc3339();
    server.record("acme", &[answered("CA4", 45, &now), answered("CA5", 60, &now)]).await;
    let current = server.read("acme", "metrics/month").await;
    assert_eq!(
        [&current["answered"], &current["qualified"]],
        [2, 1],
        "expected the new threshold today: {current}"
    );
}

#[tokio::test]
async fn r6_a_fact_more_than_a_day_ahead_is_refused_and_a_late_one_lands_in_its_month() {
    let server = Site::new().start().await;
    let ahead = |hours: i64| (chrono::Utc::now() + chrono::Duration::hours(hours)).to_rfc3339();
    server.post("acme", &answered("CA1", 45, &ahead(25))).await.names("occurred_at").problem(422);
    server.post("acme", &answered("CA1", 45, &ahead(23))).await.is(201);
    for at in ["1969-12-31T23:59:59Z", "2101-01-01T00:00:00Z"] {
        server.post("acme", &answered("CA2", 45, at)).await.names("occurred_at").problem(422);
    }
    server.post("acme", &answered("CA3", 45, "2021-02-10T12:00:00Z")).await.is(201);
    let month = server.read("acme", "metrics/month?month=2021-02").await;
    assert_eq!(month["qualified"], 1, "expected a late fact in its own month: {month}");
}

#[tokio::test]
async fn r7_no_tenant_is_known_beyond_its_own_and_unknown_ones_are_404() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT), mail("email_sent", 1, json!({"id": "1"}), AT)]).await;
    let position = server.seen();
    let routes =
        ["facts", "metrics/month", "metrics/days?from=2025-10-01&to=2025-10-31", "calls", "outreach/leads"];
    for tenant in ["nobody", "_control", "_unassigned", "ACME"] {
        for route in routes {
            server.get(&format!("/api/v1/tenants/{tenant}/{route}")).await.problem(404);
        }
        server.post(tenant, &answered("CA1", 45, AT)).await.problem(404);
    }
    server.get("/api/v1/tenants/globex/calls/CA1").await.problem(404);
    server.get(&format!("/api/v1/tenants/globex/facts/{position}")).await.problem(404);
    let key = "facts/by-key?provider=twilio&external_id=CA1:completed";
    server.get(&format!("/api/v1/tenants/globex/{key}")).await.problem(404);
    let own = server.get(&format!("/api/v1/tenants/acme/{key}")).await;
    assert_eq!(own.is(200).json["external_id"], "CA1:completed", "expected its own fact: {own:?}");
    let globex = server.read("globex", "metrics/month?month=2025-10").await;
    assert_eq!(
        [&globex["calls"], &globex["emails_sent"]],
        [0, 0],
        "expected none of acme's figures: {globex}"
    );
}

#[tokio::test]
async fn r8_each_answer_says_at_which_position_it_is_true() {
    let server = Site::new().start().await;
    let fact = answered("CA1", 45, AT);
    let position = server.post("acme", &fact).await.position();
    let routes =
        ["facts", "metrics/month", "metrics/days?from=2025-10-01&to=2025-10-02", "calls", "calls/CA1"];
    for route in routes.iter().chain(&["outreach/leads"]) {
        let answer = server.read("acme", route).await;
        let said = answer["position"].as_u64().unwrap_or_default();
        assert!(said >= position, "expected a position of at least {position} from {route}: {answer}");
    }
    let fact = server.get(&format!("/api/v1/tenants/acme/facts/{position}")).await.is(200).json.clone();
    let members =
        ["tenant", "provider", "external_id", "kind"].map(|name| fact[name].as_str().unwrap_or_default());
    assert_eq!(members, ["acme", "twilio", "CA1:completed", "call_reported"], "expected the fact: {fact}");
    assert_eq!(
        [&fact["position"], &fact["body"]["duration_seconds"]],
        [position, 45],
        "expected the fact: {fact}"
    );
    for name in ["occurred_at", "recorded_at"] {
        assert!(
            fact[name].as_str().is_some_and(|at| at.ends_with('Z')),
            "expected `{name}` in UTC with Z: {fact}"
        );
    }
    assert!(fact["digest"].is_string(), "expected a digest: {fact}");
}

#[tokio::test]
async fn r8_min_position_waits_for_one_that_comes_and_gives_up_on_one_that_does_not() {
    let server = Site::new().start().await;
    let position = server.post("acme", &answered("CA1", 45, AT)).await.position();
    let path = format!("/api/v1/tenants/acme/metrics/month?month=2025-10&min_position={}", position + 1);
    let began = Instant::now();
    let never = server.get(&path).await;
    never.is(503);
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(8), "expected an answer after about 5 s, waited {waited:?}");
    assert!(!never.header("retry-after").is_empty(), "expected Retry-After: {never:?}");
    let write = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.post("acme", &answered("CA2", 45, AT)).await
    };
    let (read, _) = tokio::join!(server.get(&path), write);
    assert_eq!(read.is(200).json["calls"], 2, "expected the write awaited to be in the answer: {read:?}");
}

#[tokio::test]
async fn r10_rates_without_a_denominator_are_null() {
    let server = Site::new().start().await;
    server.record("acme", &[with(mail("lead_replied", 1, json!({"id": "1"}), AT), json!({}))]).await;
    let month = october(&server).await;
    assert!(month["reply_rate"].is_null(), "expected null without sent mails: {month}");
    assert_eq!(month["interest_rate"].as_f64(), Some(0.0), "expected 0 of one reply: {month}");
}

#[tokio::test]
async fn r1_a_batch_may_be_longer_than_one_delivery() {
    let server = Site::new().start().await;
    let campaign = "x".repeat(300);
    let make = |n: u32| with(answered(&format!("CA{n}"), 45, AT), json!({"campaign": campaign}));
    let facts = Value::from((0..3_000).map(make).collect::<Vec<_>>());
    assert!(facts.to_string().len() > 1 << 20, "expected more than 1 MiB to post");
    for (recorded, duplicates) in [(3_000, 0), (0, 3_000)] {
        let answer = server.post("acme", &facts).await;
        let given = [&answer.is(200).json["recorded"], &answer.json["duplicates"]];
        assert_eq!(given, [recorded, duplicates], "expected each fact once");
    }
}
