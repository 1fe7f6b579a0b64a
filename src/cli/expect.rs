//! `audit --expect`: what the log must contain, from a head or a checkpoint that was kept elsewhere.

use std::path::{Path, PathBuf};

use domain::record::Hash;

use super::Failure;
use crate::engine::{EngineError, log_origin, verifier_key};
use crate::log::{Head, LogSnapshot};
use crate::proof::{OpenedCheckpoint, VerifierKey};

/// A head that the log must have had.
#[derive(Debug, Clone)]
pub enum Expected {
    /// `POSITION:ROOT`
    Head(Head),
    /// A file with a checkpoint.
    Checkpoint(PathBuf),
}

/// `POSITION:ROOT`, else the path of a checkpoint.
pub fn expected(given: &str) -> Result<Expected, String> {
    let Some((position, root)) = given.split_once(':') else { return Ok(Expected::Checkpoint(given.into())) };
    let Ok(position) = position.parse() else { return Ok(Expected::Checkpoint(given.into())) };
    let mut hash = Hash::default();
    hex::decode_to_slice(root, &mut hash)
        .map_err(|_| "the root must have 64 hexadecimal digits".to_owned())?;
    Ok(Expected::Head(Head { position, root: hash }))
}

/// A verifier key, or a file that holds one.
pub fn key(given: &str) -> Result<VerifierKey, String> {
    let read = || std::fs::read_to_string(given).map_err(|error| format!("{given}: {error}"));
    VerifierKey::parse(given).or_else(|error| match Path::new(given).exists() {
        true => VerifierKey::parse(&read()?).map_err(|error| error.to_string()),
        false => Err(error.to_string()),
    })
}

/// What was found of the expected heads.
#[derive(Debug, Default)]
pub struct HeadFindings {
    /// What does not hold.
    pub violations: Vec<String>,
    /// What could not be checked.
    pub notes: Vec<String>,
}

impl Expected {
    /// Compares it with the log below `dir`: the head that its files end at, and `log`, where it could be read.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn check(
        &self,
        dir: &Path,
        key: Option<&VerifierKey>,
        head: Head,
        log: Option<&LogSnapshot>,
        found: &mut HeadFindings,
    ) -> Result<(), Failure> {
        let (expected, of) = match self {
            Self::Head(expected) => (*expected, "the expected head".to_owned()),
            Self::Checkpoint(path) => {
                let of = format!("the checkpoint {}", path.display());
                match self::opened(dir, path, key, found)? {
                    Ok(opened) => (opened.head, of),
                    Err(why) => {
                        found.violations.push(format!("{of}: {why}"));
                        return Ok(());
                    }
                }
            }
        };
        if expected.position > head.position {
            found.violations.push(format!(
                "the log was rolled back: it ends at position {}, and {of} says that it had {} facts",
                head.position, expected.position
            ));
            return Ok(());
        }
        let Some(log) = log else {
            found.notes.push(format!("{of} was not compared: the log cannot be read"));
            return Ok(());
        };
        let root = log.root_at(expected.position).map_err(|error| Failure::Integrity(error.to_string()))?;
        if root != expected.root {
            found.violations.push(format!(
                "the log was changed: at position {} its root is {}, and {of} says {}",
                expected.position,
                hex::encode(root),
                hex::encode(expected.root)
            ));
        }
        Ok(())
    }
}

/// The checkpoint in a file, verified by `key`, else by the directory's own; or why it does not count.
fn opened(
    dir: &Path,
    path: &Path,
    key: Option<&VerifierKey>,
    found: &mut HeadFindings,
) -> Result<Result<OpenedCheckpoint, String>, Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let own = if key.is_some() { None } else { verifier_key(dir)? };
    let opened = match key.or(own.as_ref()) {
        Some(key) => OpenedCheckpoint::verified(&text, key),
        None => {
            found
                .notes
                .push("no verifier key is known, so the checkpoint's signature was not checked".into());
            OpenedCheckpoint::unverified(&text)
        }
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error.to_string())),
    };
    match log_origin(dir) {
        Ok(origin) if origin == opened.origin => Ok(Ok(opened)),
        Ok(origin) => Ok(Err(format!("it is of the log {}, and this is {origin}", opened.origin))),
        // The secret is missing or damaged: told by the audit.
        Err(EngineError::Damaged(_)) => Ok(Ok(opened)),
        Err(error) => Err(error.into()),
    }
}
