//! Members of providers' answers: a value may come as text, number or boolean, and a blank one is absent
//! (providers.md, numbers).

use std::fmt;

use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::SyncError;

/// A text that a provider may have written as a number or a boolean; none where it is blank, null or absent.
///
/// Read from a page of [`super::SyncRun::page`], a number that JSON readers would change keeps its digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lenient(Option<String>);

impl Lenient {
    /// The text, trimmed, unless it is blank.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The integer that it is.
    pub fn integer(&self) -> Option<i64> {
        self.get()?.parse().ok()
    }
}

struct AnyScalar;

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Lenient;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number or a boolean")
    }

    fn visit_str<E>(self, text: &str) -> Result<Lenient, E> {
        let text = text.trim();
        Ok(Lenient((!text.is_empty()).then(|| text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Lenient, E> {
        Ok(Lenient(Some(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Lenient, E> {
        Ok(Lenient(Some(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Lenient, E> {
        Ok(Lenient(Some(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Lenient, E> {
        Ok(Lenient(Some(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Lenient, E> {
        Ok(Lenient(None))
    }

    fn visit_none<E>(self) -> Result<Lenient, E> {
        Ok(Lenient(None))
    }

    // Empty containers are absent, as everywhere.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lenient, A::Error> {
        match items.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(Lenient(None)),
            Some(_) => Err(A::Error::custom("a list stands where a value was expected")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Lenient, A::Error> {
        match members.next_key::<serde::de::IgnoredAny>()? {
            None => Ok(Lenient(None)),
            Some(_) => Err(A::Error::custom("an object stands where a value was expected")),
        }
    }
}

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyScalar)
    }
}

/// Reads a part of a page as `T`; `what` names it in errors. What was read is never quoted: it may be personal.
///
/// # Errors
/// [`SyncError::Unexpected`].
pub fn read<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, SyncError> {
    serde_json::from_value(value).map_err(|error| {
        tracing::debug!(what, %error, "unexpected answer");
        SyncError::Unexpected(format!("{what} is not as documented"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_its_text_however_it_was_written_and_blank_is_absent() {
        let read = |json: &str| {
            let value = domain::json::parse_as_written(json.as_bytes()).expect("JSON");
            serde_json::from_value::<Lenient>(value)
        };
        for (json, text) in [
            ("\" 12 \"", Some("12")),
            ("12", Some("12")),
            ("-3", Some("-3")),
            ("1.50", Some("1.50")),
            ("123456789012345678901", Some("123456789012345678901")),
            ("true", Some("true")),
            ("\"  \"", None),
            ("null", None),
            ("[]", None),
            ("{}", None),
        ] {
            assert_eq!(read(json).expect(json).get(), text, "{json}");
        }
        assert!(read("[1]").is_err() && read("{\"a\": 1}").is_err());
    }
}
