//! How deliveries are signed: one table of schemes, and the places where signatures are compared.
//!
//! Comparison is in constant time. SHA-1 stands where a provider signs so; HMAC does not rest on what broke it.
//! A scheme that signs a time refuses what lies outside its window; in the others a replay is a redelivery, and a
//! key is recorded once (R1).

mod mac;
mod public_key;

pub use mac::{Encoding, Mac, MacHash, MacKey};

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::delivery::Delivery;
use super::error::SignatureError;
use super::providers::twilio;
use crate::directory::Secret;
use mac::plain_body;

/// Standard base64; some senders leave the padding out.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// CallRail: apidocs.callrail.com/#validating-payloads. Its `timestamp` is the call's start, so no window holds.
pub fn callrail() -> Mac {
    plain_body(MacHash::Sha1, Encoding::Base64, "signature", "")
}

/// CallTrackingMetrics, as its own sample verifies. A retry may carry the first one's time, so no window holds.
pub fn ctm() -> Mac {
    Mac {
        signed: Cow::Borrowed("{x-ctm-time}{body}"),
        ..plain_body(MacHash::Sha1, Encoding::Base64, "x-ctm-signature", "")
    }
}

/// GitHub: docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries.
pub fn github() -> Mac {
    plain_body(MacHash::Sha256, Encoding::Hex, "x-hub-signature-256", "sha256=")
}

/// Stripe: docs.stripe.com/webhooks/signature.
pub fn stripe() -> Mac {
    Mac {
        between: Cow::Borrowed(","),
        signed: Cow::Borrowed("{t=}.{body}"),
        time: Some((Cow::Borrowed("{t=}"), TOLERANCE_SECONDS)),
        ..plain_body(MacHash::Sha256, Encoding::Hex, "stripe-signature", "v1=")
    }
}

/// Standard Webhooks: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
pub fn standard_webhooks() -> Mac {
    Mac {
        key: MacKey::Whsec,
        between: Cow::Borrowed(" "),
        signed: Cow::Borrowed("{webhook-id}.{webhook-timestamp}.{body}"),
        time: Some((Cow::Borrowed("{webhook-timestamp}"), TOLERANCE_SECONDS)),
        ..plain_body(MacHash::Sha256, Encoding::Base64, "webhook-signature", "v1,")
    }
}

/// Svix under its own names; it sends those of Standard Webhooks too, or only them.
fn svix() -> Mac {
    Mac {
        header: Cow::Borrowed("svix-signature"),
        signed: Cow::Borrowed("{svix-id}.{svix-timestamp}.{body}"),
        time: Some((Cow::Borrowed("{svix-timestamp}"), TOLERANCE_SECONDS)),
        ..standard_webhooks()
    }
}

/// How far from our clock a signed time may be; exactly so far is near enough.
pub const TOLERANCE_SECONDS: u32 = 300;

/// How a source signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// By a MAC in a header; of several the first whose header is there.
    Mac(Vec<Mac>),
    /// As Twilio: over the URL and the form.
    Twilio,
    /// As Mailgun: within the JSON body, over a time and a token. The events themselves are not covered.
    Mailgun,
    /// As SendGrid: ECDSA under a public key.
    SendGrid,
    /// The secret itself in a header of this name (lower case).
    Header(String),
    /// HTTP basic authentication; the secret is `user:password`.
    Basic,
    /// Not at all: the endpoint's unguessable id is what it rests on.
    Unsigned,
}

/// Names of the schemes that need no more than their name.
pub const SCHEMES: &[&str] = &[
    "callrail",
    "ctm",
    "github",
    "stripe",
    "standard_webhooks",
    "svix",
    "twilio",
    "mailgun",
    "sendgrid",
    "basic",
    "unsigned",
];

impl Scheme {
    /// The scheme of that name, see [`SCHEMES`].
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "callrail" => Self::Mac(vec![callrail()]),
            "ctm" => Self::Mac(vec![ctm()]),
            "github" => Self::Mac(vec![github()]),
            "stripe" => Self::Mac(vec![stripe()]),
            "standard_webhooks" => Self::Mac(vec![standard_webhooks()]),
            "svix" => Self::Mac(vec![svix(), standard_webhooks()]),
            "twilio" => Self::Twilio,
            "mailgun" => Self::Mailgun,
            "sendgrid" => Self::SendGrid,
            "basic" => Self::Basic,
            "unsigned" => Self::Unsigned,
            _ => return None,
        })
    }

    /// Whether a secret is needed.
    pub fn signs(&self) -> bool {
        *self != Self::Unsigned
    }

    /// Headers in which a source that signs so names its event, the same for every retry of it.
    pub fn id_headers(&self) -> &'static [&'static str] {
        match self {
            Self::Mac(macs) if macs.contains(&standard_webhooks()) => &["svix-id", "webhook-id"],
            Self::Mac(_)
            | Self::Twilio
            | Self::Mailgun
            | Self::SendGrid
            | Self::Header(_)
            | Self::Basic
            | Self::Unsigned => &[],
        }
    }

    /// Whether the secret is one that this scheme can sign by; asked when it is configured.
    pub fn takes(&self, secret: &Secret) -> bool {
        match self {
            Self::Mac(macs) => macs.iter().all(|mac| mac.key.bytes(secret).is_some()),
            Self::SendGrid => public_key::point(secret).is_some(),
            Self::Basic => secret.bytes().contains(&b':'),
            Self::Twilio | Self::Mailgun | Self::Header(_) | Self::Unsigned => !secret.bytes().is_empty(),
        }
    }

    /// Whether one of `secrets` signed the delivery. `public_url` is what the source was told to call.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn verify(
        &self,
        delivery: &Delivery,
        secrets: &[Secret],
        public_url: &str,
    ) -> Result<(), SignatureError> {
        match self {
            Self::Mac(macs) => {
                let is_there = |mac: &&Mac| delivery.header(&mac.header).is_some();
                let mac = macs.iter().find(is_there).ok_or(SignatureError::Missing)?;
                mac.verify(delivery, secrets, public_url)
            }
            Self::Twilio => twilio::signature::verify(delivery, secrets, public_url),
            Self::Mailgun => mailgun(delivery, secrets),
            Self::SendGrid => public_key::verify(delivery, secrets),
            Self::Header(name) => {
                let given = delivery.header(name).ok_or(SignatureError::Missing)?;
                one_of(secrets, given)
            }
            Self::Basic => {
                let given = delivery.header("authorization").ok_or(SignatureError::Missing)?;
                let (scheme, credentials) = given.split_at_checked(6).ok_or(SignatureError::Mismatch)?;
                let decoded =
                    BASE64.decode(credentials.trim_ascii()).map_err(|_| SignatureError::Mismatch)?;
                if scheme.eq_ignore_ascii_case(b"basic ") {
                    one_of(secrets, &decoded)
                } else {
                    Err(SignatureError::Mismatch)
                }
            }
            Self::Unsigned => Ok(()),
        }
    }
}

fn one_of(secrets: &[Secret], given: &[u8]) -> Result<(), SignatureError> {
    let known = secrets.iter().any(|secret| bool::from(secret.bytes().ct_eq(given)));
    if known { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// documentation.mailgun.com, Securing webhooks: hex HMAC-SHA256 over time and token, both in the body.
fn mailgun(delivery: &Delivery, secrets: &[Secret]) -> Result<(), SignatureError> {
    let body: Value = domain::json::parse(&delivery.body).map_err(|_| SignatureError::Missing)?;
    let text = |name: &str| body["signature"][name].as_str().ok_or(SignatureError::Missing);
    let (time, token) = (text("timestamp")?, text("token")?);
    let given = Encoding::Hex.decode(text("signature")?.as_bytes()).ok_or(SignatureError::Mismatch)?;
    let parts = [time.as_bytes(), token.as_bytes()];
    let signed_by = |secret: &Secret| MacHash::Sha256.matches(secret.bytes(), &parts, &given);
    if secrets.iter().any(signed_by) { Ok(()) } else { Err(SignatureError::Mismatch) }
}

#[cfg(test)]
mod tests;
