//! The lines of an export: a fact with its leaf, and with the keys of what it names.

use std::io::Write;

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::{Position, TenantId};
use domain::record::{Hash, RecordRef};
use serde::Serialize;
use serde_json::Value;

use super::super::Failure;
use crate::log::{LogError, LogSnapshot};
use crate::views::facts::{FactFilter, FactItem, fact_item, page};

/// Output formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line; what `import` reads again
    Ndjson,
    /// A table for spreadsheets, bodies as JSON
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

/// A fact in an export.
#[derive(Serialize)]
pub struct Line {
    #[serde(flatten)]
    fact: FactItem,
    /// Its leaf in the log's Merkle tree.
    leaf: String,
    /// What it names, by position and key: positions are others in another log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refers: Vec<Reference>,
    /// Of a rejected conflict the `conflict_observed`: which content was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Value>,
}

#[derive(Serialize)]
struct Reference {
    position: Position,
    tenant: String,
    provider: String,
    external_id: String,
}

/// Lays a fact of `log` down, with its payload where `raw`; `leaf` is the record's.
pub fn line(
    log: &LogSnapshot,
    position: Position,
    record: &RecordRef<'_>,
    (leaf, raw): (&Hash, bool),
) -> Result<Line, Failure> {
    let mut fact = fact_item(position, record)?;
    let header = &record.header;
    if raw {
        let payload = log.original(record)?;
        if !payload.is_empty() {
            fact.show_original(&payload);
        }
    }
    let broken = |error: &dyn std::fmt::Display| Failure::Integrity(format!("position {position}: {error}"));
    let decoded = Fact::decode(header.kind, header.version, record.public, record.personal());
    let decoded = decoded.map_err(|error| broken(&error))?;
    let tenant = TenantId::stored(header.tenant).map_err(|error| broken(&error))?;
    let mut refers = Vec::new();
    for there in decoded.references() {
        refers.extend(reference(log, &tenant, there, matches!(decoded, Fact::Report(_)))?);
    }
    let evidence = match &decoded {
        Fact::Control(ControlFact::ConflictRejected(body)) => {
            evidence(log, &tenant, position, (body.first_position, &hex::encode(body.second_digest)))?
        }
        _ => None,
    };
    Ok(Line { fact, leaf: hex::encode(leaf), refers, evidence })
}

/// The fact at a position that a fact of `tenant` names; of a report the tenant's last one up to there.
fn reference(
    log: &LogSnapshot,
    tenant: &TenantId,
    there: Position,
    is_report: bool,
) -> Result<Option<Reference>, Failure> {
    let at = if is_report {
        let filter = FactFilter { up_to: there, ..FactFilter::all(tenant.clone()) };
        page(log, &filter, None, 1)?.items.first().map(|fact| fact.position)
    } else {
        Some(there)
    };
    let Some(at) = at else { return Ok(None) };
    let Some(record) = log.read(at)? else { return Ok(None) };
    let view = record.view().map_err(|error| LogError::Record { position: at, error })?;
    Ok(Some(Reference {
        position: there,
        tenant: view.header.tenant.to_owned(),
        provider: view.header.provider.to_owned(),
        external_id: view.header.external_id.to_owned(),
    }))
}

/// The body of the `conflict_observed` over which was decided.
fn evidence(
    log: &LogSnapshot,
    tenant: &TenantId,
    up_to: Position,
    (first, second): (Position, &str),
) -> Result<Option<Value>, Failure> {
    let kind = domain::facts::kind_named("conflict_observed");
    let filter = FactFilter { kind, up_to, ..FactFilter::all(tenant.clone()) };
    let mut cursor = None;
    loop {
        let found = page(log, &filter, cursor, EVIDENCE_AT_ONCE)?;
        let is_it = |fact: &FactItem| {
            fact.body["first_position"] == first && fact.body["second_digest"].as_str() == Some(second)
        };
        if let Some(fact) = found.items.into_iter().find(is_it) {
            return Ok(Some(fact.body));
        }
        cursor = match found.next {
            Some(next) => Some(next),
            None => return Ok(None),
        };
    }
}

/// Conflicts looked through at a time.
const EVIDENCE_AT_ONCE: usize = 500;

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
pub enum LineWriter<W: Write> {
    /// One JSON object a line.
    Ndjson(W),
    /// A header, then a row a fact; the last column only with `raw`.
    Csv(Box<csv::Writer<W>>, bool),
}

fn unwritten(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("the export could not be written: {error}"))
}

impl<W: Write> LineWriter<W> {
    /// Begins.
    pub fn begin(format: Format, out: W, raw: bool) -> Result<Self, Failure> {
        match format {
            Format::Ndjson => Ok(Self::Ndjson(out)),
            Format::Csv => {
                let mut out = csv::Writer::from_writer(out);
                let columns = COLUMNS.iter().take(COLUMNS.len() - usize::from(!raw));
                out.write_record(columns).map_err(unwritten)?;
                Ok(Self::Csv(Box::new(out), raw))
            }
        }
    }

    /// Writes one fact.
    pub fn write(&mut self, line: &Line) -> Result<(), Failure> {
        match self {
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut *out, line).map_err(unwritten)?;
                out.write_all(b"\n").map_err(unwritten)
            }
            Self::Csv(out, raw) => {
                let fact = &line.fact;
                let position = fact.position.to_string();
                let (external_id, body) = (as_text(&fact.external_id), fact.body.to_string());
                let original = fact.original.as_ref().or(fact.original_base64.as_ref());
                let original = as_text(original.map_or("", String::as_str));
                let cells: [&str; COLUMNS.len()] = [
                    &position,
                    &fact.tenant,
                    &fact.provider,
                    &external_id,
                    fact.kind,
                    &fact.occurred_at,
                    fact.time_source.unwrap_or(""),
                    &fact.recorded_at,
                    &body,
                    &fact.digest,
                    &line.leaf,
                    &original,
                ];
                out.write_record(&cells[..cells.len() - usize::from(!*raw)]).map_err(unwritten)
            }
        }
    }

    /// Writes what is held back, and gives back what was written to.
    pub fn end(self) -> Result<W, Failure> {
        let mut out = match self {
            Self::Ndjson(out) => out,
            Self::Csv(out, _) => out.into_inner().map_err(|error| unwritten(error.error()))?,
        };
        out.flush().map_err(unwritten)?;
        Ok(out)
    }
}

/// A spreadsheet takes a text that begins like a formula for one, unless a quote mark stands before it.
fn as_text(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_in_a_table_are_texts() {
        for (given, shown) in [("=1+1", "'=1+1"), ("@x", "'@x"), ("-1", "'-1"), ("CA1", "CA1"), ("", "")] {
            assert_eq!(as_text(given), shown);
        }
    }
}
