//! A JSON value that borrows what it can from the bytes it was read from.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::DEPTH_MAX;

/// Members of an object up to which each name is compared with each; beyond, they are sorted.
const COMPARED_MAX: usize = 32;

/// A JSON value. Texts and names without escapes are slices of the bytes; members are in the order they came.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'j> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(Cow<'j, str>),
    /// An array.
    List(Vec<Json<'j>>),
    /// An object; no name stands twice.
    Object(Vec<(Cow<'j, str>, Json<'j>)>),
}

impl<'j> Json<'j> {
    /// Parses one JSON value; refuses duplicate keys, deep nesting and trailing bytes.
    pub fn parse(bytes: &'j [u8]) -> Result<Self, serde_json::Error> {
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let value = Strict { left: DEPTH_MAX }.deserialize(&mut from)?;
        from.end()?;
        Ok(value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
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

impl From<Json<'_>> for Value {
    fn from(value: Json<'_>) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::Number(number),
            Json::Text(text) => Self::String(text.into_owned()),
            Json::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Json::Object(members) => Self::Object(
                members.into_iter().map(|(name, value)| (name.into_owned(), value.into())).collect(),
            ),
        }
    }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
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
struct Strict {
    left: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left }),
            None => Err(E::custom("nested deeper than 64 levels")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
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

impl<'de> Visitor<'de> for Strict {
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
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
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
