//! The state that the facts of the control tenant make: a pure fold, in the order of the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use domain::facts::Fact;
use domain::facts::access::{
    AccessFact, InvitationAccepted, LoginStarted, MembershipGranted, Role, TokenIssued, User,
};
use domain::keys::{Position, TenantId};
use domain::members::{Email, Instant, Text};

use super::caller::{Caller, Credential, Grants};
use super::invitations::{Invitations, granted};
use super::secret::SecretDigest;
use crate::follow::Batch;

/// Open logins of one user; a further one ends the oldest.
const LOGINS_MAX: usize = 100;

/// A token that was issued, revoked or not.
#[derive(Debug, Clone)]
pub struct Token {
    /// What it is for.
    pub name: Text,
    /// What it may do.
    pub role: Role,
    /// The same, by tenant.
    pub grants: Grants,
    /// Who issued it.
    pub by: Option<Text>,
    /// When.
    pub issued_at: Instant,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// When it opened something last, µs since 1970; 0: not since the start.
    pub used_at: Arc<AtomicI64>,
    pub(super) digest: SecretDigest,
}

/// A person who may log in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Logs in by it; none once it was erased.
    pub email: Option<Email>,
    /// What the person is called.
    pub name: Option<Text>,
    /// What the person may do where.
    pub grants: Grants,
    /// When added.
    pub added_at: Instant,
    /// The last fact of the person.
    pub position: Position,
    /// The argon2id hash of the password, as a PHC string.
    pub password_hash: Option<Text>,
}

/// Somebody who has logged in.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) user_id: Text,
    pub(super) expires_at: Instant,
    pub(super) digest: SecretDigest,
}

/// Who may do what, at one position of the log.
#[derive(Debug, Default)]
pub struct AccessState {
    /// The last position of the log that is folded, of whatever tenant.
    pub(super) position: Position,
    /// Tokens by their ids.
    pub tokens: BTreeMap<Text, Token>,
    /// Users by their ids.
    pub users: BTreeMap<Text, Person>,
    /// Invitations by their ids; those that ended long ago are forgotten.
    pub invitations: Invitations,
    pub(super) logins: BTreeMap<Text, Login>,
}

impl AccessState {
    /// The last position of the log that is folded.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Folds the control tenant's facts of a batch.
    pub(super) fn apply_batch(&mut self, batch: &Batch<'_>) {
        let control = batch.entries.iter().filter(|entry| entry.tenant == TenantId::CONTROL);
        for decoded in control.filter_map(|entry| entry.decoded.as_ref()) {
            if let Fact::Access(fact) = &decoded.fact {
                self.apply(decoded.position, decoded.recorded_at, fact.clone());
            }
        }
        self.position = batch.last;
    }

    fn apply(&mut self, position: Position, at: Instant, fact: AccessFact) {
        match fact {
            AccessFact::TokenIssued(body) => self.issue(at, body),
            AccessFact::TokenRevoked(body) => {
                if let Some(token) = self.tokens.get_mut(&body.token_id) {
                    token.revoked_at.get_or_insert(at);
                }
            }
            AccessFact::UserAdded(body) | AccessFact::UserChanged(body) => self.user(position, at, body),
            AccessFact::UserRemoved(body) => {
                self.users.remove(&body.user_id);
                self.log_out(&body.user_id);
            }
            AccessFact::MembershipGranted(MembershipGranted { user_id, tenant, role, .. }) => {
                if let (Some(user), Some(tenant)) = (self.users.get_mut(&user_id), tenant_named(&tenant)) {
                    user.grants.tenants.insert(tenant, role);
                    user.position = position;
                }
            }
            AccessFact::MembershipRevoked(body) => {
                let tenant = tenant_named(&body.tenant);
                if let (Some(user), Some(tenant)) = (self.users.get_mut(&body.user_id), tenant) {
                    user.grants.tenants.remove(&tenant);
                    user.position = position;
                }
            }
            AccessFact::InvitationIssued(body) => self.invitations.issue(at, body),
            AccessFact::InvitationWithdrawn(body) => self.invitations.withdraw(at, &body.invitation_id),
            AccessFact::InvitationAccepted(body) => self.accept(position, at, body),
            // Folded by the directory.
            AccessFact::EndpointAdded(_) | AccessFact::EndpointRemoved(_) => {}
            AccessFact::LoginStarted(body) => self.log_in(at, body),
            AccessFact::LoginEnded(body) => drop(self.logins.remove(&body.login_id)),
        }
    }

    fn issue(&mut self, at: Instant, body: TokenIssued) {
        let role = body.role;
        let tenants = body.tenants.iter().filter_map(tenant_named).map(|tenant| (tenant, role)).collect();
        let everywhere = body.tenants.is_empty().then_some(role).filter(|role| role.fits_everywhere());
        let token = Token {
            name: body.name,
            role,
            grants: Grants { everywhere, tenants },
            by: body.by,
            issued_at: at,
            revoked_at: None,
            used_at: Arc::default(),
            // What is no digest is nobody's: it opens nothing.
            digest: SecretDigest::read(body.secret_digest.as_str()).unwrap_or(SecretDigest::NOBODYS),
        };
        self.tokens.insert(body.token_id, token);
    }

    fn user(&mut self, position: Position, at: Instant, body: User) {
        let before = self.users.get(&body.user_id);
        let (tenants, added_at) =
            before.map_or_else(|| (BTreeMap::new(), at), |user| (user.grants.tenants.clone(), user.added_at));
        let grants = Grants { everywhere: body.role.filter(|role| role.fits_everywhere()), tenants };
        let User { user_id, email, name, password_hash, .. } = body;
        self.put(user_id, Person { email, name, grants, added_at, position, password_hash });
    }

    fn accept(&mut self, position: Position, at: Instant, body: InvitationAccepted) {
        self.invitations.accept(at, &body);
        let grants = granted(body.role, &body.memberships);
        let InvitationAccepted { user_id, email, name, password_hash, .. } = body;
        self.put(user_id, Person { email, name, grants, added_at: at, position, password_hash });
    }

    /// Puts a person in the place of whoever has the id. A new password ends every login that the old one began.
    fn put(&mut self, user_id: Text, person: Person) {
        let before = self.users.get(&user_id);
        if before.is_some_and(|before| before.password_hash != person.password_hash) {
            self.log_out(&user_id);
        }
        self.users.insert(user_id, person);
    }

    fn log_out(&mut self, user_id: &Text) {
        self.logins.retain(|_, login| login.user_id != *user_id);
    }

    fn log_in(&mut self, at: Instant, body: LoginStarted) {
        self.logins.retain(|_, login| login.expires_at > at);
        let Some(digest) = SecretDigest::read(body.secret_digest.as_str()) else { return };
        let LoginStarted { login_id, user_id, expires_at, .. } = body;
        let own = self.logins.iter().filter(|(_, login)| login.user_id == user_id);
        let mut own: Vec<(Instant, &Text)> = own.map(|(id, login)| (login.expires_at, id)).collect();
        if own.len() >= LOGINS_MAX {
            own.sort_unstable();
            if let Some(oldest) = own.first().map(|(_, id)| (*id).clone()) {
                self.logins.remove(&oldest);
            }
        }
        self.logins.insert(login_id, Login { user_id, expires_at, digest });
    }

    /// Who has this credential; none once it is revoked, ended or expired.
    pub(super) fn caller(&self, credential: &Credential, now: Instant) -> Option<Caller> {
        let (id, grants) = match credential {
            Credential::Admin => return Some(Caller::admin()),
            Credential::Token(id) => {
                let token = self.tokens.get(id).filter(|token| token.revoked_at.is_none())?;
                (format!("token/{id}"), &token.grants)
            }
            Credential::Login(id) => {
                let login = self.logins.get(id).filter(|login| login.expires_at > now)?;
                (format!("user/{}", login.user_id), &self.users.get(&login.user_id)?.grants)
            }
        };
        Some(Caller { credential: credential.clone(), id: id.into(), grants: grants.clone() })
    }

    /// Whether the login is open.
    pub fn has_login(&self, login_id: &Text) -> bool {
        self.logins.contains_key(login_id)
    }

    /// The user of that email.
    pub fn by_email(&self, email: &Email) -> Option<(&Text, &Person)> {
        self.users.iter().find(|(_, user)| user.email.as_ref() == Some(email))
    }
}

fn tenant_named(text: &Text) -> Option<TenantId> {
    TenantId::new(text.as_str()).ok()
}
