//! Files into the log of a running server: their lines are posted in batches, as any client would.

use std::path::Path;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use domain::facts::Fact;
use domain::facts::import::ImportFact;
use domain::keys::TenantId;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;

use super::super::remote::{Remote, Unanswered, refused};
use super::super::{Failure, output};
use super::outcome::{FileOutcome, TenantOutcome};
use super::{Input, SHOWN_MAX, open, read_no_further};
use crate::ingest::answer::BatchTally;
use crate::ingest::items::{LineError, Lines};
use crate::ingest::restore::is_exported;

/// Lines of one request.
const LINES_AT_ONCE: usize = 1_000;
/// Bytes of lines after which a request is full.
const BYTES_AT_ONCE: usize = 1 << 20;
/// So long may one request take.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// Waits before a request is made again: what was recorded meanwhile is a duplicate then.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// The longest wait that a server may ask for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A batch: its lines, and the number of each in the file.
#[derive(Default)]
struct Batch {
    body: BytesMut,
    numbers: Vec<u64>,
}

/// Posts a file's lines for a tenant, one batch after the other so that their order stays.
pub async fn file(remote: &Remote, tenant: &TenantId, path: &Path) -> Result<FileOutcome, Failure> {
    let Input { name, input, bar, .. } = open(path)?;
    let (mut outcome, mut shown) = (TenantOutcome::default(), 0);
    let mut tell = |number: u64, why: &str| {
        if shown < SHOWN_MAX {
            shown += 1;
            bar.suspend(|| output::note(&format!("{name}:{number}: {why}")));
        }
    };
    let route = format!("/api/v1/tenants/{tenant}/facts?results=all");
    let mut lines = Lines::new(input);
    let mut ended = None;
    while ended.is_none() {
        let mut batch = Batch::default();
        while batch.numbers.len() < LINES_AT_ONCE && batch.body.len() < BYTES_AT_ONCE {
            match lines.next() {
                None => {
                    ended = Some(Ok(()));
                    break;
                }
                Some((_, Err(LineError::Io(error)))) => {
                    ended = Some(Err(error));
                    break;
                }
                Some((number, Err(error @ LineError::TooLong(_)))) => {
                    outcome.tally.rejected += 1;
                    tell(number, &error.to_string());
                }
                Some((number, Ok(line))) if is_exported(&line) => {
                    outcome.tally.rejected += 1;
                    tell(number, "is a line of an export, which only a stopped server takes");
                }
                Some((number, Ok(line))) => {
                    batch.body.put_slice(&line);
                    batch.body.put_u8(b'\n');
                    batch.numbers.push(number);
                }
            }
        }
        if !batch.numbers.is_empty() {
            let answer = post(remote, &route, "application/x-ndjson", batch.body.freeze()).await?;
            count(&answer, &mut outcome);
            for (line, why) in faults(&answer) {
                let number = line.checked_sub(1).and_then(|at| batch.numbers.get(at));
                tell(number.copied().unwrap_or_default(), why);
            }
        }
    }
    bar.finish_and_clear();
    match ended {
        None | Some(Ok(())) => {
            let (tally, content) = (outcome.tally, lines.input().content.clone());
            Ok(FileOutcome { name, tally, tenants: [(tenant.clone(), outcome)].into(), content })
        }
        Some(Err(error)) => Err(read_no_further(&name, &error, &outcome.tally)),
    }
}

/// Tells the server that a file was read to its end.
pub async fn finish(remote: &Remote, file: &FileOutcome) -> Result<(), Failure> {
    for (tenant, end) in file.ends() {
        let body = Fact::Import(ImportFact::Finished(end)).json().to_string();
        let route = format!("/api/v1/tenants/{tenant}/imports");
        let unfinished = |failure| {
            let name = &file.name;
            Failure::Failed(format!(
                "{name}: its facts are recorded, but not the end of their import: {failure}"
            ))
        };
        post(remote, &route, "application/json", body.into()).await.map_err(unfinished)?;
    }
    Ok(())
}

/// Posts a body until it is answered.
async fn post(remote: &Remote, route: &str, of: &'static str, body: Bytes) -> Result<Value, Failure> {
    let mut waits = WAITS.iter();
    loop {
        let (why, asked_for) = match once(remote, route, of, body.clone()).await {
            Ok(answer) => return Ok(answer),
            Err((Unanswered::Never(failure), _)) => return Err(failure),
            Err((Unanswered::Broken(why), asked_for)) => (why, asked_for),
        };
        let Some(wait) = waits.next() else {
            let again = "run the import again: what is recorded is a duplicate then";
            return Err(remote.gone(&format!("{why}; {again}")));
        };
        tokio::time::sleep(asked_for.unwrap_or(*wait).min(WAIT_MAX)).await;
    }
}

type Asked = Option<Duration>;

async fn once(
    remote: &Remote,
    route: &str,
    of: &'static str,
    body: Bytes,
) -> Result<Value, (Unanswered, Asked)> {
    let request = remote.ask(Method::POST, route).header(CONTENT_TYPE, of).timeout(REQUEST_MAX).body(body);
    let response = request.send().await.map_err(|error| (error.into(), None))?;
    if !response.status().is_success() {
        let asked_for = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
        return Err((refused(response).await, asked_for.map(Duration::from_secs)));
    }
    response.json().await.map_err(|error| (error.into(), None))
}

fn count(answer: &Value, outcome: &mut TenantOutcome) {
    let of = |name: &str| answer[name].as_u64().unwrap_or_default();
    for result in answer["results"].as_array().into_iter().flatten() {
        match (result["outcome"].as_str(), result["position"].as_u64()) {
            (Some("recorded"), Some(position)) => outcome.stands(position, true),
            (Some("duplicate"), Some(position)) => outcome.stands(position, false),
            _ => {}
        }
    }
    outcome.tally.merge(&BatchTally {
        recorded: of("recorded"),
        duplicates: of("duplicates"),
        conflicts: of("conflicts"),
        rejected: of("rejected"),
        last_position: answer["last_position"].as_u64(),
    });
}

/// Lines of a batch that were not recorded and are not there, with why.
fn faults(answer: &Value) -> impl Iterator<Item = (usize, &str)> {
    let results = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
    results.iter().filter_map(|result| {
        let outcome =
            result["outcome"].as_str().filter(|outcome| !["recorded", "duplicate"].contains(outcome))?;
        Some((result["line"].as_u64()? as usize, result["error"].as_str().unwrap_or(outcome)))
    })
}
