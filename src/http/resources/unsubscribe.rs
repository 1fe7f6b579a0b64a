//! Links by which whoever gets mails ends them, without a login (RFC 8058).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, Response};
use domain::members::Text;
use utoipa_axum::routes;

use crate::commands::{CommandError, TargetRejection};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::api::unkept::unkept;
use crate::http::app::App;

/// Who removes the target, as its fact says.
const BY: &str = "unsubscribe link";

/// `/unsubscribe/{token}`.
pub fn routes() -> Routes {
    Routes::new("alerts").add(Need::Open, routes!(show_unsubscribe, unsubscribe))
}

/// Shows the button that ends the mails of a link. Nothing ends by looking: programs that read mails follow links.
#[utoipa::path(
    get,
    path = "/api/v1/unsubscribe/{token}",
    responses(
        (status = 200, description = "A page with a button", content((String = "text/html"))),
        (status = 404, description = "A link that this server did not make")
    )
)]
async fn show_unsubscribe(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    app.engine.outbox.unsubscribed(&token).ok_or_else(|| Problem::not_found("link"))?;
    Ok(page(
        "<form method=\"post\"><p>No more mails to this address from here?</p><button>Unsubscribe</button></form>",
    ))
}

/// Ends the mails of a link: its target is removed. Again does nothing.
#[utoipa::path(
    post,
    path = "/api/v1/unsubscribe/{token}",
    responses(
        (status = 200, description = "No more mails are sent", content((String = "text/html"))),
        (status = 404, description = "A link that this server did not make")
    )
)]
async fn unsubscribe(State(app): State<Arc<App>>, Path(token): Path<String>) -> Result<Response, Problem> {
    let target_id = app.engine.outbox.unsubscribed(&token).ok_or_else(|| Problem::not_found("link"))?;
    match app.engine.commands.remove_alert_target(target_id, Text::new(BY)).await {
        Ok(_) | Err(CommandError::Rejected(TargetRejection::NotFound)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(page("<p>No more of these mails are sent to you.</p>"))
}

fn page(body: &str) -> Response {
    let page = format!("<!doctype html><html lang=\"en\"><title>Mails</title><body>{body}</body></html>");
    let nothing_else = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";
    unkept(([(header::CONTENT_SECURITY_POLICY, nothing_else)], Html(page)))
}
