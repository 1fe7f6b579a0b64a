//! The streams: made with the right settings, or checked for them.

use std::time::Duration;

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use domain::keys::Position;
use serde_json::Value;

use super::{ANSWER_MAX, JetStreamSettings, blobs_stream};
use crate::log::engines::SharedLogError;

/// Most bytes of a message: the largest record, or a chunk, with headers; below the servers' usual 1 MiB.
const MESSAGE_MAX: i32 = 900 << 10;
/// For the first second of a cluster there are no peers to place a stream on.
const CREATE_TRIES: u32 = 10;
const CREATE_PAUSE: Duration = Duration::from_millis(300);
/// In the metadata of a stream that is made anew: the position that its log goes to.
const GOES_TO: &str = "factfold-goes-to";

/// The stream of facts as it was found.
pub struct FoundStream {
    /// When it was made.
    pub created: String,
    /// The subject of its blocks.
    pub subject: String,
    /// The position that it must have before a node connects: where it was made anew while nodes ran.
    pub goes_to: Position,
}

impl FoundStream {
    fn of(info: &Info) -> Self {
        let goes_to = info.config.metadata.get(GOES_TO).and_then(|text| text.parse().ok());
        Self {
            created: info.created.to_string(),
            subject: info.config.subjects.first().cloned().unwrap_or_default(),
            goes_to: goes_to.unwrap_or_default(),
        }
    }
}

/// Checks both streams, made where they are not there and `is_new` allows it.
pub async fn open(
    jetstream: &Context,
    settings: &JetStreamSettings,
    is_new: bool,
    warnings: &mut Vec<String>,
) -> Result<FoundStream, SharedLogError> {
    let (facts, blobs) = both(settings);
    one(jetstream, blobs, is_new, warnings).await?;
    one(jetstream, facts, is_new, warnings).await
}

/// Removes both streams, where they are there, and makes them anew with the room that the operator gave them. No node connects
/// before the log is there up to `goes_to`.
pub async fn make_anew(
    jetstream: &Context,
    settings: &JetStreamSettings,
    name: &str,
    goes_to: Position,
) -> Result<FoundStream, SharedLogError> {
    let (mut facts, mut blobs) = both(settings);
    for wanted in [&mut facts, &mut blobs] {
        let there = jetstream.get_stream(&wanted.name).await;
        wanted.max_bytes = there.map_or(wanted.max_bytes, |stream| stream.cached_info().config.max_bytes);
    }
    remove(jetstream, &settings.stream).await?;
    facts.subjects.iter_mut().for_each(|subject| *subject = format!("{subject}.{name}"));
    let subject = facts.subjects.first().cloned();
    facts.metadata.insert(GOES_TO.to_owned(), goes_to.to_string());
    one(jetstream, blobs, true, &mut Vec::new()).await?;
    let found = one(jetstream, facts, true, &mut Vec::new()).await?;
    match Some(&found.subject) == subject.as_ref() {
        true => Ok(found),
        false => Err(SharedLogError::Refused("another node has made the stream meanwhile".into())),
    }
}

/// The stream of facts, where it is there.
pub async fn find(jetstream: &Context, stream: &str) -> Result<Option<FoundStream>, SharedLogError> {
    match jetstream.get_stream(stream).await {
        Ok(stream) => Ok(Some(FoundStream::of(stream.cached_info()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(SharedLogError::Unavailable(format!("stream {stream}: {error}"))),
    }
}

/// Whether the servers say that there is no such stream.
pub fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn both(settings: &JetStreamSettings) -> (Config, Config) {
    let stream = &settings.stream;
    (
        wanted(stream, format!("{stream}.facts"), settings.replicas),
        wanted(&blobs_stream(stream), format!("{stream}.blobs.>"), settings.replicas),
    )
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
) -> Result<FoundStream, SharedLogError> {
    let name = wanted.name.clone();
    let mut tries = CREATE_TRIES;
    loop {
        match jetstream.get_stream(&name).await {
            Ok(stream) => {
                let info = stream.cached_info();
                drift(&info.config, &wanted, warnings)?;
                return Ok(FoundStream::of(info));
            }
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(SharedLogError::Unavailable(format!("stream {name}: {error}"))),
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
                if tries == 0 {
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

/// Whether a stream has the subject that it must have, or where it was made anew that one with 16 digits behind it.
fn is_subject(found: &[String], wanted: &[String]) -> bool {
    let ([found], [wanted]) = (found, wanted) else { return false };
    found.strip_prefix(wanted.as_str()).is_some_and(|rest| {
        let name = rest.strip_prefix('.').unwrap_or_default();
        rest.is_empty() || name.len() == 16 && name.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// What of a stream's settings is other than it must be: refused where facts could go or come twice, else told.
fn drift(found: &Config, wanted: &Config, warnings: &mut Vec<String>) -> Result<(), SharedLogError> {
    let name = &wanted.name;
    let must = [
        ("subjects", is_subject(&found.subjects, &wanted.subjects)),
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
        let anew = vec!["F.facts.0123456789abcdef".to_owned()];
        assert!(of(&Config { subjects: anew, ..good.clone() }).unwrap().is_empty(), "it was made anew");
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
            ("subjects", Config { subjects: vec!["F.facts.other".into()], ..good.clone() }),
        ] {
            assert!(matches!(of(&bad), Err(SharedLogError::Refused(why)) if why.contains(name)), "{name}");
        }
        assert!(of(&Config { num_replicas: 1, ..good.clone() }).unwrap()[0].contains("1 replicas"));
        assert!(of(&Config { deny_delete: false, ..good.clone() }).unwrap()[0].contains("deny_delete"));
    }
}
