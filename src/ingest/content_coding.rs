//! Content codings of bodies (RFC 9110, section 8.4): gzip, deflate, Brotli and Zstandard, also several over one another.
//! They are decoded as they are read, so that whoever reads bounds what comes out.

use std::borrow::Cow;
use std::io::{self, Cursor};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, ReadBuf};

use super::DELIVERY_BYTES_MAX;
use super::delivery::Delivery;

/// The header, in lower case.
pub const CONTENT_ENCODING: &str = "content-encoding";

/// Codings over one another that are taken off at most.
const CODINGS_MAX: usize = 4;

/// Members of a gzip file that are read at most: each costs as much as 40 KB of content, however little it holds.
const MEMBERS_MAX: usize = 10_000;

/// Bytes between two codings after which other tasks have a turn.
const TURN: usize = 1 << 20;

/// The window of Zstandard that a sender may use: RFC 9659 has no larger one for HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 alone, as some send it.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// A body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentCodingError {
    /// No coding that is known.
    #[error("Content-Encoding must be gzip, deflate, br or zstd, not {0:?}")]
    Unknown(String),
    /// More of them over one another than are taken off.
    #[error("Content-Encoding names more than {CODINGS_MAX} codings")]
    TooMany,
    /// More comes out than may.
    #[error("the body is too large once it is decompressed")]
    TooLarge,
    /// The bytes are not so coded.
    #[error("the body does not decode as its Content-Encoding says: {0}")]
    Broken(String),
}

/// A reader that decodes.
pub type Decoder = Box<dyn AsyncRead + Send + Unpin>;

impl ContentCoding {
    /// The codings that the values of the header name, in the order in which they were applied.
    ///
    /// # Errors
    /// They name another one, or too many.
    pub fn named<'a>(headers: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Self>, ContentCodingError> {
        let mut codings = Vec::new();
        for header in headers {
            for name in String::from_utf8_lossy(header).split(',') {
                codings.push(match name.trim().to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    "br" => Self::Brotli,
                    "zstd" => Self::Zstd,
                    other => return Err(ContentCodingError::Unknown(other.to_owned())),
                });
            }
        }
        if codings.len() > CODINGS_MAX { Err(ContentCodingError::TooMany) } else { Ok(codings) }
    }

    /// The most bytes of what came out that a decoder looks back at, and so holds.
    pub fn window(self) -> usize {
        match self {
            Self::Gzip | Self::Deflate => 1 << 15,
            Self::Brotli => 1 << 24,
            Self::Zstd => 1 << ZSTD_WINDOW_LOG_MAX,
        }
    }

    /// Decodes what is read from `from`, of which the first byte is awaited here.
    ///
    /// # Errors
    /// Those of `from`.
    async fn decoder<R>(self, mut from: R) -> io::Result<Decoder>
    where
        R: AsyncBufRead + Send + Unpin + 'static,
    {
        Ok(match self {
            Self::Gzip => Box::new(GzipMembers::Within(GzipDecoder::new(from), MEMBERS_MAX)),
            // The method of a zlib header; no encoder begins a bare block so.
            Self::Deflate if from.fill_buf().await?.first().is_none_or(|first| first & 0x0f == 8) => {
                Box::new(ZlibDecoder::new(from))
            }
            Self::Deflate => Box::new(DeflateDecoder::new(from)),
            Self::Brotli => Box::new(BrotliDecoder::new(from)),
            Self::Zstd => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX);
                let mut decoder = ZstdDecoder::with_params(from, &[window]);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
        })
    }
}

/// Takes the codings off what is read from `from`, the last one first. Between two of them at most `limit` bytes pass: what
/// comes out at the end may be little, and yet take for ever.
///
/// # Errors
/// Those of `from`.
pub async fn decoder<R>(codings: &[ContentCoding], from: R, limit: usize) -> io::Result<Decoder>
where
    R: AsyncBufRead + Send + Unpin + 'static,
{
    let Some((outermost, inner)) = codings.split_last() else { return Ok(Box::new(from)) };
    let mut decoder = outermost.decoder(from).await?;
    for coding in inner.iter().rev() {
        let between = BufReader::new(Bounded { from: decoder, left: limit, turn: TURN });
        decoder = coding.decoder(between).await?;
    }
    Ok(decoder)
}

/// A reader of the members of a gzip file, one behind the other.
enum GzipMembers<R> {
    /// In a member; how many more may follow.
    Within(GzipDecoder<R>, usize),
    /// Behind a member: another one follows, or the end.
    Behind(R, usize),
    /// Behind the last one.
    Ended,
}

impl<R: AsyncBufRead + Unpin> AsyncRead for GzipMembers<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            *self = match mem::replace(&mut *self, Self::Ended) {
                Self::Ended => return Poll::Ready(Ok(())),
                Self::Within(mut decoder, more) => {
                    let before = buf.filled().len();
                    let read = Pin::new(&mut decoder).poll_read(cx, buf);
                    if !matches!(read, Poll::Ready(Ok(()))) || buf.filled().len() > before {
                        *self = Self::Within(decoder, more);
                        return read;
                    }
                    Self::Behind(decoder.into_inner(), more)
                }
                Self::Behind(mut from, more) => match Pin::new(&mut from).poll_fill_buf(cx) {
                    Poll::Ready(Ok([])) => Self::Ended,
                    Poll::Ready(Ok(_)) => {
                        let more = more.checked_sub(1).ok_or_else(|| too_much("too many members"))?;
                        Self::Within(GzipDecoder::new(from), more)
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        *self = Self::Behind(from, more);
                        return Poll::Pending;
                    }
                },
            };
        }
    }
}

/// A reader that fails once more than so many bytes were read, and lets other tasks have a turn.
struct Bounded {
    from: Decoder,
    left: usize,
    turn: usize,
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.turn == 0 {
            self.turn = TURN;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.from).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.turn = self.turn.saturating_sub(read);
        let left = self.left.checked_sub(read);
        self.left = left.ok_or_else(|| too_much("too much comes out between two codings"))?;
        Poll::Ready(Ok(()))
    }
}

fn too_much(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, what)
}

/// The delivery as it was before it was compressed: with its body decoded, and without the header that said so.
///
/// # Errors
/// See [`ContentCodingError`]; at most [`DELIVERY_BYTES_MAX`] bytes come out.
pub(super) async fn decoded(delivery: &Delivery) -> Result<Cow<'_, Delivery>, ContentCodingError> {
    let codings = ContentCoding::named(delivery.header_values(CONTENT_ENCODING))?;
    if codings.is_empty() {
        return Ok(Cow::Borrowed(delivery));
    }
    let mut plain = delivery.clone();
    plain.headers.retain(|(name, _)| name != CONTENT_ENCODING);
    if !delivery.body.is_empty() {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::FileTooLarge => ContentCodingError::TooLarge,
            _ => ContentCodingError::Broken(error.to_string()),
        };
        let from = Cursor::new(delivery.body.clone());
        let decoder = decoder(&codings, from, DELIVERY_BYTES_MAX).await.map_err(failed)?;
        let mut out = Vec::new();
        decoder.take(DELIVERY_BYTES_MAX as u64 + 1).read_to_end(&mut out).await.map_err(failed)?;
        if out.len() > DELIVERY_BYTES_MAX {
            return Err(ContentCodingError::TooLarge);
        }
        plain.body = Bytes::from(out);
    }
    Ok(Cow::Owned(plain))
}
