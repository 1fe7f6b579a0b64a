//! The room of record: the append-only log of facts.

pub mod disk;
#[cfg(any(test, feature = "torture"))]
pub mod sim;
