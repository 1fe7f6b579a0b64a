//! Lenient readers of payload values: numbers written as text, blanks for nothing.

use domain::members::{Email, Instant, LONG_TEXT_MAX, LongText, Phone, TEXT_MAX, Text, fitting};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::delivery::{Delivery, Form};
use super::error::{MappingFailure, Reason};
use super::time::TimeFormat;

/// The payload as JSON, or a form's fields as texts.
///
/// # Errors
/// It is no JSON, and no form either.
pub(crate) fn payload(delivery: &Delivery) -> Result<Value, MappingFailure> {
    if delivery.is_form() { Ok(of_form(&delivery.form())) } else { of_json(&delivery.json()) }
}

/// JSON in which numbers are the texts that they were written as; also where it was written as a text of JSON once more, and
/// objects on a line each as their list.
///
/// # Errors
/// It is no JSON.
pub(crate) fn of_json(json: &[u8]) -> Result<Value, MappingFailure> {
    let parsed = domain::json::parse_as_written(json).or_else(|error| lines_of_json(json).ok_or(error));
    let parsed = parsed.map_err(|error| MappingFailure::new(Reason::MalformedBody, error.to_string()))?;
    let inner = parsed.as_str().and_then(json_within);
    Ok(inner.unwrap_or(parsed))
}

/// The objects that stand on a line each, two at least.
fn lines_of_json(text: &[u8]) -> Option<Value> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let objects = lines.map(|line| domain::json::parse_as_written(line).ok().filter(Value::is_object));
    objects.collect::<Option<Vec<Value>>>().filter(|objects| objects.len() > 1).map(Value::Array)
}

/// The object or list that a text holds as JSON.
pub(crate) fn json_within(text: &str) -> Option<Value> {
    let looks_so = text.trim_start().starts_with(['{', '[']);
    looks_so.then(|| domain::json::parse_as_written(text.as_bytes()).ok()).flatten()
}

/// The fields of a form as texts, of which the first of a name that is not blank counts.
pub(crate) fn of_form(form: &Form<'_>) -> Value {
    let mut members = Map::new();
    for (name, value) in form.fields() {
        let [name, value] = [name, value].map(|text| String::from_utf8_lossy(text).into_owned());
        let known = members.entry(name).or_insert(Value::Null);
        if is_blank(known) {
            *known = Value::String(value);
        }
    }
    Value::Object(members)
}

/// A name or id, cut to what a record may hold: the original is kept whole beside it.
pub(crate) fn text(given: &str) -> Option<Text> {
    Text::new(&fitting(given, TEXT_MAX))
}

/// Free text, cut likewise.
pub(crate) fn long_text(given: &str) -> Option<LongText> {
    LongText::new(&fitting(given, LONG_TEXT_MAX))
}

/// Whether a value says nothing: null, a blank text, an empty list or object (RULINGS, Equality).
pub fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
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

/// An address, cut likewise.
pub(crate) fn email(given: &str) -> Option<Email> {
    Email::new(&fitting(given, TEXT_MAX))
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
    Phone::new(&fitting(given, TEXT_MAX)).filter(|phone| phone.as_str() != "+")
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
        self.get(names).and_then(|given| email(&given))
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
