//! Users and their memberships in tenants.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::access::Role;
use domain::json::Reader;
use domain::keys::TenantId;
use domain::members::Text;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{NewUser, UserChange};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList};
use crate::http::api::json_body::{json_body, login_email, members, new_login_email, password};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/users`, `/users/{user_id}`, `/users/{user_id}/memberships/{member_of}`.
pub fn routes() -> Routes {
    Routes::new("access")
        .add(Need::Auditor, routes!(list_users))
        .add(Need::Admin, routes!(add_user))
        .add(Need::Admin, routes!(change_user))
        .add(Need::Admin, routes!(remove_user))
        .add(Need::Admin, routes!(grant_membership))
        .add(Need::Admin, routes!(revoke_membership))
}

/// A user.
#[derive(Serialize, ToSchema)]
struct UserItem {
    /// The user's id.
    id: String,
    /// The email for the login; null once it is erased.
    email: Option<String>,
    /// The user's name; null without one.
    name: Option<String>,
    /// The user's role in all tenants; null without one.
    role: Option<&'static str>,
    /// The user's role by tenant.
    memberships: BTreeMap<String, &'static str>,
    /// When the user was added.
    added_at: String,
}

/// Lists users with their memberships.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    params(GlobalList),
    responses((status = 200, body = Page<UserItem>))
)]
async fn list_users(State(app): State<Arc<App>>, list: GlobalList) -> Result<Response, Problem> {
    let known = app.engine.access.known();
    let rows = known.users.iter().map(|(id, user)| {
        let memberships = user.grants.tenants.iter();
        let item = UserItem {
            id: id.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            name: user.name.as_ref().map(ToString::to_string),
            role: user.grants.everywhere.map(Role::as_str),
            memberships: memberships.map(|(tenant, role)| (tenant.to_string(), role.as_str())).collect(),
            added_at: user.added_at.to_string(),
        };
        (id.to_string(), item)
    });
    list.by_id(known.position(), rows.collect())
}

/// A user to be added.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what add_user reads")]
struct NewUserBody {
    /// The email for the login.
    email: String,
    /// At least 12 characters.
    password: String,
    /// The user's name.
    #[schema(required = false)]
    name: String,
    /// `auditor`, `operator` or `admin` in all tenants. The roles viewer and agent are granted by tenant.
    #[schema(required = false)]
    role: String,
}

/// The new user.
#[derive(Serialize, ToSchema)]
struct AddedUser {
    /// The user's id.
    id: String,
}

/// Adds a user.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    request_body = NewUserBody,
    responses(
        (status = 201, body = AddedUser),
        (status = 409, description = "Another user has this email already"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn add_user(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    request: Request,
) -> Result<(StatusCode, Json<AddedUser>), Problem> {
    let body = json_body(request).await?;
    let new = members(&body, |at| {
        let email = login_email(at);
        let password = password(at);
        if password.is_none() {
            at.fault("is required");
        }
        let (name, role) = (at.optional("name"), at.optional("role"));
        Some(NewUser { email: email?, name, password: password?, role })
    })?;
    let id = blocking(move || app.engine.commands.add_user(&caller.id, &new)).await??;
    Ok((StatusCode::CREATED, Json(AddedUser { id: id.to_string() })))
}

/// Changes of a user; absent members stay as they are.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what change_user reads")]
struct UserChangeBody {
    /// The email for the login.
    #[schema(required = false)]
    email: String,
    /// At least 12 characters. A new password ends every login of the user.
    #[schema(required = false)]
    password: String,
    /// The user's name.
    #[schema(required = false)]
    name: String,
    /// `auditor`, `operator` or `admin` in all tenants; `none` removes the role.
    #[schema(required = false)]
    role: String,
}

/// The role, where one is given; `none` removes it.
fn changed_role(at: &mut Reader<'_>) -> Option<Option<Role>> {
    let word: Text = at.optional("role")?;
    match (word.as_str(), Role::parse(word.as_str())) {
        ("none", _) => Some(None),
        (_, Some(role)) => Some(Some(role)),
        (_, None) => {
            at.fault("must be one of auditor operator admin none");
            None
        }
    }
}

/// Changes a user.
#[utoipa::path(
    patch,
    path = "/api/v1/users/{user_id}",
    request_body = UserChangeBody,
    responses(
        (status = 204, description = "Changed, with immediate effect"),
        (status = 409, description = "Another user has this email already"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn change_user(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    Path(user_id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body = json_body(request).await?;
    let change = members(&body, |at| {
        let (email, name) = (new_login_email(at), at.optional("name"));
        let (password, role) = (password(at), changed_role(at));
        Some(UserChange { email, name, password, role })
    })?;
    blocking(move || app.engine.commands.change_user(&caller.id, &user_id, &change)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a user and ends every login at once.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{user_id}",
    responses((status = 204, description = "Removed"))
)]
async fn remove_user(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    Path(user_id): Path<String>,
) -> Result<StatusCode, Problem> {
    blocking(move || app.engine.commands.remove_user(&caller.id, &user_id)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// A membership to be granted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what grant_membership reads")]
struct MembershipBody {
    /// `viewer`, `agent`, `auditor`, `operator` or `admin`.
    role: String,
}

fn tenant_of(app: &App, name: &str) -> Result<TenantId, Problem> {
    let named = TenantId::new(name).ok().filter(|tenant| app.engine.knows(tenant));
    named.ok_or_else(|| Problem::not_found("tenant"))
}

/// Sets a user's role in one tenant.
#[utoipa::path(
    put,
    path = "/api/v1/users/{user_id}/memberships/{member_of}",
    request_body = MembershipBody,
    responses(
        (status = 204, description = "Changed, with immediate effect"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn grant_membership(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    Path((user_id, member_of)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let tenant = tenant_of(&app, &member_of)?;
    let body = json_body(request).await?;
    let role = members(&body, |at| at.required::<Role>("role"))?;
    blocking(move || app.engine.commands.grant(&caller.id, &user_id, &tenant, role)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a user's role in one tenant.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{user_id}/memberships/{member_of}",
    responses((status = 204, description = "Removed"))
)]
async fn revoke_membership(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    Path((user_id, member_of)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let tenant = tenant_of(&app, &member_of)?;
    blocking(move || app.engine.commands.revoke_membership(&caller.id, &user_id, &tenant)).await??;
    Ok(StatusCode::NO_CONTENT)
}
