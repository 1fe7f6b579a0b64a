//! The rules, one file each.

pub mod audit_violation;
pub mod call_unknown;
pub mod clock_ahead;
pub mod conflict;
pub mod equal_snapshots;
pub mod figures;
pub mod positive_reply;
pub mod quarantine;
pub mod refused;
pub mod session;
pub mod silence;
pub mod sync_failing;
pub mod unknown_number;
