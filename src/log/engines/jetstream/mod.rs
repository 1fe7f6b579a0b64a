//! JetStream: one stream of blocks, appended by compare-and-set over the whole stream, and one of large originals.
//!
//! ```text
//! <stream>         subject <stream>.facts          one message a block; sequence = cursor, from 1, without a gap;
//!                  or <stream>.facts.<16 digits>   where it was made anew while nodes ran
//! <stream>-blobs   subjects <stream>.blobs.<SHA-256>.<n>   chunks of 512 KiB
//! <stream>-deliveries   subject <stream>.deliveries   what nodes tell each other of deliveries, for 30 days
//! no stream        subject <stream>.nodes          what each node says of itself, once a second
//! ```
//! A block is published with the sequence that the stream must end at. A time-out says nothing: the same block is sent
//! again with the same sequence, and at most one copy can ever be stored.

mod anew;
mod append;
mod fence;
mod follow;
mod settings;
mod side;
mod streams;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_nats::jetstream::{Context, ContextBuilder};
use async_nats::{Client, ConnectOptions, Subscriber};
use bytes::Bytes;
use futures_core::Stream as _;
use tokio::runtime::Runtime;

use self::anew::ClosedStream;
use self::append::Appender;
use self::follow::StreamFollower;
pub use self::settings::{JetStreamSettings, JetStreamTls};
use self::side::SideStream;
use self::streams::FoundStream;
use super::{ClosedLog, Connected, MEET_WORDS, SharedLog, SharedLogError, SideLog, runtime};
use crate::log::frame::Frame;

/// Longest wait for an answer: a leaderless server swallows requests, it does not refuse them.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Bytes of one chunk of an original; a message holds 1 MiB at most.
const CHUNK: usize = 512 << 10;
const OLDEST: (u64, u64) = (2, 12);
const ADVISED: (u64, u64) = (2, 15);

/// The log in a stream of JetStream.
pub struct JetStream {
    settings: JetStreamSettings,
}

/// What both sides of a connection share.
struct Connection {
    runtime: Arc<Runtime>,
    jetstream: Context,
    stream: String,
    /// The subject of its blocks.
    facts: String,
}

impl Connection {
    /// To the stream that was found.
    fn new(
        runtime: &Arc<Runtime>,
        jetstream: &Context,
        settings: &JetStreamSettings,
        found: &FoundStream,
    ) -> Self {
        let (stream, facts) = (settings.stream.clone(), found.subject.clone());
        Self { runtime: Arc::clone(runtime), jetstream: jetstream.clone(), stream, facts }
    }

    fn nodes(&self) -> String {
        nodes_subject(&self.stream)
    }

    fn blobs(&self) -> String {
        blobs_stream(&self.stream)
    }

    fn chunk(&self, digest: &[u8; 32], nth: usize) -> String {
        format!("{}.blobs.{}.{nth}", self.stream, hex::encode(digest))
    }
}

fn nodes_subject(stream: &str) -> String {
    format!("{stream}.nodes")
}

fn lost(error: &dyn std::fmt::Display) -> SharedLogError {
    SharedLogError::Unavailable(error.to_string())
}

/// What was said on a subscription and nobody has read.
async fn heard(words: &mut Subscriber) -> Vec<Bytes> {
    poll_fn(|context| {
        let mut heard = Vec::new();
        while let Poll::Ready(Some(word)) = Pin::new(&mut *words).poll_next(context) {
            heard.push(word.payload);
        }
        Poll::Ready(heard)
    })
    .await
}

/// The block in a message.
fn frame(sequence: u64, payload: &Bytes) -> Result<Frame, SharedLogError> {
    match Frame::read(payload, true) {
        Ok(frame) if frame.bytes().len() == payload.len() => Ok(frame),
        Ok(_) => Err(SharedLogError::Refused(format!("message {sequence} holds more than a block"))),
        Err(error) => Err(SharedLogError::Refused(format!("message {sequence} is not a block: {error}"))),
    }
}

fn blobs_stream(stream: &str) -> String {
    format!("{stream}-blobs")
}

impl JetStream {
    /// The engine with these settings.
    pub fn new(settings: JetStreamSettings) -> Self {
        Self { settings }
    }

    /// A client whose requests are not waited for longer than for an answer.
    async fn context(&self) -> Result<Context, SharedLogError> {
        let client = self.client().await?;
        Ok(ContextBuilder::new().timeout(ANSWER_MAX).ack_timeout(ANSWER_MAX).build(client))
    }

    async fn client(&self) -> Result<Client, SharedLogError> {
        // Clients of https and of tls want it; again does nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut options = ConnectOptions::new()
            .name("factfold")
            .connection_timeout(ANSWER_MAX)
            .request_timeout(Some(ANSWER_MAX))
            .ping_interval(Duration::from_secs(5));
        if let Some((user, password)) = &self.settings.user {
            options = options.user_and_password(user.clone(), password.clone());
        }
        if let Some(token) = &self.settings.token {
            options = options.token(token.clone());
        }
        if let Some(credentials) = &self.settings.credentials {
            options = options.credentials(credentials).map_err(|e| lost(&e))?;
        }
        if let Some(tls) = &self.settings.tls {
            options = options.require_tls(true);
            if let Some(ca) = &tls.ca {
                options = options.add_root_certificates(ca.clone());
            }
            if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
                options = options.add_client_certificate(cert.clone(), key.clone());
            }
        }
        let connected = options.connect(&self.settings.servers[..]).await;
        connected.map_err(|error| SharedLogError::Unavailable(self.settings.unreached(&error)))
    }
}

impl SharedLog for JetStream {
    fn name(&self) -> &'static str {
        "jetstream"
    }

    fn connect(&self, is_new: bool) -> Result<Connected, SharedLogError> {
        let runtime = Arc::new(runtime("nats")?);
        let (connection, warnings, created, end) = runtime.block_on(async {
            let jetstream = self.context().await?;
            let version = jetstream.client().server_info().version;
            let mut warnings: Vec<String> = check_version(&version)?.into_iter().collect();
            let found = streams::open(&jetstream, &self.settings, is_new, &mut warnings).await?;
            let connection = Connection::new(&runtime, &jetstream, &self.settings, &found);
            let end = connection.end().await?;
            if found.goes_to > end.position() {
                return Err(SharedLogError::Missing(format!(
                    "stream_missing: the log is being made anew, and goes up to position {} of {} yet; where nobody does, \
                     `factfold cluster reseed` does it",
                    end.position(),
                    found.goes_to
                )));
            }
            warnings.extend(streams::unproved_syncs(&self.settings).await);
            Ok::<_, SharedLogError>((connection, warnings, found.created, end))
        })?;
        let connection = Arc::new(connection);
        let (fence, closed) = end.fence.unzip();
        Ok(Connected {
            appender: Box::new(Appender::new(Arc::clone(&connection))),
            follower: Box::new(StreamFollower::new(connection, created, fence)?),
            warnings,
            closed,
        })
    }

    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError> {
        let runtime = runtime("nats-side")?;
        let jetstream = runtime.block_on(self.context())?;
        Ok(Box::new(SideStream::open(runtime, jetstream, &self.settings)?))
    }

    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError> {
        let (subject, word) = (nodes_subject(&self.settings.stream), Bytes::copy_from_slice(word));
        runtime("nats-meet")?.block_on(async {
            let client = self.client().await?;
            let mut words = client.subscribe(subject.clone()).await.map_err(|error| lost(&error))?;
            for _ in 0..MEET_WORDS {
                client.publish(subject.clone(), word.clone()).await.map_err(|error| lost(&error))?;
                tokio::time::sleep(wait / MEET_WORDS).await;
            }
            client.publish(subject, word).await.map_err(|error| lost(&error))?;
            client.flush().await.map_err(|error| lost(&error))?;
            Ok(heard(&mut words).await)
        })
    }

    fn close(&self, node: &str) -> Result<Box<dyn ClosedLog>, SharedLogError> {
        let runtime = Arc::new(runtime("nats-anew")?);
        let jetstream = runtime.block_on(self.context())?;
        check_version(&jetstream.client().server_info().version)?;
        Ok(Box::new(ClosedStream::close(&self.settings, runtime, jetstream, node)?))
    }

    fn wipe(&self) -> Result<(), SharedLogError> {
        let runtime = runtime("nats")?;
        runtime.block_on(async { streams::remove(&self.context().await?, &self.settings.stream).await })
    }
}

/// Older servers accept two blocks at one place (2.9) or sync too seldom and have no `sync_interval: always`.
fn check_version(version: &str) -> Result<Option<String>, SharedLogError> {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or_default());
    let found = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let name = |(major, minor): (u64, u64)| format!("{major}.{minor}");
    if found < OLDEST {
        let why = format!("nats-server {version} is too old: {} or newer is needed", name(OLDEST));
        return Err(SharedLogError::Refused(why));
    }
    let advised = || format!("nats-server {version}: {} or newer is advised", name(ADVISED));
    Ok((found < ADVISED).then(advised))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_refused_warned_of_or_taken_by_their_version() {
        for old in ["2.9.10", "2.11.9", "1.99.0", "unknown"] {
            assert!(matches!(check_version(old), Err(SharedLogError::Refused(why)) if why.contains(old)));
        }
        assert!(check_version("2.12.8").unwrap().unwrap().contains("2.15"));
        for good in ["2.15.1", "2.16.0-preview.1", "3.0.0"] {
            assert_eq!(check_version(good).unwrap(), None);
        }
    }
}
