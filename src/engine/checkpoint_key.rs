//! The key of a data directory's checkpoints: made at the first start, or given by the configuration.
//!
//! ```text
//! keys/checkpoint-key       64 hexadecimal digits, 0600; not there where the configuration gives the key
//! keys/checkpoint-key.pub   the verifier key, NAME+ID+KEY: what an audit of the directory checks checkpoints with
//! ```

use std::fs;
use std::io;
use std::path::Path;

use domain::keys::LogSecret;
use domain::record::Hash;

use super::data_dir::{io_at, write_private};
use super::{EngineError, Offline};
use crate::config::Config;
use crate::directory::Secret;
use crate::proof::{CheckpointKey, Checkpoints, VerifierKey, origin};

const KEY: &str = "checkpoint-key";
const PUBLIC: &str = "checkpoint-key.pub";

/// The key that signs the checkpoints of the log below `root`; made where there is none and none is given.
pub(super) fn checkpoint_key(
    root: &Path,
    secret: &LogSecret,
    given: Option<&Secret>,
) -> Result<CheckpointKey, EngineError> {
    let dir = root.join("keys");
    let seed = match given {
        Some(given) => seed(&given.text(), "[log] checkpoint_key")?,
        None => match fs::read_to_string(dir.join(KEY)) {
            Ok(text) => seed(&text, &dir.join(KEY).display().to_string())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => made(&dir)?,
            Err(error) => return Err(io_at(&dir.join(KEY))(error)),
        },
    };
    let key = CheckpointKey::new(&origin(secret), &seed);
    let public = format!("{}\n", key.verifier());
    if fs::read_to_string(dir.join(PUBLIC)).ok().as_deref() != Some(&public) {
        write_private(&dir, PUBLIC, public.as_bytes())?;
    }
    Ok(key)
}

fn seed(text: &str, place: &str) -> Result<Hash, EngineError> {
    let damaged = || EngineError::Damaged(format!("{place} is not 64 hexadecimal digits"));
    CheckpointKey::seed(text).ok_or_else(damaged)
}

fn made(dir: &Path) -> Result<Hash, EngineError> {
    let mut seed = Hash::default();
    getrandom::fill(&mut seed).map_err(|error| EngineError::Io {
        path: "the system's random numbers".into(),
        source: io::Error::other(error),
    })?;
    write_private(dir, KEY, format!("{}\n", hex::encode(seed)).as_bytes())?;
    Ok(seed)
}

/// The checkpoints of a stopped server's log, where its key lies in the data directory.
///
/// # Errors
/// The key cannot be read or made.
pub fn own_checkpoints(offline: &Offline, config: &Config) -> Result<Option<Checkpoints>, EngineError> {
    let Some(root) = offline.root().filter(|_| !config.log.gives_key) else { return Ok(None) };
    let key = checkpoint_key(root, &offline.secret, None)?;
    Ok(Some(Checkpoints::new(offline.log.clone(), key)))
}

/// What checkpoints of the log below `root` are verified with; none where it has never been served.
///
/// # Errors
/// The file cannot be read, or holds no verifier key.
pub fn verifier_key(root: &Path) -> Result<Option<VerifierKey>, EngineError> {
    let path = root.join("keys").join(PUBLIC);
    match fs::read_to_string(&path) {
        Ok(text) => VerifierKey::parse(&text)
            .map(Some)
            .map_err(|error| EngineError::Damaged(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_at(&path)(error)),
    }
}
