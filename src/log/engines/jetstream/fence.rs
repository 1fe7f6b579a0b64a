//! The fence: the last message of a stream that is closed, so that it can be made anew.
//!
//! It is appended by the same compare-and-set as a block. So no node's block is stored behind it that was sent before, and
//! none is sent afterwards, because a node appends behind what it has read: at the fence it reads that there is no more.

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use domain::keys::Position;

use super::{Connection, frame, lost};
use crate::log::engines::{LogBlock, SharedLogError};
use crate::log::frame::Frame;

/// Names who closed the stream; the message has nothing else, as no block has.
const CLOSED_BY: &str = "Factfold-Closed-By";
/// Messages that close one stream, at most.
const FENCES_MAX: usize = 100;

/// How a stream ends.
pub struct StreamEnd {
    /// Its last block.
    pub block: Option<LogBlock>,
    /// Sequence of the first message behind it that closes the stream, and why the stream takes no more blocks.
    pub fence: Option<(u64, String)>,
}

impl StreamEnd {
    pub fn position(&self) -> Position {
        self.block.as_ref().map_or(0, |block| block.frame.last())
    }
}

/// Why the stream takes no more blocks, where this message closes it; none where it is a block.
pub fn why_closed(payload: &Bytes, headers: Option<&HeaderMap>) -> Option<String> {
    if !payload.is_empty() {
        return None;
    }
    let node = headers.and_then(|headers| headers.get(CLOSED_BY)).map_or("", |node| node.as_str());
    Some(format!("node {node} makes the log anew: facts are taken again once that is done"))
}

impl Connection {
    /// How the stream ends now.
    pub async fn end(&self) -> Result<StreamEnd, SharedLogError> {
        let stream = self.jetstream.get_stream(&self.stream).await.map_err(|error| lost(&error))?;
        let (mut sequence, mut fence) = (stream.cached_info().state.last_sequence, None);
        // Two nodes that close it at once leave two.
        for _ in 0..FENCES_MAX {
            let (block, closed) = self.at(&stream, sequence).await?;
            let Some(why) = closed else { return Ok(StreamEnd { block, fence }) };
            fence = Some((sequence, why));
            sequence -= 1;
        }
        Err(SharedLogError::Refused(format!("stream {} was closed {FENCES_MAX} times", self.stream)))
    }

    /// Closes the stream where it ends at `sequence`.
    pub async fn put_fence(&self, sequence: u64, node: &str) -> Result<(), SharedLogError> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, sequence.to_string());
        headers.insert(NATS_EXPECTED_STREAM, self.stream.as_str());
        headers.insert(CLOSED_BY, node);
        let sent = self.jetstream.publish_with_headers(self.facts.clone(), headers, Bytes::new()).await;
        let acknowledged = sent.map_err(|error| SharedLogError::Unknown(error.to_string()))?.await;
        acknowledged.map(drop).map_err(|error| SharedLogError::Unknown(error.to_string()))
    }

    /// The block with this sequence, or why it closes the stream; neither before the first.
    async fn at<I>(
        &self,
        stream: &Stream<I>,
        sequence: u64,
    ) -> Result<(Option<LogBlock>, Option<String>), SharedLogError> {
        if sequence == 0 {
            return Ok((None, None));
        }
        let message = stream.get_raw_message(sequence).await.map_err(|error| lost(&error))?;
        let closed = why_closed(&message.payload, Some(&message.headers));
        if closed.is_some() {
            return Ok((None, closed));
        }
        let frame = self.block(&message)?;
        Ok((Some(LogBlock { frame, cursor: sequence }), None))
    }

    /// The block in a message that was asked for by the stream's name: another one of this name has another subject.
    pub fn block(&self, message: &StreamMessage) -> Result<Frame, SharedLogError> {
        if *message.subject != *self.facts {
            return Err(SharedLogError::Missing("the stream was made anew".into()));
        }
        frame(message.sequence, &message.payload)
    }
}
