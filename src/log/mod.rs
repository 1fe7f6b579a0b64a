//! The room of record: the append-only log of facts.

pub mod disk;
pub mod keys;
pub mod merkle;
pub mod select;
#[cfg(any(test, feature = "torture"))]
pub mod sim;
