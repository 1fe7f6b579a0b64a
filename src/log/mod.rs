//! The room of record: the append-only log of facts.

pub mod disk;
pub mod keys;
#[cfg(any(test, feature = "torture"))]
pub mod sim;
