//! What the log says of itself under a signature: checkpoints (C2SP tlog-checkpoint, a signed-note by Ed25519), and what
//! others say of them: witnesses' cosignatures (C2SP tlog-cosignature).
//!
//! The origin names the log: `factfold/` and a digest keyed with the log's secret, so that every node of a log signs under
//! one origin and no other log has it. The tree is the log's own (`log::tree`), its leaves those of `domain::record`.

mod bundle;
mod checkpoint;
mod checkpoint_key;
mod checkpoints;
mod cosignature;
#[cfg(test)]
mod tests;

pub use self::bundle::{BundleError, BundledFact, NOT_PROVEN, PROOF_FORMAT, ProofBundle};
pub use self::checkpoint::{CheckpointError, OpenedCheckpoint, VerifierKey};
pub use self::checkpoint_key::{CheckpointKey, origin};
pub use self::checkpoints::Checkpoints;
pub use self::cosignature::{Cosignature, WitnessKey};
