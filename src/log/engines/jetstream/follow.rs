//! Follows the stream by a pull consumer of its own, each message checked to be the next; while no consumer can be made,
//! the messages are asked for one by one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use async_nats::jetstream::consumer::pull::{Config, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::{DirectGetErrorKind, RawMessageErrorKind, Stream};
use bytes::{Bytes, BytesMut};
use domain::keys::Position;
use domain::record::Hash;
use futures_core::Stream as _;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::fence::why_closed;
use super::streams::is_missing;
use super::{ANSWER_MAX, CHUNK, Connection, frame, heard, lost};
use crate::log::engines::{BlockFollower, LogBlock, SharedLogError};
use crate::log::frame::Frame;

/// Without a message for twice as long the consumer is doubted, and made anew.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Bytes that the server sends ahead.
const AHEAD: usize = 16 << 20;
/// Blocks given at once.
const BLOCKS_AT_ONCE: usize = 64;
/// Between two tries to make a consumer, and between two looks for a message without one.
const PAUSE: Duration = Duration::from_millis(50);
/// Consumers die with their server, and the new ones of a cluster wait for its leader: after this long the connection
/// is made anew.
const DOUBT_MAX: Duration = Duration::from_secs(20);

pub struct StreamFollower {
    connection: Arc<Connection>,
    /// When the stream was made: another one of its name is another log.
    created: String,
    messages: Option<Messages>,
    words: Subscriber,
    /// Sequence of the message that closes the stream.
    fence: Option<u64>,
    /// Why it is over: the stream was closed since.
    closed: Option<String>,
    /// Since when nothing could be learned from the servers.
    doubted: Option<Instant>,
}

impl StreamFollower {
    pub fn new(
        connection: Arc<Connection>,
        created: String,
        fence: Option<u64>,
    ) -> Result<Self, SharedLogError> {
        let client = connection.jetstream.client();
        let words = connection.runtime.block_on(client.subscribe(connection.nodes()));
        let words = words.map_err(|error| SharedLogError::Unavailable(error.to_string()))?;
        Ok(Self { connection, created, messages: None, words, fence, closed: None, doubted: None })
    }

    async fn stream(&self, name: String) -> Result<Stream<()>, SharedLogError> {
        let stream = self.connection.jetstream.get_stream_no_info(name).await;
        stream.map_err(|error| SharedLogError::Unavailable(error.to_string()))
    }

    /// A consumer from the message behind `cursor` on, of the stream that was checked.
    async fn consume(&self, cursor: u64) -> Result<Messages, SharedLogError> {
        let stream = self.connection.jetstream.get_stream(&self.connection.stream).await;
        let stream = stream.map_err(|error| match is_missing(&error) {
            true => SharedLogError::Missing("the stream is gone".into()),
            false => lost(&error),
        })?;
        if stream.cached_info().created.to_string() != self.created {
            return Err(SharedLogError::Missing("the stream was made anew".into()));
        }
        let config = Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: cursor + 1 },
            ack_policy: AckPolicy::None,
            inactive_threshold: Duration::from_secs(30),
            memory_storage: true,
            num_replicas: 1,
            ..Config::default()
        };
        let consumer = timeout(ANSWER_MAX, stream.create_consumer(config)).await;
        let consumer = consumer.map_err(|e| lost(&e))?.map_err(|e| lost(&e))?;
        let messages =
            consumer.stream().max_bytes_per_batch(AHEAD).heartbeat(HEARTBEAT).expires(Duration::from_secs(5));
        messages.messages().await.map_err(|e| lost(&e))
    }

    /// What the consumer has, waiting for the first at most for `wait`; an error is a doubt of the consumer.
    async fn consumed(&mut self, cursor: u64, wait: Duration) -> Result<Vec<LogBlock>, String> {
        let Some(messages) = &mut self.messages else { return Ok(Vec::new()) };
        let (mut blocks, mut patience) = (Vec::new(), wait);
        while blocks.len() < BLOCKS_AT_ONCE {
            let next =
                timeout(patience, poll_fn(|context| Pin::new(&mut *messages).poll_next(context))).await;
            let message = match next {
                Err(_) => break,
                Ok(None) => return Err("the consumer ended".into()),
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(Some(Ok(message))) => message,
            };
            let sequence = message.info().map_err(|error| error.to_string())?.stream_sequence;
            if self.fence.is_some_and(|fence| sequence >= fence) {
                break;
            }
            let due = cursor + 1 + blocks.len() as u64;
            if sequence != due {
                return Err(format!("message {sequence} came where {due} is due"));
            }
            self.closed = why_closed(&message.payload, message.headers.as_ref());
            if self.closed.is_some() {
                break;
            }
            let frame = frame(sequence, &message.payload).map_err(|error| error.to_string())?;
            blocks.push(LogBlock { frame, cursor: sequence });
            patience = Duration::ZERO;
        }
        Ok(blocks)
    }

    /// The messages behind `cursor` one by one, from whichever server has them.
    async fn asked_for(&mut self, cursor: u64) -> Result<Vec<LogBlock>, SharedLogError> {
        let stream = self.stream(self.connection.stream.clone()).await?;
        let mut blocks = Vec::new();
        for sequence in cursor + 1..=cursor + BLOCKS_AT_ONCE as u64 {
            match timeout(ANSWER_MAX, stream.direct_get(sequence)).await {
                Ok(Ok(message)) if self.fence.is_some_and(|fence| message.sequence >= fence) => break,
                Ok(Ok(message)) if message.sequence == sequence => {
                    self.closed = why_closed(&message.payload, Some(&message.headers));
                    if self.closed.is_some() {
                        break;
                    }
                    blocks.push(LogBlock { frame: self.connection.block(&message)?, cursor: sequence });
                }
                Ok(Ok(message)) => {
                    let why = format!("message {sequence} is missing; {} follows", message.sequence);
                    return Err(SharedLogError::Refused(why));
                }
                Ok(Err(error)) if error.kind() == DirectGetErrorKind::NotFound => break,
                Ok(Err(_)) | Err(_) if !blocks.is_empty() => break,
                Ok(Err(error)) => return Err(SharedLogError::Unavailable(error.to_string())),
                Err(error) => return Err(SharedLogError::Unavailable(error.to_string())),
            }
        }
        Ok(blocks)
    }

    async fn message(&self, sequence: u64) -> Result<Frame, SharedLogError> {
        let stream = self.stream(self.connection.stream.clone()).await?;
        let message = stream.get_raw_message(sequence).await;
        let message =
            message.map_err(|error| SharedLogError::Unavailable(format!("message {sequence}: {error}")))?;
        self.connection.block(&message)
    }
}

impl BlockFollower for StreamFollower {
    fn find(&mut self, position: Position) -> Result<Option<LogBlock>, SharedLogError> {
        let connection = Arc::clone(&self.connection);
        connection.runtime.block_on(async {
            // Positions grow with the sequences: the first message that ends at the position or behind it.
            let Some(last) = connection.end().await?.block else { return Ok(None) };
            let (mut low, mut high) = (1, last.cursor);
            while low < high {
                let middle = low + (high - low) / 2;
                if self.message(middle).await?.last() < position { low = middle + 1 } else { high = middle }
            }
            let frame = self.message(low).await?;
            Ok((frame.last() >= position).then_some(LogBlock { frame, cursor: low }))
        })
    }

    fn next(&mut self, cursor: u64, wait: Duration) -> Result<Vec<LogBlock>, SharedLogError> {
        if let Some(why) = &self.closed {
            return Err(SharedLogError::Unavailable(why.clone()));
        }
        let connection = Arc::clone(&self.connection);
        connection.runtime.block_on(async {
            if self.messages.is_none() {
                match self.consume(cursor).await {
                    Ok(messages) => (self.messages, self.doubted) = (Some(messages), None),
                    Err(error @ SharedLogError::Missing(_)) => return Err(error),
                    Err(error) => {
                        tracing::debug!(%error, "no consumer");
                        let since = *self.doubted.get_or_insert_with(Instant::now);
                        match self.asked_for(cursor).await {
                            Ok(blocks) if !blocks.is_empty() => return Ok(blocks),
                            Err(error @ (SharedLogError::Refused(_) | SharedLogError::Missing(_))) => {
                                return Err(error);
                            }
                            Ok(_) | Err(_) if since.elapsed() > DOUBT_MAX => return Err(error),
                            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
                        }
                        return Ok(Vec::new());
                    }
                }
            }
            self.consumed(cursor, wait).await.or_else(|why| {
                tracing::debug!(why, "the consumer is made anew");
                self.messages = None;
                Ok(Vec::new())
            })
        })
    }

    fn tip(&mut self) -> Result<Position, SharedLogError> {
        let connection = Arc::clone(&self.connection);
        connection.runtime.block_on(async { Ok(connection.end().await?.position()) })
    }

    fn blob(&mut self, digest: &Hash, len: u64) -> Result<Bytes, SharedLogError> {
        let connection = Arc::clone(&self.connection);
        connection.runtime.block_on(async {
            let stream = self.stream(self.connection.blobs()).await?;
            let mut bytes = BytesMut::with_capacity(len as usize);
            for nth in 0..(len as usize).div_ceil(CHUNK) {
                let subject = self.connection.chunk(digest, nth);
                let message = stream.get_last_raw_message_by_subject(&subject).await.map_err(|error| {
                    let missing = matches!(error.kind(), RawMessageErrorKind::NoMessageFound);
                    let why = format!("the original {}: {error}", hex::encode(digest));
                    if missing { SharedLogError::Refused(why) } else { SharedLogError::Unavailable(why) }
                })?;
                bytes.extend_from_slice(&message.payload);
            }
            if Hash::from(Sha256::digest(&bytes)) != *digest {
                let why = format!("the original {} has other bytes in the engine", hex::encode(digest));
                return Err(SharedLogError::Refused(why));
            }
            Ok(bytes.freeze())
        })
    }

    fn tell(&mut self, word: &[u8]) -> Result<(), SharedLogError> {
        let Connection { runtime, jetstream, .. } = &*self.connection;
        let (to, word) = (self.connection.nodes(), Bytes::copy_from_slice(word));
        let told = runtime.block_on(jetstream.client().publish(to, word));
        told.map_err(|error| SharedLogError::Unavailable(error.to_string()))
    }

    fn heard(&mut self) -> Vec<Bytes> {
        self.connection.runtime.block_on(heard(&mut self.words))
    }
}
