//! Logins: a password for a cookie, which opens the pages until it expires, is given back or the password changes.

use std::sync::Arc;

use domain::keys::TenantId;
use domain::members::{Email, Text};

use super::secret::{SecretDigest, split};
use super::{Access, AccessError, Caller, Credential, password};

/// A login lasts this long, seconds: seven days.
pub const LOGIN_SECONDS: u32 = 7 * 24 * 3_600;

impl Access {
    /// Who has this email and password, with the hash that the password has; none if one of them is wrong, in the same
    /// time for both. The attempt counts as failed until [`Access::forget_attempts`]. Blocks, and works hard.
    ///
    /// # Errors
    /// [`AccessError::TooManyAttempts`].
    pub fn verify(&self, email: &Email, password: &str) -> Result<Option<(Text, Option<Text>)>, AccessError> {
        let name = self.secret.person(TenantId::CONTROL, email.as_str());
        self.attempts.lock().begin(name, self.now()).map_err(AccessError::TooManyAttempts)?;
        let found = self.known().by_email(email).map(|(id, user)| (id.clone(), user.password_hash.clone()));
        let hash = found.as_ref().and_then(|(_, hash)| hash.as_ref());
        Ok(if password::is_right(password, hash) { found } else { None })
    }

    /// Forgets the failed attempts under this email: the password was given.
    pub fn forget_attempts(&self, email: &Email) {
        self.attempts.lock().succeeded(self.secret.person(TenantId::CONTROL, email.as_str()));
    }

    /// Who has this cookie; none if it is not known or not any more.
    pub fn cookie(&self, cookie: &str) -> Option<Arc<Caller>> {
        let (login_id, _) = self.login(cookie)?;
        self.caller(&Credential::Login(login_id))
    }

    /// Id and user of the live login of this cookie.
    pub fn login(&self, cookie: &str) -> Option<(Text, Text)> {
        let (id, secret) = split(cookie)?;
        let known = self.known();
        let found = known.logins.get_key_value(&Text::new(id)?);
        let digest = found.map_or(SecretDigest::NOBODYS, |(_, login)| login.digest);
        let is_right = digest.is_of(secret.as_bytes());
        let (id, login) = found.filter(|(_, login)| is_right && login.expires_at > self.now())?;
        Some((id.clone(), login.user_id.clone()))
    }
}
