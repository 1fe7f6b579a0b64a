//! Whole numbers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::description::{ValueDescription, ValueType};
use crate::json::{Json, Member, Number, Reader};

/// The integer that `value` is: `95` and `95.0` are, `95.5` and `"95"` are not.
fn integer(value: &Json<'_>) -> Option<i64> {
    let Json::Number(number) = value else { return None };
    match number {
        Number::Signed(value) => Some(*value),
        Number::Unsigned(value) => i64::try_from(*value).ok(),
        Number::Literal(text) => {
            let float: f64 = text.parse().ok()?;
            // From 2^53 on a float no longer names one integer.
            (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
        }
    }
}

macro_rules! integer_type {
    ($name:ident, $range:literal) => {
        impl Member for $name {
            fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
                let read = integer(&value).and_then(|value| $name::try_from(value).ok());
                if read.is_none() {
                    at.fault(concat!("must be an integer", $range));
                }
                read
            }

            fn json(&self) -> Value {
                (*self).into()
            }

            fn describe() -> ValueDescription {
                let max = i64::try_from($name::MAX).unwrap_or(i64::MAX);
                let value_type = ValueType::Integer { min: $name::MIN as i64, max };
                ValueDescription::new(value_type, concat!("must be an integer", $range), 1)
            }
        }
    };
}
integer_type!(i64, "");
integer_type!(u64, " of at least 0");
integer_type!(u32, " from 0 to 4294967295");

/// A whole number of percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(u8);

impl Percent {
    const RULE: &'static str = "must be an integer from 0 to 100";

    /// `None` above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Member for Percent {
    fn read(value: Json<'_>, at: &mut Reader<'_>) -> Option<Self> {
        let read = integer(&value).and_then(|value| u8::try_from(value).ok()).and_then(Self::new);
        if read.is_none() {
            at.fault(Self::RULE);
        }
        read
    }

    fn json(&self) -> Value {
        self.0.into()
    }

    fn describe() -> ValueDescription {
        ValueDescription::new(ValueType::Integer { min: 0, max: 100 }, Self::RULE, 20)
    }
}
