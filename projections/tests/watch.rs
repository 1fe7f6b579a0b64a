//! Findings of a tenant's figures: D9 reply-rate drops, F2 months behind their targets.

use crate::common::{Given, at, given, live, recorded};
use projections::figures::watch::FigureFinding;
use serde_json::{Value, json};

fn poll(day: u32, sends: u64, replies: u64) -> Given {
    let body = json!({"instance": "i.example", "workspace": "17", "account_id": "1", "email": "a@s.example",
        "status": "connected", "sends": sends, "replies": replies, "email_provider": "Gmail"});
    given("sender_account_observed", at(&format!("2025-10-{day:02}T12:00:00Z")), body)
}

fn found(facts: &[Given], now: &str) -> Vec<FigureFinding> {
    live(&recorded(facts)).watched(at(now)).findings()
}

fn figure<'f>(finding: &'f FigureFinding, name: &str) -> &'f str {
    &finding.figures.iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn d9_given_a_day_more_than_a_fifth_below_the_one_before_then_found_once_with_its_figures() {
    // 1,000 sends a day: 50 replies on the 7th, 39 on the 8th, 39 on the 9th.
    let facts = [poll(6, 0, 0), poll(7, 1_000, 50), poll(8, 2_000, 89), poll(9, 3_000, 128)];
    let [drop] = &found(&facts, "2025-10-10T12:00:00Z")[..] else { panic!("expected one finding") };
    assert_eq!(
        (drop.rule.as_str(), drop.subject.as_str(), drop.window.as_str()),
        ("reply_rate_drop", "Gmail", "2025-10-08")
    );
    let told =
        ["reply_rate", "sends", "replies", "reply_rate_before", "day_before"].map(|name| figure(drop, name));
    assert_eq!(told, ["3.90", "1000", "39", "5.00", "2025-10-07"]);
    assert_eq!(found(&facts, "2025-10-08T23:00:00Z"), [], "a day that is not over is not judged");
    assert_eq!(found(&facts, "2025-10-16T12:00:00Z"), [], "what is long past is no news");
}

#[test]
fn d9_given_a_gap_then_the_day_is_measured_against_the_last_that_has_data() {
    // The 8th and 9th are one span, which is no day: the 10th is measured against the 7th.
    let facts = [poll(6, 0, 0), poll(7, 1_000, 50), poll(9, 3_000, 60), poll(10, 4_000, 90)];
    let [drop] = &found(&facts, "2025-10-11T12:00:00Z")[..] else { panic!("expected one finding") };
    assert_eq!((drop.window.as_str(), figure(drop, "day_before")), ("2025-10-10", "2025-10-07"));
}

#[test]
fn d9_given_the_tenants_own_limit_then_it_holds() {
    let rules = json!({"reply_rate_drop_percent": 50});
    let configured = given(
        "tenant_configured",
        at("2025-10-01T00:00:00Z"),
        json!({"name": "A", "timezone": "UTC", "rules": rules}),
    );
    let facts = [configured, poll(6, 0, 0), poll(7, 1_000, 50), poll(8, 2_000, 80)];
    assert_eq!(found(&facts, "2025-10-09T12:00:00Z"), []);
}

fn mails(day: u32, sends: usize, replies: usize) -> Vec<Given> {
    let mail = |(kind, n)| {
        let when = at(&format!("2025-10-{day:02}T12:00:00Z"));
        given(kind, when, json!({"lead": {"id": format!("{n}")}}))
    };
    (0..sends).map(|n| ("email_sent", n)).chain((0..replies).map(|n| ("lead_replied", n))).map(mail).collect()
}

#[test]
fn d9_given_no_accounts_that_were_read_then_the_events_tell() {
    let events = [mails(7, 200, 10), mails(8, 200, 5)].concat();
    let [drop] = &found(&events, "2025-10-09T12:00:00Z")[..] else { panic!("expected one finding") };
    assert_eq!((drop.subject.as_str(), drop.window.as_str()), ("all mail", "2025-10-08"));
    let polled = [events, vec![poll(6, 0, 0), poll(7, 1_000, 50), poll(8, 2_000, 100)]].concat();
    assert_eq!(found(&polled, "2025-10-09T12:00:00Z"), [], "one drop is not told by two sources");
}

fn target(metric: &str, value: u64) -> Given {
    let body: Value = json!({"month": "2025-10", "metric": metric, "value": value});
    given("target_set", at("2025-10-01T00:00:00Z"), body)
}

#[test]
fn f2_given_a_week_behind_the_pace_then_found_for_the_month() {
    // 10 in 9 whole days of 31 come to 34.
    let facts = [mails(3, 10, 0), vec![target("emails_sent", 35), target("positive_replies", 0)]].concat();
    let [behind] = &found(&facts, "2025-10-10T12:00:00Z")[..] else { panic!("expected one finding") };
    assert_eq!(
        (behind.rule.as_str(), behind.subject.as_str(), behind.window.as_str()),
        ("behind_target", "emails_sent", "2025-10")
    );
    assert_eq!((figure(behind, "projection"), figure(behind, "days_elapsed")), ("34.44", "9"));
    assert_eq!(found(&facts, "2025-10-07T12:00:00Z"), [], "six whole days say little");
    assert_eq!(found(&facts, "2025-11-01T12:00:00Z").len(), 1, "the month that ended yesterday");
    assert_eq!(found(&facts, "2025-11-02T12:00:00Z"), [], "a month that is over is no news");
}

#[test]
fn f2_given_a_target_that_is_reached_or_on_the_way_then_nothing() {
    let facts = [mails(3, 10, 0), vec![target("emails_sent", 34)]].concat();
    assert_eq!(found(&facts, "2025-10-10T12:00:00Z"), []);
    let today = [mails(3, 1, 0), mails(10, 9, 0), vec![target("emails_sent", 10)]].concat();
    assert_eq!(found(&today, "2025-10-10T13:00:00Z"), [], "reached today");
}
