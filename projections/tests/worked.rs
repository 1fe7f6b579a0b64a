//! The worked examples (LESSONS.md) and the rules of single calls and leads, given as facts.

use crate::common::{Given, at, given, live, recorded, served};
use domain::members::{Day, Month};
use domain::rules::qualification::Verdict;
use projections::entities::calls::list::CallFilter;
use projections::entities::leads::list::LeadFilter;
use projections::tenant::Tenant;
use serde_json::{Value, json};

fn configured(zone: &str) -> Given {
    given("tenant_configured", at("2025-01-01T00:00:00Z"), json!({"name": "Acme", "timezone": zone}))
}

fn reported(when: &str, body: Value) -> Given {
    given("call_reported", at(when), body)
}

fn event(kind: &'static str, when: &str, lead: Value) -> Given {
    given(kind, at(when), json!({"instance": "i.example", "workspace": "17", "lead": lead}))
}

fn fold(facts: &[Given]) -> Tenant {
    live(&recorded(facts))
}

fn month(tenant: &Tenant, month: &str) -> Value {
    serde_json::to_value(tenant.month(9, Month::parse(month).unwrap(), at("2025-12-24T12:00:00Z"))).unwrap()
}

fn figures(tenant: &Tenant, of: &str, names: &[&str]) -> Vec<i64> {
    let month = month(tenant, of);
    names.iter().map(|name| month[name].as_i64().unwrap()).collect()
}

fn call(tenant: &Tenant, id: &str) -> Value {
    serde_json::to_value(tenant.call(id).expect("call")).unwrap()
}

fn all_orders(facts: &[Given]) -> Vec<Vec<Given>> {
    if facts.len() < 2 {
        return vec![facts.to_vec()];
    }
    let with_first = |i: usize| {
        let mut rest = facts.to_vec();
        let first = rest.remove(i);
        all_orders(&rest).into_iter().map(move |order| [vec![first.clone()], order].concat())
    };
    (0..facts.len()).flat_map(with_first).collect()
}

#[test]
fn given_calls_of_45_s_10_s_and_unanswered_then_one_is_qualified_and_all_are_listed() {
    let tenant = fold(&[
        reported(
            "2025-10-09T12:00:00Z",
            json!({"call_id": "A", "status": "completed", "answered": true, "duration_seconds": 45}),
        ),
        reported(
            "2025-10-09T12:01:00Z",
            json!({"call_id": "B", "status": "completed", "answered": true, "duration_seconds": 10}),
        ),
        reported("2025-10-09T12:02:00Z", json!({"call_id": "C", "status": "no_answer", "answered": false})),
    ]);
    let list = |status| {
        let filter = CallFilter { status, ..CallFilter::default() };
        let page = tenant.call_list().page(3, &filter, None, 50);
        page.items.iter().map(|item| (item.call_id.clone(), item.reason)).collect::<Vec<_>>()
    };
    assert_eq!(list(Some(Verdict::Qualified)), [("A".into(), "rules_satisfied")]);
    assert_eq!(
        list(Some(Verdict::Unqualified)),
        [("C".into(), "not_answered"), ("B".into(), "short_duration")]
    );
    assert_eq!(list(None).len(), 3);
    assert_eq!(
        figures(&tenant, "2025-10", &["calls", "answered", "qualified", "talk_seconds"]),
        [3, 2, 1, 55]
    );
}

#[test]
fn given_the_stages_of_one_call_in_any_order_then_one_call_qualified_once() {
    let stages = [
        reported("2025-10-09T12:00:00Z", json!({"call_id": "A", "status": "initiated"})),
        reported("2025-10-09T12:00:01Z", json!({"call_id": "A", "status": "ringing"})),
        reported("2025-10-09T12:00:05Z", json!({"call_id": "A", "status": "in_progress", "answered": true})),
        reported(
            "2025-10-09T12:00:50Z",
            json!({"call_id": "A", "status": "completed", "answered": true, "duration_seconds": 45}),
        ),
    ];
    let expected = served(&fold(&stages));
    assert_eq!(expected["calls"][0]["call_status"], "completed");
    assert_eq!(expected["calls"][0]["status"], "qualified");
    for order in all_orders(&stages) {
        let tenant = fold(&order);
        assert_eq!(served(&tenant), expected);
        assert_eq!(figures(&tenant, "2025-10", &["calls", "qualified", "talk_seconds"]), [1, 1, 45]);
    }
}

#[test]
fn given_two_ends_of_a_call_then_the_later_stands_and_nothing_moves_back() {
    let ends = [
        reported("2025-10-09T12:00:00Z", json!({"call_id": "A", "status": "busy"})),
        reported("2025-10-09T12:00:01Z", json!({"call_id": "A", "status": "completed"})),
        reported("2025-10-09T12:00:02Z", json!({"call_id": "A", "status": "ringing"})),
    ];
    for order in all_orders(&ends) {
        assert_eq!(call(&fold(&order), "A")["call_status"], "completed");
    }
}

#[test]
fn given_evenings_in_chicago_then_calls_count_on_the_local_day() {
    let tenant = fold(&[
        configured("America/Chicago"),
        reported("2025-11-04T01:01:18Z", json!({"call_id": "A", "status": "completed"})),
        reported("2025-07-16T00:01:18Z", json!({"call_id": "B", "status": "completed"})),
    ]);
    let calls_on = |day| {
        let day = Day::parse(day).unwrap();
        tenant.days(day, day).answer(3).items[0].figures.calls
    };
    assert_eq!(["2025-11-03", "2025-11-04", "2025-07-15", "2025-07-16"].map(calls_on), [1, 0, 1, 0]);
}

#[test]
fn given_month_edges_in_each_zone_then_both_sides_count_in_their_own_month() {
    for (zone, last, first) in [
        ("Asia/Kolkata", "2025-10-31T18:29:59.999999Z", "2025-10-31T18:30:00Z"),
        ("America/New_York", "2025-11-01T03:59:59.999999Z", "2025-11-01T04:00:00Z"),
        ("Europe/London", "2025-10-31T23:59:59.999999Z", "2025-11-01T00:00:00Z"),
        ("Australia/Lord_Howe", "2025-10-31T12:59:59.999999Z", "2025-10-31T13:00:00Z"),
    ] {
        let tenant = fold(&[
            configured(zone),
            event("lead_replied", last, json!({"id": "1"})),
            event("lead_replied", first, json!({"id": "1"})),
            event("lead_interested", last, json!({"id": "1"})),
            reported(first, json!({"call_id": "A", "status": "ringing", "started_at": last})),
        ]);
        let names = ["replies", "unique_replies", "positive_replies", "calls"];
        assert_eq!(figures(&tenant, "2025-10", &names), [1, 1, 1, 1], "{zone}");
        assert_eq!(figures(&tenant, "2025-11", &names), [1, 1, 0, 0], "{zone}");
        assert_eq!(month(&tenant, "2025-10")["timezone"], zone);
    }
}

#[test]
fn given_interested_not_interested_interested_again_then_one_positive_reply_in_the_month_of_the_first() {
    let facts = [
        event("lead_interested", "2025-03-10T12:00:00Z", json!({"id": "1"})),
        given(
            "lead_staged",
            at("2025-03-11T12:00:00Z"),
            json!({"instance": "i.example", "workspace": "17", "lead": {"id": "1"}, "stage": "lost"}),
        ),
        event("lead_interested", "2025-05-01T12:00:00Z", json!({"id": "1"})),
        event("lead_replied", "2025-04-10T12:00:00Z", json!({"id": "1"})),
    ];
    for order in all_orders(&facts) {
        let tenant = fold(&order);
        let positive =
            ["2025-03", "2025-04", "2025-05"].map(|m| figures(&tenant, m, &["positive_replies"])[0]);
        assert_eq!(positive, [1, 0, 0]);
        assert_eq!(figures(&tenant, "2025-05", &["interested", "unique_replies"]), [1, 0]);
        assert_eq!(figures(&tenant, "2025-04", &["replies", "unique_replies"]), [1, 1]);
    }
}

#[test]
fn given_a_lead_known_by_email_and_by_id_then_it_is_one_person_in_whatever_order() {
    let facts = [
        event("lead_replied", "2025-03-10T12:00:00Z", json!({"email": "a@x.example", "first_name": "Ada"})),
        event("lead_replied", "2025-03-11T12:00:00Z", json!({"id": "1", "email": "A@x.example"})),
        event("lead_interested", "2025-03-09T12:00:00Z", json!({"email": "a@x.example"})),
        event(
            "lead_interested",
            "2025-03-12T12:00:00Z",
            json!({"id": "2", "email": "a@x.example", "first_name": "Not Ada"}),
        ),
    ];
    for order in all_orders(&facts) {
        let tenant = fold(&order);
        let names = ["replies", "unique_replies", "interested", "positive_replies"];
        assert_eq!(
            figures(&tenant, "2025-03", &names),
            [2, 1, 2, 2],
            "1 and its email are one, 2 is another"
        );
        let page = tenant.lead_list().page(4, &LeadFilter::default(), None, 50);
        let leads: Vec<_> =
            page.items.iter().map(|lead| (lead.lead_id.as_str(), lead.first_name.as_deref())).collect();
        assert_eq!(leads, [("2", Some("Not Ada")), ("1", Some("Ada"))]);
        assert_eq!(page.items[1].first_interested_at.as_deref(), Some("2025-03-09T12:00:00Z"));
    }
}

#[test]
fn given_events_that_name_nobody_then_they_count_as_events_and_as_no_lead() {
    let facts = [
        event("email_sent", "2025-03-10T12:00:00Z", Value::Null),
        event("lead_replied", "2025-03-11T12:00:00Z", Value::Null),
        event("lead_interested", "2025-03-11T12:00:00Z", Value::Null),
    ];
    let tenant = fold(&facts);
    let names = ["emails_sent", "replies", "unique_replies", "interested", "positive_replies"];
    assert_eq!(figures(&tenant, "2025-03", &names), [1, 1, 0, 1, 0]);
    assert!(tenant.lead_list().page(2, &LeadFilter::default(), None, 50).items.is_empty());
}

#[test]
fn given_rates_then_percents_of_two_decimals_and_null_over_nothing() {
    let mut facts = vec![event("lead_replied", "2025-03-10T12:00:00Z", json!({"id": "1"}))];
    facts.extend((0..3).map(|_| event("email_sent", "2025-03-10T12:00:00Z", json!({"id": "1"}))));
    let tenant = fold(&facts);
    let march = month(&tenant, "2025-03");
    assert_eq!((&march["reply_rate"], &march["interest_rate"]), (&json!(33.33), &json!(0.0)));
    let april = month(&tenant, "2025-04");
    assert_eq!((&april["reply_rate"], &april["interest_rate"]), (&Value::Null, &Value::Null));
    assert_eq!(march["position"], 9);
}

#[test]
fn given_directions_then_calls_and_talk_count_all_and_answered_those_the_tenant_counts_for_agents_alike() {
    let answered = |id: &str, direction: Value, agent: Value| {
        let body = json!({"call_id": id, "status": "completed", "answered": true, "duration_seconds": 60,
            "direction": direction, "agent": agent});
        reported("2025-10-09T12:00:00Z", body)
    };
    let tenant = fold(&[
        answered("A", json!("inbound"), json!("Ann@example.com")),
        answered("B", json!("outbound"), json!("ann@example.com")),
        answered("C", Value::Null, Value::Null),
    ]);
    let october = month(&tenant, "2025-10");
    assert_eq!(
        (&october["calls"], &october["answered"], &october["talk_seconds"]),
        (&json!(3), &json!(2), &json!(180))
    );
    let one = json!({"calls": 1, "answered": 1, "qualified": 1, "talk_seconds": 60, "answered_rate": 100.0});
    let none = json!({"calls": 0, "answered": 0, "qualified": 0, "talk_seconds": 0, "answered_rate": null});
    assert_eq!(
        october["by_agent"],
        json!([
            {"agent": "ann@example.com", "calls": 2, "answered": 1, "qualified": 1, "talk_seconds": 120,
                "pickups": 0, "connected": 0, "answered_rate": 100.0, "inbound": one, "outbound": one},
            {"agent": null, "calls": 1, "answered": 1, "qualified": 1, "talk_seconds": 60,
                "pickups": 0, "connected": 0, "answered_rate": 100.0, "inbound": none, "outbound": none},
        ])
    );
    assert_eq!(
        (&call(&tenant, "B")["status"], &call(&tenant, "B")["counted"]),
        (&json!("qualified"), &json!(false))
    );
}

#[test]
fn given_legs_then_answer_and_duration_are_theirs_and_the_rest_stays_the_parents() {
    let facts = [
        reported(
            "2025-10-09T12:00:00Z",
            json!({"call_id": "P", "status": "completed", "answered": true, "duration_seconds": 90, "direction": "inbound"}),
        ),
        reported(
            "2025-10-09T12:00:09Z",
            json!({"call_id": "L1", "parent_call_id": "P", "status": "no_answer", "answered": false, "direction": "outbound", "duration_seconds": 20}),
        ),
    ];
    for order in all_orders(&facts) {
        let tenant = fold(&order);
        let parent = call(&tenant, "P");
        assert_eq!((&parent["answered"], &parent["duration_seconds"]), (&json!(false), &json!(20)));
        assert_eq!((&parent["call_status"], &parent["direction"]), (&json!("completed"), &json!("inbound")));
        assert!(tenant.call("L1").is_none());
    }
    let leg = reported(
        "2025-10-09T12:00:05Z",
        json!({"call_id": "L2", "parent_call_id": "P", "status": "completed", "answered": true, "duration_seconds": 31}),
    );
    let tenant = fold(&[facts.as_slice(), &[leg]].concat());
    assert_eq!(
        (&call(&tenant, "P")["duration_seconds"], &call(&tenant, "P")["status"]),
        (&json!(31), &json!("qualified"))
    );
}

#[test]
fn given_a_machine_then_voicemail_until_a_person_disposes() {
    let machine = reported(
        "2025-10-09T12:00:00Z",
        json!({"call_id": "A", "status": "completed", "answered_by": "machine_end_beep"}),
    );
    assert_eq!(month(&fold(std::slice::from_ref(&machine)), "2025-10")["outcomes"], json!({"voicemail": 1}));
    let disposed = given(
        "call_disposed",
        at("2025-10-09T11:00:00Z"),
        json!({"call_id": "A", "outcome": "not_interested"}),
    );
    assert_eq!(month(&fold(&[disposed, machine]), "2025-10")["outcomes"], json!({"not-interested": 1}));
}

#[test]
fn given_a_placed_call_then_it_is_there_and_counts_once_reported() {
    let placed = given(
        "call_placed",
        at("2025-10-31T23:59:00Z"),
        json!({"call_id": "A", "to": "+15550100", "agent": "Ann@x.example"}),
    );
    let tenant = fold(std::slice::from_ref(&placed));
    assert_eq!(
        (month(&tenant, "2025-10")["calls"].as_i64(), &call(&tenant, "A")["agent"]),
        (Some(0), &json!("ann@x.example"))
    );
    let tenant =
        fold(&[placed, reported("2025-11-01T00:01:00Z", json!({"call_id": "A", "status": "ringing"}))]);
    assert_eq!(figures(&tenant, "2025-10", &["calls"]), [1]);
    let tenant = fold(&[
        reported(
            "2025-11-01T00:01:00Z",
            json!({"call_id": "A", "status": "ringing", "started_at": "2025-11-01T00:00:30Z"}),
        ),
        given(
            "call_disposed",
            at("2025-10-31T00:01:00Z"),
            json!({"call_id": "A", "outcome": "dnc", "agent": "Cy"}),
        ),
    ]);
    assert_eq!(figures(&tenant, "2025-11", &["calls"]), [1], "the known start beats an earlier fact");
    assert_eq!(call(&tenant, "A")["agent"], "cy", "the disposition's, where no report names one");
}

#[test]
fn given_a_configuration_that_reaches_back_then_past_days_are_restated_and_returning_restores_them() {
    let rules = |seconds: u32, from: Value| {
        let body = json!({"name": "Acme", "timezone": "UTC", "rules": {"qualified_min_seconds": seconds}, "effective_from": from});
        given("tenant_configured", at("2025-10-20T00:00:00Z"), body)
    };
    let call = |id: &str, when: &str| {
        reported(
            when,
            json!({"call_id": id, "status": "completed", "answered": true, "duration_seconds": 40}),
        )
    };
    let facts = [
        rules(30, Value::Null),
        call("A", "2025-10-08T23:59:59Z"),
        call("B", "2025-10-09T00:00:00Z"),
        rules(60, json!("2025-10-09")),
        rules(30, json!("2025-10-09")),
    ];
    let qualified = |upto| figures(&fold(&facts[..upto]), "2025-10", &["qualified"])[0];
    assert_eq!([3, 4, 5].map(qualified), [2, 1, 2]);
}

#[test]
fn given_pages_when_rows_come_in_between_then_no_row_is_missed_or_shown_twice() {
    let call = |i: usize, minute: usize| {
        reported(
            &format!("2025-10-09T12:{minute:02}:00Z"),
            json!({"call_id": format!("C{i}"), "status": "ringing"}),
        )
    };
    let mut facts: Vec<Given> = (0..20).map(|i| call(i, i / 2)).collect();
    let first = fold(&facts).call_list().page(0, &CallFilter::default(), None, 7);
    facts.push(call(100, 50));
    facts.push(call(101, 9));
    let after = first.next_cursor.unwrap().parse().unwrap();
    let rest = fold(&facts).call_list().page(0, &CallFilter::default(), Some(&after), 50);
    let mut seen: Vec<_> = first.items.iter().chain(&rest.items).map(|item| item.call_id.clone()).collect();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), first.items.len() + rest.items.len(), rest.next_cursor), (20, 20, None));
}

#[test]
fn given_a_search_then_name_email_and_company_in_any_case() {
    let tenant = fold(&[
        event(
            "email_sent",
            "2025-03-10T12:00:00Z",
            json!({"id": "1", "email": "ada@x.example", "first_name": "Ada", "last_name": "Lovelace"}),
        ),
        event("email_bounced", "2025-03-10T12:00:00Z", json!({"id": "2", "company": "LOVE Inc"})),
        event("email_sent", "2025-03-10T12:00:00Z", json!({"id": "3", "email": "c@x.example"})),
    ]);
    let find = |search: &str, stage| {
        let filter = LeadFilter { search: Some(search.into()), stage };
        let page = tenant.lead_list().page(3, &filter, None, 50);
        page.items.iter().map(|lead| lead.lead_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(find("love", None), ["1", "2"]);
    assert_eq!(find("da lov", None), ["1"]);
    assert_eq!(find("X.EXAMPLE", None), ["1", "3"]);
    assert_eq!(find("love", Some(domain::rules::stages::Stage::Bounced)), ["2"]);
}
