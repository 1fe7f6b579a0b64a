//! Passwords: kept as argon2id hashes, checked in the same time whether or not there is such a user.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use domain::members::Text;

use super::AccessError;

/// Fewest characters of a password.
const CHARS_MIN: usize = 12;
/// Most bytes of a password.
const BYTES_MAX: usize = 1024;
/// What a password must be.
pub const RULE: &str = "must be at least 12 characters, and at most 1024 bytes";

/// The argon2id hash of a password, as a PHC string with its salt and cost. Takes some 20 ms and 19 MB.
pub fn hash(password: &str) -> Result<Text, AccessError> {
    if password.chars().count() < CHARS_MIN || password.len() > BYTES_MAX {
        return Err(AccessError::invalid("/password", RULE));
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| AccessError::Password(error.to_string()))?;
    Text::new(&hash.to_string()).ok_or(AccessError::NoName)
}

/// The hash of a password that nobody has.
static DECOY: LazyLock<Option<Text>> = LazyLock::new(|| hash("never the password of a user").ok());

/// Whether `password` is the one that was hashed. Without a hash the work is the same and the answer is no.
pub fn is_right(password: &str, hash: Option<&Text>) -> bool {
    let Some(text) = hash.or(DECOY.as_ref()) else { return false };
    // Before it is hashed: nobody's work is bought by a long text.
    if password.len() > BYTES_MAX {
        return false;
    }
    let verified = PasswordHash::new(text.as_str())
        .is_ok_and(|known| Argon2::default().verify_password(password.as_bytes(), &known).is_ok());
    verified && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let known = hash("correct horse battery").expect("hashes");
        assert!(known.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{known}");
        assert!(is_right("correct horse battery", Some(&known)));
        assert!(!is_right("correct horse batterz", Some(&known)));
        assert!(!is_right("never the password of a user", None), "the decoy opens nothing");
        assert_ne!(hash("correct horse battery").expect("hashes"), known, "salted");
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        for password in ["", "elevenchars", &"x".repeat(1025)] {
            assert!(hash(password).is_err(), "{password:?}");
        }
        assert!(hash("ééééééééééée").is_ok(), "characters, not bytes");
    }
}
