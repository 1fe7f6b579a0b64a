//! Passwords: kept as argon2id hashes, checked in the same time whether or not there is such a user.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use domain::members::Text;

use super::AccessError;

/// Fewest characters of a password.
const CHARS_MIN: usize = 12;
/// Fewest different characters of a password.
const DIFFERENT_MIN: usize = 4;
/// Most bytes of a password.
const BYTES_MAX: usize = 1024;
/// What a password must be.
pub const RULE: &str = "must be at least 12 characters, at least 4 of them different, and at most 1024 bytes";

/// A hash of which nobody knows a password; its cost is that of all others.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZmFjdGZvbGQvZGVjb3kvMQ$p4rJrkKHbOA+OsIrWTabAZ0VHoxpvvKFCgN1OrcXvbg";

/// Refuses what is no password.
pub fn check(password: &str) -> Result<(), AccessError> {
    let different: std::collections::BTreeSet<char> = password.chars().collect();
    let fits = password.chars().count() >= CHARS_MIN
        && different.len() >= DIFFERENT_MIN
        && password.len() <= BYTES_MAX;
    if fits { Ok(()) } else { Err(AccessError::invalid("/password", RULE)) }
}

/// The argon2id hash of a password, as a PHC string with its salt and cost. Takes some 20 ms.
pub fn hash(password: &str, memory: &mut [Block]) -> Result<Text, AccessError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    let wrong = |error: &dyn std::fmt::Display| AccessError::Password(error.to_string());
    let params = Params::default();
    let output = digest(password, &salt, &params, memory).map_err(|error| wrong(&error))?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|error| wrong(&error))?,
        salt: Some(Salt::new(&salt).map_err(|error| wrong(&error))?),
        hash: Some(output),
    };
    Text::new(&hash.to_string()).ok_or(AccessError::NoName)
}

/// Whether `password` is the one that was hashed. Without a hash the work is the same and the answer is no.
pub fn is_right(password: &str, hash: Option<&Text>, memory: &mut [Block]) -> bool {
    // Before it is hashed: nobody's work is bought by a long text.
    if password.len() > BYTES_MAX {
        return false;
    }
    let Ok(known) = PasswordHash::new(hash.map_or(DECOY, Text::as_str)) else { return false };
    let (Some(salt), Ok(params)) = (&known.salt, Params::try_from(&known)) else { return false };
    // Two outputs are compared in the same time, wherever they differ.
    let is_it = digest(password, salt.as_ref(), &params, memory).is_ok_and(|made| known.hash == Some(made));
    is_it && hash.is_some()
}

fn digest(
    password: &str,
    salt: &[u8],
    params: &Params,
    memory: &mut [Block],
) -> Result<Output, argon2::Error> {
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    argon.hash_password_into_with_memory(password.as_bytes(), salt, &mut out, memory)?;
    Output::new(&out).map_err(|_| argon2::Error::OutputTooShort)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Vec<Block> {
        vec![Block::new(); Params::DEFAULT_M_COST as usize]
    }

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let mut memory = memory();
        let known = hash("correct horse battery", &mut memory).expect("hashes");
        assert!(known.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{known}");
        assert!(is_right("correct horse battery", Some(&known), &mut memory));
        assert!(!is_right("correct horse batterz", Some(&known), &mut memory));
        assert!(!is_right("correct horse battery", None, &mut memory), "the decoy opens nothing");
        assert_ne!(hash("correct horse battery", &mut memory).expect("hashes"), known, "salted");
        // The library's own way of hashing, which takes memory for each hash, makes and knows the same.
        use argon2::password_hash::{PasswordHasher, PasswordVerifier};
        let theirs = Argon2::default().hash_password(b"correct horse battery").expect("hashes").to_string();
        assert!(is_right("correct horse battery", Text::new(&theirs).as_ref(), &mut memory));
        let ours = PasswordHash::new(known.as_str()).expect("reads");
        assert!(Argon2::default().verify_password(b"correct horse battery", &ours).is_ok());
    }

    #[test]
    fn the_decoy_costs_what_a_hash_costs() {
        let decoy = PasswordHash::new(DECOY).expect("reads");
        let known = hash("correct horse battery", &mut memory()).expect("hashes");
        let known = PasswordHash::new(known.as_str()).expect("reads");
        assert_eq!(
            (decoy.algorithm, decoy.version, &decoy.params),
            (known.algorithm, known.version, &known.params)
        );
        assert_eq!(decoy.hash.map(|hash| hash.len()), known.hash.map(|hash| hash.len()));
    }

    #[test]
    fn short_uniform_and_endless_passwords_are_refused() {
        for password in ["", "elevenchars", "aaaaaaaaaaaaaaaa", "abcabcabcabcabc", &"abcd".repeat(257)] {
            assert!(check(password).is_err(), "{password:?}");
        }
        assert!(check("éèêëéèêëéèêë").is_ok(), "characters, not bytes");
    }
}
