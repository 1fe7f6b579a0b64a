//! Email outreach from outside (D1 to D3, L5): one webhook, counters of events and of people, leads by stage.

use crate::common::facts::{mail, staged};
use crate::common::{Server, Site, bison};
use serde_json::{Value, json};

async fn month(server: &Server, month: &str) -> Value {
    server.read("acme", &format!("metrics/month?month={month}")).await
}

async fn leads(server: &Server) -> Vec<Value> {
    server.all_items("acme", "outreach/leads").await
}

async fn stage_of(server: &Server, email: &str) -> Value {
    let all = leads(server).await;
    let found: Vec<&Value> = all.iter().filter(|lead| lead["email"] == email).collect();
    assert_eq!(found.len(), 1, "expected one lead {email} among {all:?}");
    found[0]["stage"].clone()
}

const AT: &str = "2025-10-09T12:00:00.000000Z";

#[tokio::test]
async fn d1_every_spelling_of_the_eight_types_is_understood() {
    let server = Site::new().start().await;
    let spellings = |name: &str| {
        let alias = name.strip_prefix("lead_").map(|rest| format!("contact_{rest}"));
        let mut all = vec![name.to_owned(), name.to_uppercase()];
        all.extend(alias.map(|alias| [alias.clone(), alias.to_uppercase()]).into_iter().flatten());
        all
    };
    let mut n = 0;
    for name in ["email_sent", "lead_unsubscribed", "lead_replied", "lead_interested", "email_bounced"] {
        for spelling in spellings(name) {
            n += 1;
            let build = if n <= 6 { bison::sent } else { bison::replied };
            let answer = bison::deliver(&server, &build(&spelling, n, bison::lead(n), AT)).await;
            assert_eq!(
                answer.is(200).outcome(),
                "recorded",
                "expected {spelling} to be recorded: {answer:?}"
            );
        }
    }
    for (id, name) in ["added", "disconnected", "reconnected"].iter().enumerate() {
        let status = if *name == "disconnected" { "disconnected" } else { "connected" };
        for spelling in spellings(&format!("email_account_{name}")) {
            n += 1;
            let event = bison::account(&spelling, 10 * n + id as u64, status, AT);
            let answer = bison::deliver(&server, &event).await;
            assert_eq!(
                answer.is(200).outcome(),
                "recorded",
                "expected {spelling} to be recorded: {answer:?}"
            );
        }
    }
    let given = month(&server, "2025-10").await;
    let counts =
        ["emails_sent", "unsubscribes", "replies", "interested", "bounces"].map(|name| given[name].as_u64());
    assert_eq!(counts, [2, 4, 4, 4, 2].map(Some), "expected each spelling to count for its type: {given}");
}

#[tokio::test]
async fn d1_one_event_under_another_spelling_is_a_duplicate() {
    let server = Site::new().start().await;
    let first = bison::deliver(&server, &bison::replied("LEAD_REPLIED", 725, bison::lead(1), AT)).await;
    assert_eq!(first.is(200).outcome(), "recorded", "expected the first to be recorded: {first:?}");
    for spelling in ["LEAD_REPLIED", "contact_replied", "Contact_Replied"] {
        let again = bison::deliver(&server, &bison::replied(spelling, 725, bison::lead(1), AT)).await;
        assert_eq!(
            again.is(200).outcome(),
            "duplicate",
            "expected {spelling} to be the same event: {again:?}"
        );
        assert_eq!(again.position(), first.position(), "expected the first position: {again:?}");
    }
    assert_eq!(month(&server, "2025-10").await["replies"], 1, "expected one reply");
}

#[tokio::test]
async fn d1_known_types_that_carry_nothing_to_count_are_ignored_and_unknown_ones_kept() {
    let server = Site::new().start().await;
    let opened = bison::sent("EMAIL_OPENED", 1, bison::lead(1), AT);
    let data = json!({"tag_id": 1, "tag_name": "Interested", "taggable_id": 20, "taggable_type": "Campaign"});
    for event in [opened, bison::envelope("TAG_ATTACHED", data)] {
        let answer = bison::deliver(&server, &event).await;
        assert_eq!(answer.is(200).outcome(), "ignored", "expected a known type to be ignored: {answer:?}");
    }
    let answer = bison::deliver(&server, &bison::sent("EMAIL_TELEPORTED", 2, bison::lead(1), AT)).await;
    assert_eq!(answer.is(200).outcome(), "quarantined", "expected an unknown type to be kept: {answer:?}");
    assert_eq!(month(&server, "2025-10").await["emails_sent"], 0, "expected nothing counted");
}

#[tokio::test]
async fn l6_the_workspace_names_the_tenant_by_id_or_name_whatever_its_case_and_blanks() {
    let server = Site::new().start().await;
    let spelled = [json!("Acme Client"), json!(" acme CLIENT "), json!("ACME client\t")];
    for (n, name) in (1..).zip(spelled) {
        let mut event = bison::sent("EMAIL_SENT", n, bison::lead(1), AT);
        event["event"]["workspace_name"] = name;
        event["event"].as_object_mut().expect("object").remove("workspace_id");
        let answer = bison::deliver(&server, &event).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "expected the name to be found: {answer:?}");
    }
    let mut event = bison::sent("EMAIL_SENT", 9, bison::lead(1), AT);
    event["event"].as_object_mut().expect("object").remove("workspace_name");
    let answer = bison::deliver(&server, &event).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "expected the id to be found: {answer:?}");
    assert_eq!(month(&server, "2025-10").await["emails_sent"], 4, "expected all four to be Acme's");
    let other = server.read("globex", "metrics/month?month=2025-10").await;
    assert_eq!(other["emails_sent"], 0, "expected none to be Globex's");
}

#[tokio::test]
async fn d2_a_lead_is_a_positive_reply_once_for_ever_in_the_month_of_the_first_interest() {
    let server = Site::new().start().await;
    let lead = || json!({"id": "1", "email": "a@example.com"});
    let facts = [
        mail("lead_interested", 3, lead(), "2025-05-10T12:00:00Z"),
        mail("lead_interested", 1, lead(), "2025-03-10T12:00:00Z"),
        mail("lead_replied", 2, lead(), "2025-04-10T12:00:00Z"),
        mail("lead_replied", 4, lead(), "2025-04-11T12:00:00Z"),
        mail("lead_interested", 5, lead(), "2025-03-20T12:00:00Z"),
    ];
    server.record("acme", &facts).await;
    for (name, positive, interested, replies, unique) in
        [("2025-03", 1, 2, 0, 0), ("2025-04", 0, 0, 2, 1), ("2025-05", 0, 1, 0, 0)]
    {
        let given = month(&server, name).await;
        let counts =
            ["positive_replies", "interested", "replies", "unique_replies"].map(|name| given[name].as_u64());
        assert_eq!(counts, [positive, interested, replies, unique].map(Some), "expected of {name}: {given}");
    }
    let shown = leads(&server).await;
    let first = shown[0]["first_interested_at"].as_str().unwrap_or_default();
    assert!(first.starts_with("2025-03-10T12:00:00"), "expected the first interest to be fixed: {shown:?}");
    let last = shown[0]["last_event_at"].as_str().unwrap_or_default();
    assert!(last.starts_with("2025-05-10T12:00:00"), "expected the last event: {shown:?}");
}

#[tokio::test]
async fn d2_unique_replies_count_people_of_the_month() {
    let server = Site::new().start().await;
    for (n, (lead, day)) in [(1, 9), (1, 10), (2, 9), (3, 31), (2, 31)].into_iter().enumerate() {
        let lead = json!({"id": lead.to_string()});
        server
            .record("acme", &[mail("lead_replied", n as u32, lead, &format!("2025-10-{day:02}T12:00:00Z"))])
            .await;
    }
    let given = month(&server, "2025-10").await;
    assert_eq!(
        [&given["replies"], &given["unique_replies"]],
        [5, 3],
        "expected five replies of three: {given}"
    );
}

#[tokio::test]
async fn d3_a_lead_known_by_email_alone_joins_the_id_that_has_the_email() {
    let server = Site::new().start().await;
    let alone = json!({"email": " A@Example.COM "});
    let whole = json!({"id": "1", "email": "a@example.com"});
    let before = mail("lead_replied", 1, alone.clone(), "2025-10-09T12:00:00Z");
    let with_id = mail("lead_interested", 2, whole, "2025-10-10T12:00:00Z");
    let after = mail("lead_interested", 3, alone, "2025-10-11T12:00:00Z");
    server.record("acme", &[before, with_id, after]).await;
    let shown = leads(&server).await;
    assert_eq!(shown.len(), 1, "expected one lead: {shown:?}");
    assert_eq!(shown[0]["email"], "a@example.com", "expected the email trimmed, lower case: {shown:?}");
    assert_eq!(shown[0]["stage"], "interested", "expected the stage of all its events: {shown:?}");
    let given = month(&server, "2025-10").await;
    let counts = ["positive_replies", "unique_replies", "interested"].map(|name| given[name].as_u64());
    assert_eq!(counts, [1, 1, 2].map(Some), "expected one person: {given}");
}

#[tokio::test]
async fn d3_a_stage_never_moves_back_or_sideways() {
    let server = Site::new().start().await;
    let steps = [
        ("email_sent", "new"),
        ("lead_replied", "replied"),
        ("email_sent", "replied"),
        ("lead_interested", "interested"),
        ("lead_replied", "interested"),
        ("lead_unsubscribed", "unsubscribed"),
        ("email_bounced", "unsubscribed"),
        ("lead_interested", "unsubscribed"),
    ];
    for (n, (kind, stage)) in (1..).zip(steps) {
        let at = format!("2025-10-{n:02}T12:00:00Z");
        server.record("acme", &[mail(kind, n, json!({"id": "1", "email": "a@example.com"}), &at)]).await;
        assert_eq!(stage_of(&server, "a@example.com").await, stage, "expected after step {n}, {kind}");
    }
}

#[tokio::test]
async fn d3_stages_are_the_same_in_any_order_of_arrival() {
    let server = Site::new().start().await;
    let kinds = ["email_sent", "email_bounced", "lead_unsubscribed"];
    for (n, order) in (0..).zip(crate::common::facts::orders(3)) {
        let lead = json!({"id": format!("lead-{n}"), "email": format!("{n}@example.com")});
        for at in order {
            let time = format!("2025-10-{:02}T12:00:00Z", at + 1);
            server.record("acme", &[mail(kinds[at], 10 * n + at as u32, lead.clone(), &time)]).await;
        }
        let stage = stage_of(&server, &format!("{n}@example.com")).await;
        assert_eq!(stage, "bounced", "expected the earliest of equal rank to stay, in order {n}");
    }
}

/// Events and decisions in turn, the lead named like this in the decisions; the stage after each.
async fn persons_stage_holds(named: Value) {
    let server = Site::new().start().await;
    let lead = || json!({"id": "1", "email": "a@example.com"});
    let at = |day: u32| format!("2025-10-{day:02}T12:00:00Z");
    let steps = [
        (mail("lead_replied", 1, lead(), &at(1)), "replied"),
        (staged(2, named.clone(), "quoting", &at(2)), "quoting"),
        (mail("lead_interested", 3, lead(), &at(3)), "quoting"),
        (mail("lead_replied", 4, lead(), &at(4)), "quoting"),
        (staged(5, named, "won", &at(5)), "won"),
        (mail("lead_unsubscribed", 6, lead(), &at(6)), "won"),
    ];
    for (fact, stage) in steps {
        server.record("acme", std::slice::from_ref(&fact)).await;
        assert_eq!(stage_of(&server, "a@example.com").await, stage, "expected after {fact}");
    }
}

#[tokio::test]
async fn d3_a_persons_stage_by_email_holds_against_events_of_lower_or_equal_rank() {
    persons_stage_holds(json!({"email": " A@example.com"})).await;
}

#[tokio::test]
async fn d3_a_persons_stage_by_lead_id_holds_against_events_of_lower_or_equal_rank() {
    persons_stage_holds(json!({"id": "1"})).await;
}

#[tokio::test]
async fn d3_an_event_of_higher_rank_moves_a_lead_past_a_persons_stage() {
    let server = Site::new().start().await;
    let lead = json!({"email": "a@example.com"});
    let facts = [
        mail("lead_replied", 1, lead.clone(), "2025-10-01T12:00:00Z"),
        staged(2, lead.clone(), "interested", "2025-10-02T12:00:00Z"),
        mail("email_bounced", 3, lead, "2025-10-03T12:00:00Z"),
    ];
    server.record("acme", &facts).await;
    assert_eq!(stage_of(&server, "a@example.com").await, "bounced", "expected the higher rank to win");
}

#[tokio::test]
async fn d3_members_of_a_lead_take_the_latest_value_and_keep_it() {
    let server = Site::new().start().await;
    let early = json!({"id": "1", "email": "a@example.com", "first_name": "Jon", "last_name": "Doe", "company": "Initech"});
    let late = json!({"id": "1", "email": "a@example.com", "first_name": "John", "company": null});
    let late = mail("lead_replied", 2, late, "2025-10-10T12:00:00Z");
    server.record("acme", &[late, mail("email_sent", 1, early, "2025-10-09T12:00:00Z")]).await;
    let shown = leads(&server).await;
    let members = ["first_name", "last_name", "company"].map(|name| &shown[0][name]);
    assert_eq!(members, ["John", "Doe", "Initech"], "expected latest given values: {shown:?}");
}

#[tokio::test]
async fn d3_leads_are_filtered_by_stage_and_searched() {
    let server = Site::new().start().await;
    for n in 1..=6 {
        let kind = if n % 2 == 0 { "lead_interested" } else { "email_sent" };
        let lead = json!({"id": n.to_string(), "email": format!("p{n}@example.com"), "first_name": format!("Name{n}")});
        server.record("acme", &[mail(kind, n, lead, "2025-10-09T12:00:00Z")]).await;
    }
    let interested = server.all_items("acme", "outreach/leads?stage=interested").await;
    assert_eq!(interested.len(), 3, "expected the three interested: {interested:?}");
    let found = server.all_items("acme", "outreach/leads?search=P4@exam").await;
    assert_eq!(found.len(), 1, "expected one lead found by a part of its email: {found:?}");
    let pages = server.all_items("acme", "outreach/leads?limit=4").await;
    assert_eq!(pages.len(), 6, "expected all over the pages: {pages:?}");
}

#[tokio::test]
async fn d2_rates_are_of_their_denominators_and_null_on_zero() {
    let server = Site::new().start().await;
    let empty = month(&server, "2025-10").await;
    for rate in ["reply_rate", "interest_rate", "bounce_rate", "unsubscribe_rate"] {
        assert!(empty[rate].is_null() && empty.get(rate).is_some(), "expected null for `{rate}`: {empty}");
    }
    let lead = |n: u32| json!({"id": n.to_string()});
    let mut facts: Vec<Value> =
        (0..7).map(|n| mail("email_sent", n, lead(n), "2025-10-09T12:00:00Z")).collect();
    facts.extend((0..2).map(|n| mail("lead_replied", n, lead(n), "2025-10-09T12:00:00Z")));
    facts.push(mail("lead_interested", 0, lead(0), "2025-10-09T12:00:00Z"));
    facts.push(mail("email_bounced", 0, lead(3), "2025-10-09T12:00:00Z"));
    server.record("acme", &facts).await;
    let given = month(&server, "2025-10").await;
    let rates =
        ["reply_rate", "interest_rate", "bounce_rate", "unsubscribe_rate"].map(|name| given[name].as_f64());
    assert_eq!(rates, [28.57, 50.0, 14.29, 0.0].map(Some), "expected percents of two decimals: {given}");
}
