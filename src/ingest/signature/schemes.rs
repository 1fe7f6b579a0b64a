//! The table of signature schemes: what a configuration names, a preset uses and `docs/signatures.md` lists.
//!
//! A new scheme that signs by a MAC is one more row; its vectors stand in `fixtures/providers/signatures.json`.

use std::borrow::Cow;

use base64::Engine;
use subtle::ConstantTimeEq;

use super::mac::{BASE64, Encoding, Mac, MacHash, MacKey, SignedTime};
use super::{mailgun, sendgrid, twilio};
use crate::directory::Secret;
use crate::ingest::delivery::Delivery;
use crate::ingest::error::SignatureError;

/// Seconds that a signed time may be off our clock, either way, the bound included.
pub const TOLERANCE_SECONDS: u32 = 300;

/// How a source signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// By a MAC in a header; of several, the first whose header is there.
    Mac(Cow<'static, [Mac]>),
    /// Twilio: over the URL and the form.
    Twilio,
    /// Mandrill: as Twilio, in a header of its own.
    Mandrill,
    /// Mailgun: within the JSON body, over a time and a token. The events themselves are not covered.
    Mailgun,
    /// SendGrid: ECDSA under a public key.
    SendGrid,
    /// The secret itself in a header of this name (lower case).
    Header(String),
    /// HTTP basic authentication; the secret is `user:password`.
    Basic,
    /// Not at all: the endpoint's unguessable id is all the proof.
    Unsigned,
}

/// A time within the usual window. The standards say seconds; some who follow them send milliseconds.
const fn signed_time(at: &'static str) -> SignedTime {
    SignedTime { at: Cow::Borrowed(at), tolerance_seconds: TOLERANCE_SECONDS, unit: None }
}

/// One HMAC over the body alone, in a header of its own.
const BODY_ONLY: Mac = Mac {
    hash: MacHash::Sha256,
    encoding: Encoding::Hex,
    key: MacKey::Text,
    header: Cow::Borrowed(""),
    between: Cow::Borrowed(""),
    prefix: Cow::Borrowed(""),
    signed: Cow::Borrowed("{body}"),
    time: None,
};

/// apidocs.callrail.com/#validating-payloads. Its `timestamp` is the call's start, so no window holds.
pub const CALLRAIL: Mac =
    Mac { hash: MacHash::Sha1, encoding: Encoding::Base64, header: Cow::Borrowed("signature"), ..BODY_ONLY };

/// CallTrackingMetrics, as its own sample verifies. A retry may carry the first one's time, so no window holds.
pub const CTM: Mac = Mac {
    hash: MacHash::Sha1,
    encoding: Encoding::Base64,
    header: Cow::Borrowed("x-ctm-signature"),
    signed: Cow::Borrowed("{x-ctm-time}{body}"),
    ..BODY_ONLY
};

/// docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries.
pub const GITHUB: Mac =
    Mac { header: Cow::Borrowed("x-hub-signature-256"), prefix: Cow::Borrowed("sha256="), ..BODY_ONLY };

/// docs.stripe.com/webhooks/signature.
pub const STRIPE: Mac = Mac {
    header: Cow::Borrowed("stripe-signature"),
    between: Cow::Borrowed(","),
    prefix: Cow::Borrowed("v1="),
    signed: Cow::Borrowed("{t=}.{body}"),
    time: Some(signed_time("{t=}")),
    ..BODY_ONLY
};

/// github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
pub const STANDARD_WEBHOOKS: Mac = Mac {
    encoding: Encoding::Base64,
    key: MacKey::Whsec,
    header: Cow::Borrowed("webhook-signature"),
    between: Cow::Borrowed(" "),
    prefix: Cow::Borrowed("v1,"),
    signed: Cow::Borrowed("{webhook-id}.{webhook-timestamp}.{body}"),
    time: Some(signed_time("{webhook-timestamp}")),
    ..BODY_ONLY
};

/// Svix under its own names; it sends those of Standard Webhooks too, or only them.
const SVIX: Mac = Mac {
    encoding: Encoding::Base64,
    key: MacKey::Whsec,
    header: Cow::Borrowed("svix-signature"),
    between: Cow::Borrowed(" "),
    prefix: Cow::Borrowed("v1,"),
    signed: Cow::Borrowed("{svix-id}.{svix-timestamp}.{body}"),
    time: Some(signed_time("{svix-timestamp}")),
    ..BODY_ONLY
};

/// Every scheme that needs no more than its name.
pub const SCHEMES: &[(&str, Scheme)] = &[
    ("callrail", Scheme::Mac(Cow::Borrowed(&[CALLRAIL]))),
    ("ctm", Scheme::Mac(Cow::Borrowed(&[CTM]))),
    ("github", Scheme::Mac(Cow::Borrowed(&[GITHUB]))),
    ("stripe", Scheme::Mac(Cow::Borrowed(&[STRIPE]))),
    ("standard_webhooks", Scheme::Mac(Cow::Borrowed(&[STANDARD_WEBHOOKS]))),
    ("svix", Scheme::Mac(Cow::Borrowed(&[SVIX, STANDARD_WEBHOOKS]))),
    ("twilio", Scheme::Twilio),
    // mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks, Authenticating webhook requests.
    ("mandrill", Scheme::Mandrill),
    ("mailgun", Scheme::Mailgun),
    ("sendgrid", Scheme::SendGrid),
    ("basic", Scheme::Basic),
    ("unsigned", Scheme::Unsigned),
];

impl Scheme {
    /// The scheme of that name in [`SCHEMES`].
    pub fn named(name: &str) -> Option<Self> {
        SCHEMES.iter().find(|(known, _)| *known == name).map(|(_, scheme)| scheme.clone())
    }

    /// What a request without a right signature is answered with: a client that asks for user and password first sends
    /// them only once it is challenged (RFC 7617).
    pub fn challenge(&self) -> Option<&'static str> {
        (*self == Self::Basic).then_some("Basic realm=\"factfold\", charset=\"UTF-8\"")
    }

    /// Whether a secret is needed.
    pub fn signs(&self) -> bool {
        *self != Self::Unsigned
    }

    /// Whether the URL that was called is signed.
    pub fn signs_url(&self) -> bool {
        match self {
            Self::Mac(macs) => macs.iter().any(|mac| mac.signed.contains("{url}")),
            Self::Twilio | Self::Mandrill => true,
            Self::Mailgun | Self::SendGrid | Self::Header(_) | Self::Basic | Self::Unsigned => false,
        }
    }

    /// Headers in which a source that signs so names its event, the same for every retry of it.
    pub fn id_headers(&self) -> &'static [&'static str] {
        match self {
            Self::Mac(macs) if macs.contains(&STANDARD_WEBHOOKS) => &["svix-id", "webhook-id"],
            Self::Mac(_)
            | Self::Twilio
            | Self::Mandrill
            | Self::Mailgun
            | Self::SendGrid
            | Self::Header(_)
            | Self::Basic
            | Self::Unsigned => &[],
        }
    }

    /// Whether this scheme can sign with the secret; asked when it is configured.
    pub fn takes(&self, secret: &Secret) -> bool {
        match self {
            Self::Mac(macs) => macs.iter().all(|mac| mac.key.bytes(secret).is_some()),
            Self::SendGrid => sendgrid::point(secret).is_some(),
            Self::Basic => secret.bytes().contains(&b':'),
            Self::Twilio | Self::Mandrill | Self::Mailgun | Self::Header(_) | Self::Unsigned => {
                !secret.bytes().is_empty()
            }
        }
    }

    /// Whether one of `secrets` signed the delivery. `public_url` is the address that the source was told to call.
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
            Self::Twilio => twilio::verify(delivery, secrets, public_url),
            Self::Mandrill => twilio::verify_in("x-mandrill-signature", delivery, secrets, public_url),
            Self::Mailgun => mailgun::verify(delivery, secrets),
            Self::SendGrid => sendgrid::verify(delivery, secrets),
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
