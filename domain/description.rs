//! What kinds of facts and their members are, as data: made from the declarations that also read and write them.

mod examples;

use serde::Serialize;
use serde_json::{Map, Value};

/// A kind of fact.
#[derive(Debug, Clone, PartialEq)]
pub struct KindDescription {
    /// Its name: `call_reported`.
    pub kind: &'static str,
    /// What a fact of it says, in one line.
    pub about: String,
    /// Its body.
    pub body: BodyDescription,
}

/// A body, or an object within one.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyDescription {
    /// The name of its declaration: `CallReported`. Kinds with the same body have the same name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: String,
    /// Its members, in the order of declaration.
    pub members: Vec<MemberDescription>,
    /// What the members must be to each other; empty where each stands for itself.
    pub rule: String,
}

/// A member of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberDescription {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub about: String,
    /// Whether it must be given.
    pub is_required: bool,
    /// Whether an erasure takes it away, even where it must be given.
    pub is_personal: bool,
    /// What its value is.
    pub shape: MemberShape,
}

/// What the value of a member is.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberShape {
    /// One value.
    Value(ValueDescription),
    /// An array of values; the order counts unless it is a set.
    Values {
        /// What each is.
        item: ValueDescription,
        /// Whether order and repetition mean nothing.
        is_set: bool,
    },
    /// An object.
    Object(BodyDescription),
    /// An array of objects.
    Objects(BodyDescription),
    /// The body of another kind, which a member `kind` beside it names.
    AnyBody,
}

/// A single value.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueDescription {
    /// Its type and limits.
    pub value_type: ValueType,
    /// What it must be, in words.
    pub rule: &'static str,
    /// A value that is accepted, in canonical form.
    pub example: Value,
}

/// The type of a value in JSON, with its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A string of at most so many bytes of UTF-8.
    Text {
        /// How many.
        bytes_max: usize,
    },
    /// A string of a form.
    Formatted {
        /// A format of JSON Schema; none where only the pattern says it.
        format: Option<&'static str>,
        /// A regular expression that every such string matches; none where the format says all.
        pattern: Option<&'static str>,
    },
    /// One of these strings; any case, and `-`, `_` and blanks alike.
    Word(Vec<&'static str>),
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
}

impl ValueDescription {
    /// Of this type and rule; `rule` may be the message of its refusal, which begins with "must be".
    pub fn new(value_type: ValueType, rule: &'static str, example: impl Into<Value>) -> Self {
        let rule = rule.strip_prefix("must be ").unwrap_or(rule);
        Self { value_type, rule, example: example.into() }
    }
}

impl BodyDescription {
    /// Of a declaration, with its examples.
    pub fn new(
        name: &'static str,
        about: &[&str],
        mut members: Vec<MemberDescription>,
        rule: &[&str],
    ) -> Self {
        for member in &mut members {
            let Some(example) = examples::of(name, member.name) else { continue };
            match &mut member.shape {
                MemberShape::Value(value) | MemberShape::Values { item: value, .. } => {
                    value.example = example
                }
                MemberShape::Object(_) | MemberShape::Objects(_) | MemberShape::AnyBody => {}
            }
        }
        Self { name, about: prose(about), members, rule: prose(rule) }
    }

    /// A body that is accepted, with every member.
    pub fn example(&self) -> Map<String, Value> {
        let member = |member: &MemberDescription| {
            let value = match &member.shape {
                MemberShape::Value(value) => value.example.clone(),
                MemberShape::Values { item, .. } => Value::Array(vec![item.example.clone()]),
                MemberShape::Object(body) => Value::Object(body.example()),
                MemberShape::Objects(body) => Value::Array(vec![Value::Object(body.example())]),
                MemberShape::AnyBody => examples::any_body(),
            };
            (member.name.to_owned(), value)
        };
        self.members.iter().map(member).collect()
    }
}

impl MemberDescription {
    /// Of a declaration.
    pub fn new(name: &'static str, about: &[&str], is_required: bool, shape: MemberShape) -> Self {
        Self { name, about: prose(about), is_required, is_personal: false, shape }
    }

    /// One that can be erased.
    #[must_use]
    pub fn personal(self) -> Self {
        Self { is_personal: true, ..self }
    }
}

impl KindDescription {
    /// Of a declaration; `about` is empty where the body has no other kind and says what the fact says.
    pub fn new(kind: &'static str, about: &[&str], body: BodyDescription) -> Self {
        let own = prose(about);
        let about = if own.is_empty() { of_kind(kind, &body.about) } else { own };
        Self { kind, about, body }
    }
}

/// What the body's documentation says of the kind: without the kind's name before it.
fn of_kind(kind: &str, about: &str) -> String {
    let rest = about.strip_prefix(&format!("`{kind}`: ")).unwrap_or(about);
    let mut letters = rest.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A documentation comment as one line for readers of the contract, without the codes of rules.
fn prose(lines: &[&str]) -> String {
    let line = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let mut parts = line.split('(');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((within, rest)) = part.split_once(')') else {
            text.push('(');
            text.push_str(part);
            continue;
        };
        let kept = within.split([';', ',']).map(str::trim).filter(|word| !is_code(word));
        let kept = kept.collect::<Vec<_>>();
        match (kept.len() == within.split([';', ',']).count(), kept.is_empty()) {
            (true, _) => text.push_str(&format!("({within})")),
            (false, true) => text.truncate(text.trim_end().len()),
            (false, false) => text.push_str(&format!("({})", kept.join("; "))),
        }
        text.push_str(rest);
    }
    text
}

/// Whether it names a rule of docs/rules.md: a capital and digits.
fn is_code(word: &str) -> bool {
    let digits = word.strip_prefix(|first: char| first.is_ascii_uppercase());
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_rules_are_left_out_and_what_stands_beside_them_stays() {
        for (written, told) in [
            ("A call moves only forward (A3).", "A call moves only forward."),
            ("Seconds (A4; default 30).", "Seconds (default 30)."),
            ("The month (such as 2025-10, in full).", "The month (such as 2025-10, in full)."),
            ("An open (bracket", "An open (bracket"),
            ("Of (A1, B22) and (x).", "Of and (x)."),
        ] {
            assert_eq!(prose(&[written]), told);
        }
        assert_eq!(of_kind("call_placed", "`call_placed`: we had it ring."), "We had it ring.");
    }
}
