//! `factfold replay --server`: a running server builds models beside the live ones, tells what differs, and swaps.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::super::remote::Remote;
use super::super::{Failure, Settings, output};

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// Differences of one page.
const PAGE: usize = 500;

/// Rebuilds `name` on the server; swaps it in, or gives it up once its differences are told.
pub async fn rebuild(settings: &Settings, remote: &Remote, name: &str, swap: bool) -> Result<(), Failure> {
    let route = format!("/api/v1/projections/{name}/rebuild");
    let begun = remote.read(Method::POST, &route).await?;
    let id = begun["rebuild_id"].as_str().unwrap_or_default().to_owned();
    let route = format!("{route}/{id}");
    let bar = output::progress(0, &format!("rebuilding {name}"));
    let ready = loop {
        let status = remote.read(Method::GET, &format!("{route}?limit={PAGE}")).await?;
        bar.set_length(status["facts_total"].as_u64().unwrap_or_default());
        bar.set_position(status["facts_done"].as_u64().unwrap_or_default());
        match status["state"].as_str() {
            Some("folding" | "catching_up") => tokio::time::sleep(LOOK).await,
            Some("ready") => break status,
            _ => {
                let (state, why) = (&status["state"], &status["error"]);
                return Err(Failure::Failed(format!("{name}: the rebuild is {state}: {why}")));
            }
        }
    };
    bar.finish_and_clear();
    let mut items = Vec::new();
    let mut page = ready.clone();
    loop {
        items.extend(page["diff"]["items"].as_array().into_iter().flatten().cloned());
        let Some(cursor) = page["diff"]["next_cursor"].as_str() else { break };
        page = remote.read(Method::GET, &format!("{route}?limit={PAGE}&cursor={cursor}")).await?;
    }
    let end = if swap { "swap" } else { "discard" };
    let ended = remote.read(Method::POST, &format!("{route}/{end}")).await?;
    tell(settings, name, &ready, &items, &ended)
}

fn tell(
    settings: &Settings,
    name: &str,
    ready: &Value,
    items: &[Value],
    ended: &Value,
) -> Result<(), Failure> {
    if settings.json {
        return output::json_line(
            &json!({"name": name, "position": ready["position"], "state": ended["state"],
            "facts": ready["facts_total"], "facts_per_second": ready["facts_per_second"],
            "rows": ready["diff"]["rows"], "figures": ready["diff"]["figures"], "differences": items}),
        );
    }
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().take(16).collect(),
        other => other.to_string(),
    };
    let headings = ["of", "model", "row", "month", "figure", "old", "new"];
    let members = ["tenant", "model", "row", "month", "figure", "old", "new"];
    if !items.is_empty() {
        output::table(&headings, items.iter().map(|item| members.map(|member| cell(&item[member])).into()))?;
    }
    let (rows, figures) = (&ready["diff"]["rows"], &ready["diff"]["figures"]);
    let (position, state) = (&ready["position"], ended["state"].as_str().unwrap_or_default());
    output::note(&format!(
        "{name}: {rows} rows and {figures} figures differ at position {position}; the rebuild is {state}"
    ));
    Ok(())
}
