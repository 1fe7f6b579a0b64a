//! Who may do what: tokens, users, memberships and logins, a fold of the facts of `_control`.
//!
//! State changes only by folding the log, so a revocation that another writer appended holds like one made here. A
//! command waits until its own fact is folded: what it answered holds at once. Credentials are looked up in memory.

mod attempts;
mod caller;
mod error;
mod logins;
mod password;
mod secret;
mod state;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::access::AccessFact;
use domain::keys::engine::EngineKey;
use domain::keys::{LogSecret, Position, TenantId};
use domain::members::{Instant, Text};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use self::attempts::Attempts;
pub use self::caller::{Caller, Grants};
pub use self::error::AccessError;
pub use self::logins::{LOGIN_SECONDS, LoggedIn};
pub use self::password::RULE as PASSWORD_RULE;
use self::secret::SecretDigest;
pub use self::state::{AccessState, Person, Token};
pub use self::tokens::{Issued, NewToken};
pub use self::users::{NewUser, UserChange};
use crate::clock::Clock;
use crate::follow::{Batch, Checkpoint, Fold, FoldError};
use crate::log::select::GroupSet;
use crate::log::{Appended, Log, LogError};

/// Decisions on an old state are made again; nobody changes it this often meanwhile.
const TRIES: usize = 8;
/// How long a command waits for the head of the log and for its own fact to be folded.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who may do what.
pub struct Access {
    log: Log,
    secret: LogSecret,
    clock: Clock,
    /// Digest of the token in `FACTFOLD_ADMIN_TOKEN`.
    admin: Option<SecretDigest>,
    state: RwLock<AccessState>,
    checkpoint: Checkpoint,
    /// Held by a command: one at a time.
    changing: Mutex<()>,
    attempts: Mutex<Attempts>,
}

impl Access {
    /// Knows nobody but the admin whose token is `admin`, if any, until facts are folded.
    pub fn new(log: Log, secret: LogSecret, clock: Clock, admin: Option<&[u8]>) -> Self {
        Self {
            log,
            secret,
            clock,
            admin: admin.map(SecretDigest::of),
            state: RwLock::default(),
            checkpoint: Checkpoint::default(),
            changing: Mutex::new(()),
            attempts: Mutex::default(),
        }
    }

    /// The folded state. Held, it keeps folding waiting.
    pub fn known(&self) -> RwLockReadGuard<'_, AccessState> {
        self.state.read()
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
        let known = self.state.read();
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

    fn wait_for(&self, position: Position) -> Result<(), AccessError> {
        if self.checkpoint.wait(position, PATIENCE) { Ok(()) } else { Err(AccessError::NotFolded(position)) }
    }

    /// Decides on the state at the head of the log, appends the fact under its key, and waits until it is folded. A
    /// key that another writer has taken meanwhile is decided again.
    fn change<T>(
        &self,
        decide: impl Fn(&AccessState) -> Result<Decided<T>, AccessError>,
    ) -> Result<T, AccessError> {
        let _changing = self.changing.lock();
        for _ in 0..TRIES {
            self.wait_for(self.log.head().position)?;
            let decided = decide(&self.state.read())?;
            let Some((key, fact)) = decided.fact else { return Ok(decided.answer) };
            if let Appended::Recorded(position) | Appended::Duplicate(position) = self.append(&key, fact)? {
                self.wait_for(position)?;
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

impl Fold for Access {
    fn groups(&self) -> GroupSet {
        GroupSet::NONE.with(AccessFact::GROUP)
    }

    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError> {
        self.state.write().apply_batch(batch);
        self.checkpoint.advance(batch.last);
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// A command's decision: a fact under its key, or nothing to be done, and the answer.
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
