//! Who may do what: tokens, users, memberships, invitations and logins, a fold of the facts of `_control`.
//!
//! State changes only by folding the log; `commands` decides and appends. Credentials are looked up in memory.

mod caller;
mod device;
mod error;
mod hashing;
mod invitations;
mod links;
mod login_limits;
mod logins;
mod password;
mod secret;
mod state;
mod tickets;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::facts::access::AccessFact;
use domain::keys::{LogSecret, TenantId};
use domain::members::{Instant, Text};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::watch;

pub use self::caller::{Caller, Credential, Grants};
pub use self::device::DEVICE_SECONDS;
pub use self::error::AccessError;
use self::hashing::Hashing;
pub use self::invitations::{INVITATION_SECONDS, Invitation, InvitationState};
pub use self::links::AccessLink;
use self::login_limits::LoginLimits;
pub use self::logins::{LOGIN_SECONDS, LoginAttempt, Verified};
pub use self::password::RULE as PASSWORD_RULE;
use self::secret::SecretDigest;
pub use self::secret::{Fresh, new_id};
pub use self::state::{AccessState, Person, Token};
use self::tickets::Tickets;
use crate::clock::Clock;
use crate::follow::{Batch, Checkpoint, Fold, FoldError};
use crate::log::select::GroupSet;

/// Who may do what.
pub struct Access {
    secret: LogSecret,
    clock: Clock,
    /// Digest of the token in `FACTFOLD_ADMIN_TOKEN`.
    admin: Option<SecretDigest>,
    state: RwLock<AccessState>,
    checkpoint: Checkpoint,
    /// Told whenever facts of the control tenant were folded.
    changed: watch::Sender<()>,
    limits: Mutex<LoginLimits>,
    hashing: Hashing,
    tickets: Mutex<Tickets>,
    /// Digest of the setup link's token, where one was printed.
    setup: Mutex<Option<SecretDigest>>,
}

impl Access {
    /// Knows nobody but the admin whose token is `admin`, if any, until facts are folded.
    pub fn new(secret: LogSecret, clock: Clock, admin: Option<&[u8]>) -> Self {
        Self {
            secret,
            clock,
            admin: admin.map(SecretDigest::of),
            state: RwLock::default(),
            checkpoint: Checkpoint::default(),
            changed: watch::Sender::new(()),
            limits: Mutex::default(),
            hashing: Hashing::default(),
            tickets: Mutex::default(),
            setup: Mutex::default(),
        }
    }

    /// Takes the memory in which passwords are hashed, so that the first login does not.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start_hashing(&self) -> io::Result<()> {
        self.hashing.start()
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
        let (id, token) = found.filter(|_| is_right)?;
        let caller = known.caller(&Credential::Token(id.clone()), self.now())?;
        token.used_at.store((self.clock)(), Ordering::Relaxed);
        Some(Arc::new(caller))
    }

    /// Who has this credential now; none once it is revoked, ended or expired.
    pub fn caller(&self, credential: &Credential) -> Option<Arc<Caller>> {
        self.known().caller(credential, self.now()).map(Arc::new)
    }

    /// A ticket that opens `path` once, within a minute, for who has this credential; and until when.
    ///
    /// # Errors
    /// [`AccessError::Random`].
    pub fn issue_ticket(
        &self,
        credential: Credential,
        path: String,
    ) -> Result<(String, Instant), AccessError> {
        self.tickets.lock().issue(credential, path, self.now())
    }

    /// Whose ticket this is, where it opens `path` and he may still do anything; `uses` it up.
    pub fn ticket(&self, text: &str, path: &str, uses: bool) -> Option<Arc<Caller>> {
        let credential = self.tickets.lock().show(text, path, uses, self.now())?;
        self.caller(&credential)
    }

    /// Tells when somebody's rights may have changed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn now(&self) -> Instant {
        Instant((self.clock)())
    }
}

impl Fold for Access {
    fn groups(&self) -> GroupSet {
        GroupSet::NONE.with(AccessFact::GROUP)
    }

    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError> {
        self.state.write().apply_batch(batch);
        if batch.entries.iter().any(|entry| entry.tenant == TenantId::CONTROL) {
            self.changed.send_replace(());
        }
        self.checkpoint.advance(batch.last);
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}
