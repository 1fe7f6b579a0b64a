//! Logins: a password for a cookie, which opens the pages until it expires, is given back or the password changes.

use std::net::IpAddr;
use std::sync::Arc;

use domain::keys::TenantId;
use domain::members::{Email, Text};

use super::hashing::Turn;
use super::login_limits::FailureKey;
use super::secret::{SecretDigest, split};
use super::{Access, AccessError, Caller, Credential, device, password};

/// A login lasts this long, seconds: seven days.
pub const LOGIN_SECONDS: u32 = 7 * 24 * 3_600;

/// An email and a password that somebody shows, with what is known of where he does.
pub struct LoginAttempt {
    /// The name.
    pub email: Email,
    /// The password.
    pub password: String,
    /// The network of the address that it comes from.
    pub network: IpAddr,
    /// The cookie of a device on which somebody has logged in before.
    pub device: Option<String>,
    /// The cookie of an earlier login.
    pub session: Option<String>,
}

/// A user who has shown the password.
pub struct Verified {
    /// Who.
    pub user_id: Text,
    /// The hash that the password has.
    pub hash: Option<Text>,
}

impl Access {
    /// Who has this email and password; none if one of them is wrong, in the same time for both. Who logs in on a device
    /// of an earlier login is heard before all others, whatever they tried.
    ///
    /// # Errors
    /// [`AccessError::TooManyAttempts`], [`AccessError::Busy`].
    pub async fn verify(&self, attempt: LoginAttempt) -> Result<Option<Verified>, AccessError> {
        let LoginAttempt { email, password, network, .. } = &attempt;
        let name = self.secret.person(TenantId::CONTROL, email.as_str());
        let known = self.device(&attempt).map(|device| [FailureKey::Device(device)]);
        let known = known.filter(|keys| self.limits.lock().begin(keys, self.now()).is_ok());
        let (turn, keys) = match known {
            Some([device]) => (Turn::Known, vec![device]),
            None => {
                let keys = vec![FailureKey::Address(*network), FailureKey::NameAt(name, *network)];
                self.limits.lock().begin(&keys, self.now()).map_err(AccessError::TooManyAttempts)?;
                (Turn::Other(*network), keys)
            }
        };
        let found = self.known().by_email(email).map(|(id, user)| (id.clone(), user.password_hash.clone()));
        let (password, hash) = (password.clone(), found.as_ref().and_then(|(_, hash)| hash.clone()));
        let check = move |memory: &mut [_]| password::is_right(&password, hash.as_ref(), memory);
        let checked = self.hashing.run(turn, check).await;
        if !checked.inspect_err(|_| self.limits.lock().unheard(&keys))? {
            return Ok(None);
        }
        self.limits.lock().succeeded(&keys);
        Ok(found.map(|(user_id, hash)| Verified { user_id, hash }))
    }

    /// The device of an attempt, where the name has logged in on it before.
    fn device(&self, attempt: &LoginAttempt) -> Option<device::DeviceId> {
        let cookie = attempt.device.as_deref();
        let by_cookie =
            cookie.and_then(|cookie| device::known(&self.secret, &attempt.email, cookie, self.now()));
        by_cookie.or_else(|| {
            let (login_id, user_id) = self.login(attempt.session.as_deref()?)?;
            let is_his = self.known().users.get(&user_id)?.email.as_ref() == Some(&attempt.email);
            is_his.then(|| self.secret.person(TenantId::CONTROL, login_id.as_str()))
        })
    }

    /// A cookie for the device on which `email` has just logged in.
    ///
    /// # Errors
    /// [`AccessError::Random`].
    pub fn device_cookie(&self, email: &Email) -> Result<String, AccessError> {
        device::cookie(&self.secret, email, self.now())
    }

    /// The hash of a password that is to be one. Blocks, not for async threads.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] by the rule for passwords; [`AccessError::Busy`].
    pub fn hash_password(&self, password: &str) -> Result<Text, AccessError> {
        self.hash_in(Turn::Known, password)
    }

    /// The same, of somebody from this network who is not known yet. Blocks.
    ///
    /// # Errors
    /// As of [`Access::hash_password`].
    pub fn hash_password_of(&self, network: IpAddr, password: &str) -> Result<Text, AccessError> {
        self.hash_in(Turn::Other(network), password)
    }

    fn hash_in(&self, turn: Turn, password: &str) -> Result<Text, AccessError> {
        password::check(password)?;
        let password = password.to_owned();
        let hashed = self.hashing.run(turn, move |memory| password::hash(&password, memory));
        pollster::block_on(hashed)?
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};

    use super::super::hashing::threads;
    use super::*;
    use crate::testing::{self, TestClock};

    #[test]
    fn an_attempt_that_is_not_heard_has_not_failed() {
        let access = Access::new(testing::secret(), TestClock::standing(0).clock(), None);
        let attempt = || testing::attempt("ann@example.com", "wrong horse battery");
        let here = Turn::Other(attempt().network);
        let (goes_on, held) = channel::<()>();
        let held = Arc::new(parking_lot::Mutex::new(held));
        let (begins, begun) = channel();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = Vec::new();
        let mut fill = || {
            let run = |_| {
                let (held, begins) = (Arc::clone(&held), begins.clone());
                let work =
                    move |_: &mut [argon2::Block]| begins.send(()).is_ok() && held.lock().recv().is_ok();
                Box::pin(access.hashing.run(here, work))
            };
            let taken = (0..50).map(run).filter_map(|mut one| {
                let is_waiting = one.as_mut().poll(&mut context).is_pending();
                is_waiting.then_some(one)
            });
            waiting.extend(taken);
            waiting.len()
        };
        fill();
        // Each thread has taken one out of the queue, and takes no more: the places that they left are filled, too.
        (0..threads()).for_each(|_| begun.recv().expect("begun"));
        let filled = fill();
        assert!((16..100).contains(&filled), "all places of this address are taken: {filled}");
        for _ in 0..20 {
            let unheard = pollster::block_on(access.verify(attempt())).map(|_| ());
            assert!(matches!(unheard, Err(AccessError::Busy)), "{unheard:?}");
        }
        drop((goes_on, waiting));
        let mut heard = 0;
        while heard < 10 {
            match pollster::block_on(access.verify(attempt())) {
                Ok(found) => heard += u32::from(found.is_none()),
                // The places are given back one after the other.
                Err(AccessError::Busy) => std::thread::yield_now(),
                Err(error) => panic!("after {heard}: {error}"),
            }
        }
        // Null control: those that were heard have failed.
        assert!(matches!(pollster::block_on(access.verify(attempt())), Err(AccessError::TooManyAttempts(_))));
    }
}
