//! Signatures by the rules of Standard Webhooks: HMAC-SHA256 over id, time and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::keys::LogSecret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret of a target: made of the log's, so that it stands in no fact and can be shown again.
pub struct SigningSecret([u8; 32]);

impl SigningSecret {
    /// That of the target of this id.
    pub fn of(secret: &LogSecret, target_id: &str) -> Self {
        Self(secret.signing(&format!("alert-target/{target_id}")))
    }

    /// As receivers are given it.
    pub fn shown(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The three headers.
    pub fn headers(&self, id: &str, timestamp: i64, body: &str) -> Vec<(&'static str, String)> {
        // HMAC takes a key of any length.
        let signature = Hmac::<Sha256>::new_from_slice(&self.0).map(|mac| {
            let mac = mac.chain_update(format!("{id}.{timestamp}.{body}"));
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        vec![
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature.unwrap_or_default()),
        ]
    }
}
