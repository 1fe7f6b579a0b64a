//! Signatures by a MAC in a header: what differs between schemes is data, a [`Mac`].

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::Sha256;

use crate::directory::Secret;
use crate::ingest::delivery::Delivery;
use crate::ingest::error::SignatureError;
use crate::ingest::time::instant;

/// Standard base64; some senders leave the padding out.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The hash of a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacHash {
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
}

impl MacHash {
    /// Whether `key` signed the parts, in constant time.
    pub fn matches(self, key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
        fn signed<M: hmac::Mac + KeyInit>(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
            let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
            parts.iter().for_each(|part| mac.update(part));
            mac.verify_slice(signature).is_ok()
        }
        match self {
            Self::Sha1 => signed::<Hmac<Sha1>>(key, parts, signature),
            Self::Sha256 => signed::<Hmac<Sha256>>(key, parts, signature),
        }
    }
}

/// Encoding of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, of either case.
    Hex,
    /// Standard base64, with or without padding.
    Base64,
}

impl Encoding {
    /// The bytes; `None` if the encoding is broken.
    pub fn decode(self, given: &[u8]) -> Option<Vec<u8>> {
        let given = given.trim_ascii();
        match self {
            Self::Base64 => BASE64.decode(given).ok(),
            Self::Hex => hex::decode(given).ok(),
        }
    }
}

/// Which bytes of a secret key the MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacKey {
    /// The secret as it is written.
    Text,
    /// The bytes of its base64, behind an optional `whsec_`.
    Whsec,
}

impl MacKey {
    /// The key; `None` if the secret holds none.
    pub fn bytes(self, secret: &Secret) -> Option<Cow<'_, [u8]>> {
        let given = secret.bytes();
        let key = match self {
            Self::Text => Cow::Borrowed(given),
            Self::Whsec => Cow::Owned(BASE64.decode(given.strip_prefix(b"whsec_").unwrap_or(given)).ok()?),
        };
        Some(key).filter(|key| !key.is_empty())
    }
}

/// How a MAC over a request is made and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mac {
    /// The hash.
    pub hash: MacHash,
    /// The signature's encoding.
    pub encoding: Encoding,
    /// Which bytes of the secret key it.
    pub key: MacKey,
    /// The header that carries the signature (lower case).
    pub header: Cow<'static, str>,
    /// Separator of several signatures in the header; empty: there is one.
    pub between: Cow<'static, str>,
    /// Prefix of a signature; elements without it are skipped.
    pub prefix: Cow<'static, str>,
    /// What is signed: text with `{body}`, `{url}`, the value of a header `{name}`, or that of the element `{name=}`
    /// of the signature's own header.
    pub signed: Cow<'static, str>,
    /// The time among them, where it is signed.
    pub time: Option<SignedTime>,
}

/// A time that is signed, so that an old request is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTime {
    /// Where it stands, such as `{x-timestamp}`.
    pub at: Cow<'static, str>,
    /// By how many seconds it may differ from our clock, the bound included.
    pub tolerance_seconds: u32,
    /// The unit since 1970; none: told by its size, or written out.
    pub unit: Option<TimeUnit>,
}

/// Unit of a signed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl SignedTime {
    /// Whole seconds since 1970.
    fn seconds(&self, given: &str) -> Option<i64> {
        match self.unit {
            Some(TimeUnit::Seconds) => given.parse().ok(),
            Some(TimeUnit::Milliseconds) => Some(given.parse::<i64>().ok()?.div_euclid(1_000)),
            // What is no time of our days is too far from now, whatever its unit.
            None => match instant(given, None) {
                Some(at) => Some(at.0.div_euclid(1_000_000)),
                None => given.parse().ok(),
            },
        }
    }
}

impl Mac {
    /// Whether one of `secrets` signed the delivery, at a time that is near enough.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn verify(
        &self,
        delivery: &Delivery,
        secrets: &[Secret],
        public_url: &str,
    ) -> Result<(), SignatureError> {
        let given = delivery.header(&self.header).ok_or(SignatureError::Missing)?;
        // A GET says all in its URL, and a body signs nothing of it.
        if delivery.method == "GET" && !self.signed.contains("{url}") {
            return Err(SignatureError::BodyUnsigned);
        }
        let given = str::from_utf8(given).map_err(|_| SignatureError::Mismatch)?;
        let elements: Vec<&str> = match self.between.as_ref() {
            "" => vec![given.trim()],
            between => given.split(between).map(str::trim).collect(),
        };
        let url = format!("{public_url}{}", delivery.path_and_query);
        let value = |name: &str| -> Option<&[u8]> {
            match name {
                "body" => Some(&delivery.body),
                "url" => Some(url.as_bytes()),
                _ if name.ends_with('=') => {
                    elements.iter().find_map(|element| element.strip_prefix(name)).map(str::as_bytes)
                }
                _ => delivery.header(name),
            }
        };
        let parts = fill(&self.signed, &value).ok_or(SignatureError::Missing)?;
        let signatures = elements.iter().filter_map(|element| element.strip_prefix(self.prefix.as_ref()));
        let signed = signatures.filter_map(|given| self.encoding.decode(given.as_bytes())).any(|signature| {
            let keys = secrets.iter().filter_map(|secret| self.key.bytes(secret));
            keys.into_iter().any(|key| self.hash.matches(&key, &parts, &signature))
        });
        if !signed {
            return Err(SignatureError::Mismatch);
        }
        match &self.time {
            None => Ok(()),
            Some(time) => {
                let given = fill(&time.at, &value).ok_or(SignatureError::Missing)?.concat();
                let seconds = str::from_utf8(&given).ok().and_then(|given| time.seconds(given.trim()));
                let seconds = seconds.ok_or(SignatureError::Mismatch)?;
                let now = delivery.received_at.0.div_euclid(1_000_000);
                if now.abs_diff(seconds) > u64::from(time.tolerance_seconds) {
                    Err(SignatureError::Stale)
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// The parts of a template such as `{id}.{body}`; `None` when a value is not there.
fn fill<'a>(template: &'a str, value: &impl Fn(&str) -> Option<&'a [u8]>) -> Option<Vec<&'a [u8]>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        parts.push(text.as_bytes());
        parts.push(value(name)?);
        rest = after;
    }
    parts.push(rest.as_bytes());
    Some(parts)
}
