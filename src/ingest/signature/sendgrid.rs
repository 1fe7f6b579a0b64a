//! SendGrid's signed event webhook: ECDSA over P-256 with SHA-256, of time and body, under a public key that stands
//! where others have a secret (docs.sendgrid.com, Event Webhook security features).

use base64::Engine;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use super::mac::BASE64;
use crate::directory::Secret;
use crate::ingest::delivery::Delivery;
use crate::ingest::error::SignatureError;

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIME: &str = "x-twilio-email-event-webhook-timestamp";

/// What stands before the point in a DER SubjectPublicKeyInfo of P-256.
const P256_HEADER: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point.
const POINT_BYTES: usize = 65;

/// The point of the key; `None` when the text is no public key of P-256.
pub fn point(key: &Secret) -> Option<Vec<u8>> {
    let der = BASE64.decode(key.bytes()).ok()?;
    der.strip_prefix(P256_HEADER).filter(|point| point.len() == POINT_BYTES).map(<[u8]>::to_vec)
}

/// Whether one of the keys signed the delivery.
pub fn verify(delivery: &Delivery, keys: &[Secret]) -> Result<(), SignatureError> {
    let given = delivery.header(SIGNATURE).ok_or(SignatureError::Missing)?;
    let time = delivery.header(TIME).ok_or(SignatureError::Missing)?;
    let signature = BASE64.decode(given.trim_ascii()).map_err(|_| SignatureError::Mismatch)?;
    let signed = [time, &delivery.body].concat();
    let signed_by = |point: Vec<u8>| {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(&signed, &signature).is_ok()
    };
    if keys.iter().filter_map(point).any(signed_by) { Ok(()) } else { Err(SignatureError::Mismatch) }
}
