//! Query strings: a parameter that is unknown, repeated or malformed is answered 400 by name.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use domain::facts::tenant::CountedDirection;
use domain::facts::{kind_named, kind_rule};
use domain::json::did_you_mean;
use domain::members::{Day, Email, Instant, Month, Text};
use domain::record::KindTag;
use domain::rules::calendar::Bound;
use domain::rules::qualification::Verdict;
use domain::rules::stages::Stage;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::SchemaFormat;
use utoipa::openapi::{Object, ObjectBuilder, Required, Type};

use super::problem::Problem;

const UNKNOWN: &str = "unknown_parameter";
const MALFORMED: &str = "bad_parameter";
/// Most faults that are told of one query.
const FAULTS_MAX: usize = 20;

fn unknown(name: &str, known: &[&str], with_list: bool) -> String {
    let near = did_you_mean(name, known);
    let list = if with_list { format!(" (this route has: {})", known.join(", ")) } else { String::new() };
    format!("unknown parameter {name:?}{near}{list}")
}

fn malformed(name: &str, rule: &str) -> String {
    format!("parameter {name:?} must be {rule}")
}

/// A parameter that a route has.
#[derive(Debug, Clone, Copy)]
pub struct KnownParameter {
    /// Its name.
    pub name: &'static str,
    /// What its value must be, where a trimmed text is none.
    pub fault: fn(&str) -> Option<String>,
}

impl KnownParameter {
    /// One with values of type `T`.
    pub const fn new<T: Value>(name: &'static str) -> Self {
        Self { name, fault: |text| if T::parse(text).is_some() { None } else { Some(T::rule_for(text)) } }
    }
}

/// The parameters of one request.
#[derive(Debug)]
pub struct Query<'r>(Vec<(Cow<'r, str>, Cow<'r, str>)>);

impl<'r> Query<'r> {
    /// Reads a raw query; 400 for names that are not in `known`, names given twice and values that do not parse, all of
    /// which are told.
    pub fn new(raw: Option<&'r str>, known: &[&[KnownParameter]]) -> Result<Self, Problem> {
        let mut given: Vec<(Cow<'r, str>, Cow<'r, str>)> = Vec::new();
        let mut faults: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            let parameter = known.iter().copied().flatten().find(|parameter| parameter.name == name);
            let fault = match parameter {
                None => {
                    let names: Vec<&str> = known.iter().copied().flatten().map(|known| known.name).collect();
                    // Once is enough to say which there are.
                    let is_first = !faults.iter().any(|(code, _)| *code == UNKNOWN);
                    Some((UNKNOWN, unknown(&name, &names, is_first)))
                }
                Some(_) if given.iter().any(|(before, _)| *before == name) => {
                    Some(("repeated_parameter", format!("parameter {name:?} is given twice")))
                }
                Some(KnownParameter { name, fault }) => {
                    let text = value.trim();
                    let rule = if text.is_empty() { None } else { fault(text) };
                    rule.map(|rule| (MALFORMED, malformed(name, &rule)))
                }
            };
            faults.extend(fault);
            given.push((name, value));
        }
        match faults.first() {
            None => Ok(Self(given)),
            Some(&(code, _)) => {
                let told: Vec<String> =
                    faults.iter().take(FAULTS_MAX).map(|(_, detail)| detail.clone()).collect();
                Err(Problem::bad_request(code, told.join("; ")))
            }
        }
    }

    /// A parameter's trimmed text; a blank one counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        let given = self.0.iter().find(|(given, _)| given == name)?;
        Some(given.1.trim()).filter(|value| !value.is_empty())
    }

    /// A parameter's value; 400 where the text does not parse.
    pub fn value<T: Value>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match T::parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(Problem::bad_request(MALFORMED, malformed(name, &T::rule_for(text)))),
        }
    }

    /// The parameters except `names`, sorted: the filter that a cursor is bound to.
    pub fn besides(&self, names: &[&str]) -> Vec<(&str, &str)> {
        let mut rest: Vec<(&str, &str)> = self
            .0
            .iter()
            .filter(|(name, value)| !names.contains(&name.as_ref()) && !value.trim().is_empty())
            .map(|(name, value)| (name.as_ref(), value.trim()))
            .collect();
        rest.sort_unstable();
        rest
    }
}

/// A type of parameter values.
pub trait Value: Sized {
    /// Whether the route requires the parameter.
    const REQUIRED: bool = false;
    /// Parses a trimmed text.
    fn parse(text: &str) -> Option<Self>;
    /// What the value must be: the end of a sentence that begins "must be".
    fn rule() -> String;
    /// The rule as it is told of a text that breaks it.
    fn rule_for(_text: &str) -> String {
        Self::rule()
    }
    /// Its schema in the API document.
    fn schema() -> Object {
        ObjectBuilder::new().schema_type(Type::String).build()
    }
}

impl Value for KindTag {
    fn parse(text: &str) -> Option<Self> {
        kind_named(text)
    }

    fn rule() -> String {
        "a kind of fact".into()
    }

    fn rule_for(text: &str) -> String {
        kind_rule(text)
    }
}

/// Makes types of `words!` values of parameters.
macro_rules! word_values {
    ($($words:ty),+ $(,)?) => { $(
        impl $crate::http::api::query::Value for $words {
            fn parse(text: &str) -> Option<Self> {
                <$words>::parse(text)
            }

            fn rule() -> String {
                let words: Vec<&str> = <$words>::ALL.iter().map(|word| word.as_str()).collect();
                format!("one of {}", words.join(" "))
            }

            fn schema() -> utoipa::openapi::Object {
                let words = <$words>::ALL.iter().map(|word| word.as_str());
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some(words))
                    .build()
            }
        }
    )+ };
}
pub(in crate::http) use word_values;

word_values!(Verdict, Stage, CountedDirection);

/// Makes types with a parser in the domain values of parameters: rule and format for the API document.
macro_rules! text_values {
    ($($value:ty: $parse:expr, $rule:expr, $format:literal;)+) => { $(
        impl Value for $value {
            fn parse(text: &str) -> Option<Self> {
                $parse(text)
            }

            fn rule() -> String {
                $rule.into()
            }

            fn schema() -> Object {
                let format = Some($format).filter(|format| !format.is_empty());
                let format = format.map(|format: &str| SchemaFormat::Custom(format.into()));
                ObjectBuilder::new().schema_type(Type::String).format(format).build()
            }
        }
    )+ };
}

text_values! {
    Day: Day::parse, "a date such as 2025-10-09", "date";
    Month: Month::parse, "a month such as 2025-10", "";
    Instant: Instant::parse, "an instant such as 2025-10-09T12:00:00Z", "date-time";
    Email: Email::new, "an email address", "email";
    Bound: Bound::parse, Bound::RULE, "";
    Text: Text::new, "a text of at most 1,024 bytes", "";
    String: |text: &str| Some(text.to_owned()), "a text", "";
}

/// The value of a required parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredValue<T>(pub T);

impl<T: Value> Value for RequiredValue<T> {
    const REQUIRED: bool = true;

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Self)
    }

    fn rule() -> String {
        T::rule()
    }

    fn schema() -> Object {
        T::schema()
    }
}

impl Value for u64 {
    fn parse(text: &str) -> Option<Self> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    }

    fn rule() -> String {
        "a whole number from 0".into()
    }

    fn schema() -> Object {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn rule() -> String {
        "true or false".into()
    }

    fn schema() -> Object {
        ObjectBuilder::new().schema_type(Type::Boolean).build()
    }
}

/// Most items of a page: 1 to 500, 50 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub usize);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl Value for Limit {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|limit| (1..=500).contains(limit)).map(Self)
    }

    fn rule() -> String {
        "from 1 to 500".into()
    }

    fn schema() -> Object {
        let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(500));
        limit.default(Some(50.into())).build()
    }
}

/// The query parameters of a route, made by [`parameters!`]: what is read is what the API document describes.
pub trait Parameters: Sized + Send {
    const KNOWN: &'static [KnownParameter];

    fn read(query: &Query<'_>) -> Result<Self, Problem>;

    fn describe() -> Vec<Parameter>;
}

/// Describes one parameter.
pub fn parameter<T: Value>(name: &str, docs: &[&str]) -> Parameter {
    let docs: Vec<&str> = docs.iter().map(|line| line.trim()).collect();
    let described = format!("{} Must be {}.", docs.join(" "), T::rule());
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(if T::REQUIRED { Required::True } else { Required::False })
        .description(Some(described))
        .schema(Some(T::schema()))
        .build()
}

/// Describes a header that a route looks at.
pub fn header(name: &str, described: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(described))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}

/// A struct of query parameters: each member is one, absent or of a [`Value`]'s type.
macro_rules! parameters {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $said:literal])+ $member:ident: $value:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name { $($(#[doc = $said])+ pub $member: Option<$value>),* }

        impl $crate::http::api::query::Parameters for $name {
            const KNOWN: &'static [$crate::http::api::query::KnownParameter] =
                &[$($crate::http::api::query::KnownParameter::new::<$value>(stringify!($member))),*];

            fn read(query: &$crate::http::api::query::Query<'_>) -> Result<Self, $crate::http::api::problem::Problem> {
                Ok(Self { $($member: query.value(stringify!($member))?),* })
            }

            fn describe() -> Vec<utoipa::openapi::path::Parameter> {
                vec![$($crate::http::api::query::parameter::<$value>(stringify!($member), &[$($said),+])),*]
            }
        }

        impl utoipa::IntoParams for $name {
            fn into_params(
                _of: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                <Self as $crate::http::api::query::Parameters>::describe()
            }
        }
    };
}
pub(in crate::http) use parameters;

impl Parameters for () {
    const KNOWN: &'static [KnownParameter] = &[];

    fn read(_query: &Query<'_>) -> Result<Self, Problem> {
        Ok(())
    }

    fn describe() -> Vec<Parameter> {
        Vec::new()
    }
}
