//! The streams: made with the right settings, or checked for them.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use serde_json::Value;

use super::{ANSWER_MAX, JetStreamSettings, blobs_stream};
use crate::log::engines::SharedLogError;

/// Most bytes of a message: the largest record, or a chunk, with headers; below the servers' usual 1 MiB.
const MESSAGE_MAX: i32 = 900 << 10;
/// For the first second of a cluster there are no peers to place a stream on.
const CREATE_TRIES: u32 = 10;
const CREATE_PAUSE: Duration = Duration::from_millis(300);

/// Checks both streams, made where they are not there and `is_new` allows it; when the stream of facts was made.
pub async fn open(
    jetstream: &Context,
    settings: &JetStreamSettings,
    is_new: bool,
    warnings: &mut Vec<String>,
) -> Result<String, SharedLogError> {
    let stream = &settings.stream;
    let facts = wanted(stream, format!("{stream}.facts"), settings.replicas);
    let blobs = wanted(&blobs_stream(stream), format!("{stream}.blobs.>"), settings.replicas);
    one(jetstream, blobs, is_new, warnings).await?;
    one(jetstream, facts, is_new, warnings).await
}

fn wanted(name: &str, subject: String, replicas: usize) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subject],
        storage: StorageType::File,
        num_replicas: replicas,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: MESSAGE_MAX,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        duplicate_window: Duration::from_secs(120),
        ..Config::default()
    }
}

async fn one(
    jetstream: &Context,
    wanted: Config,
    is_new: bool,
    warnings: &mut Vec<String>,
) -> Result<String, SharedLogError> {
    let name = wanted.name.clone();
    let mut tries = CREATE_TRIES;
    loop {
        match jetstream.get_stream(&name).await {
            Ok(stream) => {
                let info = stream.cached_info();
                drift(&info.config, &wanted, warnings)?;
                return Ok(info.created.to_string());
            }
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
                _ => return Err(SharedLogError::Unavailable(format!("stream {name}: {error}"))),
            },
        }
        if !is_new {
            let why = format!(
                "stream_missing: there is no stream {name}, and this node has facts; `factfold cluster reseed` makes \
                 it from a node's journal"
            );
            return Err(SharedLogError::Missing(why));
        }
        tracing::info!(stream = name, "stream made");
        match jetstream.create_stream(wanted.clone()).await {
            // Its settings are looked at as any stream's.
            Ok(_) => {}
            Err(error) => {
                tries -= 1;
                let is_known = matches!(error.kind(), CreateStreamErrorKind::JetStream(ref e)
                    if e.error_code() == ErrorCode::STREAM_NAME_EXIST);
                if !is_known && tries == 0 {
                    return Err(SharedLogError::Unavailable(format!(
                        "stream {name} cannot be made: {error}"
                    )));
                }
                tokio::time::sleep(CREATE_PAUSE).await;
            }
        }
    }
}

/// Removes both streams, where they are there.
pub async fn remove(jetstream: &Context, stream: &str) -> Result<(), SharedLogError> {
    for name in [stream.to_owned(), blobs_stream(stream)] {
        if let Err(error) = jetstream.delete_stream(&name).await
            && jetstream.get_stream(&name).await.is_ok()
        {
            return Err(SharedLogError::Unavailable(format!("stream {name} is not removed: {error}")));
        }
    }
    Ok(())
}

/// What of a stream's settings is other than it must be: refused where facts could go or come twice, else told.
fn drift(found: &Config, wanted: &Config, warnings: &mut Vec<String>) -> Result<(), SharedLogError> {
    let name = &wanted.name;
    let must = [
        ("subjects", found.subjects == wanted.subjects),
        ("storage", found.storage == wanted.storage),
        ("retention", found.retention == wanted.retention),
        ("discard", found.discard == wanted.discard),
        ("max_msgs", found.max_messages == -1),
        ("max_msgs_per_subject", found.max_messages_per_subject == -1),
        ("max_age", found.max_age.is_zero()),
        ("max_msg_size", found.max_message_size == -1 || found.max_message_size >= MESSAGE_MAX),
        ("no_ack", !found.no_ack),
        ("sealed", !found.sealed),
        ("allow_rollup_hdrs", !found.allow_rollup),
        ("mirror", found.mirror.is_none()),
        ("sources", found.sources.as_ref().is_none_or(Vec::is_empty)),
    ];
    let wrong: Vec<&str> = must.iter().filter(|(_, fits)| !fits).map(|(name, _)| *name).collect();
    if !wrong.is_empty() {
        let why = format!("stream {name} has other settings than it must have: {}", wrong.join(", "));
        return Err(SharedLogError::Refused(why));
    }
    let should = [
        (found.num_replicas >= wanted.num_replicas, format!("{} replicas", found.num_replicas)),
        (found.deny_delete, "deny_delete off".to_owned()),
        (found.deny_purge, "deny_purge off".to_owned()),
        (found.allow_direct, "allow_direct off".to_owned()),
    ];
    warnings.extend(
        should.into_iter().filter(|(fits, _)| !fits).map(|(_, what)| format!("stream {name} has {what}")),
    );
    if wanted.num_replicas < 3 && !name.ends_with("-blobs") {
        warnings
            .push(format!("stream {name} is kept by {} of the servers: 3 are advised", wanted.num_replicas));
    }
    Ok(())
}

/// Servers that are not proved to sync each append: what such ones acknowledged is lost with a power cut of all.
pub async fn unproved_syncs(settings: &JetStreamSettings) -> Vec<String> {
    if settings.monitor.is_empty() {
        return vec!["sync_interval: always is not proved: [log.jetstream] monitor is not given".to_owned()];
    }
    let client = reqwest::Client::builder().timeout(ANSWER_MAX).build();
    let mut unproved = Vec::new();
    for url in &settings.monitor {
        let proof = match &client {
            Ok(client) => proof(client, url).await,
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = proof {
            unproved.push(format!("sync_interval: always is not proved by {url}: {why}"));
        }
    }
    unproved
}

async fn proof(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let answer = client.get(format!("{}/varz", url.trim_end_matches('/'))).send().await;
    let varz: Value = answer.map_err(|e| e.to_string())?.json().await.map_err(|e| e.to_string())?;
    match varz.pointer("/jetstream/config/sync_always") {
        Some(Value::Bool(true)) => Ok(()),
        _ => Err("the server syncs later than it acknowledges".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_have_drifted_are_refused_or_told_by_name() {
        let good = wanted("F", "F.facts".into(), 3);
        let of = |found: &Config| {
            let mut warnings = Vec::new();
            drift(found, &good, &mut warnings).map(|()| warnings)
        };
        assert!(of(&good).unwrap().is_empty());
        assert!(
            of(&Config { max_bytes: 1 << 30, ..good.clone() }).unwrap().is_empty(),
            "a limit is the operator's"
        );
        for (name, bad) in [
            ("retention", Config { retention: RetentionPolicy::WorkQueue, ..good.clone() }),
            ("storage", Config { storage: StorageType::Memory, ..good.clone() }),
            ("discard", Config { discard: DiscardPolicy::Old, ..good.clone() }),
            ("max_age", Config { max_age: Duration::from_secs(9), ..good.clone() }),
            ("max_msgs", Config { max_messages: 9, ..good.clone() }),
            ("allow_rollup_hdrs", Config { allow_rollup: true, ..good.clone() }),
            ("subjects", Config { subjects: vec!["F.>".into()], ..good.clone() }),
        ] {
            assert!(matches!(of(&bad), Err(SharedLogError::Refused(why)) if why.contains(name)), "{name}");
        }
        assert!(of(&Config { num_replicas: 1, ..good.clone() }).unwrap()[0].contains("1 replicas"));
        assert!(of(&Config { deny_delete: false, ..good.clone() }).unwrap()[0].contains("deny_delete"));
    }
}
