//! Bodies: read whole under a limit and a timer, or refused before they are.

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
const FRAME_WAIT: Duration = Duration::from_secs(15);
/// Longest time for the whole of a webhook or single fact.
const SINGLE_WAIT: Duration = Duration::from_secs(35);
/// Longest time for the whole of a batch: 64 MB at 220 kB/s.
pub const BATCH_WAIT: Duration = Duration::from_secs(300);

/// Bytes of bodies that are held whole at once, whoever sends them: a broken array records nothing (RULINGS, A batch),
/// so it is held to its end, and so is what a signature covers.
const HELD_MAX: usize = 256 * 1024 * 1024;
static ROOM: Semaphore = Semaphore::const_new(HELD_MAX);

/// A body with its part of that room, free again when nobody holds a slice of it.
struct BufferedBody {
    bytes: BytesMut,
    room: SemaphorePermit<'static>,
}

impl AsRef<[u8]> for BufferedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The whole body, at most `limit` bytes, in the time that what it may be, or says to be, may take.
pub async fn whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    let most = announced.upper().unwrap_or(u64::MAX).min(limit as u64);
    let wait = if most <= SINGLE_MAX as u64 { SINGLE_WAIT } else { BATCH_WAIT };
    within(body, limit, wait, &ROOM).await
}

async fn within(
    body: Body,
    limit: usize,
    wait: Duration,
    room: &'static Semaphore,
) -> Result<Bytes, Problem> {
    timeout(wait, collect(body, limit, room)).await.unwrap_or_else(|_| Err(too_slow()))
}

async fn collect(mut body: Body, limit: usize, room: &'static Semaphore) -> Result<Bytes, Problem> {
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(Problem::too_large(limit));
    }
    // Most bodies come in one piece.
    let Some(mut piece) = next(&mut body).await? else { return Ok(first) };
    let mut held = BufferedBody { bytes: BytesMut::new(), room: take(room, first.len())? };
    held.bytes.extend_from_slice(&first);
    loop {
        if held.bytes.len() + piece.len() > limit {
            return Err(Problem::too_large(limit));
        }
        held.room.merge(take(room, piece.len())?);
        held.bytes.extend_from_slice(&piece);
        match next(&mut body).await? {
            Some(more) => piece = more,
            None => return Ok(Bytes::from_owner(held)),
        }
    }
}

/// Room for so many bytes more; 503 where others have it.
fn take(room: &'static Semaphore, bytes: usize) -> Result<SemaphorePermit<'static>, Problem> {
    let taken = u32::try_from(bytes).ok().and_then(|bytes| room.try_acquire_many(bytes).ok());
    taken
        .ok_or_else(|| Problem::unavailable("bodies_busy", "too many large bodies are being read at once", 1))
}

/// The next bytes of a body; none at its end.
pub async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = timeout(FRAME_WAIT, body.frame()).await.map_err(|_| too_slow())?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(cut_short()),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// 400: the client stopped before the end.
fn cut_short() -> Problem {
    Problem::bad_request("body_cut_short", "the body ended before its announced length")
}

/// 408: the client is too slow; the connection is closed behind the answer, for its body is not read to the end.
pub fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body did not come in time")
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
        within(Body::new(Pieces(pieces, stalls)), 4, wait, &ROOM).await
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
