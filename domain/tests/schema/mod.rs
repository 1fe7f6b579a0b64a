//! Every kind's members as the contract names them, written apart from the code that they test.

pub mod generate;
mod kinds;
mod parts;
pub mod restate;

use serde_json::{Map, Value};

pub use kinds::KINDS;

/// The type of a member.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    Text,
    Long,
    Email,
    Phone,
    Bool,
    U32,
    U64,
    /// From 1.
    Position,
    I64,
    Percent,
    /// Of a snapshot: never above its `parts`.
    Part,
    Parts,
    Instant,
    Day,
    Month,
    Currency,
    Zone,
    Digest,
    Word(&'static [&'static str]),
    /// The name of a kind, which has one spelling.
    Kind(&'static str),
    Object(&'static [Member]),
    Rows(&'static [Member]),
}

/// How often a member is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Required,
    Optional,
    /// Order counts.
    List,
    /// A list of at least one.
    Filled,
    /// Order does not count.
    Set,
}

/// One member of a body.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub name: &'static str,
    pub mode: Mode,
    pub of: Type,
    /// Whether erasure takes it.
    pub personal: bool,
}

/// What is left of a canonical body once its personal part is erased.
pub fn erased(members: &[Member], body: &Value) -> Value {
    let mut left = Map::new();
    for member in members.iter().filter(|member| !member.personal) {
        let Some(value) = body.get(member.name) else { continue };
        let value = match (member.of, value) {
            (Type::Object(inner), _) => {
                let inner = erased(inner, value);
                // A conflict's body is there even when nothing in it is.
                if member.name != "body" && inner.as_object().is_some_and(Map::is_empty) {
                    continue;
                }
                inner
            }
            (Type::Rows(inner), Value::Array(rows)) => rows.iter().map(|row| erased(inner, row)).collect(),
            (_, value) => value.clone(),
        };
        left.insert(member.name.to_owned(), value);
    }
    Value::Object(left)
}
