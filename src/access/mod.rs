//! Who may do what: tokens, users, memberships, logins and run-time endpoints, folded from facts of `_control`.
//!
//! Nobody else writes to the control tenant, so every command folds to the head of the log first and its own fact
//! last: what it answered holds at once. Whoever asks with a credential is looked up in memory.

mod attempts;
mod caller;
mod endpoints;
mod error;
mod known;
mod logins;
mod password;
mod secret;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::access::AccessFact;
use domain::keys::engine::EngineKey;
use domain::keys::{LogSecret, TenantId};
use domain::members::{Instant, Text};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use self::attempts::Attempts;
pub use self::caller::{Caller, Grants};
pub use self::endpoints::NewEndpoint;
pub use self::error::AccessError;
pub use self::known::{EndpointName, Known, Person, RuntimeEndpoint, Token};
pub use self::logins::{LOGIN_SECONDS, LoggedIn};
pub use self::password::RULE as PASSWORD_RULE;
use self::secret::SecretDigest;
pub use self::tokens::{Issued, NewToken};
pub use self::users::{NewUser, UserChange};
use crate::clock::Clock;
use crate::log::select::{GroupSet, Select};
use crate::log::{Appended, Log, LogError};

/// What was decided on an old state is decided again; nobody changes it this often meanwhile.
const TRIES: usize = 8;

/// Who may do what.
pub struct Access {
    log: Log,
    secret: LogSecret,
    clock: Clock,
    /// Digest of the token in `FACTFOLD_ADMIN_TOKEN`.
    admin: Option<SecretDigest>,
    known: RwLock<Known>,
    /// Held by who folds or changes: one command at a time.
    changing: Mutex<()>,
    attempts: Mutex<Attempts>,
}

impl Access {
    /// Folds the control tenant's facts of `log`. `admin` is an admin's token from the start, if any.
    ///
    /// # Errors
    /// The log's, or [`AccessError::Unreadable`].
    pub fn open(
        log: Log,
        secret: LogSecret,
        clock: Clock,
        admin: Option<&[u8]>,
    ) -> Result<Self, AccessError> {
        let access = Self {
            log,
            secret,
            clock,
            admin: admin.map(SecretDigest::of),
            known: RwLock::default(),
            changing: Mutex::new(()),
            attempts: Mutex::default(),
        };
        access.catch_up()?;
        Ok(access)
    }

    /// What is known now. Held, it keeps commands waiting.
    pub fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read()
    }

    /// Whether there is any credential at all.
    pub fn opens_to_somebody(&self) -> bool {
        let known = self.known();
        let is_live = |token: &Token| token.revoked_at.is_none();
        self.admin.is_some() || known.tokens.values().any(is_live) || !known.users.is_empty()
    }

    /// Who has this bearer token; none if it is not known or not any more.
    pub fn bearer(&self, token: &str) -> Option<Arc<Caller>> {
        // A server without an admin token compares too, so that both take the same time.
        let admin = self.admin.unwrap_or(SecretDigest::NOBODYS);
        if admin.is_of(token.as_bytes()) && self.admin.is_some() {
            return Some(Arc::new(Caller::admin()));
        }
        let (id, secret) = secret::split(token)?;
        let known = self.known.read();
        let found = known.tokens.get_key_value(&Text::new(id)?);
        let digest = found.map_or(SecretDigest::NOBODYS, |(_, token)| token.digest);
        let is_right = digest.is_of(secret.as_bytes());
        let (id, token) = found.filter(|(_, token)| is_right && token.revoked_at.is_none())?;
        token.used_at.store((self.clock)(), Ordering::Relaxed);
        Some(Arc::new(Caller { id: format!("token/{id}").into(), grants: token.grants.clone() }))
    }

    fn now(&self) -> Instant {
        Instant((self.clock)())
    }

    /// Folds what was appended since; whoever calls it holds `changing` or is the only one.
    fn catch_up(&self) -> Result<(), AccessError> {
        let from = self.known.read().position + 1;
        let snapshot = self.log.snapshot();
        let select = Select {
            groups: GroupSet::NONE.with(AccessFact::GROUP),
            from,
            ..Select::tenant(TenantId::control())
        };
        let (mut facts, mut failed) = (Vec::new(), None);
        snapshot.for_each(&select, &mut |position, record| {
            let header = &record.header;
            match Fact::decode(header.kind, header.version, record.public, record.personal()) {
                Ok(Fact::Access(fact)) => facts.push((position, Instant(header.recorded_at), fact)),
                Ok(_) => {}
                Err(error) => {
                    failed = Some(AccessError::Unreadable { position, why: error.to_string() });
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mut known = self.known.write();
        for (position, at, fact) in facts {
            known.apply(position, at, fact);
        }
        known.position = snapshot.head().position;
        Ok(())
    }

    /// Decides on what is known at the head of the log, appends what was decided under its key, and folds it. A key
    /// that another has taken meanwhile is decided again. Nothing decided is nothing done.
    fn change<T>(
        &self,
        decide: impl Fn(&Known) -> Result<Decided<T>, AccessError>,
    ) -> Result<T, AccessError> {
        let _changing = self.changing.lock();
        for _ in 0..TRIES {
            self.catch_up()?;
            let decided = decide(&self.known.read())?;
            let Some((key, fact)) = decided.fact else { return Ok(decided.answer) };
            if !matches!(self.append(&key, fact)?, Appended::Differs(_)) {
                self.catch_up()?;
                return Ok(decided.answer);
            }
        }
        Err(AccessError::Contended)
    }

    fn append(&self, key: &EngineKey, fact: AccessFact) -> Result<Appended, AccessError> {
        let unfit = |why: String| AccessError::Fact(why);
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)?;
        let envelope = Envelope::by_engine(TenantId::control(), key, self.now(), Fact::Access(fact));
        let envelope = envelope.map_err(|error| unfit(error.to_string()))?;
        let draft = envelope.draft(&self.secret, salt, &Bytes::new());
        let appended = self.log.append(vec![draft.map_err(|error| unfit(error.to_string()))?])?.wait()?;
        appended.first().copied().ok_or_else(|| LogError::Stopped("no answer".into()).into())
    }
}

/// What a command came to: a fact under its key, or nothing to be done, and what it answers.
struct Decided<T> {
    fact: Option<(EngineKey, AccessFact)>,
    answer: T,
}

impl<T> Decided<T> {
    fn fact(key: EngineKey, fact: AccessFact, answer: T) -> Self {
        Self { fact: Some((key, fact)), answer }
    }

    fn nothing(answer: T) -> Self {
        Self { fact: None, answer }
    }
}
