//! `factfold audit`: walk the log and prove it; exit 3 and the record's name on a violation.

use serde_json::json;

use super::replay::default_threads;
use super::{Failure, Settings, output};
use crate::engine::{DataDir, open_log, system_clock};
use crate::log::verify::verify;
use crate::views::Views;

/// Walk the log: checksums, gaps, tree, index, read models.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Walks files first, before anything is opened to write; then index and read models.
pub fn run(settings: &Settings, _args: &Args) -> Result<(), Failure> {
    let config = settings.config()?;
    let dir = DataDir::existing(&config.data_dir)?;
    let report = verify(&*dir.disk());
    let mut violations: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    let mut models = Vec::new();
    if violations.is_empty() {
        let (log, secret, _opened) = open_log(&dir, system_clock())?;
        violations.extend(log.audit_keys()?);
        let snapshot = log.snapshot();
        let lanes = Views::fold_once(&snapshot, &secret, default_threads(), &|_| {})?;
        let in_order = Views::fold_in_order(&snapshot, &secret)?;
        for (model, again) in lanes.iter().zip(&in_order) {
            if model.hex() != again.hex() {
                let found = format!("model {}: folded by lanes {}, in order {}", model.name, model.hex(), again.hex());
                violations.push(found);
            }
            models.push(json!({"name": model.name, "digest": model.hex()}));
        }
        log.close();
    }
    let root: String = report.head().root.iter().map(|byte| format!("{byte:02x}")).collect();
    if settings.json {
        output::json_line(&json!({
            "position": report.head().position, "root": root, "facts": report.facts, "segments": report.segments,
            "blobs": report.blobs, "models": models, "violations": violations,
        }))?;
    } else {
        let rows = vec![
            vec!["facts".to_owned(), output::grouped(report.facts)],
            vec!["segments".to_owned(), output::grouped(report.segments)],
            vec!["blobs".to_owned(), output::grouped(report.blobs)],
            vec!["root".to_owned(), root],
            vec!["violations".to_owned(), violations.len().to_string()],
        ];
        output::table(&["what", "found"], rows)?;
    }
    match violations.first() {
        None => Ok(()),
        Some(first) if violations.len() == 1 => Err(Failure::Integrity(first.clone())),
        Some(first) => Err(Failure::Integrity(format!("{first}; and {} more violations", violations.len() - 1))),
    }
}
