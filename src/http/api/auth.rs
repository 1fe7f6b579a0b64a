//! Authentication: the caller behind a request's token or cookie. Whether he may is for the route gate to say.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

use super::problem::Problem;
pub use crate::access::Caller;
use crate::http::app::App;

/// The name of the session cookie.
pub const COOKIE: &str = "factfold_session";
/// The parameter of a stream's ticket.
pub const TICKET: &str = "ticket";

/// Whom the credentials of a request identify.
#[derive(Debug, Clone)]
pub enum Identity {
    /// No credential was sent.
    Anonymous,
    /// An unknown, revoked or expired credential.
    Unknown,
    /// A valid cookie that a page of another site may not use (CSRF).
    CrossSite,
    /// A valid credential.
    Authenticated(Arc<Caller>),
}

impl Identity {
    /// The caller; 401 without one, 403 for another site's page with the user's cookie.
    pub fn caller(&self) -> Result<&Arc<Caller>, Problem> {
        match self {
            Self::Authenticated(caller) => Ok(caller),
            Self::Anonymous => {
                Err(unauthorized("authentication required: send 'Authorization: Bearer <token>' or log in"))
            }
            Self::Unknown => Err(unauthorized("invalid, revoked or expired token or login")),
            Self::CrossSite => Err(cross_site()),
        }
    }
}

/// 401 with `detail`.
pub fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

/// 401: the request outlived the right that it was let in with.
pub fn revoked() -> Problem {
    unauthorized("the token or login, or its role in this tenant, was revoked before the request ended")
}

/// 403: a page of another site asked with the user's cookie.
pub fn cross_site() -> Problem {
    let detail = "a login cookie is not taken from pages of other sites: they send a token, and open a stream with a ticket";
    Problem::new(StatusCode::FORBIDDEN, "cross_site", detail)
}

/// Identifies a request's caller and the network it comes from, and leaves both in the extensions for the gate, beside
/// the state that the gate has no other way to.
pub fn identify(app: &Arc<App>, parts: &mut Parts) {
    let identity = identity(app, parts);
    let network = app.addresses.network(parts);
    parts.extensions.insert(identity);
    parts.extensions.insert(network);
    parts.extensions.insert(Arc::clone(app));
}

/// Of the bearer token where one is sent, else of a stream's ticket, else of the session cookie.
fn identity(app: &App, Parts { method, headers, uri, .. }: &Parts) -> Identity {
    let access = &app.engine.access;
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let token = given
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        return match token {
            None => Identity::Anonymous,
            Some(token) => access.bearer(token).map_or(Identity::Unknown, Identity::Authenticated),
        };
    }
    if let Some(ticket) = ticket(uri) {
        // Looked at by HEAD, it is not used up.
        let caller = access.ticket(&ticket, uri.path(), *method == Method::GET);
        return caller.map_or(Identity::Unknown, Identity::Authenticated);
    }
    let Some(cookie) = session(headers) else { return Identity::Anonymous };
    match access.cookie(cookie) {
        None => Identity::Unknown,
        Some(_) if !takes_cookie(method, headers, &app.engine.public_url) => Identity::CrossSite,
        Some(caller) => Identity::Authenticated(caller),
    }
}

/// The ticket in a stream's query. On other routes there is no such parameter.
fn ticket(uri: &Uri) -> Option<Cow<'_, str>> {
    let query = uri.query().filter(|_| uri.path().ends_with("/stream"))?;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == TICKET).map(|(_, value)| value)
}

/// The value of the session cookie.
pub fn session(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// The value of the cookie of that name.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Whether the request may act by a cookie. A browser adds the cookie to the requests of any page, so a page of another
/// site could act as the user (CSRF): only our own pages change anything, and only pages of our own site read. A browser
/// that follows a link from elsewhere reads too, for its user sees the answer and the other page does not. Clients that
/// are no browsers send none of these headers.
pub fn takes_cookie(method: &Method, headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return match site {
            "same-origin" | "none" => true,
            "same-site" => method.is_safe(),
            _ => method.is_safe() && text("sec-fetch-mode") == Some("navigate"),
        };
    }
    let Some(origin) = text("origin") else { return !headers.contains_key(header::ORIGIN) };
    let host = origin.split_once("://").map(|(_, host)| host);
    let own = host.is_some() && host == text("host");
    own || origin == public_url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")))
            .collect()
    }

    #[test]
    fn a_cookie_is_taken_from_our_own_pages_and_from_what_is_no_browser() {
        let own = "https://hooks.example.com";
        for (given, reads, changes) in [
            (&[("sec-fetch-site", "same-origin")][..], true, true),
            (&[("sec-fetch-site", "none")], true, true),
            (&[("sec-fetch-site", "same-site")], true, false),
            (&[("sec-fetch-site", "cross-site"), ("origin", own)], false, false),
            (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")], false, false),
            (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], true, false),
            (&[("sec-fetch-site", "sideways")], false, false),
            (&[("origin", own), ("host", "10.0.0.7:8080")], true, true),
            (&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true, true),
            (&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:9090")], false, false),
            (&[("origin", "null"), ("host", "null")], false, false),
            (&[("origin", "https://evil.example")], false, false),
            (&[("host", "127.0.0.1:8080")], true, true),
        ] {
            for (method, taken) in [
                (Method::GET, reads),
                (Method::HEAD, reads),
                (Method::POST, changes),
                (Method::DELETE, changes),
            ] {
                assert_eq!(takes_cookie(&method, &headers(given), own), taken, "{method} {given:?}");
            }
        }
    }

    #[test]
    fn the_session_cookie_is_found_among_others() {
        let given = headers(&[("cookie", "a=b; factfold_session=ff_1_x=; c=d")]);
        assert_eq!(session(&given), Some("ff_1_x="));
        assert_eq!(session(&headers(&[("cookie", "xfactfold_session=1")])), None);
    }
}
