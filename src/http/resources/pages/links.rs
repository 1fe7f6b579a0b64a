//! The one page of a build without the feature `dashboard`: links.

use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

use crate::http::api::problem::Problem;

/// Nothing is loaded by the page, and no page frames it.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Factfold</title></head>
<body>
<h1>Factfold</h1>
<p>This server records facts once, and computes every figure from them. It was built without its pages.</p>
<ul>
<li><a href=\"/docs\">/docs</a>: the API, to read and to try</li>
<li><a href=\"/api/openapi.json\">/api/openapi.json</a>: the API for programs (OpenAPI 3.1)</li>
<li><a href=\"/healthz\">/healthz</a>: whether the process is alive</li>
<li><a href=\"/readyz\">/readyz</a>: whether the server is ready, and if not, why</li>
<li><a href=\"/version\">/version</a>: version and commit</li>
</ul>
<p>The API needs a token: <code>Authorization: Bearer …</code>; <code>factfold token create --help</code> says how to make one.</p>
</body>
</html>
";

pub fn index(_: &HeaderMap) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response()
}

pub fn page(_: &HeaderMap) -> Response {
    Problem::not_found("route").into_response()
}

pub fn file(_: &str, _: &HeaderMap) -> Option<Response> {
    None
}
