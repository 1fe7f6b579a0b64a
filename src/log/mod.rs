//! The room of record: the append-only log of facts.

pub mod disk;
pub mod merkle;
pub mod sealed_segment;
pub mod select;
pub mod verify;
