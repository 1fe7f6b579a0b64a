//! Users and what they are members of.

use domain::facts::access::{AccessFact, MembershipGranted, MembershipRevoked, Role, User, UserRemoved};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::{Email, Text};

use super::Commands;
use super::access::AccessDecision;
use crate::access::{AccessError, AccessState, Person, new_id};

/// Who a new user is.
#[derive(Clone)]
pub struct NewUser {
    /// Logs in by it.
    pub email: Email,
    /// What the person is called.
    pub name: Option<Text>,
    /// The password.
    pub password: String,
    /// What the person may do in all tenants.
    pub role: Option<Role>,
}

/// What of a user is to be otherwise; what is absent stays.
#[derive(Clone, Default)]
pub struct UserChange {
    /// Another email.
    pub email: Option<Email>,
    /// Another name.
    pub name: Option<Text>,
    /// Another password: ends all logins.
    pub password: Option<String>,
    /// Another role in all tenants; `Some(None)` takes it away.
    pub role: Option<Option<Role>>,
}

pub(super) fn fits(role: Option<Role>) -> Result<(), AccessError> {
    match role {
        Some(role) if !role.fits_everywhere() => {
            let rule = "must be auditor, operator or admin; viewer and agent are granted for one tenant";
            Err(AccessError::invalid("/role", rule))
        }
        Some(_) | None => Ok(()),
    }
}

fn person<'a>(known: &'a AccessState, id: &str) -> Result<(&'a Text, &'a Person), AccessError> {
    let found = Text::new(id).and_then(|id| known.users.get_key_value(&id));
    found.ok_or(AccessError::NotFound("user"))
}

pub(super) fn unique(known: &AccessState, email: &Email, own: Option<&Text>) -> Result<(), AccessError> {
    match known.by_email(email) {
        Some((id, _)) if Some(id) != own => Err(AccessError::Taken("another user has this email")),
        Some(_) | None => Ok(()),
    }
}

fn change_key(id: &Text, latest: Position) -> EngineKey {
    EngineKey::UserChange { user: KeyPart::new(id.as_str()), latest }
}

impl<V> Commands<V> {
    /// Adds a user; answers the id. Blocks.
    ///
    /// # Errors
    /// [`AccessError::Taken`] by another with that email, [`AccessError::Invalid`]; else the log's.
    pub fn add_user(&self, by: &str, new: &NewUser) -> Result<Text, AccessError> {
        fits(new.role)?;
        // Before the long work of hashing; asked again below, since another may be added meanwhile.
        unique(&self.access.known(), &new.email, None)?;
        let (id, hash) = (new_id()?, self.access.hash_password(&new.password)?);
        self.change_access(|known| {
            unique(known, &new.email, None)?;
            let body = User {
                user_id: id.clone(),
                role: new.role,
                by: Text::new(by),
                email: Some(new.email.clone()),
                email_digest: None,
                name: new.name.clone(),
                password_hash: Some(hash.clone()),
            };
            Ok(AccessDecision::append(change_key(&id, 0), AccessFact::UserAdded(body), id.clone()))
        })
    }

    /// Adds the first user, an admin, by the token of the setup link. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`] for another token, and once there is a user; else as of [`Commands::add_user`].
    pub fn set_up(&self, token: &str, new: &NewUser) -> Result<Text, AccessError> {
        let unknown = || AccessError::NotFound("invitation");
        if !self.access.takes_setup(token) {
            return Err(unknown());
        }
        let (id, hash) = (new_id()?, self.access.hash_password(&new.password)?);
        self.change_access(|known| {
            if !known.users.is_empty() {
                return Err(unknown());
            }
            let body = User {
                user_id: id.clone(),
                role: Some(Role::Admin),
                by: Text::new("setup"),
                email: Some(new.email.clone()),
                email_digest: None,
                name: new.name.clone(),
                password_hash: Some(hash.clone()),
            };
            Ok(AccessDecision::append(change_key(&id, 0), AccessFact::UserAdded(body), id.clone()))
        })
    }

    /// Changes a user. Blocks.
    ///
    /// # Errors
    /// As of [`Commands::add_user`], and [`AccessError::NotFound`].
    pub fn change_user(&self, by: &str, id: &str, change: &UserChange) -> Result<(), AccessError> {
        fits(change.role.flatten())?;
        let hash =
            change.password.as_deref().map(|password| self.access.hash_password(password)).transpose()?;
        self.change_access(|known| {
            let (id, user) = person(known, id)?;
            if let Some(email) = &change.email {
                unique(known, email, Some(id))?;
            }
            let body = User {
                user_id: id.clone(),
                role: change.role.unwrap_or(user.grants.everywhere),
                by: Text::new(by),
                email: change.email.clone().or_else(|| user.email.clone()),
                email_digest: None,
                name: change.name.clone().or_else(|| user.name.clone()),
                password_hash: hash.clone().or_else(|| user.password_hash.clone()),
            };
            let before = (user.grants.everywhere, &user.email, &user.name);
            if hash.is_none() && before == (body.role, &body.email, &body.name) {
                return Ok(AccessDecision::stands(()));
            }
            Ok(AccessDecision::append(change_key(id, user.position), AccessFact::UserChanged(body), ()))
        })
    }

    /// Removes a user, and ends all logins. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`]; else the log's.
    pub fn remove_user(&self, by: &str, id: &str) -> Result<(), AccessError> {
        self.change_access(|known| {
            let (id, _) = person(known, id)?;
            let body = UserRemoved { user_id: id.clone(), by: Text::new(by) };
            Ok(AccessDecision::append(
                EngineKey::UserRemoval { user: KeyPart::new(id.as_str()) },
                AccessFact::UserRemoved(body),
                (),
            ))
        })
    }

    /// Gives a user a role in one tenant, in place of the one there. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`]; else the log's.
    pub fn grant(&self, by: &str, id: &str, tenant: &TenantId, role: Role) -> Result<(), AccessError> {
        self.change_access(|known| {
            let (id, user) = person(known, id)?;
            if user.grants.tenants.get(tenant) == Some(&role) {
                return Ok(AccessDecision::stands(()));
            }
            let body = MembershipGranted {
                user_id: id.clone(),
                tenant: Text::new(tenant.as_str()).ok_or(AccessError::NoName)?,
                role,
                by: Text::new(by),
            };
            Ok(AccessDecision::append(change_key(id, user.position), AccessFact::MembershipGranted(body), ()))
        })
    }

    /// Takes a user's role in one tenant away. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`]; else the log's.
    pub fn revoke_membership(&self, by: &str, id: &str, tenant: &TenantId) -> Result<(), AccessError> {
        self.change_access(|known| {
            let (id, user) = person(known, id)?;
            if !user.grants.tenants.contains_key(tenant) {
                return Err(AccessError::NotFound("membership"));
            }
            let body = MembershipRevoked {
                user_id: id.clone(),
                tenant: Text::new(tenant.as_str()).ok_or(AccessError::NoName)?,
                by: Text::new(by),
            };
            Ok(AccessDecision::append(change_key(id, user.position), AccessFact::MembershipRevoked(body), ()))
        })
    }
}
