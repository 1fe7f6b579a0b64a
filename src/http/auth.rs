//! Who may ask: bearer tokens, compared in constant time by their SHA-256.

use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;

/// What a caller may do. Further roles come with tokens of their own; this one may do all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
}

/// The tokens that are known.
#[derive(Clone)]
pub struct Tokens {
    admin: Option<[u8; 32]>,
}

impl Tokens {
    /// Knows the admin's token, where there is one.
    pub fn new(admin: Option<&[u8]>) -> Self {
        Self { admin: admin.map(|token| Sha256::digest(token).into()) }
    }

    /// The caller's role, from `Authorization: Bearer …`; 401 without a known token.
    pub fn role(&self, headers: &HeaderMap) -> Result<Role, Problem> {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(given) = given else {
            return Err(unauthorized("send a token as 'Authorization: Bearer …'"));
        };
        let digest: [u8; 32] = Sha256::digest(given.as_bytes()).into();
        // A server without an admin token compares too, so that both take the same time.
        let known = self.admin.unwrap_or_default();
        if bool::from(known.ct_eq(&digest)) && self.admin.is_some() {
            Ok(Role::Admin)
        } else {
            Err(unauthorized("the token is not known"))
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(tokens: &Tokens, header: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, header.parse().expect("header"));
        tokens.role(&headers).is_ok()
    }

    #[test]
    fn only_the_admins_token_opens() {
        let tokens = Tokens::new(Some(b"ff_sesame"));
        assert!(role(&tokens, "Bearer ff_sesame") && role(&tokens, "bearer  ff_sesame"));
        assert!(
            !role(&tokens, "Bearer ff_sesam")
                && !role(&tokens, "Basic ff_sesame")
                && !role(&tokens, "ff_sesame")
        );
        assert!(tokens.role(&HeaderMap::new()).is_err());
        assert!(!role(&Tokens::new(None), "Bearer ff_sesame") && !role(&Tokens::new(None), "Bearer "));
    }
}
