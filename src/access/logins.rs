//! Logins: a password for a cookie, which opens the pages until it expires, is given back or the password changes.

use std::sync::Arc;

use domain::facts::access::{AccessFact, LoginEnded, LoginStarted};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, TenantId};
use domain::members::{Email, Instant, Text};

use super::secret::{Fresh, SecretDigest, split};
use super::{Access, AccessError, Caller, Decided, password};

/// A login lasts this long, seconds: seven days.
pub const LOGIN_SECONDS: u32 = 7 * 24 * 3_600;

/// Somebody who has just logged in.
pub struct LoggedIn {
    /// Who.
    pub user_id: Text,
    /// The cookie's value: the only time that it is shown.
    pub cookie: String,
    /// When it opens nothing any more.
    pub expires_at: Instant,
}

impl Access {
    /// Begins a login; none if email or password is wrong, in the same time for both. Blocks, and works hard.
    ///
    /// # Errors
    /// [`AccessError::TooManyAttempts`]; else the log's.
    pub fn log_in(&self, email: &Email, password: &str) -> Result<Option<LoggedIn>, AccessError> {
        let name = self.secret.person(TenantId::CONTROL, email.as_str());
        self.attempts.lock().begin(name, self.now()).map_err(AccessError::TooManyAttempts)?;
        let found = self.known().by_email(email).map(|(id, user)| (id.clone(), user.password_hash.clone()));
        let hash = found.as_ref().and_then(|(_, hash)| hash.as_ref());
        if !password::is_right(password, hash) {
            return Ok(None);
        }
        let Some((user_id, hash)) = found else { return Ok(None) };
        let (fresh, now) = (Fresh::new()?, self.now());
        let expires_at = Instant(now.0 + i64::from(LOGIN_SECONDS) * 1_000_000);
        let begun = self.change(|known| {
            // The password may have been changed while this one was hashed.
            let user = known.users.get(&user_id);
            if user.is_none_or(|user| user.password_hash != hash) {
                return Ok(Decided::nothing(false));
            }
            let body = LoginStarted {
                login_id: fresh.id.clone(),
                user_id: user_id.clone(),
                secret_digest: fresh.digest.clone(),
                expires_at,
            };
            Ok(Decided::fact(
                EngineKey::LoginStarted { login: KeyPart::new(fresh.id.as_str()) },
                AccessFact::LoginStarted(body),
                true,
            ))
        })?;
        self.attempts.lock().succeeded(name);
        Ok(begun.then(|| LoggedIn { user_id, cookie: fresh.text(), expires_at }))
    }

    /// Ends the login of this cookie; one that is none is over already. Blocks.
    ///
    /// # Errors
    /// The log's.
    pub fn log_out(&self, cookie: &str) -> Result<(), AccessError> {
        let Some(id) = self.login(cookie).map(|(id, _)| id) else { return Ok(()) };
        self.change(|known| {
            if !known.logins.contains_key(&id) {
                return Ok(Decided::nothing(()));
            }
            let body = LoginEnded { login_id: id.clone() };
            Ok(Decided::fact(
                EngineKey::LoginEnded { login: KeyPart::new(id.as_str()) },
                AccessFact::LoginEnded(body),
                (),
            ))
        })
    }

    /// Who has this cookie; none if it is not known or not any more.
    pub fn cookie(&self, cookie: &str) -> Option<Arc<Caller>> {
        let (_, user_id) = self.login(cookie)?;
        let known = self.known();
        let user = known.users.get(&user_id)?;
        Some(Arc::new(Caller { id: format!("user/{user_id}").into(), grants: user.grants.clone() }))
    }

    /// Id and user of the live login of this cookie.
    fn login(&self, cookie: &str) -> Option<(Text, Text)> {
        let (id, secret) = split(cookie)?;
        let known = self.known();
        let found = known.logins.get_key_value(&Text::new(id)?);
        let digest = found.map_or(SecretDigest::NOBODYS, |(_, login)| login.digest);
        let is_right = digest.is_of(secret.as_bytes());
        let (id, login) = found.filter(|(_, login)| is_right && login.expires_at > self.now())?;
        Some((id.clone(), login.user_id.clone()))
    }
}
