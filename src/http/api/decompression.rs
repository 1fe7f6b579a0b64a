//! Compressed bodies of the API: decoded as they are read, so that the limits of bodies hold for what comes out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::{AsyncBufReadExt, AsyncRead, ReadBuf};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;
use tokio_util::io::{ReaderStream, StreamReader};

use super::body::{BATCH_MAX, FRAME_WAIT, body_error, reserve_window, too_slow};
use super::problem::Problem;
use crate::ingest::content_coding::{ContentCoding, decoder};

/// The body without its content codings; 415 for one that is not known.
pub async fn decompressed(parts: &Parts, body: Body) -> Result<Body, Problem> {
    let headers = parts.headers.get_all(header::CONTENT_ENCODING);
    let codings = ContentCoding::named(headers.iter().map(HeaderValue::as_bytes)).map_err(|error| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", error.to_string())
    })?;
    if codings.is_empty() {
        return Ok(body);
    }
    let mut from = StreamReader::new(Box::pin(body.map_err(io::Error::other).into_data_stream()));
    let begins = timeout(FRAME_WAIT, from.fill_buf()).await.map_err(|_| too_slow())?;
    if begins.map_err(|error| body_error(&axum::Error::new(error)))?.is_empty() {
        return Ok(Body::empty());
    }
    let windows = codings.iter().map(|coding| coding.window()).sum();
    let permit = reserve_window(windows)?;
    let from =
        decoder(&codings, from, BATCH_MAX).await.map_err(|error| body_error(&axum::Error::new(error)))?;
    Ok(Body::from_stream(ReaderStream::with_capacity(Windowed { from, _permit: permit }, PIECE)))
}

/// Bytes that are decoded at once.
const PIECE: usize = 16 * 1024;

/// A decoder with the permit of what it holds.
struct Windowed<R> {
    from: R,
    _permit: SemaphorePermit<'static>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Windowed<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.from).poll_read(cx, buf)
    }
}
