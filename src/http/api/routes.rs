//! The route table: every route with what it needs; the check, the API document and the tests all read it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use domain::keys::TenantId;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required, Type};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};

use super::auth::{Caller, Identity};
use super::common_responses;
use super::needs::{Need, Role};
use super::problem::Problem;
use super::tenant_access::in_path;
use crate::http::App;
use crate::http::server::limits::{RateLimits, RemainingQuota};

/// Routes with their needs. There is no way to add one without.
pub struct Routes {
    tag: &'static str,
    inner: OpenApiRouter<Arc<App>>,
}

impl Routes {
    /// None yet; `tag` is their chapter in the API document.
    pub fn new(tag: &'static str) -> Self {
        Self { tag, inner: OpenApiRouter::default() }
    }

    /// Adds handlers, made by `routes!`, for callers that have `need`.
    pub fn add(self, need: Need, (schemas, mut paths, methods): UtoipaMethodRouter<Arc<App>>) -> Self {
        for (path, item) in &mut paths.paths {
            let parameters = path_parameters(path);
            for (method, operation) in operations(item) {
                self.describe(&method, operation, need, &parameters);
            }
        }
        let gate = middleware::from_fn(move |request, next| admit(need, request, next));
        let routes = (schemas, paths, methods).map(|methods| methods.route_layer(gate));
        Self { tag: self.tag, inner: self.inner.routes(routes) }
    }

    /// Adds those of another file.
    pub fn merge(self, other: Self) -> Self {
        Self { tag: self.tag, inner: self.inner.merge(other.inner) }
    }

    /// The router, and the document of what it serves.
    pub fn split(self) -> (Router<Arc<App>>, OpenApi) {
        self.inner.split_for_parts()
    }

    fn describe(&self, method: &Method, operation: &mut Operation, need: Need, in_path: &[String]) {
        operation.tags = Some(vec![self.tag.to_owned()]);
        let roles: Vec<&str> = need.roles().iter().map(|role| role.as_str()).collect();
        let needs = ExtensionsBuilder::new().add("x-needs", need.as_str()).add("x-roles", roles).build();
        operation.extensions.get_or_insert_default().merge(needs);
        operation.security = Some(match need {
            Need::Open => Vec::new(),
            _ => ["token", "login"].map(|scheme| SecurityRequirement::new(scheme, [] as [&str; 0])).to_vec(),
        });
        let described = operation.parameters.get_or_insert_default();
        for name in in_path.iter().rev() {
            let is_it = |known: &RefOr<Parameter>| matches!(known, RefOr::T(known) if known.name == *name);
            if !described.iter().any(is_it) {
                let text = ObjectBuilder::new().schema_type(Type::String).build();
                let parameter = ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(text));
                described.insert(0, parameter.build().into());
            }
        }
        let of_a_tenant = in_path.iter().any(|name| name == "tenant");
        common_responses::describe(method, operation, need, of_a_tenant);
    }
}

/// Names in braces, in the path's order.
fn path_parameters(path: &str) -> Vec<String> {
    let parts = path.split('{').skip(1).filter_map(|part| part.split('}').next());
    parts.map(|name| name.trim_start_matches('*').to_owned()).collect()
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What the gate let through.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Who, with what role here; none where the route is open.
    pub caller: Option<(Arc<Caller>, Role)>,
    /// The tenant in the path, where the route has one.
    pub tenant: Option<TenantId>,
}

/// The id of a caller whom the gate knew, in the extensions of the answer: for the log.
#[derive(Debug, Clone)]
pub struct CallerId(pub Box<str>);

/// The gate before every handler: 401 without a known credential, 404 for a tenant that the caller may not know of
/// or a global route while he is tied to tenants, 403 with too little.
async fn admit(need: Need, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let tenant = in_path(&mut parts).await.transpose()?;
    if need == Need::Open {
        parts.extensions.insert(Admission { caller: None, tenant });
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let (caller, quota) = rate_limited_caller(&parts)?;
    let id = CallerId(caller.id.clone());
    let mut response = match role(need, &caller, tenant.as_ref()) {
        Ok(role) => {
            parts.extensions.insert(Admission { caller: Some((caller, role)), tenant });
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(quota) = quota {
        quota.write_headers(&mut response);
    }
    response.extensions_mut().insert(id);
    Ok(response)
}

/// Who asks, and what is left to him of the rate limits; 401 without a known credential, 429 over the limit.
fn rate_limited_caller(parts: &Parts) -> Result<(Arc<Caller>, Option<RemainingQuota>), Problem> {
    let identity = parts.extensions.get::<Identity>().unwrap_or(&Identity::Nobody);
    let limits = parts.extensions.get::<Arc<RateLimits>>();
    if let (Identity::Unknown, Some(limits)) = (identity, limits) {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        limits.count_failure(peer)?;
    }
    let caller = identity.caller()?;
    let quota = limits.map(|limits| limits.count(&caller.id)).transpose()?;
    Ok((Arc::clone(caller), quota))
}

fn role(need: Need, caller: &Caller, tenant: Option<&TenantId>) -> Result<Role, Problem> {
    let role = match tenant {
        Some(tenant) => caller.role_in(tenant).ok_or_else(|| Problem::not_found("tenant"))?,
        None if need == Need::Known => caller.role_everywhere().unwrap_or(Role::Viewer),
        None => caller.role_everywhere().ok_or_else(|| Problem::not_found("route"))?,
    };
    if need.roles().contains(&role) {
        return Ok(role);
    }
    let detail = format!("the role {} may not do this; it needs {}", role.as_str(), need.as_str());
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}
