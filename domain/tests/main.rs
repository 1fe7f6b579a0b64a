//! The wire form of facts and the laws of the rules in one binary.

mod described;
mod golden;
mod hostile_bytes;
mod laws;
mod schema;
mod verifier;
