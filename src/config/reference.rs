//! The reference of `factfold.toml`: every table and key with its type, default and example, as data.
//!
//! A table of the parser has its declaration in `server.rs`, `tenant.rs` or `mapping.rs` here. The tests ask the parser
//! itself which keys it knows, so neither can have one that the other lacks; and they parse the printed reference with
//! every example in force.

mod mapping;
mod server;
mod tenant;
#[cfg(test)]
mod tests;

use serde::Serialize;

/// When a running server takes a changed key over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TakenOver {
    /// At SIGHUP.
    Sighup,
    /// When it starts again.
    Restart,
}

/// What holds where a key is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unless {
    /// Nothing does: the key must be given.
    Required,
    /// There is no default.
    Absent,
    /// This value, as TOML.
    Default(&'static str),
    /// What a value cannot say, in words.
    Words(&'static str),
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceKey {
    /// Its name.
    pub name: &'static str,
    /// Its type in words.
    pub kind: &'static str,
    /// What holds without it.
    pub unless: Unless,
    /// A value that is accepted, as TOML.
    pub example: &'static str,
    /// What it means, line by line.
    pub about: &'static [&'static str],
}

/// A table of the file.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceTable {
    /// As it stands in the file: `[http]`, `[[tenant]]`; empty for the keys before the first one.
    pub header: &'static str,
    /// What it is for, line by line.
    pub about: &'static [&'static str],
    /// When a change holds.
    pub taken_over: TakenOver,
    /// Its keys.
    pub keys: &'static [ReferenceKey],
}

/// Declares tables: `"[header]" sighup|restart { key: "type", unless, example VALUE; }`, where `unless` is `required`,
/// `absent`, `default(VALUE)` or `words("…")`; values are TOML, and doc comments say what tables and keys mean.
macro_rules! tables {
    ($($(#[doc = $about:literal])* $header:literal $taken:ident {
        $($(#[doc = $doc:literal])* $key:ident: $kind:literal, $unless:ident $(($given:tt))?, example $example:tt;)*
    })*) => {
        &[$($crate::config::reference::ReferenceTable {
            header: $header,
            about: &[$($about),*],
            taken_over: tables!(taken $taken),
            keys: &[$($crate::config::reference::ReferenceKey {
                name: stringify!($key),
                kind: $kind,
                unless: tables!($unless $($given)?),
                example: stringify!($example),
                about: &[$($doc),*],
            }),*],
        }),*]
    };
    (taken sighup) => { $crate::config::reference::TakenOver::Sighup };
    (taken restart) => { $crate::config::reference::TakenOver::Restart };
    (required) => { $crate::config::reference::Unless::Required };
    (absent) => { $crate::config::reference::Unless::Absent };
    (default $value:tt) => { $crate::config::reference::Unless::Default(stringify!($value)) };
    (words $words:literal) => { $crate::config::reference::Unless::Words($words) };
}
use tables;

/// Every table, in the order of the reference.
pub fn reference_tables() -> impl Iterator<Item = &'static ReferenceTable> {
    server::TABLES.iter().chain(tenant::TABLES).chain(mapping::TABLES)
}

/// What the value of a key must be: `must be an array of texts, such as event = ["call.finished"]`. Of a table, how it is
/// written. None where the reference has neither.
pub fn value_rule(table: &str, name: &str) -> Option<String> {
    let key = [table, name].join(".").trim_start_matches('.').to_owned();
    let mut tables = reference_tables();
    if let Some(table) = tables.find(|table| table.name() == key) {
        return Some(format!("must be a table, written {}", table.header));
    }
    let table = reference_tables().find(|known| known.name() == table)?;
    let key = table.keys.iter().find(|key| key.name == name)?;
    let article = if key.kind.starts_with(['a', 'i']) { "an" } else { "a" };
    Some(format!("must be {article} {}, such as {name} = {}", key.kind, key.example()))
}

/// One line of `factfold config reference --json`.
#[derive(Debug, Serialize)]
pub struct ReferenceLine {
    /// The key with its table: `http.cors`, `tenant.rules.qualified_min_seconds`.
    key: String,
    /// Its type in words.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether it must be given.
    required: bool,
    /// What holds without it: TOML, or words; null where there is no default.
    default: Option<&'static str>,
    /// A value as TOML.
    example: String,
    /// What it means.
    about: String,
    /// When a running server takes a change over.
    taken_over: TakenOver,
}

/// Every key as a line.
pub fn reference_lines() -> impl Iterator<Item = ReferenceLine> {
    reference_tables().flat_map(|table| table.keys.iter().map(move |key| key.line(table)))
}

impl ReferenceTable {
    /// Its name without brackets; empty for the keys before the first table.
    pub fn name(&self) -> &'static str {
        self.header.trim_matches(['[', ']'])
    }

    /// Whether it describes a value that other tables hold, and is none of the file itself.
    fn is_of_values(&self) -> bool {
        self.header.contains(mapping::FIELD)
    }
}

impl ReferenceKey {
    fn line(&self, table: &ReferenceTable) -> ReferenceLine {
        let key = [table.name(), self.name].join(".");
        let default = match self.unless {
            Unless::Required | Unless::Absent => None,
            Unless::Default(given) | Unless::Words(given) => Some(given),
        };
        ReferenceLine {
            key: key.trim_start_matches('.').to_owned(),
            kind: self.kind,
            required: self.unless == Unless::Required,
            default,
            example: self.example(),
            about: self.about.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
            taken_over: table.taken_over,
        }
    }

    /// On one line: the compiler breaks a long one where it makes a text of it.
    fn example(&self) -> String {
        self.example.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    }

    fn unless(&self) -> String {
        match self.unless {
            Unless::Required => "required".to_owned(),
            Unless::Absent => "no default".to_owned(),
            Unless::Default(value) => format!("default {value}"),
            Unless::Words(words) => format!("default: {words}"),
        }
    }
}

const INTRODUCTION: &str = "\
# factfold.toml: every table and key, as `factfold config reference` prints it.
#
# Tables and keys are commented out. The value of a key is an example; the line above it says the type, what holds
# without it, and when a running server takes a change over: at SIGHUP or at a restart. A secret is written as `env:NAME`,
# `file:PATH` or as it is. Numbers may have `_` between digits.
";

/// The whole reference as TOML. Prose begins with `# `; tables and keys begin with `#`, and without it they are a
/// configuration that is accepted.
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    let prose = |text: &mut String, lines: &[&str]| {
        lines.iter().for_each(|line| text.push_str(&format!("# {}\n", line.trim())));
    };
    for table in reference_tables() {
        text.push('\n');
        prose(&mut text, table.about);
        // A value's keys stay prose: not all of them go together.
        let mark = if table.is_of_values() { "#   " } else { "#" };
        if !table.header.is_empty() {
            text.push_str(&format!("{mark}{}\n", table.header));
        }
        let taken_over = match table.taken_over {
            TakenOver::Sighup => "at SIGHUP",
            TakenOver::Restart => "at a restart",
        };
        for key in table.keys {
            text.push('\n');
            prose(&mut text, key.about);
            text.push_str(&format!("# {}; {}; {taken_over}\n", key.kind, key.unless()));
            text.push_str(&format!("{mark}{} = {}\n", key.name, key.example()));
        }
    }
    text
}
