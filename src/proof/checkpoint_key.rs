//! The key that signs checkpoints: 32 random bytes, written as 64 hexadecimal digits, under the origin of one log.

use domain::keys::LogSecret;
use domain::record::Hash;
use ed25519_dalek::SigningKey;
use signed_note::{Note, Signer};
use tlog_tiles::{Checkpoint as NoteText, Hash as TlogHash};

use super::checkpoint::{CheckpointError, VerifierKey};
use crate::log::Head;

/// What of a log its checkpoints are signed as: names the log without showing its secret.
pub fn origin(secret: &LogSecret) -> String {
    format!("factfold/{}", hex::encode(secret.content(b"factfold/origin/1")))
}

/// The signing key of one log's checkpoints. It never shows in `Debug`.
pub struct CheckpointKey {
    verifier: VerifierKey,
    key: SigningKey,
}

impl CheckpointKey {
    /// The key of these bytes for the log of this origin.
    pub fn new(origin: &str, seed: &Hash) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self { verifier: VerifierKey::of(origin, &key.verifying_key()), key }
    }

    /// The bytes of a key as it is written: 64 hexadecimal digits.
    pub fn seed(text: &str) -> Option<Hash> {
        let mut seed = Hash::default();
        hex::decode_to_slice(text.trim(), &mut seed).ok().map(|()| seed)
    }

    /// What its signatures are verified with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The checkpoint of a head, signed.
    ///
    /// # Errors
    /// None of a log that is there; the note's and the key's, else.
    pub fn sign(&self, head: Head) -> Result<String, CheckpointError> {
        let text = NoteText::new(self.verifier.origin(), head.position, TlogHash(head.root), "");
        self.sign_text(&text.map_err(|_| CheckpointError::Malformed)?.to_bytes())
    }

    /// A note of this text, signed. What is no checkpoint must not begin with the origin.
    ///
    /// # Errors
    /// A text that no note may have.
    pub fn sign_text(&self, text: &[u8]) -> Result<String, CheckpointError> {
        let mut note = Note::new(text, &[]).map_err(|_| CheckpointError::Malformed)?;
        note.add_sigs(&[self]).map_err(|_| CheckpointError::Malformed)?;
        String::from_utf8(note.to_bytes()).map_err(|_| CheckpointError::Malformed)
    }
}

impl Signer for CheckpointKey {
    fn name(&self) -> &str {
        self.verifier.origin()
    }

    fn key_id(&self) -> u32 {
        self.verifier.id()
    }

    fn sign(&self, msg: &[u8]) -> Result<Vec<u8>, ed25519_dalek::ed25519::signature::Error> {
        use ed25519_dalek::Signer as _;
        Ok(self.key.try_sign(msg)?.to_vec())
    }
}

impl std::fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CheckpointKey").field(&self.verifier.to_string()).finish()
    }
}
