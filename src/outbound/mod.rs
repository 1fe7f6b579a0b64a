//! Requests that this server makes: one client that holds the outbound rules (RELIABILITY), the outbox, which sends
//! alerts to targets (F2), the dialer, which has calls placed (C7), and the witnesses, which cosign checkpoints.
//!
//! The client makes one call and says what came of it: a whole answer, or an [`OutboundError`] that tells whether
//! anything was sent. Whoever calls decides about another try.
//!
//! The outbox is the log: it sends every `alert_raised` that has no successful `alert_sent`. It survives restarts, and
//! an alert is sent at least once, always under the same id.

mod address;
mod client;
mod dialer;
mod error;
mod hosts;
mod mail;
mod request;
mod sender;
mod signature;
#[cfg(test)]
mod tests;
mod twilio;
mod witnesses;

pub use self::address::Allowed;
pub use self::client::{Client, check};
pub use self::dialer::{Dialer, DialerParts};
pub use self::error::OutboundError;
pub use self::mail::{Mailer, Unsubscribing};
pub use self::request::{OutboundRequest, RemoteAnswer};
pub use self::sender::{Outbox, OutboxParts, SendResult};
pub use self::witnesses::Witnesses;
