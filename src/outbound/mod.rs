//! What this server calls by itself: one client that holds the outbound rules (RELIABILITY), and the alerts that are
//! told to targets through it (F2).
//!
//! The outbox is the log: an `alert_raised` without an `alert_sent` that was taken. So it survives restarts, and an
//! alert is told at least once, always under the same id.

mod address;
mod client;
mod sender;
mod signature;
mod targets;
#[cfg(test)]
mod tests;

pub use self::address::Allowed;
pub use self::client::{Client, OutboundError, RemoteAnswer, check};
pub use self::sender::{Outbox, OutboxError, OutboxParts, Sent};
pub use self::targets::{NewTarget, TargetError};
