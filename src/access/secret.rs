//! What a caller keeps and we do not: the text of a token or a login, and the digest by which it is known again.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::members::Text;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::AccessError;

/// What every token begins with.
const PREFIX: &str = "ff";

/// SHA-256 of a secret of 256 random bits: it needs no salt and no stretching.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretDigest([u8; 32]);

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

impl SecretDigest {
    /// Compared with what nobody's secret has, where there is nothing to compare with.
    pub const NOBODYS: Self = Self([0; 32]);

    /// Of a secret as the caller shows it.
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// As facts hold it; none of a text that is no digest.
    pub fn read(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        let pairs = text.as_bytes().chunks_exact(2);
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(digest))
    }

    /// In the time that it takes for any other.
    pub fn is_of(&self, secret: &[u8]) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }

    fn text(&self) -> Option<Text> {
        Text::new(&self.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

/// A new secret, shown once; only its digest is kept.
pub struct Fresh {
    /// Id, unguessable or not, under which the digest is kept.
    pub id: Text,
    /// What facts keep.
    pub digest: Text,
    secret: String,
}

impl Fresh {
    /// An id by the time, 256 random bits, and their digest.
    pub fn new() -> Result<Self, AccessError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let secret = URL_SAFE_NO_PAD.encode(bytes);
        let id = new_id()?;
        let digest = SecretDigest::of(secret.as_bytes()).text().ok_or(AccessError::NoName)?;
        Ok(Self { id, digest, secret })
    }

    /// What the caller sends: `ff_<id>_<secret>`.
    pub fn text(&self) -> String {
        format!("{PREFIX}_{}_{}", self.id, self.secret)
    }
}

/// A new id: a UUIDv7 (R9) in 32 hexadecimal digits.
pub fn new_id() -> Result<Text, AccessError> {
    Text::new(&uuid::Uuid::now_v7().simple().to_string()).ok_or(AccessError::NoName)
}

/// Id and secret of a text as [`Fresh::text`] makes them.
pub fn split(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(PREFIX)?.strip_prefix('_')?.split_once('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_digest_alone() {
        let [one, other] = [Fresh::new().expect("random"), Fresh::new().expect("random")];
        let text = one.text();
        let (id, secret) = split(&text).expect("splits");
        assert_eq!((id, secret.len()), (one.id.as_str(), 43));
        let digest = SecretDigest::read(one.digest.as_str()).expect("reads");
        assert!(digest.is_of(secret.as_bytes()));
        assert!(!digest.is_of(other.secret.as_bytes()) && !SecretDigest::NOBODYS.is_of(b""));
        assert!(!text.contains(one.digest.as_str()) && !format!("{digest:?}").contains(one.digest.as_str()));
    }

    #[test]
    fn what_is_no_token_has_no_parts() {
        for text in ["", "ff", "ff_", "ff_id", "gg_id_secret", "Bearer ff_id_secret"] {
            assert_eq!(split(text), None, "{text}");
        }
        assert_eq!(split("ff_id_se_cret"), Some(("id", "se_cret")));
        assert_eq!(SecretDigest::read(&"+f".repeat(32)), None);
    }
}
