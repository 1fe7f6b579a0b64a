//! A JSON value that borrows what it can from the bytes it was read from.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::DEPTH_MAX;
use super::mend::{mended, without_byte_order_mark};
use super::number::{Literals, Number};

/// Members of an object up to which each name is compared with each; beyond, they are sorted.
const COMPARED_MAX: usize = 32;

/// A JSON value. Texts and names without escapes are slices of the bytes; members are in the order they came.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'j> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as it was written.
    Number(Number<'j>),
    /// A string.
    Text(Cow<'j, str>),
    /// An array.
    List(Vec<Json<'j>>),
    /// An object; no name stands twice.
    Object(Vec<(Cow<'j, str>, Json<'j>)>),
}

impl<'j> Json<'j> {
    /// Parses one JSON value, which may stand behind a byte order mark; refuses duplicate keys, deep nesting and
    /// trailing bytes.
    pub fn parse(bytes: &'j [u8]) -> Result<Self, serde_json::Error> {
        let bytes = without_byte_order_mark(bytes);
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let literals = Literals::of(bytes);
        let value = Strict { left: DEPTH_MAX, literals: &literals }.deserialize(&mut from)?;
        from.end()?;
        Ok(value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether a member with this value is the same as an absent one (RULINGS, Equality).
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(_) | Self::Number(_) => false,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// A value that owns what it holds, its numbers made by `number`.
    fn into_value(self, number: fn(Number<'j>) -> Value) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(value) => number(value),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::List(items) => {
                Value::Array(items.into_iter().map(|item| item.into_value(number)).collect())
            }
            Self::Object(members) => {
                let owned =
                    |(name, value): (Cow<'_, str>, Json<'j>)| (name.into_owned(), value.into_value(number));
                Value::Object(members.into_iter().map(owned).collect())
            }
        }
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

/// Parses one JSON value under the rules of [`Json::parse`], into one that owns what it holds.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    Json::parse(bytes).map(Value::from)
}

/// As [`parse`], but a number that a [`Value`] would change, such as `1.50` or one beyond 64 bits, stands in it as its
/// text: others write ids as numbers. Texts that are none are mended, see [`mended`].
pub fn parse_as_written(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let value = |bytes: &[u8]| Ok(Json::parse(bytes)?.into_value(Number::number_or_text));
    value(bytes).or_else(|error| value(&mended(bytes).ok_or(error)?))
}

impl From<Json<'_>> for Value {
    fn from(value: Json<'_>) -> Self {
        value.into_value(Self::from)
    }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number.into()),
            Value::String(text) => Self::Text(text.into()),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
            }
        }
    }
}

/// The name that stands twice, if one does.
fn repeated<'m>(members: &'m [(Cow<'_, str>, Json<'_>)]) -> Option<&'m str> {
    if members.len() > COMPARED_MAX {
        let mut seen = BTreeSet::new();
        return members.iter().map(|(name, _)| name.as_ref()).find(|name| !seen.insert(*name));
    }
    let twice = |(at, (name, _)): &(usize, &(Cow<'_, str>, Json<'_>))| {
        members[..*at].iter().any(|(before, _)| before == name)
    };
    members.iter().enumerate().find(twice).map(|(_, (name, _))| name.as_ref())
}

#[derive(Clone, Copy)]
struct Strict<'l, 'j> {
    left: usize,
    literals: &'l Literals<'j>,
}

impl Strict<'_, '_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(E::custom("nested deeper than 64 levels")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_, 'de> {
    type Value = Json<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<Json<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

/// A name of a member.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<Cow<'de, str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(name.into())
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(name.to_owned().into())
    }
}

impl<'de> Visitor<'de> for Strict<'_, 'de> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(Number::Signed(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(Number::Unsigned(value)))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Json<'de>, E> {
        let literal = self.literals.next().ok_or_else(|| E::custom("number out of range"))?;
        Ok(Json::Number(Number::Literal(literal.into())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(value.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut members = Vec::with_capacity(8);
        while let Some(name) = map.next_key_seed(Name)? {
            members.push((name, map.next_value_seed(inner)?));
        }
        match repeated(&members) {
            Some(name) => Err(de::Error::custom(format_args!("member {name:?} is given twice"))),
            None => Ok(Json::Object(members)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_escapes_is_not_copied() {
        let Ok(Json::Object(members)) = Json::parse(br#"{"plain":"text","esc\u0061ped":"a\nb"}"#) else {
            panic!("an object");
        };
        assert!(matches!(&members[0], (Cow::Borrowed("plain"), Json::Text(Cow::Borrowed("text")))));
        assert!(matches!(&members[1], (Cow::Owned(name), Json::Text(Cow::Owned(_))) if name == "escaped"));
    }

    #[test]
    fn a_name_given_twice_is_found_among_many_too() {
        for others in [0, 10, 500] {
            let members: Vec<String> = (0..others).map(|n| format!("\"m{n}\":1")).collect();
            let object = |last: &str| {
                format!(
                    "{{\"twice\":1,{}{last}\"z\":1}}",
                    members.iter().fold(String::new(), |all, m| all + m + ",")
                )
            };
            assert!(Json::parse(object("").as_bytes()).is_ok());
            let refused = Json::parse(object("\"tw\\u0069ce\":2,").as_bytes()).expect_err("refused");
            assert!(refused.to_string().contains("\"twice\" is given twice"), "{refused}");
        }
    }
}
