//! Request bodies: read whole under a limit of size and time, refused early where they announce too much.

use std::error::Error;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::problem::Problem;

/// Largest webhook or single fact, in bytes.
pub const SINGLE_MAX: usize = 1024 * 1024;
/// Largest batch, in bytes.
pub const BATCH_MAX: usize = 64 * 1024 * 1024;
/// Longest wait for the next bytes of a body.
pub const FRAME_WAIT: Duration = Duration::from_secs(15);
/// Longest time for the whole of a webhook or single fact.
const SINGLE_WAIT: Duration = Duration::from_secs(35);
/// Longest time for the whole of a batch: 64 MB at 220 kB/s.
pub const BATCH_WAIT: Duration = Duration::from_secs(300);

/// Most bytes of bodies in memory at once, over all clients. Batches of 64 MB are buffered whole, since a broken array
/// records nothing and a signature covers the whole body; without this bound a few clients could use up the memory.
const BUFFERED_MAX: usize = 256 * 1024 * 1024;
static BUFFER: Semaphore = Semaphore::const_new(BUFFERED_MAX);

/// The same for bodies of whoever is not authenticated yet: a signature covers the whole body, so that a stranger's is
/// held as well until it is known to be wrong (G20).
const STRANGERS_BUFFERED_MAX: usize = 16 * 1024 * 1024;
static STRANGERS_BUFFER: Semaphore = Semaphore::const_new(STRANGERS_BUFFERED_MAX);

/// A body with its permits, which return when the last slice of it is dropped.
struct BufferedBody {
    bytes: BytesMut,
    permit: SemaphorePermit<'static>,
}

impl AsRef<[u8]> for BufferedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The whole body, at most `limit` bytes: 413 over it, 408 where it is sent too slowly. A body that announces no more
/// than a single fact has 35 s, a larger one 5 minutes.
pub async fn whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    whole_in(body, limit, &BUFFER).await
}

/// As [`whole`], of whoever is not authenticated yet.
pub async fn whole_of_a_stranger(body: Body, limit: usize) -> Result<Bytes, Problem> {
    whole_in(body, limit, &STRANGERS_BUFFER).await
}

async fn whole_in(body: Body, limit: usize, buffer: &'static Semaphore) -> Result<Bytes, Problem> {
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    let most = announced.upper().unwrap_or(u64::MAX).min(limit as u64);
    let wait = if most <= SINGLE_MAX as u64 { SINGLE_WAIT } else { BATCH_WAIT };
    within(body, limit, wait, buffer).await
}

async fn within(
    body: Body,
    limit: usize,
    wait: Duration,
    buffer: &'static Semaphore,
) -> Result<Bytes, Problem> {
    timeout(wait, collect(body, limit, buffer)).await.unwrap_or_else(|_| Err(too_slow()))
}

async fn collect(mut body: Body, limit: usize, buffer: &'static Semaphore) -> Result<Bytes, Problem> {
    let announced = body.size_hint().lower();
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(Problem::too_large(limit));
    }
    // Most bodies come in one piece and need no buffer.
    let Some(mut piece) = next(&mut body).await? else { return Ok(first) };
    // The announced length at once: a buffer that grows by doubling would take twice what is counted.
    let announced = usize::try_from(announced).unwrap_or(limit).min(limit);
    let bytes = BytesMut::with_capacity(announced);
    let mut buffered = BufferedBody { bytes, permit: reserve(buffer, first.len())? };
    buffered.bytes.extend_from_slice(&first);
    loop {
        if buffered.bytes.len() + piece.len() > limit {
            return Err(Problem::too_large(limit));
        }
        buffered.permit.merge(reserve(buffer, piece.len())?);
        buffered.bytes.extend_from_slice(&piece);
        match next(&mut body).await? {
            Some(more) => piece = more,
            None => return Ok(Bytes::from_owner(buffered)),
        }
    }
}

/// Permits for so many bytes; 503 while other bodies hold them.
fn reserve(buffer: &'static Semaphore, bytes: usize) -> Result<SemaphorePermit<'static>, Problem> {
    let permit = u32::try_from(bytes).ok().and_then(|bytes| buffer.try_acquire_many(bytes).ok());
    permit
        .ok_or_else(|| Problem::unavailable("bodies_busy", "too many large bodies are being read at once", 1))
}

/// Permits for what a decoder of a known caller holds, as for a body.
pub fn reserve_window(bytes: usize) -> Result<SemaphorePermit<'static>, Problem> {
    reserve(&BUFFER, bytes)
}

/// The next bytes of a body; none at its end.
pub async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = timeout(FRAME_WAIT, body.frame()).await.map_err(|_| too_slow())?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(body_error(&error)),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// Why a body cannot be read on: it does not decompress, or its connection ended.
pub fn body_error(error: &axum::Error) -> Problem {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.downcast_ref::<axum::Error>().and_then(Error::source) {
        cause = inner;
    }
    let is_of_connection = |error: &io::Error| error.get_ref().is_some_and(|cause| cause.is::<axum::Error>());
    match cause.downcast_ref::<io::Error>().filter(|error| !is_of_connection(error)) {
        Some(error) if error.kind() == io::ErrorKind::FileTooLarge => Problem::too_large(BATCH_MAX),
        Some(error) => Problem::bad_request(
            "malformed_compression",
            format!("the body does not decode as its Content-Encoding says: {error}"),
        ),
        None => cut_short(),
    }
}

/// 400: the client stopped before the end.
fn cut_short() -> Problem {
    Problem::bad_request("body_cut_short", "the body ended before its announced length")
}

/// 408: the client is too slow. The connection is closed after the answer, since the rest of the body is unread.
pub fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body was sent too slowly")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body of pieces, which never ends where `stalls`.
    struct Pieces(Vec<&'static [u8]>, bool);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece))))),
                None if self.1 => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    async fn read(pieces: &[&'static [u8]], stalls: bool, wait: Duration) -> Result<Bytes, Problem> {
        let pieces = pieces.iter().rev().copied().collect();
        within(Body::new(Pieces(pieces, stalls)), 4, wait, &BUFFER).await
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_the_limit() {
        let second = Duration::from_secs(1);
        assert_eq!(read(&[b"ab", b"", b"cd"], false, second).await.expect("reads"), "abcd");
        assert_eq!(read(&[], false, second).await.expect("reads"), "");
        for over in [&[b"abcde" as &[u8]] as &[&[u8]], &[b"ab", b"cde"]] {
            assert!(format!("{:?}", read(over, false, second).await).contains("too_large"));
        }
    }

    #[tokio::test]
    async fn bodies_that_are_held_at_once_have_a_bound_together() {
        static SIX: Semaphore = Semaphore::const_new(6);
        let four = async || {
            within(Body::new(Pieces(vec![b"cd", b"ab"], false)), 4, Duration::from_secs(1), &SIX).await
        };
        let first = four().await.expect("reads");
        let slice = first.slice(1..2);
        drop(first);
        assert!(format!("{:?}", four().await).contains("bodies_busy"), "a slice is held");
        drop(slice);
        assert_eq!(four().await.expect("reads"), "abcd");
        assert_eq!(SIX.available_permits(), 6);
    }

    #[tokio::test]
    async fn g14_a_body_that_does_not_end_is_not_waited_for() {
        let told = format!("{:?}", read(&[b"ab"], true, Duration::from_millis(20)).await);
        assert!(told.contains("body_too_slow"), "{told}");
    }
}
