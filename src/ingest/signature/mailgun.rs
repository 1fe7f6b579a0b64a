//! Mailgun's signature: hexadecimal HMAC-SHA-256 over time and token, all three in the body: of events in JSON under
//! `signature`, of inbound mail as fields of a form (documentation.mailgun.com, Securing webhooks, Receiving messages).

use super::mac::{Encoding, MacHash};
use crate::directory::Secret;
use crate::ingest::delivery::Delivery;
use crate::ingest::error::SignatureError;
use crate::ingest::payload::payload;

/// Whether one of `secrets` signed the delivery's time and token.
pub fn verify(delivery: &Delivery, secrets: &[Secret]) -> Result<(), SignatureError> {
    let body = payload(delivery).map_err(|_| SignatureError::Missing)?;
    let signed = if delivery.is_form() { &body } else { &body["signature"] };
    let text = |name: &str| signed[name].as_str().ok_or(SignatureError::Missing);
    let (time, token) = (text("timestamp")?, text("token")?);
    let given = Encoding::Hex.decode(text("signature")?.as_bytes()).ok_or(SignatureError::Mismatch)?;
    let parts = [time.as_bytes(), token.as_bytes()];
    let signed_by = |secret: &Secret| MacHash::Sha256.matches(secret.bytes(), &parts, &given);
    if secrets.iter().any(signed_by) { Ok(()) } else { Err(SignatureError::Mismatch) }
}
