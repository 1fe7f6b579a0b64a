//! What is written of an export: its lines, and beside them what the manifest tells.

use std::io::Write;

use domain::keys::Position;
use domain::members::Instant;
use domain::record::Hash;
use serde_json::Value;

use super::super::Failure;
use super::manifest::{BridgedRun, Hashed, LogHead, Manifest, Selected};
use crate::clock::system_clock;
use crate::log::merkle::Frontier;
use crate::spreadsheet;
use crate::views::export_scan::ExportSelection;

/// Output formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line; what `import` reads again
    Ndjson,
    /// A table for spreadsheets, bodies as JSON; it carries no proofs and cannot be imported
    Csv,
}

impl Format {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

/// Members of a line that are the columns of a table, in their order; the last one only with payloads.
const COLUMNS: [&str; 12] = [
    "position",
    "tenant",
    "provider",
    "external_id",
    "kind",
    "occurred_at",
    "time_source",
    "recorded_at",
    "body",
    "digest",
    "leaf",
    "original",
];

/// Writes lines as they come.
enum LineWriter<W: Write> {
    /// As they are.
    Ndjson(W),
    /// A row a fact, with so many columns.
    Csv(Box<csv::Writer<W>>, usize),
}

fn unwritten(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("the export could not be written: {error}"))
}

impl<W: Write> LineWriter<W> {
    fn begin(format: Format, out: W, raw: bool) -> Result<Self, Failure> {
        match format {
            Format::Ndjson => Ok(Self::Ndjson(out)),
            Format::Csv => {
                let (mut out, columns) = (csv::Writer::from_writer(out), COLUMNS.len() - usize::from(!raw));
                out.write_record(&COLUMNS[..columns]).map_err(unwritten)?;
                Ok(Self::Csv(Box::new(out), columns))
            }
        }
    }

    /// Writes the JSON of one fact.
    fn write(&mut self, json: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Ndjson(out) => out.write_all(json).and_then(|()| out.write_all(b"\n")).map_err(unwritten),
            Self::Csv(out, columns) => {
                let line: Value = serde_json::from_slice(json).map_err(unwritten)?;
                let cell = |column: &&str| match (*column, &line[*column]) {
                    ("original", Value::Null) => {
                        spreadsheet::cell(line["original_base64"].as_str().unwrap_or_default()).into_owned()
                    }
                    ("original" | "external_id", value) => {
                        spreadsheet::cell(value.as_str().unwrap_or_default()).into_owned()
                    }
                    (_, Value::String(text)) => text.clone(),
                    (_, Value::Null) => String::new(),
                    (_, other) => other.to_string(),
                };
                out.write_record(COLUMNS[..*columns].iter().map(cell)).map_err(unwritten)
            }
        }
    }

    /// Writes what is held back, and gives back what was written to.
    fn end(self) -> Result<W, Failure> {
        let mut out = match self {
            Self::Ndjson(out) => out,
            Self::Csv(out, _) => out.into_inner().map_err(|error| unwritten(error.error()))?,
        };
        out.flush().map_err(unwritten)?;
        Ok(out)
    }
}

/// An export that is being written.
pub struct ExportFile<W: Write> {
    selection: ExportSelection,
    format: Format,
    lines: LineWriter<Hashed<W>>,
    first: Option<Position>,
    last: Option<Position>,
    /// Over the lines.
    leaves: Frontier,
    /// Over lines and bridge.
    log: Frontier,
    bridge: Vec<BridgedRun>,
}

impl<W: Write> ExportFile<W> {
    /// Begins.
    ///
    /// # Errors
    /// The output's.
    pub fn begin(format: Format, out: W, selection: ExportSelection) -> Result<Self, Failure> {
        let lines = LineWriter::begin(format, Hashed::new(out), selection.raw)?;
        Ok(Self {
            selection,
            format,
            lines,
            first: None,
            last: None,
            leaves: Frontier::new(),
            log: Frontier::new(),
            bridge: Vec::new(),
        })
    }

    /// Writes a fact, as its line in JSON.
    ///
    /// # Errors
    /// The output's.
    pub fn fact(&mut self, position: Position, leaf: Hash, json: &[u8]) -> Result<(), Failure> {
        self.lines.write(json)?;
        self.first.get_or_insert(position);
        self.last = Some(position);
        self.leaves.push(leaf);
        self.log.push(leaf);
        Ok(())
    }

    /// Notes the leaf of a fact that no export shows.
    pub fn bridged(&mut self, position: Position, leaf: Hash) {
        self.log.push(leaf);
        match self.bridge.last_mut() {
            Some(run) if run.first_position + run.leaves.len() as u64 == position => run.leaves.push(leaf),
            _ => self.bridge.push(BridgedRun { first_position: position, leaves: vec![leaf] }),
        }
    }

    /// Ends the file of a log that goes up to `log`, and tells what it holds.
    ///
    /// # Errors
    /// The output's; [`Failure::Integrity`] where the leaves of a whole export do not come to the log's root.
    pub fn end(self, log: LogHead) -> Result<(Manifest, W), Failure> {
        let (out, bytes, sha256) = self.lines.end()?.end();
        if self.selection.is_whole()
            && (self.log.len(), hex::encode(self.log.root())) != (log.position, log.root.clone())
        {
            return Err(Failure::Integrity(format!(
                "the facts that were read come to position {} and root {}, the log is at {} and {}",
                self.log.len(),
                hex::encode(self.log.root()),
                log.position,
                log.root
            )));
        }
        let manifest = Manifest {
            format: Manifest::FORMAT.to_owned(),
            version: Manifest::VERSION,
            media: self.format.as_str().to_owned(),
            bytes,
            sha256,
            facts: self.leaves.len(),
            first_position: self.first,
            last_position: self.last,
            leaves_root: hex::encode(self.leaves.root()),
            log,
            selection: Selected::of(&self.selection),
            bridge: self.bridge,
            exported_at: Instant(system_clock()()).to_string(),
            generator: concat!("factfold ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Ok((manifest, out))
    }
}
