//! Requests that this server makes: one client that holds the outbound rules (RELIABILITY), and the outbox, which
//! sends alerts to targets (F2).
//!
//! The outbox is the log: it sends every `alert_raised` that has no successful `alert_sent`. It survives restarts, and
//! an alert is sent at least once, always under the same id.

mod address;
mod client;
mod sender;
mod signature;
#[cfg(test)]
mod tests;

pub use self::address::Allowed;
pub use self::client::{Client, OutboundError, RemoteAnswer, check};
pub use self::sender::{Outbox, OutboxParts, SendResult};
