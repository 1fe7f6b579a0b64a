//! The worked examples of LESSONS and the rows of PRODUCT B, given as facts.

use domain::members::Instant;
use domain::rules::reports::ReportState;
use serde_json::{Value, json};

use super::{
    but, ended, fingerprints, fold, hot_list, notes, part, pipeline, run_list, schedule, started, status,
    summary,
};
use crate::common::{Given, at, given};

fn configured(rules: Value) -> Given {
    let body = json!({"name": "Acme", "timezone": "UTC", "currency": "USD", "rules": rules});
    given("tenant_configured", at("2025-01-01T00:00:00Z"), body)
}

/// A run that read these leads and ended well.
fn good(run: &str, at: &str, leads: Value) -> Vec<Given> {
    vec![started(run, at), part(run, "leads", at, leads), ended(run, at, "success")]
}

fn leads(ids: std::ops::Range<u32>) -> Value {
    ids.map(|id| json!({"id": id.to_string(), "source": "Web", "stage": "QR Sent"})).collect()
}

#[test]
fn b4_given_page_2_of_3_fails_when_the_run_ends_then_every_figure_is_unchanged() {
    let mut facts = good("r1", "2025-10-09T10:00:00Z", leads(0..3));
    let before = fold(&facts);
    let page = |n: u32| {
        but(
            &part("r2", "leads", "2025-10-09T11:00:00Z", leads(n * 10..n * 10 + 9)),
            json!({"part": n, "parts": 3}),
        )
    };
    facts.extend([started("r2", "2025-10-09T11:00:00Z"), page(1), page(3)]);
    let error = json!({"error": "page 2: HTTP 500", "records_updated": null});
    facts.push(but(&ended("r2", "2025-10-09T11:01:00Z", "failed"), error));
    let after = fold(&facts);
    assert_eq!((summary(&after), fingerprints(&after)), (summary(&before), fingerprints(&before)));
    assert_eq!(summary(&after)["total_leads"], 3);
    let noon = status(&after, at("2025-10-09T12:00:00Z"));
    assert_eq!(
        (&noon["status"], &noon["age_seconds"]),
        (&json!("failed"), &json!(7_200)),
        "age of the success"
    );
    assert_eq!(run_list(&after)[0]["error"], "page 2: HTTP 500");
    // The lost page comes after all: a failed run stays one.
    facts.push(page(2));
    assert_eq!(summary(&fold(&facts)), summary(&before));
    // Null control: had it ended well, it would count.
    facts.retain(|fact| fact.kind != "sync_finished" || fact.body["run_id"] == "r1");
    facts.push(ended("r2", "2025-10-09T11:01:00Z", "success"));
    assert_eq!(summary(&fold(&facts))["total_leads"], 27);
}

#[test]
fn b7_given_a_tenant_without_a_currency_then_deals_that_do_not_count_have_no_say_in_it() {
    let deal = |id: &str, of: &str, currency: &str| json!({"id": id, "stage": "QR Sent", "contact_type": of, "value_minor": 100, "currency": currency});
    let deals = json!([deal("1", "1", "USD"), deal("2", "4", "EUR"), deal("3", "4", "EUR")]);
    let facts = [
        part("r", "opportunities", "2025-10-09T10:00:00Z", deals),
        ended("r", "2025-10-09T10:01:00Z", "success"),
    ];
    let pipeline = pipeline(&fold(&facts));
    assert_eq!((&pipeline["currency"], &pipeline["total_value_minor"]), (&json!("USD"), &json!(100)));
    assert_eq!(pipeline["other_value_minor"], json!({}));
}

#[test]
fn b7_given_nothing_read_yet_then_the_pipeline_is_empty_in_the_tenants_currency() {
    let tenant = fold(&[configured(json!({}))]);
    assert_eq!((&pipeline(&tenant)["currency"], &pipeline(&tenant)["stages"]), (&json!("USD"), &json!([])));
    assert_eq!(pipeline(&fold(&[]))["currency"], json!(null));
}

#[test]
fn b13_given_a_run_that_found_nothing_changed_then_the_source_was_read_when_it_did() {
    let mut facts = good("r1", "2025-10-09T10:00:00Z", leads(0..3));
    let nothing = part("r2", "leads", "2025-10-09T11:00:00Z", json!([]));
    facts.push(but(&nothing, json!({"base": "r1"})));
    assert_eq!(summary(&fold(&facts))["observed_at"], "2025-10-09T10:00:00Z", "not over yet");
    facts.push(ended("r2", "2025-10-09T11:01:00Z", "success"));
    let mut back = facts.clone();
    back.reverse();
    for facts in [facts, back] {
        let summary = summary(&fold(&facts));
        assert_eq!(
            (&summary["observed_at"], &summary["total_leads"]),
            (&json!("2025-10-09T11:00:00Z"), &json!(3))
        );
    }
}

#[test]
fn b4_given_an_empty_list_beside_an_error_then_nothing_is_emptied() {
    let mut facts = good("r1", "2025-10-09T10:00:00Z", leads(0..3));
    facts.push(part("r2", "leads", "2025-10-09T11:00:00Z", json!([])));
    let end = ended("r2", "2025-10-09T11:01:00Z", "success");
    let failed = [facts.clone(), vec![but(&end, json!({"error": "401 on page 1"}))]].concat();
    assert_eq!(summary(&fold(&failed))["total_leads"], 3);
    assert_eq!(run_list(&fold(&failed))[0]["status"], "failed");
    facts.push(end);
    assert_eq!(summary(&fold(&facts))["total_leads"], 0, "an empty CRM is one, too");
}

#[test]
fn b13_given_a_complete_snapshot_that_lacks_a_record_then_it_is_dropped_and_an_older_one_brings_nothing_back()
{
    let new = good("r2", "2025-10-09T11:00:00Z", leads(1..3));
    let old = good("r1", "2025-10-09T10:00:00Z", leads(0..3));
    for facts in [[old.clone(), new.clone()].concat(), [new, old].concat()] {
        let tenant = fold(&facts);
        assert_eq!(summary(&tenant)["total_leads"], 2);
        assert_eq!(summary(&tenant)["observed_at"], "2025-10-09T11:00:00Z");
    }
}

#[test]
fn b13_given_a_snapshot_of_changes_then_it_counts_upon_its_base_alone() {
    let whole = good("r1", "2025-10-09T10:00:00Z", leads(0..3));
    let change = part("r2", "leads", "2025-10-09T11:00:00Z", json!([{"id": "9", "source": "Fair"}]));
    let change = but(&change, json!({"base": "r1", "removed": ["0"]}));
    let changes = vec![change.clone(), ended("r2", "2025-10-09T11:00:00Z", "success")];
    for facts in [[whole.clone(), changes.clone()].concat(), [changes.clone(), whole.clone()].concat()] {
        let tenant = fold(&facts);
        assert_eq!(summary(&tenant)["total_leads"], 3);
        assert_eq!(
            summary(&tenant)["by_source"],
            json!([{"source": "Web", "leads": 2}, {"source": "Fair", "leads": 1}])
        );
    }
    assert_eq!(summary(&fold(&changes))["total_leads"], 0, "nothing to change");
}

#[test]
fn b13_given_equal_snapshots_of_two_tenants_then_their_fingerprints_are_equal_and_others_are_not() {
    let of = |leads| fingerprints(&fold(&good("r", "2025-10-09T10:00:00Z", leads)));
    let elsewhere = fold(&[good("other", "2025-10-09T12:00:00Z", leads(0..3))].concat());
    assert_eq!(of(leads(0..3)), fingerprints(&elsewhere));
    // Read in another zone and currency.
    let with = |members: Value| {
        let mut leads = leads(0..3);
        for lead in leads.as_array_mut().unwrap() {
            lead.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        }
        of(leads)
    };
    let here = with(json!({"value_minor": 900, "currency": "USD", "created_at": "2025-10-01T05:00:00Z"}));
    assert_eq!(here, with(json!({"created_at": "2025-10-01T00:00:00Z"})));
    assert_ne!(here, with(json!({"stage": "Elsewhere"})), "null control");
    assert_ne!(of(leads(0..3)), of(leads(1..4)));
    assert!(of(json!([])).is_empty(), "nothing equals nothing");
}

#[test]
fn b6_given_leads_then_blank_members_have_names_and_case_does_not_count() {
    let records = json!([
        {"id": "1", "source": "Website", "stage": "FDD Sent", "contact_type": "1"},
        {"id": "2", "source": " WEBSITE ", "stage": "fdd sent", "contact_type": "1"},
        {"id": "3", "source": "website", "stage": "QR Sent", "contact_type": "1"},
        {"id": "4", "source": "Website", "stage": "", "contact_type": "1"},
        {"id": "5", "contact_type": "1"},
        {"id": "6", "source": "Website", "stage": "FDD Sent", "contact_type": "4"},
    ]);
    let tenant = fold(&good("r", "2025-10-09T10:00:00Z", records.clone()));
    let expected = json!({
        "position": 0, "observed_at": "2025-10-09T10:00:00Z",
        "total_leads": 5, "qualified_leads": 2, "source_count": 2,
        "by_source": [{"source": "Website", "leads": 4}, {"source": "Unknown", "leads": 1}],
        "by_status": [{"status": "FDD Sent", "leads": 2}, {"status": "New Lead", "leads": 2},
            {"status": "QR Sent", "leads": 1}],
    });
    assert_eq!(summary(&tenant), expected);
    let rules = json!({"counted_contact_types": ["1", "4"], "qualified_stages": ["qr sent"]});
    let facts = [vec![configured(rules)], good("r", "2025-10-09T10:00:00Z", records)].concat();
    let other = summary(&fold(&facts));
    assert_eq!((&other["total_leads"], &other["qualified_leads"]), (&json!(6), &json!(1)));
}

#[test]
fn b7_given_three_contacts_in_a_stage_one_of_90000_then_average_is_90000() {
    let deals = json!([
        {"id": "1", "stage": "QR Sent", "value_minor": 90_000},
        {"id": "2", "stage": "QR Sent", "value_minor": 0},
        {"id": "3", "stage": "QR Sent"},
    ]);
    let at = "2025-10-09T10:00:00Z";
    let facts = [part("r", "opportunities", at, deals), ended("r", at, "success")];
    let answer = pipeline(&fold(&facts));
    assert_eq!(
        answer["stages"],
        json!([{"stage": "QR Sent", "count": 3, "value_minor": 90_000, "likelihood_percent": null}])
    );
    assert_eq!((&answer["total_value_minor"], &answer["stage_count"]), (&json!(90_000), &json!(1)));
    assert_eq!(
        (&answer["average_deal_minor"], &answer["weighted_value_minor"]),
        (&json!(90_000), &json!(null))
    );
}

fn deals() -> Vec<Given> {
    let at = "2025-10-09T10:00:00Z";
    let deals = json!([
        {"id": "1", "stage": "Zeta", "value_minor": 100},
        {"id": "2", "stage": "alpha", "value_minor": 300, "currency": "USD"},
        {"id": "3", "stage": "fa sent", "value_minor": 1_001, "units": 2},
        {"id": "4", "stage": "Deal Structure", "value_minor": 1_000},
        {"id": "5", "stage": "Deal Structure", "value_minor": 500, "currency": "EUR"},
    ]);
    vec![part("r", "opportunities", at, deals), ended("r", at, "success")]
}

fn stages(answer: &Value) -> Vec<(String, Option<u64>)> {
    let stages = answer["stages"].as_array().unwrap().iter();
    stages.map(|of| (of["stage"].as_str().unwrap().into(), of["likelihood_percent"].as_u64())).collect()
}

#[test]
fn b7_given_an_order_of_stages_then_the_configuration_s_else_the_cycles_else_the_products() {
    let named = |stages: Vec<(String, Option<u64>)>| stages.into_iter().map(|of| of.0).collect::<Vec<_>>();
    let products = pipeline(&fold(&deals()));
    assert_eq!(named(stages(&products)), ["Deal Structure", "FA Sent", "alpha", "Zeta"]);
    let at = "2025-10-09T10:00:00Z";
    let cycles = json!([
        {"id": "c1", "stage": "FA Sent", "order": 1, "likelihood_percent": 90, "active": true},
        {"id": "c2", "stage": "zeta", "order": 2, "likelihood_percent": 10},
        {"id": "c3", "stage": "alpha", "order": 0, "likelihood_percent": 99, "active": false},
    ]);
    let facts = [deals(), vec![part("r", "sales_cycles", at, cycles)]].concat();
    let of_cycles = [("FA Sent", Some(90)), ("zeta", Some(10)), ("alpha", None), ("Deal Structure", None)];
    let cycled = pipeline(&fold(&facts));
    assert_eq!(stages(&cycled), of_cycles.map(|(name, likely)| (name.to_owned(), likely)));
    assert_eq!(cycled["weighted_value_minor"], 911, "1001 × 0.9 + 100 × 0.1 = 910.9");
    let rules = json!({"stages": [{"name": "Alpha", "likelihood_percent": 50}, {"name": "Deal Structure"}]});
    let answer = pipeline(&fold(&[vec![configured(rules)], facts].concat()));
    let expected = [("Alpha", Some(50)), ("Deal Structure", None), ("FA Sent", Some(90)), ("zeta", Some(10))];
    assert_eq!(stages(&answer), expected.map(|(name, likely)| (name.to_owned(), likely)));
    assert_eq!((&answer["currency"], &answer["total_value_minor"]), (&json!("USD"), &json!(2_401)));
    assert_eq!(answer["other_value_minor"], json!({"EUR": 500}), "never summed with dollars");
}

#[test]
fn b8_given_deals_then_the_hot_ones_by_weighted_size() {
    let rules = json!({"stages": [{"name": "Deal Structure", "likelihood_percent": 50},
        {"name": "FA Sent", "likelihood_percent": 75}, {"name": "Zeta", "likelihood_percent": 100}]});
    let hot = hot_list(&fold(&[vec![configured(rules)], deals()].concat()));
    let rows: Vec<_> = hot
        .iter()
        .map(|item| {
            json!([
                item["opportunity_id"],
                item["stage"],
                item["iff_minor"],
                item["likely_percent"],
                item["weighted_iff_minor"],
                item["units"]
            ])
        })
        .collect();
    assert_eq!(
        rows,
        [
            json!(["3", "FA Sent", 1_001, 75, 751, 2]),
            json!(["4", "Deal Structure", 1_000, 50, 500, null]),
            json!(["5", "Deal Structure", 500, 50, 250, null]),
        ]
    );
}

#[test]
fn b9_given_notes_of_contacts_then_each_contact_s_own_replace_each_other_and_people_s_stay() {
    let note =
        |id: &str, day: &str| json!([{"id": id, "author": "Bo", "created_at": format!("{day}T10:00:00Z")}]);
    let of = |run: &str, contact: &str, at: &str, records: Value| {
        but(&part(run, "notes", at, records), json!({"contact": contact}))
    };
    let (one, two) = ("2025-10-09T10:00:00Z", "2025-10-09T11:00:00Z");
    let pass = json!({"source": "clienttether_notes"});
    let facts = [
        given(
            "note_written",
            at("2025-10-08T12:00:00Z"),
            json!({"note_id": "n1", "content": "hi", "author": "Ann"}),
        ),
        but(&of("p", "7", one, note("a", "2025-10-07")), pass.clone()),
        but(&of("p", "8", one, note("b", "2025-10-09")), pass.clone()),
        but(&ended("p", one, "success"), pass),
        of("r2", "7", two, json!([])),
        ended("r2", two, "success"),
        given("note_written", at("2025-10-08T13:00:00Z"), json!({"note_id": "n2", "content": "no"})),
        given("note_removed", at("2025-10-08T14:00:00Z"), json!({"note_id": "n2"})),
    ];
    let listed = notes(&fold(&facts));
    let rows: Vec<_> =
        listed.iter().map(|note| json!([note["note_id"], note["origin"], note["contact"]])).collect();
    assert_eq!(rows, [json!(["b", "synced", "8"]), json!(["n1", "own", null])]);
    assert_eq!(status(&fold(&facts[..4]), at(two))["status"], "never", "the pass over notes is no main run");
}

#[test]
fn b10_given_activities_then_those_after_now_soonest_first_and_at_most_a_hundred() {
    let due = |n: i64| Instant(at(crate::crm::NOW).0 + n * 60_000_000).to_string();
    let records: Value = (-3..150i64)
        .rev()
        .map(|n| json!({"id": n.to_string(), "scheduled_at": due(n), "activity_type": "Call"}))
        .collect();
    let run = "2025-10-09T10:00:00Z";
    let tenant = fold(&[part("r", "activities", run, records), ended("r", run, "success")]);
    let answer = schedule(&tenant);
    let ids: Vec<_> =
        answer["items"].as_array().unwrap().iter().map(|item| item["activity_id"].clone()).collect();
    assert_eq!(ids, (1..=100).map(|n| json!(n.to_string())).collect::<Vec<_>>());
    assert_eq!(answer["total"], 149);
}

#[test]
fn b11_given_runs_then_the_banner_tells_the_age_of_the_last_success() {
    let told = |facts: &[Given], now| {
        let told = status(&fold(facts), at(now));
        (
            told["status"].as_str().unwrap().to_owned(),
            told["is_stale"].as_bool().unwrap(),
            told["message"].as_str().unwrap().to_owned(),
        )
    };
    let none = "No sync data available - sync may be delayed";
    assert_eq!(told(&[], "2025-10-09T12:00:00Z"), ("never".into(), true, none.into()));
    let mut facts = vec![started("r1", "2025-10-09T10:00:00Z")];
    assert_eq!(told(&facts, "2025-10-09T10:00:01Z"), ("running".into(), true, "Sync in progress...".into()));
    facts.push(ended("r1", "2025-10-09T10:00:00Z", "success"));
    let fresh = "Data last synced: 5 minutes ago";
    assert_eq!(told(&facts, "2025-10-09T10:05:00Z"), ("success".into(), false, fresh.into()));
    facts.extend([started("r2", "2025-10-09T11:00:00Z"), ended("r2", "2025-10-09T11:00:10Z", "failed")]);
    let late = "Data is 3 hours old - sync may be delayed";
    assert_eq!(told(&facts, "2025-10-09T13:00:00Z"), ("failed".into(), true, late.into()));
    assert!(!told(&facts, "2025-10-09T12:00:00Z").1, "two hours are not yet stale");
}

#[test]
fn b14_given_a_report_s_facts_in_any_order_then_it_stands_where_it_got_to_and_keeps_its_first_position() {
    let say = |kind, when: &str, members: Value| {
        let mut body = json!({"report_id": "R", "period": "2025-10"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        given(kind, at(when), body)
    };
    let mut facts = vec![
        say("report_withdrawn", "2025-11-05T00:00:00Z", json!({})),
        say("report_published", "2025-11-04T00:00:00Z", json!({"position": 90})),
        say("report_published", "2025-11-03T00:00:00Z", json!({"position": 80, "narrative": "Good"})),
        say("report_drafted", "2025-11-02T00:00:00Z", json!({"narrative": "Draft"})),
    ];
    for _ in 0..4 {
        facts.rotate_left(1);
        let tenant = fold(&facts);
        let report = tenant.reports.rows.get("R").unwrap();
        assert_eq!((report.state(), report.position()), (ReportState::Withdrawn, Some(80)));
        assert_eq!(report.narrative().as_deref(), Some("Good"));
    }
    let draft = fold(&[say("report_drafted", "2025-11-02T00:00:00Z", json!({}))]);
    assert_eq!(
        draft.reports.rows.get("R").map(|report| (report.state(), report.position())),
        Some((ReportState::Draft, None))
    );
}
