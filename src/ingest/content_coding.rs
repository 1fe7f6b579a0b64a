//! Content codings of bodies (RFC 9110, section 8.4): gzip and deflate. They are decoded as they are read, so that
//! whoever reads bounds what comes out.

use std::borrow::Cow;
use std::io::{self, Cursor};

use async_compression::tokio::bufread::{DeflateDecoder, GzipDecoder, ZlibDecoder};
use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};

use super::DELIVERY_BYTES_MAX;
use super::delivery::Delivery;

/// The header, in lower case.
pub const CONTENT_ENCODING: &str = "content-encoding";

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 alone, as some send it.
    Deflate,
}

/// A body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentCodingError {
    /// No coding that is known, or several.
    #[error("Content-Encoding must be gzip or deflate, not {0:?}")]
    Unknown(String),
    /// More comes out than may.
    #[error("the body is too large once it is decompressed")]
    TooLarge,
    /// The bytes are not so coded.
    #[error("the body does not decode as its Content-Encoding says: {0}")]
    Broken(String),
}

impl ContentCoding {
    /// The coding that the header names; `None` where it names none.
    ///
    /// # Errors
    /// It names another one.
    pub fn named(header: Option<&[u8]>) -> Result<Option<Self>, ContentCodingError> {
        let given = String::from_utf8_lossy(header.unwrap_or_default()).trim().to_ascii_lowercase();
        match given.as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            _ => Err(ContentCodingError::Unknown(given)),
        }
    }

    /// Decodes what is read from `from`, of which the first byte is awaited here.
    ///
    /// # Errors
    /// Those of `from`.
    pub async fn decoder<R>(self, mut from: R) -> io::Result<Box<dyn AsyncRead + Send + Unpin>>
    where
        R: AsyncBufRead + Send + Unpin + 'static,
    {
        Ok(match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(from);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            // The method of a zlib header; no encoder begins a bare block so.
            Self::Deflate if from.fill_buf().await?.first().is_none_or(|first| first & 0x0f == 8) => {
                Box::new(ZlibDecoder::new(from))
            }
            Self::Deflate => Box::new(DeflateDecoder::new(from)),
        })
    }
}

/// The delivery as it was before it was compressed: with its body decoded, and without the header that said so.
///
/// # Errors
/// See [`ContentCodingError`]; at most [`DELIVERY_BYTES_MAX`] bytes come out.
pub(super) async fn decoded(delivery: &Delivery) -> Result<Cow<'_, Delivery>, ContentCodingError> {
    let Some(coding) = ContentCoding::named(delivery.header(CONTENT_ENCODING))? else {
        return Ok(Cow::Borrowed(delivery));
    };
    let mut plain = delivery.clone();
    plain.headers.retain(|(name, _)| name != CONTENT_ENCODING);
    if !delivery.body.is_empty() {
        let broken = |error: io::Error| ContentCodingError::Broken(error.to_string());
        let decoder = coding.decoder(Cursor::new(delivery.body.clone())).await.map_err(broken)?;
        let mut out = Vec::new();
        decoder.take(DELIVERY_BYTES_MAX as u64 + 1).read_to_end(&mut out).await.map_err(broken)?;
        if out.len() > DELIVERY_BYTES_MAX {
            return Err(ContentCodingError::TooLarge);
        }
        plain.body = Bytes::from(out);
    }
    Ok(Cow::Owned(plain))
}
