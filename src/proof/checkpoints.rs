//! The checkpoints that a server gives out: of its head, or of a moment ago with the witnesses' cosignatures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::bundle::ProofBundle;
use super::checkpoint::{CheckpointError, VerifierKey};
use super::checkpoint_key::CheckpointKey;
use super::cosignature::Cosignature;
use crate::log::{Head, Log};

/// So long a cosigned checkpoint is given out while the log goes on past it.
const COSIGNED_MAX: Duration = Duration::from_secs(60);

struct Cosigned {
    head: Head,
    text: String,
    since: Instant,
}

/// Signs the heads of a log.
#[derive(Clone)]
pub struct Checkpoints {
    log: Log,
    key: Arc<CheckpointKey>,
    cosigned: Arc<Mutex<Option<Cosigned>>>,
}

impl Checkpoints {
    /// Those of `log` under `key`.
    pub fn new(log: Log, key: CheckpointKey) -> Self {
        Self { log, key: Arc::new(key), cosigned: Arc::default() }
    }

    /// What they are verified with.
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// The log that they are of.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The checkpoint of a head that this log has.
    ///
    /// # Errors
    /// See [`CheckpointKey::sign`].
    pub fn sign(&self, head: Head) -> Result<String, CheckpointError> {
        self.key.sign(head)
    }

    /// Signs a proof bundle.
    ///
    /// # Errors
    /// See [`CheckpointKey::sign_text`].
    pub fn sign_bundle(&self, bundle: &mut ProofBundle) -> Result<(), CheckpointError> {
        bundle.sign(&self.key)
    }

    /// The newest checkpoint. One with cosignatures is kept for as long as the log stays there, and for a minute after.
    ///
    /// # Errors
    /// See [`CheckpointKey::sign`].
    pub fn newest(&self) -> Result<String, CheckpointError> {
        let head = self.log.head();
        if let Some(cosigned) = &*self.cosigned.lock()
            && (cosigned.head == head || cosigned.since.elapsed() < COSIGNED_MAX)
        {
            return Ok(cosigned.text.clone());
        }
        self.key.sign(head)
    }

    /// Adds what witnesses said of the checkpoint of `head`, whose text is `text`.
    pub fn cosign(&self, head: Head, text: &str, cosignatures: &[Cosignature]) {
        if cosignatures.is_empty() {
            return;
        }
        let lines = cosignatures.iter().map(|one| one.line.as_str());
        let text = std::iter::once(text).chain(lines).collect();
        *self.cosigned.lock() = Some(Cosigned { head, text, since: Instant::now() });
    }
}
