//! Who asks: the caller behind a credential, known before a route is looked at and checked by the route's need.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::App;
use super::problem::Problem;
pub use crate::access::Caller;

/// What the credential of a request turned out to be.
#[derive(Debug, Clone)]
pub enum Identity {
    /// None was sent.
    Nobody,
    /// One was sent that is not known, or not any more.
    Unknown,
    /// A caller.
    Known(Arc<Caller>),
}

impl Identity {
    /// The caller; 401 without one.
    pub fn caller(&self) -> Result<&Arc<Caller>, Problem> {
        match self {
            Self::Known(caller) => Ok(caller),
            Self::Nobody => Err(unauthorized("send a token as 'Authorization: Bearer …'")),
            Self::Unknown => Err(unauthorized("the token is not known")),
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

/// The tokens that are known.
#[derive(Clone)]
pub struct Tokens {
    admin: Option<([u8; 32], Arc<Caller>)>,
}

impl Tokens {
    /// Knows the admin's token, where there is one.
    pub fn new(admin: Option<&[u8]>) -> Self {
        Self { admin: admin.map(|token| (Sha256::digest(token).into(), Arc::new(Caller::admin()))) }
    }

    /// Who has this token.
    pub fn caller(&self, token: &str) -> Option<Arc<Caller>> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let (known, caller) = self.admin.as_ref()?;
        bool::from(known.ct_eq(&digest)).then(|| Arc::clone(caller))
    }

    /// What `Authorization: Bearer …` says.
    fn identity(&self, headers: &HeaderMap) -> Identity {
        let Some(given) = headers.get(header::AUTHORIZATION) else { return Identity::Nobody };
        let token = given
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match token {
            None => Identity::Nobody,
            Some(token) => self.caller(token).map_or(Identity::Unknown, Identity::Known),
        }
    }
}

/// Tells every request's identity to what lies further in.
pub async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let identity = app.tokens.identity(request.headers());
    request.extensions_mut().insert(identity);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::need::Role;

    fn role(tokens: &Tokens, header: &str) -> Option<Role> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, header.parse().expect("header"));
        tokens.identity(&headers).caller().ok().and_then(|caller| caller.role_everywhere())
    }

    #[test]
    fn only_the_admins_token_opens() {
        let tokens = Tokens::new(Some(b"ff_sesame"));
        for header in ["Bearer ff_sesame", "bearer  ff_sesame"] {
            assert_eq!(role(&tokens, header), Some(Role::Admin), "{header}");
        }
        for header in ["Bearer ff_sesam", "Basic ff_sesame", "ff_sesame"] {
            assert_eq!(role(&tokens, header), None, "{header}");
        }
        assert!(tokens.identity(&HeaderMap::new()).caller().is_err());
        let none = Tokens::new(None);
        assert_eq!((role(&none, "Bearer ff_sesame"), role(&none, "Bearer ")), (None, None));
    }
}
