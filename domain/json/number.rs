//! Numbers as they were written: the parser turns what is no 64-bit integer into a float, which loses digits of ids.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde_json::Value;

use super::mend::is_of_number;

/// A number, which is the text that it was written as: `1.10` and `1.1` are two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Number<'j> {
    /// A negative whole number of 64 bits.
    Signed(i64),
    /// A whole number of 64 bits.
    Unsigned(u64),
    /// Any other: with a fraction or exponent, beyond 64 bits, or `-0`.
    Literal(Cow<'j, str>),
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Literal(text) => f.write_str(text),
        }
    }
}

impl From<serde_json::Number> for Number<'_> {
    fn from(number: serde_json::Number) -> Self {
        match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Self::Unsigned(number),
            (None, Some(number)) => Self::Signed(number),
            (None, None) => Self::Literal(number.to_string().into()),
        }
    }
}

impl From<Number<'_>> for Value {
    /// As a float where it is no 64-bit integer.
    fn from(number: Number<'_>) -> Self {
        match number {
            Number::Signed(number) => number.into(),
            Number::Unsigned(number) => number.into(),
            Number::Literal(text) => text.parse().map_or(Self::Null, Self::Number),
        }
    }
}

impl Number<'_> {
    /// A number where it is written back as the same text, else the text.
    pub(super) fn number_or_text(self) -> Value {
        match Value::from(self.clone()) {
            Value::Number(number) if number.to_string() == self.to_string() => Value::Number(number),
            _ => Value::String(self.to_string()),
        }
    }
}

/// The literals of a JSON text that are no 64-bit integers, in the order they stand: the floats that the parser reads.
#[derive(Debug)]
pub(super) struct Literals<'j> {
    rest: Cell<&'j [u8]>,
}

impl<'j> Literals<'j> {
    /// Those of `bytes`. Nothing is searched until the first is asked for.
    pub fn of(bytes: &'j [u8]) -> Self {
        Self { rest: Cell::new(bytes) }
    }

    /// The next; what stands before it must be JSON.
    pub fn next(&self) -> Option<&'j str> {
        let mut rest = self.rest.get();
        while let Some((first, behind)) = rest.split_first() {
            rest = match first {
                b'"' => behind_text(behind),
                b'-' | b'0'..=b'9' => {
                    let end = rest.iter().position(|byte| !is_of_number(*byte)).unwrap_or(rest.len());
                    let (literal, behind) = rest.split_at(end);
                    let literal = str::from_utf8(literal).ok()?;
                    if is_float(literal) {
                        self.rest.set(behind);
                        return Some(literal);
                    }
                    behind
                }
                _ => behind,
            };
        }
        None
    }
}

/// What stands behind a string of which the first quote was read.
fn behind_text(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let is_end = rest[at] == b'"';
        rest = rest.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return rest;
        }
    }
    &[]
}

/// Whether the parser reads the literal as a float.
fn is_float(literal: &str) -> bool {
    literal == "-0" || (literal.parse::<u64>().is_err() && literal.parse::<i64>().is_err())
}

#[cfg(test)]
mod tests {
    use crate::json::{Json, parse, parse_as_written};

    #[test]
    fn every_number_is_the_text_that_it_was_written_as() {
        let written = [
            "0",
            "-0",
            "-1",
            "900",
            "900.0",
            "1573204600.1000",
            "1573204600.10000",
            "1E5",
            "1e+05",
            "-1.50e-3",
            "18446744073709551615",
            "18446744073709551616",
            "18446744073709551617",
            "-9223372036854775808",
            "-9223372036854775809",
            "123456789012345678901234567890",
        ];
        // Names and texts that look like numbers, with quotes and backslashes in them, are none.
        let members = written.iter().enumerate().map(|(at, number)| {
            format!("\"1.{at}\\\"2.5\":[\"3.50\\\\\",{{\"n\":{number}}}, \"\\u0022 4.0\" , {number}]")
        });
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        let Ok(Json::Object(members)) = Json::parse(text.as_bytes()) else { panic!("an object: {text}") };
        for ((_, value), written) in members.iter().zip(written) {
            let Json::List(items) = value else { panic!("a list: {value:?}") };
            let (Json::Object(inner), Json::Number(last)) = (&items[1], &items[3]) else {
                panic!("numbers: {items:?}")
            };
            let Json::Number(first) = &inner[0].1 else { panic!("a number: {inner:?}") };
            assert_eq!((first.to_string(), last.to_string()), (written.to_owned(), written.to_owned()));
        }
    }

    #[test]
    fn a_value_holds_what_it_would_change_as_text() {
        let shown = |text: &str| parse_as_written(text.as_bytes()).expect("json").to_string();
        assert_eq!(shown("[1, 900.0, 1.5, -7]"), "[1,900.0,1.5,-7]");
        assert_eq!(shown("[1.50, 18446744073709551616]"), r#"["1.50","18446744073709551616"]"#);
        // Null control: what a value makes of them.
        assert_eq!(parse(b"[1.50, -0]").expect("json").to_string(), "[1.5,-0.0]");
    }
}
