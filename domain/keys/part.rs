//! One part of an engine key: an id as it was given, escaped so that parts stay apart.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

/// A longer part is replaced by its digest, so that three of them fit an external id.
const BYTES_MAX: usize = 128;

/// A text between two slashes of an engine key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyPart(Box<str>);

impl KeyPart {
    /// Escapes `/`, `%` and control characters as `%` and two hexadecimal digits. A text whose escaped form is longer
    /// than 128 bytes becomes `sha256:` and half of its digest.
    pub fn new(text: &str) -> Self {
        let mut part = String::with_capacity(text.len());
        for letter in text.chars() {
            if letter == '/' || letter == '%' || letter.is_control() {
                let mut bytes = [0; 4];
                letter.encode_utf8(&mut bytes).bytes().for_each(|byte| escape(&mut part, byte));
            } else {
                part.push(letter);
            }
        }
        if part.len() > BYTES_MAX {
            part = format!("sha256:{}", hex::encode_upper(&Sha256::digest(text.as_bytes())[..16]));
        }
        Self(part.into())
    }

    /// As [`KeyPart::new`], but never one of `words`: their first letter is escaped too.
    pub(super) fn other_than(words: &[&str], text: &str) -> Self {
        match text.as_bytes().split_first() {
            Some((first, rest)) if words.contains(&text) => {
                let mut part = String::new();
                escape(&mut part, *first);
                Self((part + &String::from_utf8_lossy(rest)).into())
            }
            _ => Self::new(text),
        }
    }

    /// A part as it stands in a key.
    pub(super) fn stored(part: &str) -> Option<Self> {
        (!part.is_empty()).then(|| Self(part.into()))
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escape(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ExternalId;

    fn part(text: &str) -> String {
        KeyPart::new(text).to_string()
    }

    #[test]
    fn parts_of_a_key_stay_apart_and_fit() {
        assert_eq!(part("ann@example.com"), "ann@example.com");
        assert_eq!(part("a/b%\u{7}ü\u{85}"), "a%2Fb%25%07ü%C2%85");
        let parts: Vec<String> =
            ["x".repeat(128), "/".repeat(128), "ü".repeat(65)].map(|t| part(&t)).to_vec();
        assert_eq!(parts.iter().map(String::len).collect::<Vec<_>>(), [128, 39, 39]);
        for text in ["a", "\n", &"x".repeat(1024)] {
            assert!(ExternalId::new(&format!("session/{0}/{0}/1", part(text))).is_ok());
        }
        assert_ne!(part(&"x".repeat(1024)), part(&"x".repeat(1023)));
    }

    #[test]
    fn a_reserved_word_is_escaped_and_no_other_text_becomes_the_same() {
        let words = ["end"];
        let part = |text: &str| KeyPart::other_than(&words, text).to_string();
        assert_eq!(["end", "ends", "%65nd"].map(part), ["%65nd", "ends", "%2565nd"]);
    }
}
