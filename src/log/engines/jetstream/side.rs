//! The stream of messages beside the log: kept for 30 days, made where it is not there.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::stream::{Config, DirectGetErrorKind, DiscardPolicy, RetentionPolicy, Stream};
use async_nats::jetstream::{ErrorCode, stream::StorageType};
use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{ANSWER_MAX, JetStreamSettings};
use crate::log::engines::{SharedLogError, SideLog};

const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// The oldest go where more come in 30 days.
const BYTES_MAX: i64 = 256 << 20;
/// Tries of a message while the stream is being made.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// Messages given at once.
const AT_ONCE: usize = 256;

pub struct SideStream {
    runtime: Runtime,
    jetstream: Context,
    stream: Stream<()>,
    name: String,
    subject: String,
}

fn unavailable(error: &dyn std::fmt::Display) -> SharedLogError {
    SharedLogError::Unavailable(error.to_string())
}

impl SideStream {
    pub fn open(
        runtime: Runtime,
        jetstream: Context,
        settings: &JetStreamSettings,
    ) -> Result<Self, SharedLogError> {
        let name = format!("{}-deliveries", settings.stream);
        let subject = format!("{}.deliveries", settings.stream);
        let stream = runtime.block_on(async {
            if jetstream.get_stream(&name).await.is_err() {
                let made = jetstream.create_stream(config(&name, &subject, settings.replicas)).await;
                made.map(drop).or_else(|error| match error.kind() {
                    // Another node was first.
                    CreateStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NAME_EXIST => {
                        Ok(())
                    }
                    _ => Err(SharedLogError::Unavailable(format!("stream {name}: {error}"))),
                })?;
            }
            jetstream.get_stream_no_info(&name).await.map_err(|error| unavailable(&error))
        })?;
        Ok(Self { runtime, jetstream, stream, name, subject })
    }
}

fn config(name: &str, subject: &str, replicas: usize) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: StorageType::File,
        num_replicas: replicas,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: KEPT,
        max_bytes: BYTES_MAX,
        allow_direct: true,
        ..Config::default()
    }
}

impl SideLog for SideStream {
    fn publish(&mut self, message: &[u8]) -> Result<(), SharedLogError> {
        let (subject, message) = (self.subject.clone(), Bytes::copy_from_slice(message));
        self.runtime.block_on(async {
            let mut tries = TRIES;
            loop {
                let sent = self.jetstream.publish(subject.clone(), message.clone()).await;
                let answered = match sent {
                    Ok(sent) => sent.await,
                    Err(error) => Err(error),
                };
                match answered {
                    Ok(_) => return Ok(()),
                    // For a moment after it was made not every server knows who has it.
                    Err(error) if error.kind() == PublishErrorKind::StreamNotFound && tries > 0 => {
                        tries -= 1;
                        tokio::time::sleep(PAUSE).await;
                    }
                    Err(error) => return Err(SharedLogError::Unknown(error.to_string())),
                }
            }
        })
    }

    fn after(&mut self, cursor: u64) -> Result<Vec<(u64, Bytes)>, SharedLogError> {
        let (mut messages, mut next) = (Vec::new(), cursor + 1);
        self.runtime.block_on(async {
            while messages.len() < AT_ONCE {
                let asked = self.stream.direct_get_next_for_subject(&self.subject, Some(next));
                match timeout(ANSWER_MAX, asked).await {
                    Ok(Ok(message)) => {
                        next = message.sequence + 1;
                        messages.push((message.sequence, message.payload));
                    }
                    Ok(Err(error)) if error.kind() == DirectGetErrorKind::NotFound => break,
                    Ok(Err(error)) => return Err(unavailable(&error)),
                    Err(error) => return Err(unavailable(&error)),
                }
            }
            Ok(messages)
        })
    }

    fn end(&mut self) -> Result<u64, SharedLogError> {
        let stream = self.runtime.block_on(self.jetstream.get_stream(&self.name));
        Ok(stream.map_err(|error| unavailable(&error))?.cached_info().state.last_sequence)
    }
}
