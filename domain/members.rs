//! Types of members, each with one canonical form: texts, emails, phones, instants, days, months, words.

mod date;
mod integer;
mod words;

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use unicode_normalization::{UnicodeNormalization, is_nfc_quick};

use crate::description::{ValueDescription, ValueType};
use crate::json::{Json, Member, Reader, TextRule};
use crate::keys::ContentDigest;

pub use date::{Day, Month};
pub use integer::Percent;

/// Longest short text, in bytes after normalisation.
pub const TEXT_MAX: usize = 1024;
/// Longest free text (a note, a reply, a narrative), in bytes.
pub const LONG_TEXT_MAX: usize = 64 * 1024;

/// Trims and brings to NFC.
pub fn canonical_text(text: &str) -> String {
    let trimmed = text.trim();
    if trimmed.is_ascii() {
        return trimmed.to_owned();
    }
    match is_nfc_quick(trimmed.chars()) {
        unicode_normalization::IsNormalized::Yes => trimmed.to_owned(),
        unicode_normalization::IsNormalized::No | unicode_normalization::IsNormalized::Maybe => {
            trimmed.nfc().collect()
        }
    }
}

/// A text that fits a member of at most `max` bytes: cut between characters, with U+FFFD for NUL.
pub fn fitting(text: &str, max: usize) -> String {
    let mut text = canonical_text(text).replace('\0', "\u{fffd}");
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.truncate(text.trim_end().len());
    text
}

fn read_text(
    value: Json<'_>,
    max: usize,
    canonical: impl Fn(String) -> String,
    at: &mut Reader<'_>,
) -> Option<String> {
    let Json::Text(text) = value else {
        at.fault("must be a string");
        return None;
    };
    // Most texts are canonical as they come: ASCII with nothing to trim.
    let as_it_is = text.is_ascii() && text.trim().len() == text.len();
    let text = canonical(if as_it_is { text.into_owned() } else { canonical_text(&text) });
    let does_not_fit = text.len() > max || text.contains('\0');
    if does_not_fit && at.texts() == TextRule::Mend {
        return Some(fitting(&text, max)).filter(|text| !text.is_empty());
    }
    if text.len() > max {
        at.fault(&format!("must be at most {max} bytes"));
        return None;
    }
    if text.contains('\0') {
        at.fault("must not contain NUL");
        return None;
    }
    (!text.is_empty()).then_some(text)
}

/// Takes a stored text with one copy.
struct StoredText;

impl Visitor<'_> for StoredText {
    type Value = Box<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Box<str>, E> {
        Ok(text.into())
    }
}

macro_rules! text_type {
    ($(#[doc = $doc:literal])* $name:ident, $max:expr, $canonical:expr, $example:literal) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(StoredText).map(Self)
            }
        }

        impl $name {
            /// Brings `text` into canonical form; `None` when it is blank or too long.
            pub fn new(text: &str) -> Option<Self> {
                let text: String = $canonical(canonical_text(text));
                (!text.is_empty() && text.len() <= $max && !text.contains('\0')).then(|| Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Member for $name {
            fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
                read_text(value, $max, $canonical, at).map(|text| Self(text.into()))
            }

            fn json(&self) -> Value {
                Value::String(self.0.to_string())
            }

            fn describe() -> ValueDescription {
                let rule = concat!($($doc),*).trim();
                ValueDescription::new(ValueType::Text { bytes_max: $max }, rule, $example)
            }
        }
    };
}

text_type! {
    /// A name or id: trimmed, NFC, at most 1 KiB.
    Text, TEXT_MAX, std::convert::identity, "a name"
}
text_type! {
    /// Free text: trimmed, NFC, at most 64 KiB.
    LongText, LONG_TEXT_MAX, std::convert::identity, "some text"
}
text_type! {
    /// An email address, or the name of an agent: lower case.
    Email, TEXT_MAX, lower_case, "ann@example.com"
}
text_type! {
    /// A phone number: E.164 where it parses, else as given (`client:ann`, a SIP URI, a short code).
    Phone, TEXT_MAX, canonical_phone, "+14158675309"
}

/// Lower case can take a text out of NFC (`Ϊ` with an acute has no capital of one character), so NFC comes last.
fn lower_case(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        return text;
    }
    canonical_text(&text.to_lowercase())
}

fn canonical_phone(text: String) -> String {
    let e164 = text.len() > 7
        && text.len() <= 16
        && text.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    if e164 || !text.starts_with('+') {
        return text;
    }
    match phonenumber::parse(None, &text) {
        Ok(number) => number.format().mode(phonenumber::Mode::E164).to_string(),
        Err(_) => text,
    }
}

impl Email {
    /// What an address that mail can be sent to is.
    pub const ADDRESS_RULE: &'static str = "an email address such as ann@example.com";

    /// Whether it is an address, and not the mere name of an agent.
    pub fn is_address(&self) -> bool {
        let has_both = self
            .as_str()
            .rsplit_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !local.contains('@'));
        has_both && !self.as_str().contains(|c: char| c.is_whitespace() || c.is_control())
    }
}

impl Phone {
    /// What a number that can be called is.
    pub const E164_RULE: &'static str = "E.164: + and 7 to 15 digits";

    /// Whether it is a number in E.164, and no client, SIP address or short code.
    pub fn is_e164(&self) -> bool {
        self.as_str().strip_prefix('+').is_some_and(|digits| {
            (7..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    }
}

impl Member for bool {
    fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
        match value {
            Json::Bool(value) => Some(value),
            Json::Null | Json::Number(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => {
                at.fault("must be true or false");
                None
            }
        }
    }

    fn json(&self) -> Value {
        Value::Bool(*self)
    }

    fn describe() -> ValueDescription {
        ValueDescription::new(ValueType::Boolean, "true or false", true)
    }
}

/// An instant: µs since 1970 UTC, within 1970–2100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// 2101-01-01T00:00:00Z, exclusive.
    pub const END: i64 = 4_133_980_800_000_000;
    /// What a text that is no instant is answered with.
    pub const RULE: &'static str = "must be an RFC 3339 instant with offset, from 1970 to 2100";

    /// Parses RFC 3339 with any offset; digits beyond µs are cut.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed = DateTime::parse_from_rfc3339(text.trim()).ok()?;
        Self::from_micros(parsed.timestamp_micros())
    }

    /// From µs since 1970, where they are within 1970–2100.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (0..Self::END).contains(&micros).then_some(Self(micros))
    }

    /// As a chrono instant.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 UTC with `Z`; fractions only where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Member for Instant {
    fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
        let read = value.as_str().and_then(Self::parse);
        if read.is_none() {
            at.fault(Self::RULE);
        }
        read
    }

    fn json(&self) -> Value {
        Value::String(self.to_string())
    }

    fn describe() -> ValueDescription {
        formatted(Some("date-time"), None, Self::RULE, "2025-10-09T14:00:00Z")
    }
}

impl Member for ContentDigest {
    fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
        let mut digest = Self::default();
        let decoded = value.as_str().map(|text| hex::decode_to_slice(text.trim(), &mut digest));
        let read = matches!(decoded, Some(Ok(()))).then_some(digest);
        if read.is_none() {
            at.fault("must be 32 hexadecimal digits");
        }
        read
    }

    fn json(&self) -> Value {
        Value::String(hex::encode(self))
    }

    fn describe() -> ValueDescription {
        let example = "9f2c7e41b80d56a39f2c7e41b80d56a3";
        formatted(None, Some("^[0-9a-fA-F]{32}$"), "32 hexadecimal digits", example)
    }
}

macro_rules! parsed_member {
    ($name:ident, $format:expr, $pattern:literal, $rule:literal, $example:literal) => {
        impl Member for $name {
            fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
                let read = value.as_str().and_then(|text| Self::parse(text.trim()));
                if read.is_none() {
                    at.fault($rule);
                }
                read
            }

            fn json(&self) -> Value {
                Value::String(self.to_string())
            }

            fn describe() -> ValueDescription {
                formatted($format, Some($pattern), $rule, $example)
            }
        }
    };
}
parsed_member! {
    Day, Some("date"), "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "must be a date such as 2025-10-09, from 1970 to 2100", "2025-10-09"
}
parsed_member! {
    Month, None, "^[0-9]{4}-[0-9]{2}$", "must be a month such as 2025-10, from 1970 to 2100", "2025-10"
}
parsed_member!(Currency, None, "^[A-Za-z]{3}$", "must be an ISO 4217 code such as USD", "USD");

/// A string of a form.
fn formatted(
    format: Option<&'static str>,
    pattern: Option<&'static str>,
    rule: &'static str,
    example: &'static str,
) -> ValueDescription {
    ValueDescription::new(ValueType::Formatted { format, pattern }, rule, example)
}

/// An ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Three letters, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_alphabetic).then(|| Self(letters.map(|b| b.to_ascii_uppercase())))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{}", char::from(*b)))
    }
}

/// Lower case with `_` and blanks as `-`: the form in which words are compared.
pub fn fold_word(text: &str) -> String {
    text.trim().chars().map(fold).collect()
}

fn fold(letter: char) -> char {
    if letter == '_' || letter == ' ' { '-' } else { letter.to_ascii_lowercase() }
}

/// Whether both are the same word: equal once folded by [`fold_word`].
pub fn same_word(one: &str, other: &str) -> bool {
    one.trim().chars().map(fold).eq(other.trim().chars().map(fold))
}

#[cfg(test)]
mod tests;
