//! The rules, one file each.

pub mod conflict;
pub mod figures;
pub mod quarantine;
pub mod refused;
pub mod session;
pub mod silence;
pub mod unknown_number;
