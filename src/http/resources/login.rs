//! Login and logout of users, and the caller's own identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::facts::access::Role;
use domain::members::Email;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::access::{DEVICE_SECONDS, LOGIN_SECONDS, LoginAttempt};
use crate::http::api::auth::{COOKIE, cookie, cross_site, session, takes_cookie, unauthorized};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::GlobalAccess;
use crate::http::api::json_body::{json_body_within, members, password};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::api::unkept::unkept;
use crate::http::app::App;
use crate::http::server::client_address::ClientNetwork;

/// Largest body of a login, in bytes: an email and a password of the longest that there are fit.
const BODY_MAX: usize = 8 * 1024;
/// The cookie of a device on which somebody has logged in.
const DEVICE: &str = "factfold_device";
/// The one route that is shown it.
const DEVICE_PATH: &str = "/api/v1/login";

/// `/login`, `/logout`, `/me`.
pub fn routes() -> Routes {
    Routes::new("access")
        .add(Need::Open, routes!(log_in))
        .add(Need::Open, routes!(log_out))
        .add(Need::Known, routes!(me))
}

/// The credentials of a user.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what log_in reads")]
struct LoginBody {
    /// The user's email.
    email: String,
    /// The user's password.
    password: String,
}

/// A new login.
#[derive(Serialize, ToSchema)]
struct LoginAnswer {
    /// The user's id.
    user_id: String,
    /// When the login expires.
    expires_at: String,
}

/// The `Set-Cookie` value for `seconds`; 0 removes the cookie.
fn set_cookie(
    app: &App,
    (name, value): (&str, &str),
    path: &str,
    seconds: u32,
) -> Result<HeaderValue, Problem> {
    let secure = if app.engine.public_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).map_err(|error| Problem::internal(&error))
}

/// Logs in with email and password; the answer sets the session cookie, and one by which the device is known again.
/// Failed logins are limited by address, and by email and address; a device that the user has logged in on before is
/// heard first and has a limit of its own.
#[utoipa::path(
    post,
    path = "/api/v1/login",
    request_body = LoginBody,
    responses(
        (status = 200, description = "The session cookie is in `Set-Cookie`", body = LoginAnswer),
        (status = 401, description = "Wrong email or password"),
        (status = 403, description = "The request came from a page of another site"),
        (status = 422, description = "Invalid content; `errors` names the fields"),
        (status = 429, description = "Too many failed attempts from this address; `Retry-After` says when to try again")
    )
)]
async fn log_in(
    State(app): State<Arc<App>>,
    Extension(ClientNetwork(network)): Extension<ClientNetwork>,
    request: Request,
) -> Result<Response, Problem> {
    if !takes_cookie(request.method(), request.headers(), &app.engine.public_url) {
        return Err(cross_site());
    }
    let (parts, body) = request.into_parts();
    let [device, session] = [DEVICE, COOKIE].map(|name| cookie(&parts.headers, name).map(str::to_owned));
    let body = json_body_within(Request::from_parts(parts, body), BODY_MAX).await?;
    let (email, password) = members(&body, |at| {
        let email: Option<Email> = at.required("email");
        let password = password(at);
        if password.is_none() {
            at.fault("is required");
        }
        Some((email?, password?))
    })?;
    let device_cookie = app.engine.access.device_cookie(&email)?;
    let attempt = LoginAttempt { email, password, network, device, session };
    let verified = app.engine.access.verify(attempt).await?;
    let verified = verified.ok_or_else(|| unauthorized("wrong email or password"))?;
    let commands = app.engine.commands.clone();
    let begun = blocking(move || commands.log_in(&verified)).await??;
    let begun = begun.ok_or_else(|| unauthorized("wrong email or password"))?;
    let answer =
        Json(LoginAnswer { user_id: begun.user_id.to_string(), expires_at: begun.expires_at.to_string() });
    let mut response = unkept(answer);
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, set_cookie(&app, (COOKIE, &begun.cookie), "/", LOGIN_SECONDS)?);
    let device = set_cookie(&app, (DEVICE, &device_cookie), DEVICE_PATH, DEVICE_SECONDS)?;
    headers.append(header::SET_COOKIE, device);
    Ok(response)
}

/// Logs out: ends the login on the server and removes the session cookie.
#[utoipa::path(
    post,
    path = "/api/v1/logout",
    responses(
        (status = 204, description = "Logged out"),
        (status = 403, description = "The request came from a page of another site")
    )
)]
async fn log_out(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    if !takes_cookie(request.method(), request.headers(), &app.engine.public_url) {
        return Err(cross_site());
    }
    // A cookie that nobody has ends nothing, and keeps no thread.
    let given = session(request.headers()).filter(|given| app.engine.access.login(given).is_some());
    if let Some(given) = given.map(str::to_owned) {
        let commands = app.engine.commands.clone();
        blocking(move || commands.log_out(&given)).await??;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, set_cookie(&app, (COOKIE, ""), "/", 0)?);
    Ok(response)
}

/// The caller.
#[derive(Serialize, ToSchema)]
struct Me {
    /// The caller's id, as in the member `by` of facts.
    id: String,
    /// The user's name; null for tokens.
    name: Option<String>,
    /// The user's email; null for tokens.
    email: Option<String>,
    /// The caller's role in all tenants; null where it is granted by tenant.
    role: Option<&'static str>,
    /// The caller's role by tenant.
    tenants: BTreeMap<String, &'static str>,
}

/// Gets the caller's identity and roles.
#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Me)))]
async fn me(State(app): State<Arc<App>>, GlobalAccess(caller): GlobalAccess) -> Json<Me> {
    let known = app.engine.access.known();
    let user = known.users.iter().find(|(id, _)| caller.id.strip_prefix("user/") == Some(id.as_str()));
    let user = user.map(|(_, user)| user);
    let tenants = caller.grants.tenants.iter();
    Json(Me {
        id: caller.id.to_string(),
        name: user.and_then(|user| user.name.as_ref()).map(ToString::to_string),
        email: user.and_then(|user| user.email.as_ref()).map(ToString::to_string),
        role: caller.role_everywhere().map(Role::as_str),
        tenants: tenants.map(|(tenant, role)| (tenant.to_string(), role.as_str())).collect(),
    })
}
