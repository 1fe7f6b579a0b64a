//! A list as CSV is whole: its pages follow one another in one answer, each made when the one before is on its way, so
//! that a long list costs no more memory than three pages.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use futures_core::Stream;
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::negotiation::{NextPage, Representation};
use super::problem::Problem;
use super::right::Right;
use crate::http::app::App;

/// Rows of a page: few enough that pages of the largest rows fit in memory.
const ROWS: usize = 200;
/// Longest time that a list may take; a reader who takes longer gets it page by page.
const TIME_MAX: Duration = Duration::from_secs(30 * 60);

/// Answers with all pages of the list in turn; an answer of one page as it is.
pub async fn answer(parts: Parts, next: Next) -> Result<Response, Problem> {
    let right = parts.extensions.get::<Arc<Right>>().cloned();
    let (Some(app), Some(right)) = (parts.extensions.get::<Arc<App>>().cloned(), right) else {
        return Ok(next.run(Request::from_parts(parts, Body::empty())).await);
    };
    let permit = Arc::clone(&app.whole_lists).try_acquire_owned().map_err(|_| {
        Problem::unavailable("too_many_lists", "too many whole lists are being sent; try again", 10)
    })?;
    let first = next.clone().run(page(&parts, None)?).await;
    let Some(NextPage(mut cursor)) = first.extensions().get().cloned() else { return Ok(first) };
    let (head, first) = first.into_parts();
    let (send, pages) = mpsc::channel(1);
    let gone = send.clone();
    let sending = async move {
        let _permit = permit;
        let mut body = first;
        loop {
            let Ok(rows) = body.collect().await else { return };
            if send.send(Part::Rows(rows.to_bytes())).await.is_err() {
                return;
            }
            if cursor.is_empty() {
                let _ = send.send(Part::End).await;
                return;
            }
            let Ok(request) = page(&parts, Some(&cursor)) else { return };
            let response = next.clone().run(request).await;
            if response.status() != StatusCode::OK {
                tracing::warn!(status = response.status().as_u16(), "a list was cut off: a page failed");
                return;
            }
            cursor = response.extensions().get().map_or_else(String::new, |NextPage(next)| next.clone());
            body = response.into_body();
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = sending => {}
            () = gone.closed() => {}
            () = app.stopping.cancelled() => {}
            () = tokio::time::sleep(TIME_MAX) => {}
        }
    });
    Ok(Response::from_parts(head, Body::from_stream(Pages { waiting: pages, right, ended: false })))
}

/// The request of one page of the list.
fn page(parts: &Parts, cursor: Option<&str>) -> Result<Request, Problem> {
    let mut parts = parts.clone();
    let query = parts.uri.query().filter(|query| !query.is_empty());
    let mut paged = query.map_or_else(String::new, |query| format!("{query}&"));
    paged.push_str(&format!("limit={ROWS}"));
    if let Some(cursor) = cursor {
        paged.push_str("&cursor=");
        paged.push_str(cursor);
    }
    let uri = Uri::try_from(format!("{}?{paged}", parts.uri.path()));
    parts.uri = uri.map_err(|_| Problem::bad_request("bad_query", "the query string is too long"))?;
    if let Some(representation) = parts.extensions.get_mut::<Representation>() {
        representation.begins &= cursor.is_none();
    }
    Ok(Request::from_parts(parts, Body::empty()))
}

enum Part {
    Rows(Bytes),
    End,
}

/// The pages as a body, told while the right to them lasts (G21). A list that is cut off ends with an error, which
/// breaks the connection, so that no reader takes a part for the whole.
struct Pages {
    waiting: mpsc::Receiver<Part>,
    right: Arc<Right>,
    ended: bool,
}

impl Stream for Pages {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = ready!(self.waiting.poll_recv(context));
        let cut = |why| Some(Err(io::Error::other(why)));
        Poll::Ready(match part {
            Some(Part::Rows(_)) if self.right.check().is_err() => {
                self.ended = true;
                cut("the right to the list was revoked")
            }
            Some(Part::Rows(rows)) => Some(Ok(rows)),
            Some(Part::End) => None,
            None => {
                self.ended = true;
                cut("the list was cut off")
            }
        })
    }
}
