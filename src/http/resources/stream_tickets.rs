//! Tickets by which a page opens a stream without a header: `EventSource` sends none.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::words;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::extractors::TenantAccess;
use crate::http::api::json_body::{json_body, members};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::api::unkept::unkept;
use crate::http::app::App;

/// `/stream-tickets`.
pub fn routes() -> Routes {
    Routes::new("streams").add(Need::Viewer, routes!(issue_stream_ticket))
}

words! {
    /// A stream of a tenant.
    StreamName {
        /// Facts as they are recorded.
        Facts = "facts",
        /// Changes of read models.
        Changes = "changes",
    }
}

/// The stream that a ticket is to open.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what issue_stream_ticket reads")]
struct NewStreamTicket {
    /// `facts` or `changes`.
    #[schema(example = "facts")]
    stream: String,
}

/// A new ticket.
#[derive(Serialize, ToSchema)]
struct StreamTicket {
    /// The value of the stream's parameter `ticket`. It opens one connection.
    ticket: String,
    /// When the ticket expires, 60 s after it was made. The stream that it opened goes on.
    expires_at: String,
}

/// Makes a ticket that opens one stream, once, within 60 s, as the caller. For `EventSource`, which can send no token: a
/// page asks for a new ticket at each connect, and resumes with `after`. The stream ends with the caller's right.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/stream-tickets",
    request_body = NewStreamTicket,
    responses((status = 201, body = StreamTicket))
)]
async fn issue_stream_ticket(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body(request).await?;
    let stream: StreamName = members(&body, |at| at.required("stream"))?;
    let path = format!("/api/v1/tenants/{}/{}/stream", tenant.as_str(), stream.as_str());
    let (ticket, expires_at) = app.engine.access.issue_ticket(tenant.credential().clone(), path)?;
    let answer = Json(StreamTicket { ticket, expires_at: expires_at.to_string() });
    Ok(unkept((StatusCode::CREATED, answer)))
}
