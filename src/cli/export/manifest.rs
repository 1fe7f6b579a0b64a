//! The manifest of an export: what it holds, and what its file and the log must come to.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use domain::keys::Position;
use domain::record::Hash;
use domain::rules::calendar::Bound;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::Failure;
use crate::views::export_scan::ExportSelection;

/// What an export says of itself. No fact is in it, and so nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `factfold.export`.
    pub format: String,
    /// Of lines and manifest; another one is not read.
    pub version: u32,
    /// `ndjson` or `csv`.
    pub media: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, as sha256sum tells it.
    pub sha256: String,
    /// Facts in it.
    pub facts: u64,
    /// Position of the first of them.
    pub first_position: Option<Position>,
    /// Position of the last of them.
    pub last_position: Option<Position>,
    /// Root of the Merkle tree (RFC 6962) over the `leaf` of each fact in it, in order.
    pub leaves_root: String,
    /// How far the log went.
    pub log: LogHead,
    /// What was asked for.
    pub selection: Selected,
    /// Of a whole export the leaves of the facts that no export shows (tokens, users, logins), so that file and bridge
    /// together are every leaf of the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridge: Vec<BridgedRun>,
    /// When it was made.
    pub exported_at: String,
    /// What made it.
    pub generator: String,
}

/// How far a log went, and the root of the Merkle tree (RFC 6962) over all its facts up to there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// The last position, which is also the size of the tree.
    pub position: Position,
    /// The root, in hexadecimal digits.
    pub root: String,
}

/// What was asked for; what is null was not restricted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selected {
    /// Whose facts; null: those of all tenants.
    pub tenant: Option<String>,
    /// Of which kind.
    pub kind: Option<String>,
    /// From which provider.
    pub provider: Option<String>,
    /// Occurred from when on, as it was asked for.
    pub from: Option<String>,
    /// Occurred until when.
    pub to: Option<String>,
    /// Whether payloads are in it as they came.
    pub raw: bool,
    /// [`Selected::AS_THE_LOG`] or [`Selected::DIFFER`]; version 1 did not tell.
    #[serde(default)]
    pub figures: Option<String>,
}

impl Selected {
    /// Figures of these facts alone are those of the log.
    pub const AS_THE_LOG: &str = "as_the_log";
    /// Facts of a tenant were left out, so figures of these facts alone are others.
    pub const DIFFER: &str = "differ";

    /// What a selection asks for.
    pub fn of(selection: &ExportSelection) -> Self {
        let bound = |bound: Option<Bound>| {
            bound.map(|bound| match bound {
                Bound::Instant(at) => at.to_string(),
                Bound::Day(day) => day.to_string(),
            })
        };
        Self {
            tenant: selection.tenant.as_ref().map(ToString::to_string),
            kind: selection.kind.and_then(domain::facts::kind_name).map(str::to_owned),
            provider: selection.provider.clone(),
            from: bound(selection.from),
            to: bound(selection.to),
            raw: selection.raw,
            figures: Some(if selection.is_part() { Self::DIFFER } else { Self::AS_THE_LOG }.to_owned()),
        }
    }

    /// Whether every fact is in it that an export may show.
    pub fn is_whole(&self) -> bool {
        let Self { tenant, kind, provider, from, to, .. } = self;
        [tenant, kind, provider, from, to].iter().all(|restricted| restricted.is_none())
    }
}

/// Consecutive leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgedRun {
    /// Position of the first of them.
    pub first_position: Position,
    /// Each in hexadecimal digits.
    #[serde(with = "hex_leaves")]
    pub leaves: Vec<Hash>,
}

mod hex_leaves {
    use domain::record::Hash;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(leaves: &[Hash], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(leaves.iter().map(hex::encode))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Hash>, D::Error> {
        let leaf = |text: String| {
            let mut leaf = Hash::default();
            hex::decode_to_slice(&text, &mut leaf).map(|()| leaf).map_err(D::Error::custom)
        };
        Vec::<String>::deserialize(from)?.into_iter().map(leaf).collect()
    }
}

impl Manifest {
    /// What `format` says.
    pub const FORMAT: &str = "factfold.export";
    /// The version that is written.
    pub const VERSION: u32 = 2;
    /// Version 1 had no proofs in its lines: they are believed.
    pub const UNPROVEN: u32 = 1;
    /// The longest manifest that is read: ten million bridged leaves.
    const BYTES_MAX: u64 = 1 << 30;

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// It is not there, or none of a version that is read.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |why: String| Failure::Failed(format!("{}: {why}", path.display()));
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let manifest: Self = serde_json::from_reader(BufReader::new(file.take(Self::BYTES_MAX)))
            .map_err(|error| failed(format!("is no manifest of an export: {error}")))?;
        if manifest.format != Self::FORMAT || ![Self::UNPROVEN, Self::VERSION].contains(&manifest.version) {
            return Err(failed(format!(
                "is of version {}; this release reads {} and {}",
                manifest.version,
                Self::UNPROVEN,
                Self::VERSION
            )));
        }
        Ok(manifest)
    }

    /// Refuses a file that is not the one that was exported, by its bytes.
    ///
    /// # Errors
    /// [`Failure::Integrity`] names what differs.
    pub fn check_bytes(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
        let mut hashed = Hashed::new(io::sink());
        io::copy(&mut File::open(path).map_err(failed)?, &mut hashed).map_err(failed)?;
        let (_, bytes, sha256) = hashed.end();
        if (bytes, &sha256) == (self.bytes, &self.sha256) {
            return Ok(());
        }
        Err(Failure::Integrity(format!(
            "{} is not the file that was exported: it has {bytes} bytes and SHA-256 {sha256}, the manifest says {} and {}",
            path.display(),
            self.bytes,
            self.sha256
        )))
    }
}

/// Counts and hashes what is written on.
pub struct Hashed<W> {
    out: W,
    bytes: u64,
    digest: Sha256,
}

impl<W: io::Write> Hashed<W> {
    /// Writes on to `out`.
    pub fn new(out: W) -> Self {
        Self { out, bytes: 0, digest: Sha256::new() }
    }

    /// What was written to, how many bytes there were, and their SHA-256.
    pub fn end(self) -> (W, u64, String) {
        (self.out, self.bytes, hex::encode(self.digest.finalize()))
    }
}

impl<W: io::Write> io::Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
