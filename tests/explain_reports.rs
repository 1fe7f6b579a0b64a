//! Reports in the law of sums (E2, B14): every figure of every report over a random history is the sum of what its
//! contributions move it by, whatever comes after the report was drafted.

use crate::common::history::{configurations, history};
use crate::common::random::Random;
use crate::common::site::escape;
use crate::common::{Server, Site};
use serde_json::{Value, json};

const FIRST: &str = "2025-09-20T00:00:00Z";

/// Facts that come after each report.
const LATER: usize = 60;

/// Names of the figures that a report serves, dotted where nested, each with what is served.
fn figures(served: &Value, name: &str, found: &mut Vec<(String, Value)>) {
    for (member, value) in served.as_object().into_iter().flatten() {
        let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
        match value {
            Value::Object(_) => figures(value, &name, found),
            _ if ["value", "before", "change"].contains(&member.as_str()) => {
                found.push((name, value.clone()))
            }
            _ => {}
        }
    }
}

/// What every page of a figure's contributions sums to, and the first page.
async fn summed(server: &Server, report_id: &str, field: &str) -> (f64, Value) {
    let query = format!("explain?model=reports&report_id={report_id}&limit=70&field={}", escape(field));
    let first = server.read("acme", &query).await;
    let (mut sum, mut page) = (0.0, first.clone());
    loop {
        let moves = page["contributions"].as_array().expect("contributions").iter();
        sum += moves.filter_map(|one| one["delta"].as_f64()).sum::<f64>();
        let Some(cursor) = page["next_cursor"].as_str() else { return (sum, first) };
        page = server.read("acme", &format!("{query}&cursor={}", escape(cursor))).await;
    }
}

#[tokio::test]
async fn e2_every_figure_of_every_report_is_the_sum_of_its_contributions() {
    let server = Site::new().start().await;
    let facts = history(41, 1_500, FIRST);
    server.record("acme", &configurations(41, FIRST)).await;
    let (before, mut later) = facts.split_at(facts.len() - 3 * LATER);
    server.deliver("acme", before, &mut Random::new(3)).await;
    let (mut counted, mut derived, mut moved) = (0, 0, 0);
    for period in ["2025-10", "2025-11", "2025-10-06"] {
        let drafted =
            server.command("acme", "reports", &json!({"period": period, "narrative": "fine"})).await;
        let id = drafted.is(201).json["report_id"].as_str().expect("an id").to_owned();
        server.command("acme", &format!("reports/{id}/publish"), &json!({})).await.is(200);
        // What comes later is in none of it.
        let report = server.read("acme", &format!("reports/{id}")).await;
        let (some, rest) = later.split_at(LATER);
        server.deliver("acme", some, &mut Random::new(4)).await;
        later = rest;
        let mut all = Vec::new();
        figures(&report["figures"], "", &mut all);
        assert!(all.len() > 40, "{period}: {all:?}");
        for (field, value) in all {
            let (sum, told) = summed(&server, &id, &field).await;
            assert_eq!(told["value"], value, "{period} {field}: {told}");
            match &told["formula"] {
                Value::Object(_) => derived += 1,
                _ => {
                    // Of what was never observed nothing is known, and nothing moved it.
                    let of_facts = value.as_f64().unwrap_or(0.0);
                    assert_eq!(
                        (told["total"].as_f64(), sum),
                        (Some(of_facts), of_facts),
                        "{period} {field}: {told}"
                    );
                    counted += 1;
                    moved += usize::from(sum != 0.0);
                }
            }
        }
    }
    assert!(
        counted > 60 && derived > 60 && moved > 30,
        "{counted} counted, {derived} derived, {moved} moved"
    );
}
