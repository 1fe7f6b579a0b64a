//! Delivers the demo's requests over real connections and counts what came of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::story::reports::DemoReport;
use super::traffic::{Expected, Request, Tenant};
use crate::cli::{Failure, output};

/// Connections that deliver at the same time.
const CONNECTIONS: usize = 16;
/// Facts that are posted in one request.
const POSTED_AT_ONCE: usize = 1_000;

/// How often what was expected came to what it came to.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(String, &'static str), u64>,
}

fn word(expected: Expected) -> &'static str {
    match expected {
        Expected::Recorded => "recorded",
        Expected::Duplicate => "duplicate",
        Expected::Quarantined => "quarantined",
        Expected::Ignored => "ignored",
        Expected::Refused => "refused (401)",
    }
}

impl Tally {
    fn add(&mut self, outcome: String, expected: Expected) {
        *self.counts.entry((outcome, word(expected))).or_default() += 1;
    }

    fn add_many(&mut self, outcome: &str, expected: Expected, count: u64) {
        *self.counts.entry((outcome.to_owned(), word(expected))).or_default() += count;
    }

    /// All deliveries.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    fn sums(&self) -> BTreeMap<&str, (u64, u64)> {
        let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for ((outcome, expected), count) in &self.counts {
            sums.entry(outcome).or_default().0 += count;
            sums.entry(expected).or_default().1 += count;
        }
        sums
    }

    /// Whether each outcome came as often as it must. Of a delivery and its copy on two connections either may
    /// arrive first, so sums are compared and not single deliveries.
    pub fn as_expected(&self) -> bool {
        self.sums().values().all(|(came, expected)| came == expected)
    }

    /// For the table.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let row = |(outcome, (came, expected)): (&&str, &(u64, u64))| {
            vec![(*outcome).to_owned(), output::grouped(*expected), output::grouped(*came)]
        };
        self.sums().iter().map(row).collect()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let row = |(outcome, (came, expected)): (&&str, &(u64, u64))| {
            ((*outcome).to_owned(), json!({"expected": expected, "came": came}))
        };
        Value::Object(self.sums().iter().map(row).collect())
    }
}

/// Delivers everything, in order but on several connections.
pub async fn play(base_url: &str, requests: Vec<Request>, bar: &ProgressBar) -> Result<Tally, Failure> {
    let failed = |error: reqwest::Error| Failure::Failed(format!("a delivery failed: {error}"));
    let client = reqwest::Client::builder().build().map_err(failed)?;
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (client, base_url, bar) = (client.clone(), base_url.to_owned(), bar.clone());
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        connections.spawn(async move {
            let mut came = Vec::new();
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                came.push((deliver(&client, &base_url, request).await?, request.expected));
                bar.inc(1);
            }
            Ok::<_, reqwest::Error>(came)
        });
    }
    let mut tally = Tally::default();
    while let Some(ended) = connections.join_next().await {
        let came = ended.map_err(|error| Failure::Failed(error.to_string()))?.map_err(failed)?;
        for (outcome, expected) in came {
            tally.add(outcome, expected);
        }
    }
    Ok(tally)
}

/// Posts facts to a tenant, some at a time, and counts what came of them.
pub async fn post(
    base_url: &str,
    token: &str,
    tenant: &Tenant,
    facts: &[Value],
    tally: &mut Tally,
) -> Result<(), Failure> {
    let failed = |error: reqwest::Error| Failure::Failed(format!("posting facts failed: {error}"));
    let client = reqwest::Client::builder().build().map_err(failed)?;
    let url = format!("{base_url}/api/v1/tenants/{}/facts", tenant.id);
    for part in facts.chunks(POSTED_AT_ONCE) {
        let lines: String = part.iter().map(|fact| format!("{fact}\n")).collect();
        let post = client.post(&url).bearer_auth(token).header("content-type", "application/x-ndjson");
        let answer: Value = post.body(lines).send().await.map_err(failed)?.json().await.map_err(failed)?;
        let recorded = answer["recorded"].as_u64().unwrap_or(0);
        tally.add_many("recorded", Expected::Recorded, recorded);
        let others = part.len() as u64 - recorded.min(part.len() as u64);
        if others > 0 {
            tally.add_many("not recorded", Expected::Recorded, others);
            let first = answer["results"][0].to_string();
            output::note(&format!("{}: {others} facts were not recorded, the first: {first}", tenant.id));
        }
    }
    Ok(())
}

/// Writes a report by the API's commands, and counts what came of them.
pub async fn write_report(
    base_url: &str,
    token: &str,
    tenant: &Tenant,
    report: &DemoReport,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let failed = |error: reqwest::Error| Failure::Failed(format!("writing a report failed: {error}"));
    let client = reqwest::Client::builder().build().map_err(failed)?;
    let reports = format!("{base_url}/api/v1/tenants/{}/reports", tenant.id);
    let mut command = async |url: String, body: Value| {
        let answer = client.post(url).bearer_auth(token).json(&body).send().await?;
        let outcome = if answer.status().is_success() { "recorded" } else { "not recorded" };
        tally.add_many(outcome, Expected::Recorded, 1);
        answer.json::<Value>().await
    };
    let period = report.period.text().map(|period| period.to_string());
    let body = json!({"period": period, "narrative": report.narrative});
    let drafted = command(reports.clone(), body).await.map_err(failed)?;
    if let (Some(id), true) = (drafted["report_id"].as_str(), report.is_published) {
        command(format!("{reports}/{id}/publish"), json!({})).await.map_err(failed)?;
    }
    Ok(())
}

async fn deliver(
    client: &reqwest::Client,
    base_url: &str,
    request: &Request,
) -> Result<String, reqwest::Error> {
    let mut post = client
        .post(format!("{base_url}{}", request.path))
        .header("content-type", request.content_type)
        .body(request.body.clone());
    if let Some(signature) = &request.signature {
        post = post.header("x-twilio-signature", signature);
    }
    let answer = post.send().await?;
    match answer.status().as_u16() {
        200 => {
            let answer: Value = answer.json().await?;
            Ok(answer["outcome"].as_str().unwrap_or("unreadable").to_owned())
        }
        401 => Ok(word(Expected::Refused).to_owned()),
        other => Ok(format!("status {other}")),
    }
}

/// An event for a reader to send: a lead of the tenant becomes interested.
pub fn sample_event(tenant: &Tenant) -> Value {
    json!({
        "event": {"type": "LEAD_INTERESTED", "instance_url": "https://dedi.emailbison.com",
                  "workspace_id": tenant.workspace.0, "workspace_name": tenant.workspace.1},
        "data": {"campaign_event": {"id": 1, "type": "interested", "created_at": chrono::Utc::now().to_rfc3339()},
                 "lead": {"id": 1, "email": "you@example.com", "first_name": "You"}},
    })
}
