//! The OpenAPI 3.1 document of the route table, and the page that shows it.

use std::sync::{Arc, LazyLock, OnceLock};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Info, OpenApi};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;
use utoipa_swagger_ui::Config;

use super::auth::COOKIE;
use super::common_responses::ProblemBody;
use super::kinds;
use super::needs::Need;
use super::problem::Problem;
use super::routes::Routes;

/// `/api/openapi.json`, `/docs`.
pub fn routes() -> Routes {
    Routes::new("process")
        .add(Need::Open, routes!(openapi))
        .add(Need::Open, routes!(docs))
        .add(Need::Open, routes!(docs_file))
}

/// The page's settings: this server's document, and no validator, which would call a foreign server.
static PAGE: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/api/openapi.json").validator_url("none")));

/// Redirects to the API page, which needs no other server.
#[utoipa::path(get, path = "/docs", responses((status = 303, description = "Redirect to the page")))]
async fn docs() -> Redirect {
    Redirect::to("/docs/index.html")
}

/// A file of the API page.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    responses((status = 200, description = "The file", content_type = "text/html", body = String), (status = 404, description = "Not found"))
)]
async fn docs_file(Path(file): Path<String>) -> Result<Response, Problem> {
    match utoipa_swagger_ui::serve(&file, Arc::clone(&PAGE)) {
        Ok(Some(file)) => {
            let body = Body::from(file.bytes.into_owned());
            Ok(([(header::CONTENT_TYPE, file.content_type)], body).into_response())
        }
        Ok(None) => Err(Problem::not_found("file")),
        Err(error) => Err(Problem::internal(&error)),
    }
}

/// The document of a router's routes, rendered when it is first asked for.
pub struct ApiDocument {
    paths: OpenApi,
    json: OnceLock<Bytes>,
}

impl ApiDocument {
    /// Of the routes that `paths` describes.
    pub fn new(paths: OpenApi) -> Self {
        Self { paths, json: OnceLock::new() }
    }

    /// The document as JSON.
    pub fn json(&self) -> Bytes {
        let render = || {
            // The members of a `Value` are sorted: utoipa's order differs from run to run.
            let json = document(self.paths.clone());
            let json = json.and_then(|document| serde_json::to_string_pretty(&document));
            // Nothing in it can fail to be rendered: a test reads it.
            let mut json = json.unwrap_or_default();
            json.push('\n');
            json.into()
        };
        self.json.get_or_init(render).clone()
    }
}

/// The API document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
async fn openapi(Extension(document): Extension<Arc<ApiDocument>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.json())
}

/// The routes' document with what is said once for all of them.
fn document(mut document: OpenApi) -> serde_json::Result<Value> {
    let mut info = Info::new("Factfold", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Factfold records every inbound fact exactly once, in one log, and computes every figure from that log. \
         A `position` in an answer is the number of the last fact that the answer includes. `x-needs` names the \
         permission that a route requires, `x-roles` the roles that have it. Every answer carries `X-Request-Id`, \
         under which the server logs the request; a client may send its own."
            .to_owned(),
    );
    document.info = info;
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token `ff_…` with a role, for some or all tenants"));
    components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    let login = ApiKeyValue::with_description(
        COOKIE,
        "The session cookie of a login; pages of other sites cannot use it",
    );
    components.add_security_scheme("login", SecurityScheme::ApiKey(ApiKey::Cookie(login)));
    let mut document = serde_json::to_value(document)?;
    kinds::describe(&mut document);
    Ok(document)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn json() -> Value {
        document(crate::http::routes().split().1).expect("json")
    }

    fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = document["paths"].as_object().expect("paths");
        paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations");
            methods.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
    }

    #[test]
    fn every_route_says_what_it_needs_and_what_it_answers() {
        let document = json();
        let mut names = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            let need = operation["x-needs"].as_str().and_then(Need::parse);
            assert!(need.is_some(), "{method} {path} needs nothing known");
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name), "{name} is the name of two routes");
            if path.contains("{tenant}") {
                assert_ne!(need, Some(Need::Open), "{method} {path} of a tenant is open");
            }
            let answers = operation["responses"].as_object().expect("responses");
            assert!(answers.keys().any(|status| status.starts_with(['1', '2', '3'])), "{method} {path}");
            for (status, answer) in answers {
                let described = answer["description"].as_str().unwrap_or_default();
                assert!(!described.is_empty(), "{method} {path} {status} is not described");
            }
            for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
                let content = &answer["content"]["application/problem+json"];
                assert!(content.is_object(), "{method} {path} {status} is no problem");
            }
        }
        assert!(names.len() > 10, "only {} routes", names.len());
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = json();
        let text = document.to_string();
        let named = text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        let missing: BTreeSet<&str> = named.filter(|name| !schemas.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
