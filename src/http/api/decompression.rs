//! Compressed bodies of the API: decoded as they are read, so that the limits of bodies hold for what comes out.

use std::io;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::AsyncBufReadExt;
use tokio::time::timeout;
use tokio_util::io::{ReaderStream, StreamReader};

use super::body::{FRAME_WAIT, body_error, too_slow};
use super::problem::Problem;
use crate::ingest::content_coding::ContentCoding;

/// The body without its content coding; 415 for one that is neither gzip nor deflate.
pub async fn decompressed(parts: &Parts, body: Body) -> Result<Body, Problem> {
    let header = parts.headers.get(header::CONTENT_ENCODING).map(header::HeaderValue::as_bytes);
    let coding = ContentCoding::named(header).map_err(|error| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", error.to_string())
    })?;
    let Some(coding) = coding else { return Ok(body) };
    let mut from = StreamReader::new(Box::pin(body.map_err(io::Error::other).into_data_stream()));
    let begins = timeout(FRAME_WAIT, from.fill_buf()).await.map_err(|_| too_slow())?;
    if begins.map_err(|error| body_error(&axum::Error::new(error)))?.is_empty() {
        return Ok(Body::empty());
    }
    let decoder = coding.decoder(from).await.map_err(|error| body_error(&axum::Error::new(error)))?;
    Ok(Body::from_stream(ReaderStream::with_capacity(decoder, PIECE)))
}

/// Bytes that are decoded at once.
const PIECE: usize = 16 * 1024;
