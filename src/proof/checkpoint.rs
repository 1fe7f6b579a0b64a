//! Checkpoints as anybody reads them: a note's text, checked by a verifier key.

use std::fmt;

use domain::record::Hash;
use ed25519_dalek::VerifyingKey;
use signed_note::{Note, StandardVerifier, VerifierList, new_ed25519_verifier_key};
use tlog_tiles::Checkpoint as NoteText;

use crate::log::Head;
use crate::log::tree::SIZE_MAX;

/// Why a text counts as no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It has not the form of one.
    #[error("not a checkpoint: expected origin, size and root, a blank line and signatures")]
    Malformed,
    /// A key that is no verifier key.
    #[error("not a verifier key: expected NAME+ID+KEY with an Ed25519 key, as `factfold log key` prints it")]
    Key,
    /// Its text is not what the key signed.
    #[error("the signature of the checkpoint does not hold")]
    Signature,
    /// None of its signatures is by the key.
    #[error("the checkpoint is not signed by this key")]
    Unsigned,
    /// It is signed for another log than it names.
    #[error("the checkpoint names another log than its key")]
    Origin,
}

/// A public key in the form `NAME+ID+KEY` of signed notes. The name is the origin of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    text: String,
    id: u32,
}

impl VerifierKey {
    /// The key of the log of this origin.
    pub fn of(origin: &str, key: &VerifyingKey) -> Self {
        let text = new_ed25519_verifier_key(origin, key);
        let id = text.split('+').nth(1).and_then(|id| u32::from_str_radix(id, 16).ok());
        Self { id: id.unwrap_or_default(), text }
    }

    /// Reads `NAME+ID+KEY`.
    ///
    /// # Errors
    /// [`CheckpointError::Key`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let text = text.trim().to_owned();
        StandardVerifier::new(&text).map_err(|_| CheckpointError::Key)?;
        let id = text.split('+').nth(1).and_then(|id| u32::from_str_radix(id, 16).ok());
        Ok(Self { id: id.ok_or(CheckpointError::Key)?, text })
    }

    /// Of which log it is.
    pub fn origin(&self) -> &str {
        self.text.split('+').next().unwrap_or_default()
    }

    /// The number that signatures name it by.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl VerifierKey {
    /// The text of a note that the key has signed.
    ///
    /// # Errors
    /// It is no note, or not signed by the key.
    pub fn open(&self, text: &str) -> Result<String, CheckpointError> {
        String::from_utf8(self.opened(text)?.text().to_vec()).map_err(|_| CheckpointError::Malformed)
    }

    fn opened(&self, text: &str) -> Result<Note, CheckpointError> {
        let verifier = StandardVerifier::new(&self.text).map_err(|_| CheckpointError::Key)?;
        let note = note(text)?;
        match note.verify(&VerifierList::new(vec![Box::new(verifier)])) {
            Ok(_) => Ok(note),
            Err(signed_note::NoteError::UnverifiedNote) => Err(CheckpointError::Unsigned),
            Err(_) => Err(CheckpointError::Signature),
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedCheckpoint {
    /// Of which log it speaks.
    pub origin: String,
    /// How far the log went, and its root.
    pub head: Head,
}

impl OpenedCheckpoint {
    /// Reads a checkpoint whose signature nobody checks.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn unverified(text: &str) -> Result<Self, CheckpointError> {
        Self::of(&note(text)?)
    }

    /// Reads a checkpoint that the key has signed.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn verified(text: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let opened = Self::of(&key.opened(text)?)?;
        if opened.origin == key.origin() { Ok(opened) } else { Err(CheckpointError::Origin) }
    }

    fn of(note: &Note) -> Result<Self, CheckpointError> {
        let text = NoteText::from_bytes(note.text()).map_err(|_| CheckpointError::Malformed)?;
        if text.size() > SIZE_MAX {
            return Err(CheckpointError::Malformed);
        }
        let root: Hash = text.hash().0;
        Ok(Self { origin: text.origin().to_owned(), head: Head { position: text.size(), root } })
    }
}

fn note(text: &str) -> Result<Note, CheckpointError> {
    Note::from_bytes(text.as_bytes()).map_err(|_| CheckpointError::Malformed)
}
