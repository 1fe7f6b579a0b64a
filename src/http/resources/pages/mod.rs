//! The pages for people: the files of the dashboard, and its index for every path that a browser may visit.
//!
//! Which page a path means is decided in the browser. Without the feature `dashboard` there is one page, at `/`, which
//! says where the rest is.

#[cfg(feature = "dashboard")]
mod embedded;
#[cfg(not(feature = "dashboard"))]
mod links;
#[cfg(not(feature = "dashboard"))]
use links as embedded;

use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;

/// `/`. All other pages are [`page`]'s.
pub fn routes() -> Routes {
    Routes::new("process").add(Need::Open, routes!(home))
}

/// Below these, a path without a route is an error and no page.
const NO_PAGES: [&str; 2] = ["/api", "/hooks"];

/// Whether the path may be a page's: it has no file's ending and belongs to no program.
fn is_page(path: &str) -> bool {
    let is_below =
        |root: &&str| path.strip_prefix(*root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let last = path.rsplit('/').next().unwrap_or_default();
    !NO_PAGES.iter().any(is_below) && !last.contains('.')
}

/// The first page. In a browser it leads to the dashboard of the workspace that was last looked at.
#[utoipa::path(
    get,
    path = "/",
    responses((status = 200, description = "The page", content_type = "text/html", body = String))
)]
async fn home(headers: HeaderMap) -> Response {
    embedded::index(&headers)
}

/// What has no route: a file of the pages, a page where a browser asks for one, else 404.
pub async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let found = method.is_safe().then(|| embedded::file(uri.path(), &headers)).flatten();
    match found {
        Some(file) => file,
        None if method.is_safe() && is_page(uri.path()) && takes_html(&headers) => embedded::page(&headers),
        None => Problem::not_found("route").into_response(),
    }
}

/// Whether the client names HTML among what it takes: browsers do, programs say `*/*`.
fn takes_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| range.trim_start().starts_with("text/html"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn pages_have_no_ending_and_programs_have_no_pages() {
        for page in ["/login", "/w/acme/dashboard", "/w/acme/facts/12", "/apis", "/hooksmith"] {
            assert!(is_page(page), "{page}");
        }
        for other in
            ["/api", "/api/v1/gone", "/hooks/twilio", "/assets/gone.js", "/favicon.ico", "/w/a/x.php"]
        {
            assert!(!is_page(other), "{other}");
        }
    }

    #[test]
    fn a_browser_names_html() {
        let takes = |accept: &'static str| {
            takes_html(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(takes("text/html,application/xhtml+xml,*/*;q=0.8") && takes("*/*, text/html;q=0.9"));
        assert!(!takes("*/*") && !takes("application/json"));
    }
}
