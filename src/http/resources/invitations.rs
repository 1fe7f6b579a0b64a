//! Invitations: links by which people make their own logins. The setup link of an empty directory is accepted here, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use domain::facts::access::Role;
use domain::json::{FieldError, Json as Given, Reader};
use domain::keys::TenantId;
use domain::members::{Instant, Text};
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::access::AccessLink;
use crate::commands::{Acceptance, NewInvitation, NewUser};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList};
use crate::http::api::json_body::{json_body, json_body_within, login_email, members, password};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::api::unkept::unkept;
use crate::http::app::App;
use crate::http::server::client_address::ClientNetwork;

/// Largest body of an acceptance, in bytes.
const BODY_MAX: usize = 8 * 1024;
/// Most memberships of an invitation.
const MEMBERSHIPS_MAX: usize = 500;

/// `/invitations`, `/invitations/{invitation_id}`, `/invitations/{token}/accept`.
pub fn routes() -> Routes {
    Routes::new("access")
        .add(Need::Auditor, routes!(list_invitations))
        .add(Need::Admin, routes!(invite))
        .add(Need::Admin, routes!(withdraw_invitation))
        .add(Need::Open, routes!(accept_invitation))
}

/// An invitation without its link.
#[derive(Serialize, ToSchema)]
struct InvitationItem {
    /// The invitation's id.
    id: String,
    /// Who is invited; null once the address is erased.
    email: Option<String>,
    /// The role that it gives in all tenants; null without one.
    role: Option<&'static str>,
    /// The roles that it gives by tenant.
    memberships: BTreeMap<String, &'static str>,
    /// `open`, `accepted`, `withdrawn` or `expired`.
    state: &'static str,
    /// Id of the caller who invited.
    invited_by: Option<String>,
    /// When the invitation was issued.
    invited_at: String,
    /// When its link opens nothing any more.
    expires_at: String,
    /// When it was accepted or withdrawn; null where it was not.
    ended_at: Option<String>,
    /// Id of the user who accepted it; null where nobody did.
    user_id: Option<String>,
}

/// Lists invitations with what has become of them. The links are shown nowhere.
#[utoipa::path(
    get,
    path = "/api/v1/invitations",
    params(GlobalList),
    responses((status = 200, body = Page<InvitationItem>))
)]
async fn list_invitations(State(app): State<Arc<App>>, list: GlobalList) -> Result<Response, Problem> {
    let known = app.engine.access.known();
    let now = Instant((app.engine.clock)());
    let rows = known.invitations.iter().map(|(id, invitation)| {
        let memberships = invitation.grants.tenants.iter();
        let item = InvitationItem {
            id: id.to_string(),
            email: invitation.email.as_ref().map(ToString::to_string),
            role: invitation.grants.everywhere.map(Role::as_str),
            memberships: memberships.map(|(tenant, role)| (tenant.to_string(), role.as_str())).collect(),
            state: invitation.state(now).as_str(),
            invited_by: invitation.by.as_ref().map(ToString::to_string),
            invited_at: invitation.issued_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
            ended_at: invitation.ended_at().as_ref().map(ToString::to_string),
            user_id: invitation.user_id().map(ToString::to_string),
        };
        (id.to_string(), item)
    });
    list.by_id(known.position(), rows.collect())
}

/// Whom to invite. At least one of `memberships` and `role` is given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what invite reads")]
struct NewInvitationBody {
    /// The address that the person will log in by. The server sends no mail to it.
    email: String,
    /// Role by tenant: `viewer`, `agent`, `auditor`, `operator` or `admin`.
    #[schema(required = false)]
    memberships: BTreeMap<String, String>,
    /// `auditor`, `operator` or `admin` in all tenants.
    #[schema(required = false)]
    role: String,
}

/// An invitation that was issued.
#[derive(Serialize, ToSchema)]
struct IssuedInvitationAnswer {
    /// The invitation's id.
    id: String,
    /// The link to give to the person, shown only in this answer. It opens once.
    url: String,
    /// When the link opens nothing any more: after seven days.
    expires_at: String,
}

/// The member `memberships`: an object of tenants of this server and roles.
fn memberships(app: &App, at: &mut Reader<'_>) -> BTreeMap<TenantId, Role> {
    let given = match at.take("memberships") {
        None => return BTreeMap::new(),
        Some(Given::Object(given)) if given.len() <= MEMBERSHIPS_MAX => given,
        Some(_) => {
            at.fault(&format!("must be an object of at most {MEMBERSHIPS_MAX} tenants with a role each"));
            return BTreeMap::new();
        }
    };
    let mut found = BTreeMap::new();
    for (index, (name, role)) in given.iter().enumerate() {
        let Some(tenant) = TenantId::new(name).ok().filter(|tenant| app.engine.knows(tenant)) else {
            at.fault_at("memberships", &format!("has an unknown tenant as member {index}"));
            continue;
        };
        match role.as_str().and_then(Role::parse) {
            Some(role) => drop(found.insert(tenant, role)),
            None => {
                // A tenant's id needs no escape in a pointer.
                let pointer = format!("/memberships/{tenant}");
                let message = "must be one of viewer agent auditor operator admin".to_owned();
                at.faults(vec![FieldError { pointer, message }]);
            }
        }
    }
    found
}

/// Invites somebody: answers a link by which the person makes a login with these rights, once, within seven days. It takes
/// the place of an open invitation of the same address.
#[utoipa::path(
    post,
    path = "/api/v1/invitations",
    request_body = NewInvitationBody,
    responses(
        (status = 201, body = IssuedInvitationAnswer),
        (status = 409, description = "The address has a login already: grant it the memberships"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn invite(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body(request).await?;
    let new = members(&body, |at| {
        let (email, role) = (login_email(at), at.optional("role"));
        let memberships = memberships(&app, at);
        Some(NewInvitation { email: email?, role, memberships })
    })?;
    let public_url = app.engine.public_url.clone();
    let issued = blocking(move || app.engine.commands.invite(&caller.id, &new)).await??;
    let answer = IssuedInvitationAnswer {
        id: issued.id.to_string(),
        url: format!("{public_url}/welcome?invitation={}", issued.token),
        expires_at: issued.expires_at.to_string(),
    };
    Ok(unkept((StatusCode::CREATED, Json(answer))))
}

/// Withdraws an invitation: its link opens nothing any more, at once.
#[utoipa::path(
    delete,
    path = "/api/v1/invitations/{invitation_id}",
    responses(
        (status = 204, description = "Withdrawn, or expired before"),
        (status = 409, description = "It was accepted: remove the user instead")
    )
)]
async fn withdraw_invitation(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    Path(invitation_id): Path<String>,
) -> Result<StatusCode, Problem> {
    blocking(move || app.engine.commands.withdraw_invitation(&caller.id, &invitation_id)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Who accepts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what accept_invitation reads")]
struct AcceptanceBody {
    /// The email for the login: for the setup link alone. An invitation's is its own.
    #[schema(required = false)]
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
    /// The email for the login.
    email: String,
}

/// The name and the password that somebody gives.
fn name_and_password(at: &mut Reader<'_>) -> Option<(Option<Text>, String)> {
    let password = password(at);
    if password.is_none() {
        at.fault("is required");
    }
    let name = at.optional("name");
    Some((name, password?))
}

/// Accepts an invitation: makes the login that it is for, once. The token is the last part of the invitation's link, or that
/// of the setup link, which a server on an empty directory prints at its start; that login is the first admin's.
///
/// A token that opens nothing is answered alike, whether it is unknown, used, withdrawn or expired, and is a failed login
/// of the address that it comes from.
#[utoipa::path(
    post,
    path = "/api/v1/invitations/{token}/accept",
    request_body = AcceptanceBody,
    responses(
        (status = 201, body = AcceptedInvitation),
        (status = 404, description = "The token opens nothing: it is unknown, used, withdrawn or expired"),
        (status = 409, description = "The address has got a login since it was invited"),
        (status = 422, description = "Invalid content; `errors` names the fields"),
        (status = 429, description = "Too many failed attempts from this address; `Retry-After` says when to try again")
    )
)]
async fn accept_invitation(
    State(app): State<Arc<App>>,
    Extension(ClientNetwork(network)): Extension<ClientNetwork>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body_within(request, BODY_MAX).await?;
    let (id, email) = match app.engine.access.link(&token, network)? {
        AccessLink::Setup => {
            let new = members(&body, |at| {
                let email = login_email(at);
                let (name, password) = name_and_password(at)?;
                Some(NewUser { email: email?, name, password, role: None })
            })?;
            let email = new.email.clone();
            (blocking(move || app.engine.commands.set_up(&token, &new)).await??, email)
        }
        AccessLink::Invitation(id) => {
            let given = members(&body, |at| {
                let (name, password) = name_and_password(at)?;
                Some(Acceptance { name, password, network })
            })?;
            let accept = move || app.engine.commands.accept_invitation(id.as_str(), &given);
            let user = blocking(accept).await??;
            (user.id, user.email)
        }
    };
    let answer = AcceptedInvitation { id: id.to_string(), email: email.to_string() };
    Ok(unkept((StatusCode::CREATED, Json(answer))))
}
