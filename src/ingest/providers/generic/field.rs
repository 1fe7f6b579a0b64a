//! One field of a mapping: where it stands in a payload, and what is made of it.

use std::collections::BTreeMap;
use std::fmt;

use domain::members::fold_word;
use serde_json::Value;

use super::dates::{day, month};
use crate::ingest::delivery::{Delivery, Form};
use crate::ingest::error::{MappingFailure, Reason};
use crate::ingest::payload::{boolean, integer, minutes, phone, scalar, seconds};
use crate::ingest::time::TimeFormat;

/// What an event is read from.
#[derive(Debug, Clone, Copy)]
pub struct EventContext<'a> {
    /// The event: the payload, or one of a batch.
    pub item: &'a Value,
    /// The whole payload.
    pub root: &'a Value,
    /// The request.
    pub delivery: &'a Delivery,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// In the event: names of members and places in lists, from the outside in.
    Event(Vec<String>),
    /// In the whole payload, likewise.
    Payload(Vec<String>),
    /// In a header of this name (lower case).
    Header(String),
    /// In the query.
    Query(String),
}

impl Path {
    /// Reads `data.caller.0.name`; `/data/Full Name` where names hold dots; `$.data` from the payload's root and `$`
    /// the payload itself; `header:x-event`; `query:event`. `None` when it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &str| !name.trim().is_empty();
        if let Some(name) = text.strip_prefix("header:") {
            return is_name(name).then(|| Self::Header(name.trim().to_ascii_lowercase()));
        }
        if let Some(name) = text.strip_prefix("query:") {
            return is_name(name).then(|| Self::Query(name.trim().to_owned()));
        }
        let names = |text: &str, between: char| -> Option<Vec<String>> {
            let names: Vec<String> = text.split(between).map(str::to_owned).collect();
            names.iter().all(|name| is_name(name)).then_some(names)
        };
        match text.strip_prefix('$') {
            Some("") => Some(Self::Payload(Vec::new())),
            Some(rest) => names(rest.strip_prefix('.')?, '.').map(Self::Payload),
            None => match text.strip_prefix('/') {
                Some(rest) => names(rest, '/').map(Self::Event),
                None => names(text, '.').map(Self::Event),
            },
        }
    }

    /// The value there, in the event or payload.
    pub fn find<'a>(&self, source: &EventContext<'a>) -> Option<&'a Value> {
        let (mut at, names) = match self {
            Self::Event(names) => (source.item, names),
            Self::Payload(names) => (source.root, names),
            Self::Header(_) | Self::Query(_) => return None,
        };
        for name in names {
            at = match at {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
                other => other.get(name.as_str())?,
            };
        }
        Some(at)
    }

    fn read(&self, source: &EventContext<'_>) -> Option<Value> {
        match self {
            Self::Header(name) => {
                let value = source.delivery.header(name)?;
                Some(String::from_utf8_lossy(value).into_owned().into())
            }
            Self::Query(name) => {
                let query = Form::parse(source.delivery.query().as_bytes());
                query.get(name).map(|value| value.into_owned().into())
            }
            Self::Event(_) | Self::Payload(_) => self.find(source).cloned(),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(names) => write!(f, "/{}", names.join("/")),
            Self::Payload(names) => write!(f, "$.{}", names.join(".")),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
        }
    }
}

/// What a value is read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAs {
    /// Text, numbers and truth values as they are written.
    Text,
    /// A whole number.
    Integer,
    /// Whole seconds, also from `1:02:03`.
    Seconds,
    /// Minutes, as whole seconds.
    Minutes,
    /// True or false.
    Bool,
    /// An instant.
    Instant(TimeFormat),
    /// A phone number; a prefix such as `+1` stands before one that has no `+`.
    Phone,
    /// A list of texts.
    List,
    /// A day, by a pattern where it is not written year first.
    Date(Option<String>),
    /// A month, likewise, or that of a day.
    Month(Option<String>),
    /// An amount of money, as minor units of the currency that stands beside it.
    Decimal,
}

/// One field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Where it stands; the first that is not blank counts.
    pub paths: Vec<Path>,
    /// What it is read as.
    pub read_as: ReadAs,
    /// What its words mean, compared without case; a word that is not there is quarantined.
    pub table: Option<BTreeMap<String, Value>>,
    /// What a word means that is not in the table.
    pub otherwise: Option<Value>,
    /// What it is where nothing is given.
    pub default: Option<Value>,
    /// What stands before a text.
    pub prefix: String,
}

impl Field {
    /// The headers that it is read from.
    pub fn headers(&self) -> impl Iterator<Item = String> {
        self.paths.iter().filter_map(|path| match path {
            Path::Header(name) => Some(name.clone()),
            Path::Event(_) | Path::Payload(_) | Path::Query(_) => None,
        })
    }

    /// The value in the form that a body takes; nothing where nothing is given.
    ///
    /// # Errors
    /// It is there and cannot be read so.
    pub fn read(&self, source: &EventContext<'_>) -> Result<Option<Value>, MappingFailure> {
        let found = self.paths.iter().find_map(|path| {
            let value = path.read(source)?;
            let is_list = self.read_as == ReadAs::List
                && value.as_array().is_some_and(|items| items.iter().any(|item| scalar(item).is_some()));
            (is_list || scalar(&value).is_some()).then_some((path, value))
        });
        let Some((path, value)) = found else { return Ok(self.default.clone()) };
        if let (ReadAs::List, Value::Array(items)) = (&self.read_as, &value) {
            return Ok(Some(items.iter().filter_map(scalar).map(Value::String).collect()));
        }
        let given = scalar(&value).unwrap_or_default();
        let wrong =
            |rule: &str| MappingFailure::new(Reason::MalformedField, format!("{path}: {given:?} {rule}"));
        if let Some(table) = &self.table {
            let known = table.get(&fold_word(&given)).or(self.otherwise.as_ref());
            return known.cloned().map(Some).ok_or_else(|| wrong("is not in the mapping's table"));
        }
        let (read, rule) = match &self.read_as {
            // Its currency is not known yet, see `members`.
            ReadAs::Decimal => (Some(given.clone().into()), ""),
            ReadAs::Date(pattern) => {
                (day(&given, pattern.as_deref()).map(|day| day.to_string().into()), "is not a date")
            }
            ReadAs::Month(pattern) => {
                (month(&given, pattern.as_deref()).map(|month| month.to_string().into()), "is not a month")
            }
            ReadAs::Text => (Some(format!("{}{given}", self.prefix).into()), ""),
            ReadAs::List => (Some(Value::from(vec![given.clone()])), ""),
            ReadAs::Integer => (integer(&given).map(Value::from), "is not a whole number"),
            ReadAs::Seconds => (seconds(&given).map(Value::from), "is not a number of seconds"),
            ReadAs::Minutes => (minutes(&given).map(Value::from), "is not a number of minutes"),
            ReadAs::Bool => (boolean(&given).map(Value::from), "is neither true nor false"),
            ReadAs::Instant(format) => (
                format.read(&given).map(|at| at.to_string().into()),
                "does not match the mapping's time format",
            ),
            // What is no number, such as `anonymous`, is nobody's.
            ReadAs::Phone => return Ok(self.number(&given).map(Value::String)),
        };
        read.map(Some).ok_or_else(|| wrong(rule))
    }

    /// The value as text.
    ///
    /// # Errors
    /// As [`Field::read`].
    pub fn text(&self, source: &EventContext<'_>) -> Result<Option<String>, MappingFailure> {
        Ok(self.read(source)?.as_ref().and_then(scalar))
    }

    fn number(&self, given: &str) -> Option<String> {
        let digits: String = given.chars().filter(char::is_ascii_digit).collect();
        // Letters make an address or a word of it: `sip:100@203.0.113.7`, `client:ann`, `Restricted`.
        let is_number =
            digits.len() >= 6 && given.chars().all(|letter| !letter.is_alphabetic() && letter != '@');
        if is_number && !self.prefix.is_empty() && !given.starts_with('+') {
            let number = match abroad(&digits, &self.prefix) {
                Some(whole) => format!("+{whole}"),
                None => format!("{}{digits}", self.prefix),
            };
            return phone(&number).map(|phone| phone.to_string());
        }
        phone(given).map(|phone| phone.to_string())
    }
}

/// The number behind what leads out of a country, or with its country's code already, though no `+` stands before it: no
/// number begins with `00`, and none of North America with `1` or `011`.
fn abroad<'d>(digits: &'d str, prefix: &str) -> Option<&'d str> {
    let american = prefix == "+1";
    digits
        .strip_prefix("00")
        .or_else(|| digits.strip_prefix("011").filter(|_| american))
        .or_else(|| Some(digits).filter(|digits| american && digits.len() == 11 && digits.starts_with('1')))
}
