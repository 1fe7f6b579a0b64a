//! Across releases: what is stored of the figures, and what is told when a release gives others (E5).

use std::fs;

use crate::common::Site;
use crate::common::facts::{answered, with};
use serde_json::{Value, json};

const AGENT: &str = "ann@example.com";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test]
async fn e5_a_release_that_gives_other_figures_than_the_last_says_which_before_and_at_its_start() {
    let site = Site::new();
    let none = site.cli(&["replay", "--diff"]);
    assert!(none.code != Some(0), "{}", none.all());
    let server = site.start().await;
    let calls: Vec<Value> = (0..5)
        .map(|n| with(answered(&format!("CA{n}"), 60, "2025-10-09T12:00:00Z"), json!({"agent": AGENT})))
        .collect();
    server.record("acme", &calls).await;
    server.read("acme", "metrics/month?month=2025-10").await;
    server.stop();
    let path = site.data().join("figures.json");
    let text = fs::read_to_string(&path).expect("stored at the stop");
    assert!(!text.contains(AGENT), "no name stands in it: {text}");
    let same = site.cli(&["replay", "--diff", "--json"]);
    assert_eq!(
        (same.code, same.stdout.as_str()),
        (Some(0), ""),
        "null control: the same release: {}",
        same.all()
    );

    // A fact behind what was stored, which is no difference: the past is folded up to there.
    let server = site.start().await;
    server.record("acme", &[answered("CA9", 60, "2025-10-10T12:00:00Z")]).await;
    server.stop();

    // What another release would have stored: one model of another version, two figures that differ.
    let mut table: Value = serde_json::from_str(&text).expect("JSON");
    table["release"] = "0.0.9".into();
    table["models"]["calls"] = 1.into();
    let months = table["tenants"]["acme"]["figures"]["month"].as_object_mut().expect("months");
    let agent = months.keys().find(|path| path.contains("by_agent[") && path.ends_with("].qualified"));
    let agent = agent.expect("the agent's figure").clone();
    months.insert("2025-10/qualified".to_owned(), 4.into());
    months.insert(agent, 4.into());
    fs::write(&path, table.to_string()).expect("written");
    let told = site.cli(&["replay", "--diff", "--json"]);
    let told = lines(&told.stdout);
    let figures: Vec<[&Value; 4]> =
        told.iter().map(|told| ["tenant", "path", "old", "new"].map(|name| &told[name])).collect();
    let of_agent = json!(format!("2025-10/by_agent[{AGENT}].qualified"));
    let expected = [
        [&json!("acme"), &of_agent, &json!(4), &json!(5)],
        [&json!("acme"), &json!("2025-10/qualified"), &json!(4), &json!(5)],
    ];
    assert_eq!(figures, expected, "{told:?}");
    let shown = site.cli(&["replay", "--diff"]);
    assert!(shown.all().contains("release 0.0.9 stored; calls (was 1)"), "{}", shown.all());

    let server = site.start().await;
    server.says("a figure is another than it was").await;
    server.says("2025-10/qualified").await;
    let live = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(live["qualified"], 6, "{live}");
    // While it runs, what is previewed is what was stored at its start: nothing differs any more.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !site.cli(&["replay", "--diff", "--json"]).stdout.is_empty() {
        assert!(std::time::Instant::now() < deadline, "expected the table of this release");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    server.stop();
}

#[test]
fn e5_a_preview_of_one_model_is_refused_in_words() {
    let refused = Site::new().cli(&["replay", "calls", "--diff"]);
    assert_eq!(refused.code, Some(2), "{}", refused.all());
    assert!(refused.stderr.contains("compares all of them"), "{}", refused.all());
}
