//! What a command decides on the state it read: the answer, or the fact to append and its key.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::facts::Fact;
use crate::members::Instant;

/// Longest part of a key, in bytes; a longer one is replaced by its digest, so that three of them fit an external id.
const PART_BYTES_MAX: usize = 128;

/// A fact that the engine itself appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFact {
    /// External id, derived from the state the command was decided on, e.g. `session/<id>/attempt/<lead>`. Two
    /// commands that decide on one state derive one name, and the log records only the first.
    pub name: String,
    /// When it happened. `None`: the time of the command, which then is no part of the content digest.
    pub occurred_at: Option<Instant>,
    /// What happened.
    pub fact: Fact,
}

/// What a command decides on the state it read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<T> {
    /// The state already satisfies the command: its answer.
    Stands(T),
    /// The fact that satisfies the command.
    Append(NewFact),
    /// An overdue fact, such as a time-out; it is appended before the command itself is decided.
    First(NewFact),
}

impl<T> Decision<T> {
    /// The same decision with another answer where it stands.
    ///
    /// # Errors
    /// Those of `answer`.
    pub fn try_map<U, E>(self, answer: impl FnOnce(T) -> Result<U, E>) -> Result<Decision<U>, E> {
        Ok(match self {
            Self::Stands(stands) => Decision::Stands(answer(stands)?),
            Self::Append(fact) => Decision::Append(fact),
            Self::First(fact) => Decision::First(fact),
        })
    }
}

/// `text` as one part of a key. `/`, `%` and control characters are percent-encoded, so that parts stay apart and the
/// key is an external id; a part longer than 128 bytes becomes its SHA-256, cut to 16 bytes.
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
