//! Signatures of deliveries: the table of schemes in `schemes`, and the places where signatures are compared.
//!
//! Comparison is in constant time. SHA-1 stands where a provider signs so; HMAC does not rest on what broke it.
//! A scheme that signs a time refuses what lies outside its window; in the others a replay is a redelivery, and a
//! key is recorded once (R1).

mod mac;
mod mailgun;
mod schemes;
mod sendgrid;
mod twilio;

pub use mac::{Encoding, Mac, MacHash, MacKey, SignedTime, TimeUnit};
pub use schemes::{CALLRAIL, CTM, SCHEMES, Scheme, TOLERANCE_SECONDS};

#[cfg(test)]
mod tests;
