//! Lenient readers of payload values: numbers written as text, blanks for nothing, times in several formats.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use domain::members::{Email, Instant, LONG_TEXT_MAX, LongText, Phone, TEXT_MAX, Text, canonical_text};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::{MappingFailure, Reason};

/// A name or id, cut to what a record may hold: the original is kept whole beside it.
pub(crate) fn text(given: &str) -> Option<Text> {
    Text::new(&cut(given, TEXT_MAX))
}

/// Free text, cut likewise.
pub(crate) fn long_text(given: &str) -> Option<LongText> {
    LongText::new(&cut(given, LONG_TEXT_MAX))
}

fn cut(given: &str, max: usize) -> String {
    let mut text = canonical_text(given).replace('\0', "\u{fffd}");
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// A text, number or boolean as trimmed text; `None` if it is blank, a list or an object.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whole seconds: `13`, `"13"`, `13.7` (cut), `1:02` and `1:02:03`.
pub fn seconds(given: &str) -> Option<u32> {
    if given.contains(':') {
        let parts = given.split(':').map(|part| part.trim().parse::<u32>().ok());
        let parts = parts.collect::<Option<Vec<u32>>>().filter(|parts| (2..=3).contains(&parts.len()))?;
        return parts.into_iter().try_fold(0u32, |sum, part| sum.checked_mul(60)?.checked_add(part));
    }
    whole(given.parse().ok()?)
}

/// Whole seconds of a number of minutes, to the nearest: `1.5` is 90.
pub fn minutes(given: &str) -> Option<u32> {
    let minutes: f64 = given.parse().ok()?;
    whole((minutes * 60.0).round())
}

fn whole(number: f64) -> Option<u32> {
    (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
}

/// A whole number: `95`, `"95"`, `95.0`.
pub fn integer(given: &str) -> Option<i64> {
    let float = || given.parse::<f64>().ok().filter(|float| float.fract() == 0.0 && float.abs() < 9e15);
    given.parse().ok().or_else(|| float().map(|float| float as i64))
}

/// `true` and `false` in the spellings that are met: also `yes`, `1`, `t`.
pub fn boolean(given: &str) -> Option<bool> {
    match given.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "y" | "t" | "on" => Some(true),
        "false" | "no" | "0" | "n" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// How an instant is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339, or the same with a blank for `T` or the offset without a colon.
    Rfc3339,
    /// RFC 2822, such as `Wed, 08 Oct 2025 13:54:12 +0000`.
    Rfc2822,
    /// Seconds since 1970 UTC, with or without a fraction.
    EpochSeconds,
    /// Milliseconds since 1970 UTC.
    EpochMillis,
    /// A pattern of `strftime`; without an offset in it, a time of the zone.
    Pattern(String, Tz),
}

impl TimeFormat {
    /// Reads an instant; of a local time that comes twice the first, and one that is left out never was.
    pub fn read(&self, given: &str) -> Option<Instant> {
        let micros = match self {
            Self::Rfc3339 => {
                let strict = DateTime::parse_from_rfc3339(given);
                let lenient = || DateTime::parse_from_str(given, "%Y-%m-%d %H:%M:%S%.f %z");
                strict.or_else(|_| lenient()).ok()?.timestamp_micros()
            }
            Self::Rfc2822 => DateTime::parse_from_rfc2822(given).ok()?.timestamp_micros(),
            Self::EpochSeconds => epoch(given, 1_000_000)?,
            Self::EpochMillis => epoch(given, 1_000)?,
            Self::Pattern(pattern, zone) => match DateTime::parse_from_str(given, pattern) {
                Ok(at) => at.timestamp_micros(),
                Err(_) => {
                    let local = NaiveDateTime::parse_from_str(given, pattern).ok()?;
                    match zone.from_local_datetime(&local) {
                        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp_micros(),
                        LocalResult::None => return None,
                    }
                }
            },
        };
        Instant::from_micros(micros)
    }
}

/// Whole numbers are read as such, since a float of 2^53 no longer names one microsecond.
fn epoch(given: &str, micros: i64) -> Option<i64> {
    if let Ok(whole) = given.parse::<i64>() {
        return whole.checked_mul(micros);
    }
    let float: f64 = given.parse().ok()?;
    let scaled = float * micros as f64;
    (scaled.abs() < 9e15).then_some(scaled as i64)
}

/// `(239) 555-0171`, as American senders write numbers for people, else the number as it is. A lone `+` is how some
/// write "unknown".
pub fn phone(given: &str) -> Option<Phone> {
    let bytes = given.as_bytes();
    let national = bytes.len() == 14
        && (bytes[0], bytes[4], bytes[5], bytes[9]) == (b'(', b')', b' ', b'-')
        && given.bytes().filter(u8::is_ascii_digit).count() == 10;
    if national {
        let digits: String = given.chars().filter(char::is_ascii_digit).collect();
        return Phone::new(&format!("+1{digits}"));
    }
    Phone::new(given).filter(|phone| phone.as_str() != "+")
}

/// The key of a payload that holds no id: a digest of its canonical JSON, so that spelling does not count.
pub fn digest(value: &Value) -> String {
    // Maps of JSON are kept in the order of their keys, and writing to memory cannot fail.
    hex::encode(&Sha256::digest(value.to_string().as_bytes())[..16])
}

/// The members of a JSON object, each by any of the names that a provider has for it.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a>(pub &'a Value);

impl Members<'_> {
    /// The first that is not blank.
    pub fn get(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| scalar(&self.0[*name]))
    }

    /// As a name or id.
    pub fn text(&self, names: &[&str]) -> Option<Text> {
        self.get(names).and_then(|given| text(&given))
    }

    /// As a phone number.
    pub fn phone(&self, names: &[&str]) -> Option<Phone> {
        names.iter().find_map(|name| phone(&scalar(&self.0[*name])?))
    }

    /// As an email.
    pub fn email(&self, names: &[&str]) -> Option<Email> {
        self.get(names).and_then(|given| Email::new(&given))
    }

    /// As whole seconds.
    ///
    /// # Errors
    /// The member is there and cannot be read so.
    pub fn seconds(&self, names: &[&str]) -> Result<Option<u32>, MappingFailure> {
        self.read(names, seconds, "is not a number of seconds")
    }

    /// As a boolean.
    ///
    /// # Errors
    /// The member is there and cannot be read so.
    pub fn boolean(&self, names: &[&str]) -> Result<Option<bool>, MappingFailure> {
        self.read(names, boolean, "is neither true nor false")
    }

    /// As an instant.
    ///
    /// # Errors
    /// The member is there and cannot be read so.
    pub fn instant(&self, name: &str, format: &TimeFormat) -> Result<Option<Instant>, MappingFailure> {
        self.read(&[name], |given| format.read(given), "is not a readable time")
    }

    fn read<T>(
        &self,
        names: &[&str],
        read: impl Fn(&str) -> Option<T>,
        rule: &str,
    ) -> Result<Option<T>, MappingFailure> {
        let Some(name) = names.iter().find(|name| scalar(&self.0[**name]).is_some()) else { return Ok(None) };
        let given = scalar(&self.0[*name]).unwrap_or_default();
        match read(&given) {
            Some(value) => Ok(Some(value)),
            None => Err(MappingFailure::new(Reason::MalformedField, format!("/{name}: {given:?} {rule}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_spelling_that_is_met() {
        let read: Vec<_> =
            ["13", "13.7", "1:02", "1:02:03", "0", "-5", "a while", "1:2:3:4", "1e12", "NaN", ":"]
                .map(seconds)
                .into();
        let expected =
            [Some(13), Some(13), Some(62), Some(3_723), Some(0), None, None, None, None, None, None];
        assert_eq!(read, expected);
        assert_eq!(["1.5", "2", "-1", "x"].map(minutes), [Some(90), Some(120), None, None]);
        assert_eq!(["95", "95.0", "95.5", "-3", ""].map(integer), [Some(95), Some(95), None, Some(-3), None]);
        assert_eq!(["Yes", "0", "maybe"].map(boolean), [Some(true), Some(false), None]);
    }

    #[test]
    fn instants_are_read_in_every_format() {
        let at = |text: &str| Instant::parse(text);
        assert_eq!(TimeFormat::EpochSeconds.read("1752000000"), at("2025-07-08T18:40:00Z"));
        assert_eq!(TimeFormat::EpochSeconds.read("1752000000.5"), at("2025-07-08T18:40:00.5Z"));
        assert_eq!(TimeFormat::EpochMillis.read("1752000000250"), at("2025-07-08T18:40:00.25Z"));
        assert_eq!(TimeFormat::EpochSeconds.read("9e99"), None);
        let mail = TimeFormat::Rfc2822.read("Tue, 31 Aug 2010 20:36:29 +0000");
        assert_eq!(mail, at("2010-08-31T20:36:29Z"));
        let naive = TimeFormat::Pattern("%Y-%m-%d %H:%M:%S".into(), chrono_tz::America::Chicago);
        assert_eq!(naive.read("2025-11-02 01:30:00"), at("2025-11-02T06:30:00Z"), "the first of the two");
        assert_eq!(naive.read("2025-03-09 02:30:00"), None, "left out that night");
        let with_offset = TimeFormat::Pattern("%Y-%m-%d %I:%M %p %z".into(), chrono_tz::UTC);
        assert_eq!(with_offset.read("2026-01-19 12:00 PM -05:00"), at("2026-01-19T17:00:00Z"));
        assert_eq!(TimeFormat::Rfc3339.read("2018-02-19 13:41:00 -0500"), at("2018-02-19T18:41:00Z"));
    }

    #[test]
    fn a_digest_does_not_hang_on_spelling() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[true]}"#).expect("json");
        let other: Value = serde_json::from_str(r#"{ "b": [ true ], "a": 1 }"#).expect("json");
        assert_eq!((digest(&one), digest(&one).len()), (digest(&other), 32));
    }

    #[test]
    fn american_numbers_for_people_are_read_as_e164() {
        let shown = |given| phone(given).map(|phone| phone.to_string());
        assert_eq!(shown("(239) 555-0171").as_deref(), Some("+12395550171"));
        assert_eq!(shown("+").as_deref(), None);
        assert_eq!(shown("2395550171").as_deref(), Some("2395550171"), "of no known country");
        assert_eq!(shown("(239)é555-171").as_deref(), Some("(239)é555-171"));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let cut = text(&"é".repeat(600)).map(|text| text.to_string());
        assert_eq!(cut, Some("é".repeat(512)));
        assert_eq!(text(&format!("a\0{}", "b".repeat(1_020))).map(|text| text.as_str().len()), Some(1_024));
        assert_eq!(text(" \t "), None);
    }
}
