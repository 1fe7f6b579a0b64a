//! Which representation a route answers with: JSON or CSV, by `format` or `Accept`; 406 where it has no CSV.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::negotiation::{Media, Representation};
use super::problem::Problem;
use super::whole_list;

/// What a route can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// JSON alone, or something of its own.
    Json,
    /// JSON, or its rows as CSV.
    Rows,
    /// A page of JSON, or the whole list as CSV.
    List,
}

/// The layer of a route that decides what the handler renders.
pub async fn choose(offer: Offer, request: Request, next: Next) -> Result<Response, Problem> {
    if !request.method().is_safe() {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    if offer == Offer::Json {
        if Representation::takes_csv_alone(&parts) {
            let detail = "this route has no CSV; ask for application/json";
            return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail));
        }
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let representation = Representation::new(&parts, offer == Offer::List);
    let whole = representation.media == Media::Csv && representation.whole.is_some();
    parts.extensions.insert(representation);
    if whole {
        return whole_list::answer(parts, next).await;
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}
