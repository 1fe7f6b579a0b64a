//! Appends blocks to the stream, one at a time, and originals to theirs.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use bytes::Bytes;
use domain::record::Hash;

use super::{CHUNK, Connection};
use crate::log::engines::{BlockAppender, BlockOutcome, SharedLogError};
use crate::log::frame::Frame;

pub struct Appender {
    connection: Arc<Connection>,
}

impl Appender {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }
}

fn error_code(error: &PublishError) -> Option<ErrorCode> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<async_nats::jetstream::Error>().map(async_nats::jetstream::Error::error_code)
}

impl BlockAppender for Appender {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        let Connection { runtime, jetstream, stream, facts } = &*self.connection;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, cursor.to_string());
        headers.insert(NATS_EXPECTED_STREAM, stream.as_str());
        let published = runtime.block_on(async {
            jetstream.publish_with_headers(facts.clone(), headers, frame.bytes().clone()).await?.await
        });
        let error = match published {
            Ok(ack) => return Ok(BlockOutcome::Committed(ack.sequence)),
            Err(error) => error,
        };
        match (error.kind(), error_code(&error)) {
            (PublishErrorKind::WrongLastSequence, _) => Ok(BlockOutcome::Behind),
            (_, Some(ErrorCode::STREAM_STORE_FAILED)) => Err(SharedLogError::Full(error.to_string())),
            (PublishErrorKind::MaxPayloadExceeded, _) => Err(SharedLogError::Refused(format!(
                "{error}: the servers' max_payload must be 1 MiB at least"
            ))),
            // No leader now, no connection, or no answer: each may pass, and the block may be stored.
            (_, _) => Err(SharedLogError::Unknown(error.to_string())),
        }
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        let Connection { runtime, jetstream, .. } = &*self.connection;
        let unavailable = |error: &dyn std::fmt::Display| SharedLogError::Unavailable(error.to_string());
        runtime.block_on(async {
            let stream =
                jetstream.get_stream_no_info(self.connection.blobs()).await.map_err(|e| unavailable(&e))?;
            let last = self.connection.chunk(digest, bytes.len().div_ceil(CHUNK) - 1);
            if stream.get_last_raw_message_by_subject(&last).await.is_ok() {
                return Ok(());
            }
            for nth in 0..bytes.len().div_ceil(CHUNK) {
                let chunk = bytes.slice(nth * CHUNK..bytes.len().min((nth + 1) * CHUNK));
                let subject = self.connection.chunk(digest, nth);
                let acknowledged = jetstream.publish(subject, chunk).await.map_err(|e| unavailable(&e))?;
                acknowledged.await.map_err(|e| unavailable(&e))?;
            }
            Ok(())
        })
    }
}
