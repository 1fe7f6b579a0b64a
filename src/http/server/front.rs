//! What holds for every request, in one service: request ids, identity, CORS, draining, panics as 500.
//!
//! As layers of the router each of these would box the request's future and clone the routes once more for every request;
//! that took a sixth of the processor time of a posted fact.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use tower::Service;
use tower_http::catch_panic::CatchPanicLayer;

use super::edge::RequestRecord;
use super::{cors, edge, lingering_close};
use crate::http::api::auth;
use crate::http::api::openapi::ApiDocument;
use crate::http::app::App;

/// The routes behind all that holds for every request. Clones are handles of the same one.
#[derive(Clone)]
pub struct Front {
    inner: Arc<FrontInner>,
}

struct FrontInner {
    app: Arc<App>,
    document: Arc<ApiDocument>,
    routes: Router,
    /// The same routes behind the CORS layer.
    cross_origin: Router,
    /// What the CORS layer adds where no page asks: the same for every answer.
    vary: HeaderValue,
    exposed: HeaderValue,
}

impl Front {
    /// In front of `routes`, which `document` describes.
    pub fn new(app: Arc<App>, routes: Router, document: ApiDocument) -> Self {
        let panics = CatchPanicLayer::custom(edge::panicked);
        let cross_origin = routes.clone().layer(panics).layer(cors::layer(&app.cors));
        let (vary, exposed) = (cors::vary(), cors::exposed());
        let document = Arc::new(document);
        Self { inner: Arc::new(FrontInner { app, document, routes, cross_origin, vary, exposed }) }
    }
}

impl FrontInner {
    async fn answer(&self, request: Request) -> Response {
        let record = RequestRecord::begin(&request);
        let (mut parts, body) = request.into_parts();
        auth::identify(&self.app, &mut parts);
        parts.extensions.insert(Arc::clone(&self.document));
        // A preflight, or a request of a page: of another origin or of ours.
        let is_of_page = parts.method == Method::OPTIONS || parts.headers.contains_key(header::ORIGIN);
        let (request, remainder) = lingering_close::reclaimable(Request::from_parts(parts, body));
        let mut routes = if is_of_page { self.cross_origin.clone() } else { self.routes.clone() };
        let mut response = caught(async move { routes.call(request).await }).await;
        if let Some(remainder) = remainder {
            remainder.drain_before(&mut response).await;
        }
        if !is_of_page {
            let headers = response.headers_mut();
            headers.append(header::VARY, self.vary.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        }
        record.finish(response)
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { Ok(inner.answer(request).await) })
    }
}

/// The answer, or 500 where a handler panicked.
async fn caught(answering: impl Future<Output = Result<Response, Infallible>>) -> Response {
    let mut answering = pin!(answering);
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx))) {
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(never))) => match never {},
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(edge::panicked(panic)),
    })
    .await
}

#[cfg(test)]
mod tests;
