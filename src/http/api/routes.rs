//! The route table: every route with its need. The gate, the API document and the tests read it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required, Type};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};

use super::admission::admit;
use super::common_responses;
use super::needs::Need;
use super::representation::{Offer, choose};
use crate::http::app::App;
use crate::http::server::edge::RoutePath;

/// Routes with their needs; a route cannot be added without one.
pub struct Routes {
    tag: &'static str,
    inner: OpenApiRouter<Arc<App>>,
}

impl Routes {
    /// An empty table; `tag` names its chapter in the API document.
    pub fn new(tag: &'static str) -> Self {
        Self { tag, inner: OpenApiRouter::default() }
    }

    /// Adds the handlers of `routes!` behind the gate for `need`.
    pub fn add(self, need: Need, (schemas, mut paths, methods): UtoipaMethodRouter<Arc<App>>) -> Self {
        let mut offer = Offer::Json;
        for (path, item) in &mut paths.paths {
            let parameters = path_parameters(path);
            for (method, operation) in operations(item) {
                self.describe(&method, operation, need, &parameters);
                if method == Method::GET {
                    offer = common_responses::offer(operation, need);
                }
            }
        }
        let choose = middleware::from_fn(move |request, next| choose(offer, request, next));
        let gate = middleware::from_fn(move |request: Request, next: Next| async move {
            let route = request.extensions().get::<MatchedPath>().cloned().map(RoutePath);
            let mut response = admit(need, request, next).await.into_response();
            route.map(|route| response.extensions_mut().insert(route));
            response
        });
        let gated = |methods: MethodRouter<Arc<App>>| match need {
            Need::Open => methods.route_layer(gate),
            _ => methods.route_layer(choose).route_layer(gate),
        };
        let routes = (schemas, paths, methods).map(gated);
        Self { tag: self.tag, inner: self.inner.routes(routes) }
    }

    /// Adds the routes of another file.
    pub fn merge(self, other: Self) -> Self {
        Self { tag: self.tag, inner: self.inner.merge(other.inner) }
    }

    /// The router and the API document of its routes.
    pub fn split(self) -> (Router<Arc<App>>, OpenApi) {
        let (router, mut document) = self.inner.split_for_parts();
        // OpenAPI has no word for a parameter that takes several elements of the path.
        let paths = std::mem::take(&mut document.paths.paths);
        document.paths.paths =
            paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
        (router, document)
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

/// The names in braces, in the order of the path.
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
