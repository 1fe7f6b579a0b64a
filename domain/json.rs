//! Strict JSON: no duplicate keys, at most 64 levels; and the reader of a fact's members.

mod mend;
mod nearest;
mod number;
mod value;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::description::ValueDescription;

pub use mend::without_byte_order_mark;
pub use nearest::{did_you_mean, nearest};
pub use number::Number;
pub use value::{Json, parse, parse_as_written};

/// Deepest nesting of arrays and objects (RELIABILITY, HTTP).
pub const DEPTH_MAX: usize = 64;
/// Most faults that are told of one body.
const FAULTS_MAX: usize = 100;

/// One field at fault: a JSON pointer and what the rule is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the value that was given.
    pub pointer: String,
    /// What is expected.
    pub message: String,
}

/// A type that a member of a fact's body can have, with its canonical form (RULINGS, Equality).
pub trait Member: Sized {
    /// Takes a given value into canonical form; `Ok(None)` when it is blank, which is the same as absent.
    fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self>;
    /// The canonical form as JSON.
    fn json(&self) -> Value;
    /// What can be given, with an example.
    fn describe() -> ValueDescription;
}

/// What becomes of a text that is longer than its member may be, or holds NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextRule {
    /// It is at fault: who sent it can mend it.
    Refuse,
    /// It is cut, with U+FFFD for NUL: the original is kept whole beside it.
    Mend,
}

/// Takes the members of one object, collecting every field at fault.
#[derive(Debug)]
pub struct Reader<'e> {
    members: Vec<(Cow<'e, str>, Json<'e>)>,
    /// The names that were asked for: the members that there can be.
    known: Vec<&'static str>,
    path: String,
    /// Length of `path` without the member being read.
    base: usize,
    texts: TextRule,
    errors: &'e mut Vec<FieldError>,
}

impl<'e> Reader<'e> {
    /// Reads `value`, which must be an object; `path` is its JSON pointer.
    pub fn new(value: Json<'e>, path: &str, errors: &'e mut Vec<FieldError>) -> Self {
        let texts = TextRule::Refuse;
        let mut reader = Self {
            members: Vec::new(),
            // As many as nearly every object has, so that it grows for none: an object is read for each fact.
            known: Vec::with_capacity(24),
            path: path.to_owned(),
            base: path.len(),
            texts,
            errors,
        };
        match value {
            Json::Object(members) => reader.members = members,
            Json::Null => {}
            Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => {
                reader.fault("must be an object");
            }
        }
        reader
    }

    /// Reads texts by this rule, those of objects within too.
    #[must_use]
    pub fn with_texts(self, texts: TextRule) -> Self {
        Self { texts, ..self }
    }

    /// How texts are read.
    pub fn texts(&self) -> TextRule {
        self.texts
    }

    fn enter(&mut self, name: &str) {
        self.path.truncate(self.base);
        self.path.push('/');
        // Nearly every name is one of ours and has nothing to escape.
        if name.contains(['~', '/']) {
            self.path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        } else {
            self.path.push_str(name);
        }
    }

    /// Takes a member unless it is absent, which null, `[]`, `{}` and blank text are the same as (RULINGS).
    fn given(&mut self, name: &'static str) -> Option<Json<'e>> {
        self.known.push(name);
        let at = self.members.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.members.swap_remove(at);
        (!value.is_blank()).then_some(value)
    }

    /// A member that may be absent.
    pub fn optional<T: Member>(&mut self, name: &'static str) -> Option<T> {
        match self.given(name) {
            None => None,
            Some(value) => {
                self.enter(name);
                T::read(value, self)
            }
        }
    }

    /// A member that must be there and not blank.
    pub fn required<T: Member>(&mut self, name: &'static str) -> Option<T> {
        let before = self.errors.len();
        let read = self.optional(name);
        if read.is_none() && self.errors.len() == before {
            self.fault_at(name, "is required");
        }
        read
    }

    /// A list that must have an item.
    pub fn filled<T: Member>(&mut self, name: &'static str, max: usize) -> Vec<T> {
        let before = self.errors.len();
        let read = self.list(name, max);
        if read.is_empty() && self.errors.len() == before {
            self.fault_at(name, "must have at least one item");
        }
        read
    }

    /// A list; absent and empty are the same. At most `max` items.
    pub fn list<T: Member>(&mut self, name: &'static str, max: usize) -> Vec<T> {
        match self.given(name) {
            None => Vec::new(),
            Some(Json::List(items)) if items.len() <= max => {
                let mut read = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    self.enter(name);
                    self.path.push_str(&format!("/{index}"));
                    let before = self.errors.len();
                    match T::read(item, self) {
                        Some(value) => read.push(value),
                        None if self.errors.len() == before => self.fault("must not be blank"),
                        None => {}
                    }
                }
                read
            }
            Some(Json::List(_)) => {
                self.enter(name);
                self.fault(&format!("must have at most {max} items"));
                Vec::new()
            }
            Some(_) => {
                self.enter(name);
                self.fault("must be an array");
                Vec::new()
            }
        }
    }

    /// Reads a nested object with `read`; absent and `{}` are the same.
    pub fn nested<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Reader<'_>) -> T) -> Option<T> {
        match self.given(name) {
            None => None,
            Some(value) => {
                self.enter(name);
                let mut inner = Reader::new(value, &self.path, self.errors).with_texts(self.texts);
                let read = read(&mut inner);
                inner.finish();
                Some(read)
            }
        }
    }

    /// Reads a list of objects, each with `read`; at most `max` of them.
    pub fn rows<T>(
        &mut self,
        name: &'static str,
        max: usize,
        read: impl Fn(&mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let items = match self.given(name) {
            None => return Vec::new(),
            Some(Json::List(items)) if items.len() <= max => items,
            Some(_) => {
                self.enter(name);
                self.fault(&format!("must be an array of at most {max} objects"));
                return Vec::new();
            }
        };
        let mut rows = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.enter(name);
            self.path.push_str(&format!("/{index}"));
            let mut inner = Reader::new(item, &self.path, self.errors).with_texts(self.texts);
            rows.extend(read(&mut inner));
            inner.finish();
        }
        rows
    }

    /// Takes a member as it is, unless it is absent.
    pub fn take(&mut self, name: &'static str) -> Option<Json<'e>> {
        self.enter(name);
        self.given(name)
    }

    /// Says that the member in hand is at fault.
    pub fn fault(&mut self, message: &str) {
        // A hostile body can be wrong in a million places; the first hundred are enough to mend it.
        if self.errors.len() < FAULTS_MAX {
            self.errors.push(FieldError { pointer: self.path.clone(), message: message.to_owned() });
        }
    }

    /// Says that the member `name` is at fault.
    pub fn fault_at(&mut self, name: &str, message: &str) {
        self.enter(name);
        self.fault(message);
    }

    /// The pointer of the member in hand.
    pub fn pointer(&self) -> &str {
        &self.path
    }

    /// Adds faults found elsewhere.
    pub fn faults(&mut self, found: Vec<FieldError>) {
        let room = FAULTS_MAX.saturating_sub(self.errors.len());
        self.errors.extend(found.into_iter().take(room));
    }

    /// Refuses members that nobody took.
    pub fn finish(mut self) {
        let mut unknown = std::mem::take(&mut self.members);
        unknown.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let known = std::mem::take(&mut self.known);
        for (at, (name, _)) in unknown.iter().enumerate() {
            let near = did_you_mean(name, &known);
            // Once is enough to say which there are.
            let list = if at == 0 { format!(" (members: {})", known.join(", ")) } else { String::new() };
            self.enter(name);
            self.fault(&format!("is not a member of this body{near}{list}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_keys_and_deep_nesting_are_refused() {
        let twice = parse(br#"{"a":1,"b":{"c":1,"c":2}}"#).expect_err("refused");
        assert!(twice.to_string().contains("\"c\" is given twice"), "{twice}");
        let deep = |levels: usize| [b"[".repeat(levels), b"]".repeat(levels)].concat();
        assert!(parse(&deep(64)).is_ok());
        assert!(parse(&deep(65)).is_err());
        assert!(parse(&deep(100_000)).is_err());
        assert!(parse(b"1 2").is_err());
        assert!(parse(b"1e999").is_err());
    }

    #[test]
    fn pointers_escape_slashes() {
        let mut errors = Vec::new();
        let value = Json::parse(br#"{"a/b~c": 1}"#).expect("parses");
        Reader::new(value, "/body", &mut errors).finish();
        assert_eq!(errors[0].pointer, "/body/a~1b~0c");
    }
}
