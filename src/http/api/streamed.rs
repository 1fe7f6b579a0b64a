//! Long answers, sent chunk by chunk while they are made.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::mpsc;

use super::right::Right;
use crate::http::app::{App, StreamPermit};

/// Chunks that wait for a reader.
const WAITING_MAX: usize = 2;

/// A body of the chunks that `make` sends, few ahead of its reader. It ends early where the right to it is lost or the
/// server stops, so that it must show where its end is.
pub fn streamed<F: Future<Output = ()> + Send + 'static>(
    app: &App,
    (right, permit): (Right, StreamPermit),
    make: impl FnOnce(mpsc::Sender<Bytes>) -> F,
) -> Body {
    let (send, waiting) = mpsc::channel(WAITING_MAX);
    let (stopping, held, making) = (app.stopping.clone(), right.clone(), make(send));
    tokio::spawn(async move {
        let _permit = permit;
        tokio::select! {
            () = making => {}
            () = held.lost() => {}
            () = stopping.cancelled() => {}
        }
    });
    Body::from_stream(Chunks { waiting, right })
}

/// The chunks of an answer, each sent only while the right to it lasts.
struct Chunks {
    waiting: mpsc::Receiver<Bytes>,
    right: Right,
}

impl Stream for Chunks {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = ready!(self.waiting.poll_recv(cx));
        Poll::Ready(chunk.filter(|_| self.right.check().is_ok()).map(Ok))
    }
}
