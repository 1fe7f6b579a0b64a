//! Lingering close: the unread rest of a request body is drained before the answer is sent.
//!
//! A client that is still sending when the server closes sees a reset connection instead of the answer, for example
//! instead of a 413; and its next request would go to a connection that is about to close.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::http::api::body::{self, SINGLE_MAX};

/// Most bytes that are drained; a client that sends more is cut off.
const READ_MAX: usize = 2 * SINGLE_MAX;
/// Longest time of draining.
const WAIT: Duration = Duration::from_secs(2);

/// The request with a body whose unread rest comes back; none where there is no body to drain.
pub fn reclaimable(request: Request) -> (Request, Option<Remainder>) {
    // A client that expects `100 Continue` has not sent the body yet.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return (request, None);
    }
    let left = Remainder::default();
    let request = request.map(|body| Body::new(ReclaimableBody { body: Some(body), left: left.clone() }));
    (request, Some(left))
}

/// What was left unread of a body.
#[derive(Clone, Default)]
pub struct Remainder(Arc<Mutex<Option<Body>>>);

impl Remainder {
    /// Drains it, and closes the connection behind `response` where that could not be done.
    pub async fn drain_before(self, response: &mut Response) {
        let left = self.0.lock().take();
        if let Some(mut body) = left
            && (response.status() == StatusCode::REQUEST_TIMEOUT || !drained(&mut body).await)
        {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Drains the body; whether it ended within the limits.
async fn drained(body: &mut Body) -> bool {
    let reading = async {
        let mut left = READ_MAX;
        while let Ok(Some(piece)) = body::next(body).await {
            match left.checked_sub(piece.len()) {
                Some(less) => left = less,
                None => return false,
            }
        }
        true
    };
    timeout(WAIT, reading).await.unwrap_or(false)
}

/// A body that gives itself back when its reader drops it before the end.
struct ReclaimableBody {
    body: Option<Body>,
    left: Remainder,
}

impl HttpBody for ReclaimableBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for ReclaimableBody {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        *self.left.0.lock() = body;
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::middleware::Next;
    use axum::routing::{get, post};
    use axum::{Router, middleware};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn drain_body(request: Request, next: Next) -> Response {
        let (request, remainder) = reclaimable(request);
        let mut response = next.run(request).await;
        if let Some(remainder) = remainder {
            remainder.drain_before(&mut response).await;
        }
        response
    }

    fn routes() -> Router {
        Router::new()
            .route("/whole", post(async |body: Bytes| body.len().to_string()))
            .route("/refused", post(async || "refused"))
            .route("/end", get(async || "end"))
    }

    /// What a client reads that sends a body of `bytes` to `/refused`, then asks for `/end`.
    async fn sent_on(router: Router, bytes: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let head = format!("POST /refused HTTP/1.1\r\nhost: a\r\ncontent-length: {bytes}\r\n\r\n");
        let mut all = head.into_bytes();
        all.resize(all.len() + bytes, b'x');
        all.extend_from_slice(b"GET /end HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        // Where it is cut off, the rest is not taken.
        let _ = stream.write_all(&all).await;
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        String::from_utf8_lossy(&read).into_owned()
    }

    #[tokio::test]
    async fn a_refused_body_is_read_on_and_the_connection_goes_on() {
        let router = || routes().layer(middleware::from_fn(drain_body));
        let told = sent_on(router(), 1_000_000).await;
        assert!(told.contains("refused") && told.ends_with("end"), "{told}");
        let told = sent_on(router(), 4 * READ_MAX).await;
        assert!(!told.contains("end") && (told.is_empty() || told.contains("connection: close")), "{told}");
        let told = sent_on(routes(), 1_000_000).await;
        assert!(!told.ends_with("end"), "null control: without the layer the connection is cut: {told}");
    }

    #[tokio::test]
    async fn a_body_that_is_read_is_read_as_it_was_sent() {
        use tower::ServiceExt;
        let request = Request::post("/whole").body(Body::from("x".repeat(70_000))).expect("request");
        let answer = routes().layer(middleware::from_fn(drain_body)).oneshot(request).await.expect("answers");
        assert!(!answer.headers().contains_key(header::CONNECTION));
        assert_eq!(to_bytes(answer.into_body(), 100).await.expect("body"), "70000");
    }
}
