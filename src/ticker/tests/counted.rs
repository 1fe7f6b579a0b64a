//! What figures and leads tell: positive replies, reply rates, targets (F2, D9).

use serde_json::json;

use super::*;

const DAY: i64 = 24 * HOUR;

/// An event of a lead of workspace 17.
fn event(house: &House, kind: &str, n: u32, at: i64, lead: serde_json::Value) {
    let body = json!({"instance": "i.example", "workspace": "17", "lead": lead});
    house.append("acme", kind, &n.to_string(), at, body);
}

fn items(house: &House) -> Vec<AlertItem> {
    listed(&house.parts.views.tenant(&TenantId::new("acme").expect("tenant")).expect("known"))
}

#[test]
fn f2_a_leads_first_interest_raises_one_alert_that_names_no_person_until_a_person_speaks() {
    let house = house();
    let lead = json!({"id": "42", "email": "jane@lead.example", "first_name": "Jane", "last_name": "Roe"});
    event(&house, "email_sent", 1, T0, lead.clone());
    event(&house, "lead_replied", 1, T0 + SECOND, lead.clone());
    assert_eq!(house.alerts_at(T0 + 2 * SECOND), [], "null control: a reply is not interest");
    event(&house, "lead_interested", 1, T0 + 3 * SECOND, lead.clone());
    assert_eq!(house.alerts_at(T0 + 4 * SECOND), [alert("positive_reply", "open")]);
    let told = serde_json::to_string(&items(&house)[0]).expect("JSON");
    assert!(!told.contains("lead.example") && !told.contains("Jane") && !told.contains("Roe"), "{told}");
    let item = items(&house).remove(0);
    assert_eq!(item.subject.as_deref(), Some("i.example/17/42"));
    let figures = ["lead_id", "workspace", "emails_sent", "replies"].map(|name| item.figures[name].as_str());
    assert_eq!(figures, ["42", "17", "1", "1"]);
    event(&house, "lead_interested", 2, T0 + 5 * SECOND, lead.clone());
    event(&house, "lead_interested", 3, T0 - SECOND, lead);
    assert_eq!(house.alerts_at(T0 + 6 * SECOND).len(), 1, "later or earlier interest is no other");
    let staged = json!({"lead": {"id": "42"}, "stage": "quoting", "by": "ann@example.com"});
    house.append("acme", "lead_staged", "1", T0 + 7 * SECOND, staged);
    assert_eq!(house.alerts_at(T0 + 8 * SECOND), [alert("positive_reply", "cleared")]);
    house.end();
}

#[test]
fn f2_an_interest_is_news_for_a_week() {
    let house = house();
    event(&house, "lead_interested", 1, T0, json!({"id": "1"}));
    event(&house, "lead_interested", 2, T0 + DAY, json!({"id": "2"}));
    assert_eq!(
        house.alerts_at(T0 + 7 * DAY + 1),
        [alert("positive_reply", "open")],
        "a history tells nothing"
    );
    assert_eq!(items(&house)[0].subject.as_deref(), Some("i.example/17/2"));
    assert_eq!(house.alerts_at(T0 + 8 * DAY + 1), [alert("positive_reply", "cleared")]);
    house.end();
}

#[test]
fn f2_a_lead_whose_email_came_before_its_id_is_told_of_once() {
    let house = house();
    event(&house, "lead_interested", 1, T0, json!({"email": "jane@lead.example"}));
    assert_eq!(house.alerts_at(T0 + SECOND), [alert("positive_reply", "open")]);
    event(&house, "lead_replied", 2, T0 + 2 * SECOND, json!({"id": "42", "email": "jane@lead.example"}));
    assert_eq!(house.alerts_at(T0 + 3 * SECOND), [alert("positive_reply", "open")]);
    event(&house, "lead_interested", 3, T0 + 4 * SECOND, json!({"id": "43", "email": "joe@lead.example"}));
    assert_eq!(house.alerts_at(T0 + 5 * SECOND).len(), 2, "null control: another lead is another alert");
    house.end();
}

/// What an account's counters are on the n-th day from T0's.
fn poll(house: &House, day: i64, sends: u64, replies: u64) {
    let body = json!({"instance": "i.example", "workspace": "17", "account_id": "1", "email": "a@s.example",
        "status": "connected", "sends": sends, "replies": replies, "email_provider": "Gmail"});
    house.append("acme", "sender_account_observed", &day.to_string(), T0 + day * DAY, body);
}

#[test]
fn d9_a_drop_of_more_than_a_fifth_raises_one_alert_and_one_of_a_fifth_none() {
    for (replies, expected) in [(40, 0), (39, 1)] {
        let house = house();
        [(0, 0, 0), (1, 1_000, 50), (2, 2_000, 50 + replies)].into_iter().for_each(
            |(day, sends, replies)| {
                poll(&house, day, sends, replies);
            },
        );
        assert_eq!(house.alerts_at(T0 + 2 * DAY).len(), 0, "the day is not over");
        let raised = house.alerts_at(T0 + 3 * DAY);
        assert_eq!(raised, vec![alert("reply_rate_drop", "open"); expected], "{replies} replies after 50");
        assert_eq!(house.alerts_at(T0 + 4 * DAY).len(), expected, "once");
        house.end();
    }
}

/// A run of a source, from its begin to a success an instant later.
fn read(house: &House, source: &str, run: &str, at: i64) {
    let body = json!({"run_id": run, "source": source, "status": "running"});
    house.append("acme", "sync_started", &format!("{run}/started"), at, body);
    let body = json!({"run_id": run, "source": source, "status": "success"});
    house.append("acme", "sync_finished", &format!("{run}/finished"), at + 1, body);
}

#[test]
fn e9_a_drop_waits_until_the_mailboxes_were_read_behind_its_day() {
    for (source, expected) in [("emailbison", 0), ("google_ads", 1)] {
        let house = house();
        for (day, sends, replies) in [(0, 0, 0), (1, 1_000, 50), (2, 2_000, 60)] {
            poll(&house, day, sends, replies);
        }
        read(&house, source, "r1", T0 + 2 * DAY);
        assert_eq!(house.alerts_at(T0 + 3 * DAY).len(), expected, "{source}");
        read(&house, source, "r2", T0 + 3 * DAY + SECOND);
        assert_eq!(
            house.alerts_at(T0 + 3 * DAY + 2 * SECOND),
            [alert("reply_rate_drop", "open")],
            "{source}"
        );
        house.end();
    }
}

#[test]
fn e9_a_pace_waits_while_an_endpoint_is_silent_and_figures_say_through_when_it_is_known() {
    let house = house();
    (0..10).for_each(|n| event(&house, "email_sent", n, T0, json!({"id": n.to_string()})));
    let body = json!({"month": "2025-10", "metric": "emails_sent", "value": 32});
    house.append("acme", "target_set", "1", T0, body);
    let coverage = || {
        let view = house.parts.views.tenant(&TenantId::new("acme").expect("tenant")).expect("known");
        view.coverage().into_iter().map(|known| (known.source, known.complete_through)).collect::<Vec<_>>()
    };
    // An hour apart, until ten hours before the day is over that the pace is judged by.
    let last = T0 + DAY;
    (0..60).for_each(|n| house.deliver(last - n * HOUR, DeliveryStatus::Recorded));
    assert_eq!(coverage(), []);
    let at = T0 + 2 * DAY;
    assert_eq!(house.alerts_at(at), [alert("silence", "open")], "a pace on what is missing is none");
    assert_eq!(coverage(), [("twilio".to_owned(), Some(Instant(last).to_string()))]);
    house.deliver(at + SECOND, DeliveryStatus::Recorded);
    let told = house.alerts_at(at + 2 * SECOND);
    assert!(told.contains(&alert("behind_target", "open")), "{told:?}");
    assert_eq!(coverage(), [], "it comes again");
    house.end();
}

#[test]
fn f2_a_month_behind_its_target_raises_one_alert_that_ends_with_the_month() {
    // T0 is 9 October; ten mails in the first ten days come to 31.
    for (target, expected) in [(31, 0), (32, 1)] {
        let house = house();
        (0..10).for_each(|n| event(&house, "email_sent", n, T0, json!({"id": n.to_string()})));
        let body = json!({"month": "2025-10", "metric": "emails_sent", "value": target});
        house.append("acme", "target_set", "1", T0, body);
        let raised = house.alerts_at(T0 + 2 * DAY);
        assert_eq!(raised, vec![alert("behind_target", "open"); expected], "a target of {target}");
        let after = house.alerts_at(T0 + 25 * DAY);
        assert_eq!(
            after,
            vec![alert("behind_target", if expected == 1 { "cleared" } else { "open" }); expected]
        );
        house.end();
    }
}
