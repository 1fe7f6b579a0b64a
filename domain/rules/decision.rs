//! What a command decides: whether what is wanted stands, or which fact makes it stand, under which key.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::facts::Fact;
use crate::members::Instant;

/// A part of a key longer than this is named by its digest, so that three of them fit an external id.
const PART_BYTES_MAX: usize = 128;

/// A fact of the engine's own that a command wants recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its external id, derived from the state it was decided on, e.g. `session/<id>/attempt/<lead>`: who decides
    /// the same builds the same name, and one of them is recorded.
    pub name: String,
    /// When it happened; the time of the command where it is `None`, and then no part of its content.
    pub occurred_at: Option<Instant>,
    /// What happened.
    pub fact: Fact,
}

/// What a command decides from the state it read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<T> {
    /// What was wanted stands in the state.
    Stands(T),
    /// This fact makes it stand.
    Record(Record),
    /// This fact is due before anything can be decided, whatever is wanted.
    First(Record),
}

/// A given text as one part of a key: `/`, `%` and control characters escaped, so that parts stay apart and the key
/// is an external id; a long one as its digest.
pub fn key_part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '/' || letter == '%' || letter.is_control() {
            let mut bytes = [0; 4];
            letter.encode_utf8(&mut bytes).bytes().for_each(|byte| put_hex(&mut part, "%", byte));
        } else {
            part.push(letter);
        }
    }
    if part.len() <= PART_BYTES_MAX {
        return part;
    }
    part = "sha256:".to_owned();
    Sha256::digest(text.as_bytes()).iter().take(16).for_each(|byte| put_hex(&mut part, "", *byte));
    part
}

fn put_hex(out: &mut String, before: &str, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{before}{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ExternalId;

    #[test]
    fn parts_of_a_key_stay_apart_and_fit() {
        assert_eq!(key_part("ann@example.com"), "ann@example.com");
        assert_eq!(key_part("a/b%\u{7}ü\u{85}"), "a%2Fb%25%07ü%C2%85");
        let parts: Vec<String> =
            ["x".repeat(128), "/".repeat(128), "ü".repeat(65)].map(|t| key_part(&t)).to_vec();
        assert_eq!(parts.iter().map(String::len).collect::<Vec<_>>(), [128, 39, 39]);
        for text in ["a", "\n", &"x".repeat(1024)] {
            assert!(ExternalId::new(&format!("session/{0}/{0}/1", key_part(text))).is_ok());
        }
        assert_ne!(key_part(&"x".repeat(1024)), key_part(&"x".repeat(1023)));
    }
}
