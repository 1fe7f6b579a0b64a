//! A stream that is closed, removed and made anew.
//!
//! The new stream takes blocks under a subject of its own, so that nothing that was sent to the old one can land in it. It
//! says in its metadata how far it must go, and no node connects to it before: an append that makes it go so far opens it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::DeleteStreamErrorKind;
use async_nats::jetstream::{Context, ErrorCode};
use domain::keys::Position;
use tokio::runtime::Runtime;

use super::append::Appender;
use super::follow::StreamFollower;
use super::streams::{self, FoundStream};
use super::{Connection, JetStreamSettings, lost};
use crate::log::engines::{BlockSink, ClosedLog, Connected, LogBlock, SharedLogError};
use crate::log::writer::random_u64;

/// How long the fence is tried: other nodes append meanwhile, and a leader may be elected.
const CLOSE_MAX: Duration = Duration::from_secs(30);
/// Between two tries after one whose answer did not come.
const PAUSE: Duration = Duration::from_millis(20);

/// The stream, which takes no node's blocks.
pub struct ClosedStream {
    settings: JetStreamSettings,
    runtime: Arc<Runtime>,
    jetstream: Context,
    /// The stream that is closed; none where there is none.
    found: Option<FoundStream>,
    last: Option<LogBlock>,
    /// The new one.
    made: Option<Connected>,
}

impl ClosedStream {
    /// Closes the stream where there is one that is whole.
    pub fn close(
        settings: &JetStreamSettings,
        runtime: Arc<Runtime>,
        jetstream: Context,
        node: &str,
    ) -> Result<Self, SharedLogError> {
        let (found, last) = runtime.block_on(async {
            may_remove(&jetstream, &settings.stream).await?;
            let Some(found) = streams::find(&jetstream, &settings.stream).await? else {
                return Ok((None, None));
            };
            let connection = Connection::new(&runtime, &jetstream, settings, &found);
            let end = connection.end().await?;
            if found.goes_to > end.position() {
                return Ok((Some(found), None));
            }
            let last = fence(&connection, end.fence.is_some(), node).await?;
            Ok::<_, SharedLogError>((Some(found), last))
        })?;
        Ok(Self { settings: settings.clone(), runtime, jetstream, found, last, made: None })
    }
}

/// Puts the fence behind the last block, whatever other nodes append meanwhile; the last block.
async fn fence(
    connection: &Connection,
    is_closed: bool,
    node: &str,
) -> Result<Option<LogBlock>, SharedLogError> {
    let until = Instant::now() + CLOSE_MAX;
    let mut is_closed = is_closed;
    while !is_closed {
        let tried = async {
            let stream = connection.jetstream.get_stream(&connection.stream).await.map_err(|e| lost(&e))?;
            connection.put_fence(stream.cached_info().state.last_sequence, node).await
        };
        match tried.await {
            Ok(()) => is_closed = true,
            Err(error) if Instant::now() > until => return Err(error),
            // Another block was first, or no answer came: then it may be there.
            Err(_) => {
                is_closed = connection.end().await.is_ok_and(|end| end.fence.is_some());
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Ok(connection.end().await?.block)
}

/// Asks to remove a stream that is not there: who may not hears nothing, and then nothing was closed yet.
async fn may_remove(jetstream: &Context, stream: &str) -> Result<(), SharedLogError> {
    let Err(error) = jetstream.delete_stream(format!("{stream}-none")).await else { return Ok(()) };
    match error.kind() {
        DeleteStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(()),
        _ => Err(SharedLogError::Unavailable(format!(
            "streams cannot be removed, which takes the permission $JS.API.STREAM.DELETE.{stream} and an answer: {error}"
        ))),
    }
}

impl ClosedLog for ClosedStream {
    fn last(&self) -> Option<&LogBlock> {
        self.last.as_ref()
    }

    fn empty(&mut self, up_to: Position) -> Result<&mut dyn BlockSink, SharedLogError> {
        let name = random_u64().map_err(|error| SharedLogError::Unavailable(error.to_string()))?;
        let made = self.runtime.block_on(async {
            // Another node may have made it anew since, and others appended to that one.
            let now = streams::find(&self.jetstream, &self.settings.stream).await?;
            if now.is_some()
                && now.as_ref().map(|now| &now.created) != self.found.as_ref().map(|f| &f.created)
            {
                let why = "another node has made the stream anew meanwhile";
                return Err(SharedLogError::Refused(why.into()));
            }
            streams::make_anew(&self.jetstream, &self.settings, &format!("{name:016x}"), up_to).await
        })?;
        let created = made.created.clone();
        let connection = Arc::new(Connection::new(&self.runtime, &self.jetstream, &self.settings, &made));
        Ok(self.made.insert(Connected {
            appender: Box::new(Appender::new(Arc::clone(&connection))),
            follower: Box::new(StreamFollower::new(connection, created, None)?),
            warnings: Vec::new(),
            closed: None,
        }))
    }

    /// What was put last opened it.
    fn open(&mut self) -> Result<(), SharedLogError> {
        Ok(())
    }
}
