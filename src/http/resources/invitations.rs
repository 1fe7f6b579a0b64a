//! Invitations: links by which a person makes an own login. The one there is so far is the setup link of an empty
//! directory, which makes the first admin.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use domain::members::Email;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::NewUser;
use crate::http::api::blocking::blocking;
use crate::http::api::json_body::{json_body_within, members, password};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// Largest body of an acceptance, in bytes.
const BODY_MAX: usize = 8 * 1024;

/// `/invitations/{token}/accept`.
pub fn routes() -> Routes {
    Routes::new("access").add(Need::Open, routes!(accept_invitation))
}

/// Who accepts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what accept_invitation reads")]
struct Acceptance {
    /// The email for the login.
    email: String,
    /// The person's name.
    #[schema(required = false)]
    name: String,
    /// At least 12 characters.
    password: String,
}

/// The user that was made.
#[derive(Serialize, ToSchema)]
struct AcceptedInvitation {
    /// The user's id.
    id: String,
}

/// Accepts an invitation: makes the login that it is for, once. The token is that of the setup link, which a server on
/// an empty directory prints at its start; the login is the first admin's.
#[utoipa::path(
    post,
    path = "/api/v1/invitations/{token}/accept",
    request_body = Acceptance,
    responses(
        (status = 201, body = AcceptedInvitation),
        (status = 404, description = "No such invitation, or it was accepted"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn accept_invitation(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<AcceptedInvitation>), Problem> {
    let body = json_body_within(request, BODY_MAX).await?;
    if !app.engine.access.takes_setup(&token) {
        return Err(Problem::not_found("invitation"));
    }
    let new = members(&body, |at| {
        let email: Option<Email> = at.required("email");
        let password = password(at);
        if password.is_none() {
            at.fault("is required");
        }
        let name = at.optional("name");
        Some(NewUser { email: email?, name, password: password?, role: None })
    })?;
    let id = blocking(move || app.engine.commands.set_up(&token, &new)).await??;
    Ok((StatusCode::CREATED, Json(AcceptedInvitation { id: id.to_string() })))
}
