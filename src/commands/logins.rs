//! Logins: a password for a cookie, which opens the pages until it expires, is given back or the password changes.

use domain::facts::access::{AccessFact, LoginEnded, LoginStarted};
use domain::keys::KeyPart;
use domain::keys::engine::EngineKey;
use domain::members::{Instant, Text};

use super::Commands;
use super::access::AccessDecision;
use crate::access::{AccessError, Fresh, LOGIN_SECONDS, Verified};

/// Somebody who has just logged in.
pub struct LoggedIn {
    /// Who.
    pub user_id: Text,
    /// The cookie's value: the only time that it is shown.
    pub cookie: String,
    /// When it opens nothing any more.
    pub expires_at: Instant,
}

impl<V> Commands<V> {
    /// Begins a login of who has shown the password; none if it was changed meanwhile. Blocks.
    ///
    /// # Errors
    /// The log's.
    pub fn log_in(&self, verified: &Verified) -> Result<Option<LoggedIn>, AccessError> {
        let Verified { user_id, hash } = verified;
        let fresh = Fresh::new()?;
        let expires_at = Instant(self.now().0 + i64::from(LOGIN_SECONDS) * 1_000_000);
        let begun = self.change_access(|known| {
            // The password may have been changed while this one was hashed.
            let user = known.users.get(user_id);
            if user.is_none_or(|user| user.password_hash != *hash) {
                return Ok(AccessDecision::stands(false));
            }
            let body = LoginStarted {
                login_id: fresh.id.clone(),
                user_id: user_id.clone(),
                secret_digest: fresh.digest.clone(),
                expires_at,
            };
            let key = EngineKey::LoginStarted { login: KeyPart::new(fresh.id.as_str()) };
            Ok(AccessDecision::append(key, AccessFact::LoginStarted(body), true))
        })?;
        Ok(begun.then(|| LoggedIn { user_id: user_id.clone(), cookie: fresh.text(), expires_at }))
    }

    /// Ends the login of this cookie; an unknown cookie is no error. Blocks.
    ///
    /// # Errors
    /// The log's.
    pub fn log_out(&self, cookie: &str) -> Result<(), AccessError> {
        let Some((id, _)) = self.access.login(cookie) else { return Ok(()) };
        self.change_access(|known| {
            if !known.has_login(&id) {
                return Ok(AccessDecision::stands(()));
            }
            let body = LoginEnded { login_id: id.clone() };
            let key = EngineKey::LoginEnded { login: KeyPart::new(id.as_str()) };
            Ok(AccessDecision::append(key, AccessFact::LoginEnded(body), ()))
        })
    }
}
