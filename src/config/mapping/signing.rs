//! How a source signs, as it is written: the name of a scheme, or a table that describes one.

use std::borrow::Cow;

use serde::Deserialize;
use toml::Spanned;

use crate::config::ConfigError;
use crate::config::source::{Source, told_of_key};
use crate::ingest::signature::{
    Encoding, Mac, MacHash, MacKey, SCHEMES, Scheme, SignedTime, TOLERANCE_SECONDS, TimeUnit,
};

const KEY: &str = "mapping.signature";

/// `{ scheme = "hmac", header = "x-signature", … }` or `{ scheme = "header", header = "x-token" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scheme: String,
    header: Option<String>,
    hash: Option<String>,
    encoding: Option<String>,
    secret: Option<String>,
    prefix: Option<String>,
    between: Option<String>,
    signed: Option<String>,
    time: Option<String>,
    time_unit: Option<String>,
    tolerance_seconds: Option<u32>,
}

fn names() -> String {
    SCHEMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// Reads the scheme.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(source: &Source<'_>, given: &Spanned<toml::Value>) -> Result<Scheme, ConfigError> {
    let wrong = |message: String| source.wrong(given.span(), KEY, message);
    let named = |name: &str| {
        let known = || format!("must be one of {}, or a table with scheme = hmac or header", names());
        Scheme::named(name).ok_or_else(|| wrong(format!("{name:?} {}", known())))
    };
    match given.get_ref() {
        toml::Value::String(name) => named(name),
        table @ toml::Value::Table(_) => {
            let entry = Entry::deserialize(table.clone()).map_err(|error| {
                wrong(told_of_key(table, error.message(), KEY, |mut alone| {
                    let scheme = || toml::Value::String("hmac".into());
                    alone.as_table_mut().map(|alone| alone.entry("scheme").or_insert_with(scheme));
                    Entry::deserialize(alone).is_ok()
                }))
            })?;
            match entry.scheme.as_str() {
                "hmac" => hmac(entry).map_err(wrong),
                "header" => header(&entry.header).map(Scheme::Header).map_err(wrong),
                name => named(name),
            }
        }
        _ => Err(wrong("must be the name of a scheme, or a table with scheme = hmac or header".into())),
    }
}

/// The name of a header in lower case; `None` when it is none.
pub fn header_name(given: &str) -> Option<String> {
    let fits =
        !given.is_empty() && given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| given.to_ascii_lowercase())
}

fn header(given: &Option<String>) -> Result<String, String> {
    let name = header_name(given.as_deref().unwrap_or_default());
    name.ok_or_else(|| "header must be the name of a header".into())
}

/// One of two words, the first where nothing is said.
fn either<T: Copy>(key: &str, given: &Option<String>, words: [(&str, T); 2]) -> Result<T, String> {
    let [(usual, value), (other, other_value)] = words;
    match given.as_deref() {
        None => Ok(value),
        Some(word) if word == usual => Ok(value),
        Some(word) if word == other => Ok(other_value),
        Some(_) => Err(format!("{key} must be {usual} or {other}")),
    }
}

fn hmac(entry: Entry) -> Result<Scheme, String> {
    let signed = entry.signed.unwrap_or_else(|| "{body}".into());
    if !(signed.contains("{body}") && balanced(&signed)) {
        return Err("signed must contain {body}, and may contain {url}, {header-name} and {element=}".into());
    }
    let time = match entry.time {
        None if entry.tolerance_seconds.is_some() || entry.time_unit.is_some() => {
            return Err("tolerance_seconds and time_unit need a time".into());
        }
        None => None,
        Some(time) if balanced(&time) && signed.contains(&time) && time.starts_with('{') => {
            let unit = match entry.time_unit.as_deref() {
                None => None,
                Some("seconds") => Some(TimeUnit::Seconds),
                Some("milliseconds") => Some(TimeUnit::Milliseconds),
                Some(_) => return Err("time_unit must be seconds or milliseconds".into()),
            };
            let tolerance_seconds = entry.tolerance_seconds.unwrap_or(TOLERANCE_SECONDS);
            Some(SignedTime { at: Cow::Owned(time), tolerance_seconds, unit })
        }
        Some(_) => return Err("time must be part of signed, such as {x-timestamp}".into()),
    };
    Ok(Scheme::Mac(Cow::Owned(vec![Mac {
        hash: either("hash", &entry.hash, [("sha256", MacHash::Sha256), ("sha1", MacHash::Sha1)])?,
        encoding: either(
            "encoding",
            &entry.encoding,
            [("hex", Encoding::Hex), ("base64", Encoding::Base64)],
        )?,
        key: either("secret", &entry.secret, [("text", MacKey::Text), ("base64", MacKey::Whsec)])?,
        header: Cow::Owned(header(&entry.header)?),
        between: Cow::Owned(entry.between.unwrap_or_default()),
        prefix: Cow::Owned(entry.prefix.unwrap_or_default()),
        signed: Cow::Owned(signed),
        time,
    }])))
}

/// Whether each `{` has its `}` before the next, with a name in lower case between them.
fn balanced(template: &str) -> bool {
    template.split('{').enumerate().all(|(n, part)| match (n, part.split_once('}')) {
        (0, None) => true,
        (0, Some(_)) | (_, None) => false,
        (_, Some((name, rest))) => {
            !name.is_empty() && !rest.contains('}') && *name == name.to_ascii_lowercase()
        }
    })
}
