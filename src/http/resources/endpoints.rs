//! Endpoints: the addresses to which providers deliver webhooks.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::json::{FieldError, Reader};
use domain::keys::TenantId;
use domain::members::Text;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{EndpointRejection, NewEndpoint};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList};
use crate::http::api::json_body::{json_body, members};
use crate::http::api::needs::{Need, Role};
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/endpoints`, `/endpoints/{provider}/{endpoint_id}`.
pub fn routes() -> Routes {
    Routes::new("access")
        .add(Need::Auditor, routes!(list_endpoints))
        .add(Need::Admin, routes!(add_endpoint))
        .add(Need::Admin, routes!(remove_endpoint))
}

/// An endpoint, without its secrets.
#[derive(Serialize, ToSchema)]
struct EndpointItem {
    /// The endpoint's reference in facts and deliveries: a digest of its id.
    endpoint: String,
    /// The last part of the webhook path, for admins only: knowing it can be enough to deliver. Null for other roles.
    endpoint_id: Option<String>,
    /// The provider that delivers.
    provider: String,
    /// The tenant of the facts; null where the payload names it.
    tenant: Option<String>,
    /// The event of the deliveries, for providers whose payloads do not name it.
    event: Option<String>,
    /// `file` or `api`: where the endpoint was added, and can be removed.
    origin: &'static str,
    /// Whether deliveries are accepted; false where a signing secret could not be loaded.
    live: bool,
}

/// Lists all endpoints, including those of the configuration file.
#[utoipa::path(
    get,
    path = "/api/v1/endpoints",
    params(GlobalList),
    responses((status = 200, body = Page<EndpointItem>))
)]
async fn list_endpoints(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    list: GlobalList,
) -> Result<Response, Problem> {
    let is_admin = caller.role_everywhere() == Some(Role::Admin);
    let position = app.engine.registry.state().position();
    let rows = app.engine.registry.endpoints().into_iter().map(|row| {
        let endpoint = app.engine.ingest.endpoint_reference(&row.provider, &row.id);
        let item = EndpointItem {
            endpoint: endpoint.clone(),
            endpoint_id: is_admin.then_some(row.id),
            provider: row.provider,
            tenant: row.tenant.map(|tenant| tenant.to_string()),
            event: row.event,
            origin: if row.in_file { "file" } else { "api" },
            live: row.is_live,
        };
        (endpoint, item)
    });
    list.by_id(position, rows.collect())
}

/// An endpoint to be added.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what add_endpoint reads")]
struct NewEndpointBody {
    /// The provider, for example `twilio`.
    provider: String,
    /// 8 to 128 letters, digits, `-` and `_`; by default a random one.
    #[schema(required = false)]
    endpoint_id: String,
    /// The tenant of the facts; by default the payload names it.
    #[schema(required = false)]
    tenant: String,
    /// The event of the deliveries, for providers whose payloads do not name it.
    #[schema(required = false)]
    event: String,
    /// References to the signing secrets on the server, `env:NAME` or `file:PATH`; never the secrets themselves.
    #[schema(required = false)]
    secrets: Vec<String>,
}

/// The new endpoint.
#[derive(Serialize, ToSchema)]
struct AddedEndpoint {
    /// The last part of the webhook path.
    endpoint_id: String,
    /// The URL for the provider's webhook settings.
    url: String,
}

/// Most secrets of one endpoint: the ones before and after a rotation.
const SECRETS_MAX: usize = 8;

fn new_endpoint(at: &mut Reader<'_>) -> Option<NewEndpoint> {
    let provider = at.required("provider");
    let (id, event) = (at.optional("endpoint_id"), at.optional("event"));
    let named: Option<Text> = at.optional("tenant");
    let tenant = named.map(|name| TenantId::new(name.as_str()));
    if let Some(Err(error)) = &tenant {
        at.fault_at("tenant", &error.to_string());
    }
    let secrets = at.list("secrets", SECRETS_MAX);
    Some(NewEndpoint { id, provider: provider?, tenant: tenant.transpose().ok()?, event, secrets })
}

/// Adds an endpoint, which accepts deliveries at once.
#[utoipa::path(
    post,
    path = "/api/v1/endpoints",
    request_body = NewEndpointBody,
    responses(
        (status = 201, body = AddedEndpoint),
        (status = 409, description = "The provider has an endpoint with this id already"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn add_endpoint(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    request: Request,
) -> Result<(StatusCode, Json<AddedEndpoint>), Problem> {
    let body = json_body(request).await?;
    let new = members(&body, new_endpoint)?;
    let added = move || {
        let id = app.engine.commands.add_endpoint(&caller.id, &new)?.answer;
        let url = format!("{}/hooks/{}/{id}", app.engine.public_url, new.provider);
        Ok::<_, Problem>(AddedEndpoint { endpoint_id: id.to_string(), url })
    };
    Ok((StatusCode::CREATED, Json(blocking(added).await??)))
}

/// Removes an endpoint that was added by the API; its deliveries are answered 404 from then on.
#[utoipa::path(
    delete,
    path = "/api/v1/endpoints/{provider}/{endpoint_id}",
    responses((status = 204, description = "Removed"))
)]
async fn remove_endpoint(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    Path((provider, endpoint_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    blocking(move || app.engine.commands.remove_endpoint(&caller.id, &provider, &endpoint_id)).await??;
    Ok(StatusCode::NO_CONTENT)
}

impl From<EndpointRejection> for Problem {
    fn from(rejection: EndpointRejection) -> Self {
        match rejection {
            EndpointRejection::Invalid { pointer, rule } => {
                let fault = FieldError { pointer: pointer.into(), message: rule };
                Self::unprocessable("invalid_body", vec![fault])
            }
            EndpointRejection::Taken(detail) => Self::new(StatusCode::CONFLICT, "taken", detail),
            EndpointRejection::NotFound => Self::not_found("endpoint"),
        }
    }
}
