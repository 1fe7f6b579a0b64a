//! Explaining figures over real sockets (E2): which facts move them, by how much and why, at any moment.

use crate::common::facts::{answered, call, disposed, fact, mail, with};
use crate::common::site::escape;
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn explained(server: &Server, query: &str) -> Value {
    server.read("acme", &format!("explain?{query}")).await
}

async fn refused(server: &Server, query: &str) -> Answer {
    server.get(&format!("/api/v1/tenants/acme/explain?{query}")).await
}

/// Every page of contributions, asked for one after the other.
async fn contributions(server: &Server, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = explained(server, &format!("{query}{cursor}")).await;
        all.extend(page["contributions"].as_array().expect("contributions").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn sum(contributions: &[Value]) -> i64 {
    contributions.iter().map(|one| one["delta"].as_i64().expect("a delta")).sum()
}

/// Subject and delta of each.
fn moves(contributions: &[Value]) -> Vec<(&str, i64)> {
    contributions
        .iter()
        .map(|one| (one["subject"].as_str().expect("one"), one["delta"].as_i64().expect("one")))
        .collect()
}

/// Subject and code of each that does not count.
fn codes(contributions: &[Value]) -> Vec<(&str, &str)> {
    contributions
        .iter()
        .map(|one| (one["subject"].as_str().expect("one"), one["code"].as_str().expect("one")))
        .collect()
}

/// Two qualified calls, one short, one missed, one outbound, one that began in September where the tenant is.
fn october() -> Vec<Value> {
    vec![
        answered("CA1", 45, AT),
        answered("CA2", 12, AT),
        with(call("CA3", "no_answer", AT), json!({"answered": false})),
        with(answered("CA4", 90, AT), json!({"direction": "outbound"})),
        answered("CA5", 31, "2025-10-31T22:00:00Z"),
        answered("CA6", 600, "2025-10-01T03:00:00Z"),
    ]
}

#[tokio::test]
async fn e2_a_months_qualified_calls_are_told_with_their_rule_and_those_that_do_not_count_with_why() {
    let server = Site::new().start().await;
    server.record("acme", &october()).await;
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    let answer = explained(&server, "model=month&field=qualified&month=2025-10").await;
    assert_eq!((&answer["value"], &answer["total"]), (&month["qualified"], &json!(2)), "{answer}");
    assert_eq!(answer["position"], month["position"]);
    let figure = json!({"model": "month", "field": "qualified", "selection": {"month": "2025-10"}});
    assert_eq!(answer["figure"], figure);
    assert_eq!((&answer["unit"], &answer["formula"]), (&json!("count"), &Value::Null));
    assert_eq!(answer["rule"], "answered, 30 s or longer, direction inbound or unknown");
    assert_eq!(
        (&answer["contributing_subjects"], &answer["not_contributing_subjects"]),
        (&json!(2), &json!(4))
    );
    let told = answer["contributions"].as_array().expect("contributions");
    assert_eq!(moves(told), [("call/CA1", 1), ("call/CA5", 1)]);
    let first = &told[0];
    let named =
        ["kind", "provider", "external_id", "occurred_at", "reason"].map(|member| first[member].clone());
    assert_eq!(named, ["call_reported", "twilio", "CA1:completed", AT, "rules_satisfied"].map(Value::from));
    let fact = server.read("acme", &format!("facts/{}", first["position"])).await;
    assert_eq!((&fact["external_id"], &fact["recorded_at"]), (&first["external_id"], &first["recorded_at"]));

    let not = contributions(&server, "model=month&field=qualified&month=2025-10&counted=false").await;
    let expected = [
        ("call/CA2", "short_duration"),
        ("call/CA3", "not_answered"),
        ("call/CA4", "direction_not_counted"),
        ("call/CA6", "other_month"),
    ];
    assert_eq!(codes(&not), expected);
    assert_eq!(not[0]["reason"], "12 s, and 30 s qualify");
    assert_eq!(not[3]["fell_in"], "2025-09", "{}", not[3]);
    assert!(not.iter().all(|one| one["delta"] == 0));

    let september = explained(&server, "model=month&field=talk_seconds&month=2025-09").await;
    assert_eq!((&september["value"], &september["unit"]), (&json!(600), &json!("seconds")));
    let of_day = explained(&server, "model=days&field=qualified&day=2025-10-31").await;
    assert_eq!(
        (&of_day["value"], moves(of_day["contributions"].as_array().expect("one"))),
        (&json!(1), vec![("call/CA5", 1)])
    );
}

#[tokio::test]
async fn e2_facts_of_one_call_move_a_figure_one_after_the_other_also_late_and_back() {
    let server = Site::new().start().await;
    let stages = [
        call("CA1", "initiated", "2025-10-09T12:00:00Z"),
        with(call("CA1", "in_progress", "2025-10-09T12:00:09Z"), json!({"answered": true})),
        answered("CA1", 45, "2025-10-09T12:00:54Z"),
        disposed("CA1", 1, "connected", "2025-10-09T12:05:00Z"),
        disposed("CA1", 2, "callback", "2025-10-09T12:06:00Z"),
        // Told late: the call had begun in September.
        with(call("CA1", "ringing", "2025-10-09T12:00:02Z"), json!({"started_at": "2025-09-30T12:00:00Z"})),
    ];
    for fact in &stages {
        server.record("acme", std::slice::from_ref(fact)).await;
    }
    let at = server.seen();
    let before = |field: &str, rest: &str| {
        format!("model=month&field={field}&month=2025-10&as_of_position={}{rest}", at - 1)
    };
    let calls = contributions(&server, &before("calls", "&zeros=true")).await;
    assert_eq!(moves(&calls).iter().map(|(_, delta)| *delta).collect::<Vec<_>>(), [1, 0, 0, 0, 0]);
    let qualified = contributions(&server, &before("qualified", "&zeros=true")).await;
    let told: Vec<_> = qualified.iter().map(|one| (one["delta"].clone(), one["reason"].clone())).collect();
    let expected = [
        (0, "not_answered"),
        (0, "short_duration"),
        (1, "rules_satisfied"),
        (0, "no_change"),
        (0, "no_change"),
    ];
    assert_eq!(told, expected.map(|(delta, reason)| (json!(delta), json!(reason))));
    let connected = explained(&server, &before("outcomes.connected", "")).await;
    assert_eq!((&connected["value"], &connected["contributions"]), (&json!(0), &json!([])));
    let callback = contributions(&server, &before("outcomes.callback", "")).await;
    assert_eq!(callback[0]["external_id"], "disposition/CA1/2");

    let moved = explained(&server, "model=month&field=qualified&month=2025-10&counted=false").await;
    assert_eq!((&moved["value"], &moved["contributions"][0]["code"]), (&json!(0), &json!("other_month")));
    let september = contributions(&server, "model=month&field=qualified&month=2025-09").await;
    assert_eq!(moves(&september), [("call/CA1", 1)], "the last fact alone makes it September's");
    assert_eq!(september[0]["position"], at);
}

#[tokio::test]
async fn e2_an_accepted_conflict_and_a_corrected_spend_are_told_by_what_stands() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT), answered("CA2", 45, AT)]).await;
    server.post("acme", &answered("CA1", 10, AT)).await.problem(409);
    let conflict = server.read("acme", "conflicts").await["items"][0]["conflict_id"].to_string();
    let before = server.seen();
    let accepted =
        server.command("acme", &format!("conflicts/{conflict}/accept"), &json!({})).await.is(200).position();
    let now = explained(&server, "model=month&field=qualified&month=2025-10").await;
    assert_eq!(
        (&now["value"], moves(now["contributions"].as_array().expect("one"))),
        (&json!(1), vec![("call/CA2", 1)])
    );
    let not = contributions(&server, "model=month&field=qualified&month=2025-10&counted=false").await;
    assert_eq!(
        (codes(&not), &not[0]["replaced_by"]),
        (vec![("call/CA1", "short_duration")], &json!(accepted))
    );
    let then =
        explained(&server, &format!("model=month&field=qualified&month=2025-10&as_of_position={before}"))
            .await;
    assert_eq!((&then["value"], &then["total"]), (&json!(2), &json!(2)), "as of then it stood as it stood");

    let spent = |n: u32, minor: i64, at: &str| {
        let body = json!({"source": "meta", "account_id": "1", "date": "2025-10-09", "amount_minor": minor, "currency": "USD"});
        with(fact("meta", &format!("spend/{n}"), "ad_spend_observed", at), body)
    };
    server
        .record(
            "acme",
            &[spent(1, 500, "2025-10-10T08:00:00Z"), spent(2, 450, "2025-10-11T08:00:00Z"), spent(3, 9, AT)],
        )
        .await;
    let spend = explained(&server, "model=month&field=ad_spend_minor.USD&month=2025-10&zeros=true").await;
    assert_eq!((&spend["value"], &spend["unit"]), (&json!(450), &json!("minor units of USD")));
    let told: Vec<i64> = spend["contributions"]
        .as_array()
        .expect("one")
        .iter()
        .map(|one| one["delta"].as_i64().expect("one"))
        .collect();
    let superseded = &spend["contributions"][2];
    assert_eq!(
        (&superseded["reason"], &superseded["decided_by"]),
        (&json!("superseded"), &spend["contributions"][1]["position"])
    );
    assert_eq!(told, [500, -50, 0], "the newest observation counts, in whatever order they come");
    let cost = explained(&server, "model=month&field=cost_per_qualified_call_minor.USD&month=2025-10").await;
    assert_eq!((&cost["value"], &cost["total"], &cost["rule"]), (&json!(450), &Value::Null, &Value::Null));
    assert_eq!(cost["formula"]["text"], "ad_spend_minor / qualified");
    let inputs: Vec<_> = cost["formula"]["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|input| (input["figure"]["field"].clone(), input["value"].clone()))
        .collect();
    assert_eq!(inputs, [(json!("ad_spend_minor.USD"), json!(450)), (json!("qualified"), json!(1))]);
}

#[tokio::test]
async fn e2_a_lead_counts_once_for_ever_and_its_later_interests_say_which_was_first() {
    let server = Site::new().start().await;
    let lead = || json!({"id": "L1", "email": "ada@example.org"});
    server
        .record(
            "acme",
            &[
                mail("lead_interested", 1, lead(), "2025-09-20T12:00:00Z"),
                mail("lead_interested", 2, lead(), "2025-10-02T12:00:00Z"),
                mail("lead_replied", 3, lead(), "2025-10-02T12:00:00Z"),
                mail("lead_replied", 4, json!({"email": "ada@example.org"}), "2025-10-03T12:00:00Z"),
                mail("email_sent", 5, json!({"id": "L2"}), "2025-10-03T12:00:00Z"),
            ],
        )
        .await;
    let positive = explained(&server, "model=month&field=positive_replies&month=2025-10&counted=false").await;
    assert_eq!(positive["value"], 0);
    let told = positive["contributions"].as_array().expect("contributions");
    assert_eq!(
        told.iter().map(|one| one["code"].as_str().expect("one")).collect::<Vec<_>>(),
        ["not_first", "no_such_event"]
    );
    let first = server.read("acme", "facts/by-key?provider=emailbison&external_id=lead_interested/1").await;
    assert_eq!((&told[0]["decided_by"], &told[0]["fell_in"]), (&first["position"], &json!("2025-09")));
    let unique = explained(&server, "model=month&field=unique_replies&month=2025-10&zeros=true").await;
    assert_eq!(
        (&unique["value"], sum(unique["contributions"].as_array().expect("one"))),
        (&json!(1), 1),
        "{unique}"
    );
    let replies = contributions(&server, "model=month&field=replies&month=2025-10").await;
    assert_eq!(sum(&replies), 2, "each reply is one");
    let rate = explained(&server, "model=month&field=reply_rate&month=2025-10").await;
    assert_eq!(
        (&rate["value"], &rate["formula"]["text"]),
        (&json!(200.0), &json!("replies / emails_sent, percent"))
    );
}

#[tokio::test]
async fn e2_pages_sum_to_the_value_of_their_first_whatever_comes_meanwhile() {
    let server = Site::new().start().await;
    let calls: Vec<Value> = (0..25)
        .flat_map(|n| [call(&format!("CA{n}"), "initiated", AT), answered(&format!("CA{n}"), 45, AT)])
        .collect();
    server.record("acme", &calls).await;
    let query = "model=month&field=talk_seconds&month=2025-10&limit=7";
    let first = explained(&server, query).await;
    server.record("acme", &[answered("CA99", 1_000, AT)]).await;
    let (mut told, mut next) =
        (first["contributions"].as_array().expect("one").clone(), first["next_cursor"].clone());
    while let Some(cursor) = next.as_str() {
        let page = explained(&server, &format!("{query}&cursor={cursor}")).await;
        assert_eq!((&page["position"], &page["value"]), (&first["position"], &json!(25 * 45)));
        told.extend(page["contributions"].as_array().expect("one").clone());
        next = page["next_cursor"].clone();
    }
    assert_eq!((told.len(), sum(&told)), (25, 25 * 45));
    assert_eq!(
        explained(&server, query).await["value"],
        25 * 45 + 1_000,
        "null control: a new page one sees it"
    );
    // A page may end within a subject.
    let zeros = "model=month&field=qualified&month=2025-10&zeros=true&limit=3";
    assert_eq!(contributions(&server, zeros).await.len(), 51);
    refused(&server, "model=month&field=calls&month=2025-10&cursor=x").await.problem(400);
    let csv = server
        .request("GET", "/api/v1/tenants/acme/explain?model=month&field=qualified&month=2025-10&format=csv");
    let csv = server.send(csv.bearer_auth(TOKEN)).await;
    assert_eq!(csv.is(200).text.lines().count(), 27, "{}", csv.text);
}

#[tokio::test]
async fn e2_a_figure_is_explained_as_it_was_known_and_of_what_had_happened_by_a_time() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    let known = server.read("acme", "facts?kind=call_reported").await["items"][0]["recorded_at"].clone();
    let known = escape(known.as_str().expect("an instant"));
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    server
        .record(
            "acme",
            &[answered("CA2", 45, "2025-10-20T12:00:00Z"), answered("CA3", 45, "2025-10-05T12:00:00Z")],
        )
        .await;
    let query = "model=month&field=qualified&month=2025-10";
    for (moment, subjects) in [
        (format!("known_at={known}"), vec![("call/CA1", 1)]),
        ("occurred_until=2025-10-10T00:00:00Z".to_owned(), vec![("call/CA1", 1), ("call/CA3", 1)]),
    ] {
        let answer = explained(&server, &format!("{query}&{moment}")).await;
        assert_eq!(moves(answer["contributions"].as_array().expect("one")), subjects, "{moment}");
        let month = server.read("acme", &format!("metrics/month?month=2025-10&{moment}")).await;
        assert_eq!(
            (&answer["value"], &answer["total"]),
            (&month["qualified"], &month["qualified"]),
            "{moment}"
        );
    }
}

#[tokio::test]
async fn e2_unknown_names_and_missing_selections_are_named_with_the_nearest() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    let near = refused(&server, "model=month&field=qualifed&month=2025-10").await;
    near.names("field").problem(422);
    assert!(near.text.contains("did you mean qualified?"), "{}", near.text);
    let near = refused(&server, "model=mnth&field=calls&month=2025-10").await;
    near.names("model").problem(422);
    assert!(near.text.contains("did you mean month?"), "{}", near.text);
    refused(&server, "model=month&field=calls").await.names("month").problem(422);
    refused(&server, "field=calls&month=2025-10").await.names("model").problem(422);
    refused(&server, "model=month&month=2025-10").await.names("field").problem(422);
    refused(&server, "model=month&field=calls&month=2025-10&session_id=S1")
        .await
        .names("session_id")
        .problem(422);
    refused(&server, "model=month&field=emails_sent&month=2025-10&agent=ann@example.com")
        .await
        .names("field")
        .problem(422);
    refused(&server, "model=month&field=calls&month=2025-13").await.names_parameter("month").problem(400);
    refused(&server, "model=sessions&field=calls_made&session_id=none").await.problem(404);
    let agent = escape("nobody");
    let nobody = explained(&server, &format!("model=month&field=calls&month=2025-10&agent={agent}")).await;
    assert_eq!((&nobody["value"], &nobody["total"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn e2_whoever_reads_the_figure_may_explain_it_and_sees_no_payload() {
    let server = Site::new().start().await;
    server.record("acme", &october()).await;
    let path = "/api/v1/tenants/acme/explain?model=month&field=calls&month=2025-10";
    for role in ["viewer", "agent", "auditor", "operator"] {
        let token = server.token(role, &["acme"]).await;
        let answer = server.send(server.request("GET", path).bearer_auth(&token)).await;
        assert_eq!(answer.is(200).json["value"], 5, "{role}");
        assert!(!answer.text.contains("duration_seconds"), "{}", answer.text);
        let raw = server.send(server.request("GET", &format!("{path}&raw=true")).bearer_auth(&token)).await;
        raw.names_parameter("raw").problem(400);
    }
    let other = server.token("admin", &["globex"]).await;
    server.send(server.request("GET", path).bearer_auth(&other)).await.problem(404);
}

#[tokio::test]
async fn e2_a_contribution_says_of_whom_its_fact_speaks_until_the_person_is_erased() {
    let server = Site::new().start().await;
    let numbers = json!({"from": "+12125550123", "to": "+12125550199"});
    let caller = |direction: &str| {
        let direction = json!({"direction": direction, "agent": "ann@example.com"});
        with(
            with(answered(direction["direction"].as_str().expect("one"), 45, AT), numbers.clone()),
            direction,
        )
    };
    let lead = json!({"id": "7", "email": "pat@example.com", "first_name": "Pat", "last_name": "Lee"});
    let facts = [
        caller("inbound"),
        caller("outbound"),
        answered("CA3", 45, AT),
        mail("lead_interested", 1, lead, AT),
    ];
    server.record("acme", &facts).await;
    let calls = "model=month&field=calls&month=2025-10";
    let replies = "model=month&field=positive_replies&month=2025-10";
    let who = async |query: &str| {
        let told = contributions(&server, query).await;
        told.iter().map(|one| one["who"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(who(calls).await, [json!("+12125550123"), json!("+12125550199"), Value::Null]);
    assert_eq!(who(replies).await, [json!("Pat Lee")]);
    for person in [json!({"phone": "+12125550123"}), json!({"email": "pat@example.com"})] {
        let request = server.request("POST", "/api/v1/tenants/acme/erase").bearer_auth(TOKEN);
        server.send(request.json(&person)).await.is(200);
    }
    let told = who(calls).await;
    assert_eq!((&told[0], told.len()), (&json!("ann@example.com"), 3), "the tenant's own is nobody's secret");
    assert_eq!(who(replies).await, [json!("7")], "what is left of a lead is the provider's id");
}
