//! One field of a mapping as it is written: a path, or a table that says how its value is read.

use std::collections::BTreeMap;

use chrono::format::{Item, StrftimeItems};
use domain::members::fold_word;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use crate::config::ConfigError;
use crate::config::source::{Source, told_of_key};
use crate::ingest::providers::generic::field::{Field, Path, ReadAs};
use crate::ingest::providers::generic::members::{Members, Rows};
use crate::ingest::time::TimeFormat;

/// A field that is more than a path.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldEntry {
    path: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(rename = "as")]
    read_as: Option<String>,
    format: Option<String>,
    zone: Option<String>,
    table: Option<BTreeMap<String, toml::Value>>,
    otherwise: Option<toml::Value>,
    value: Option<toml::Value>,
    default: Option<toml::Value>,
    prefix: Option<String>,
}

/// Members of a field's table, by which it is told from an object within a body.
const FIELD_KEYS: &[&str] = &["path", "paths", "value"];
/// The key that says of which list in the payload a member's objects are made.
const EACH: &str = "each";

/// The path of a list.
///
/// # Errors
/// The rule.
pub fn list_path(text: &str) -> Result<Path, &'static str> {
    let path = Path::parse(text).filter(|path| matches!(path, Path::Event(_) | Path::Payload(_)));
    path.ok_or("must be the path of a list in the payload")
}

/// What a member is read as when nothing is said.
fn usual(name: &str) -> ReadAs {
    match name {
        "from" | "to" | "tracking_number" | "phone" => ReadAs::Phone,
        "answered" | "recording" | "active" => ReadAs::Bool,
        "duration_seconds" => ReadAs::Seconds,
        "sends" | "replies" | "bounces" | "amount_minor" | "value_minor" | "records_updated" | "value"
        | "part" | "parts" | "position" | "units" | "order" | "likelihood_percent" => ReadAs::Integer,
        "tags" | "lead_ids" | "removed" => ReadAs::List,
        "date" => ReadAs::Date(None),
        "month" => ReadAs::Month(None),
        _ if name.ends_with("_at") => ReadAs::Instant(TimeFormat::Rfc3339),
        _ => ReadAs::Text,
    }
}

/// Where in the file a field is read.
pub struct At<'a> {
    source: &'a Source<'a>,
    mapping: &'a str,
    key: String,
}

impl<'a> At<'a> {
    /// Under `key` of the mapping of that name.
    pub fn new(source: &'a Source<'a>, mapping: &'a str, key: &str) -> Self {
        Self { source, mapping, key: key.to_owned() }
    }

    fn wrong(&self, given: &Spanned<toml::Value>, message: impl Into<String>) -> ConfigError {
        self.source.wrong(given.span(), &self.key, message)
    }

    /// One member of a body, or those of an object within it.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn member(
        &self,
        body: &mut Members,
        path: Vec<String>,
        given: &Spanned<toml::Value>,
    ) -> Result<(), ConfigError> {
        let name = path.last().map(String::as_str).unwrap_or_default();
        let at = At::new(self.source, self.mapping, &format!("{}.{name}", self.key));
        match given.get_ref() {
            toml::Value::Table(members) if members.contains_key(EACH) => {
                let each = members.get(EACH).and_then(toml::Value::as_str).unwrap_or_default();
                let each = list_path(each).map_err(|rule| at.wrong(given, format!("{EACH} {rule}")))?;
                let mut inner = Members::default();
                for (name, value) in members.iter().filter(|(name, _)| *name != EACH) {
                    at.member(&mut inner, vec![name.clone()], &Spanned::new(given.span(), value.clone()))?;
                }
                body.rows.push(Rows { path, each, members: inner });
                Ok(())
            }
            toml::Value::Table(members) if !FIELD_KEYS.iter().any(|key| members.contains_key(*key)) => {
                for (name, value) in members {
                    let inner = path.iter().cloned().chain([name.clone()]).collect();
                    at.member(body, inner, &Spanned::new(given.span(), value.clone()))?;
                }
                Ok(())
            }
            _ => {
                let mut field = at.field(given, usual(name))?;
                // Two sources may number their calls alike.
                let is_call =
                    matches!(path.as_slice(), [name] if name == "call_id" || name == "parent_call_id");
                if is_call && !says_prefix(given.get_ref()) {
                    field.prefix = format!("{}:", self.mapping);
                }
                body.fields.push((path, field));
                Ok(())
            }
        }
    }

    /// A path, or a table with one.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn field(&self, given: &Spanned<toml::Value>, usual: ReadAs) -> Result<Field, ConfigError> {
        let entry = match given.get_ref() {
            toml::Value::String(path) => FieldEntry { path: Some(path.clone()), ..FieldEntry::default() },
            table @ toml::Value::Table(_) => FieldEntry::deserialize(table.clone()).map_err(|error| {
                let told = told_of_key(table, error.message(), "mapping.FIELD", |alone| {
                    FieldEntry::deserialize(alone).is_ok()
                });
                self.wrong(given, told)
            })?,
            _ => return Err(self.wrong(given, "must be a path or a table with one")),
        };
        let constant = |value: &Option<toml::Value>| value.as_ref().map(json_of);
        let paths = entry.path.iter().chain(&entry.paths).map(|path| {
            let rule =
                format!("{path:?} is not a path such as data.caller.0.number, header:x-event or query:event");
            Path::parse(path).ok_or_else(|| self.wrong(given, rule))
        });
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        let value = constant(&entry.value);
        if paths.is_empty() == value.is_none() {
            return Err(self.wrong(given, "must have either a path (or paths) or a value"));
        }
        let table = entry.table.as_ref().map(|table| {
            table.iter().map(|(word, value)| (fold_word(word), json_of(value))).collect::<BTreeMap<_, _>>()
        });
        Ok(Field {
            paths,
            read_as: self.read_as(given, &entry, usual)?,
            table,
            otherwise: constant(&entry.otherwise),
            default: value.or(constant(&entry.default)),
            prefix: entry.prefix.unwrap_or_default(),
        })
    }

    fn read_as(
        &self,
        given: &Spanned<toml::Value>,
        entry: &FieldEntry,
        usual: ReadAs,
    ) -> Result<ReadAs, ConfigError> {
        let read_as = match entry.read_as.as_deref() {
            None => usual,
            Some("text") => ReadAs::Text,
            Some("integer") => ReadAs::Integer,
            Some("seconds") => ReadAs::Seconds,
            Some("minutes") => ReadAs::Minutes,
            Some("bool") => ReadAs::Bool,
            Some("instant") => ReadAs::Instant(TimeFormat::Rfc3339),
            Some("phone") => ReadAs::Phone,
            Some("list") => ReadAs::List,
            Some("date") => ReadAs::Date(None),
            Some("month") => ReadAs::Month(None),
            Some("decimal") => ReadAs::Decimal,
            Some(other) => {
                let rule =
                    "must be one of text integer decimal seconds minutes bool instant date month phone list";
                return Err(self.wrong(given, format!("as {other:?} {rule}")));
            }
        };
        match (read_as, &entry.format) {
            (ReadAs::Instant(_), _) => self.time_format(given, entry).map(ReadAs::Instant),
            (ReadAs::Date(_), Some(format)) => self.pattern(given, format).map(|it| ReadAs::Date(Some(it))),
            (ReadAs::Month(_), Some(format)) => self.pattern(given, format).map(|it| ReadAs::Month(Some(it))),
            (_, Some(_)) => Err(self.wrong(given, "format needs as = \"instant\", \"date\" or \"month\"")),
            (other, None) => Ok(other),
        }
    }

    /// A pattern of a date.
    fn pattern(&self, given: &Spanned<toml::Value>, format: &str) -> Result<String, ConfigError> {
        if is_pattern(format) {
            return Ok(format.to_owned());
        }
        Err(self.wrong(given, format!("format {format:?} must be a pattern such as %m/%d/%Y")))
    }

    fn time_format(
        &self,
        given: &Spanned<toml::Value>,
        entry: &FieldEntry,
    ) -> Result<TimeFormat, ConfigError> {
        let format = match entry.format.as_deref() {
            None | Some("rfc3339") => TimeFormat::Rfc3339,
            Some("rfc2822") => TimeFormat::Rfc2822,
            Some("epoch") => TimeFormat::EpochSeconds,
            Some("epoch_ms") => TimeFormat::EpochMillis,
            Some(pattern) => {
                if !is_pattern(pattern) {
                    let rule =
                        "must be rfc3339, rfc2822, epoch, epoch_ms or a pattern such as %Y-%m-%d %H:%M:%S";
                    return Err(self.wrong(given, format!("format {pattern:?} {rule}")));
                }
                let zone = entry.zone.as_deref().unwrap_or("UTC");
                let zone = zone.parse().map_err(|_| {
                    self.wrong(
                        given,
                        format!("zone {zone:?} is not an IANA time zone such as America/New_York"),
                    )
                })?;
                return Ok(TimeFormat::Pattern(pattern.to_owned(), zone));
            }
        };
        match entry.zone {
            Some(_) => Err(self.wrong(given, "zone needs a format that is a pattern")),
            None => Ok(format),
        }
    }
}

/// Whether the text says how a time is written.
fn is_pattern(text: &str) -> bool {
    text.contains('%') && !StrftimeItems::new(text).any(|item| item == Item::Error)
}

fn says_prefix(given: &toml::Value) -> bool {
    given.as_table().is_some_and(|table| table.contains_key("prefix") || table.contains_key("value"))
}

/// A value of the file as JSON; a date stands as its text.
fn json_of(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(at) => at.to_string().into(),
        other => serde_json::to_value(other).unwrap_or(Value::Null),
    }
}
