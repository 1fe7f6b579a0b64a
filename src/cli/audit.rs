//! `factfold audit`: verify the log; exit 3 and the record's position on a violation.

use std::ops::ControlFlow;
use std::sync::Arc;

use domain::keys::LogSecret;
use serde_json::json;

use super::{Failure, Settings, output};
use crate::clock::system_clock;
use crate::engine::{DataDir, fold_threads, open_log};
use crate::log::disk::Disk;
use crate::log::verify::verify;
use crate::log::{Log, LogSnapshot};
use crate::views::Views;

/// Verify the log: checksums, gaps, hash tree, key index, read models
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Verifies the files first, before anything is opened for writing; then the key index and the read models.
pub fn run(settings: &Settings, _args: &Args) -> Result<(), Failure> {
    let config = settings.config()?;
    let dir = DataDir::existing(&config.data_dir)?;
    let disk: Arc<dyn Disk> = dir.disk();
    let report = verify(&disk);
    let mut violations: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    let mut models = Vec::new();
    if violations.is_empty() {
        let (log, secret, _opened) = open_log(&dir, system_clock())?;
        let snapshot = log.snapshot();
        violations.extend(wrong_keys(&log, &snapshot, &secret)?);
        let lanes = Views::fold_once(&snapshot, fold_threads(), &|_| {})?;
        let in_order = Views::fold_in_order(&snapshot)?;
        for (model, again) in lanes.iter().zip(&in_order) {
            if model.digest != again.digest {
                let found = format!(
                    "model {}: folded by lanes {}, in order {}",
                    model.name, model.digest, again.digest
                );
                violations.push(found);
            }
            models.push(json!({"name": model.name, "digest": model.digest}));
        }
        log.close();
    }
    let root = hex::encode(report.head().root);
    report.notes.iter().for_each(|note| output::note(note));
    if settings.json {
        output::json_line(&json!({
            "position": report.head().position, "root": root, "facts": report.facts, "segments": report.segments,
            "blobs": report.blobs, "models": models, "notes": report.notes, "violations": violations,
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
        Some(first) => {
            Err(Failure::Integrity(format!("{first}; and {} more violations", violations.len() - 1)))
        }
    }
}

/// Most wrong index entries in the report: the index is rebuilt as a whole anyway.
const WRONG_KEYS_MAX: usize = 10;
/// Facts per read: a sealed segment's worth, so that each chunk is decoded once.
const FACTS_AT_ONCE: u64 = 65_536;
/// Keys per lookup, as in the log's writer.
const KEYS_AT_ONCE: usize = 512;

/// Looks up every key, as a redelivery would.
fn wrong_keys(log: &Log, snapshot: &LogSnapshot, secret: &LogSecret) -> Result<Vec<String>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Integrity(error.to_string());
    let (mut keys, mut found, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = 1;
    while first <= snapshot.head().position && wrong.len() < WRONG_KEYS_MAX {
        keys.clear();
        let read = snapshot.in_order(first, first + FACTS_AT_ONCE - 1, false, &mut |_, record| {
            let header = &record.header;
            keys.push(secret.key_hash(header.tenant, header.provider, header.external_id));
            ControlFlow::Continue(())
        });
        read.map_err(|error| failed(&error))?;
        for (group, from) in keys.chunks(KEYS_AT_ONCE).zip((first..).step_by(KEYS_AT_ONCE)) {
            log.index().find_many(group, &mut found).map_err(|error| failed(&error))?;
            for (position, entry) in (from..).zip(&found) {
                let at = match entry {
                    Some(entry) if entry.position == position => continue,
                    Some(entry) => format!("at position {}", entry.position),
                    None => "nowhere".to_owned(),
                };
                wrong.push(format!("key index: the key of position {position} is found {at}"));
            }
        }
        first += FACTS_AT_ONCE;
    }
    wrong.truncate(WRONG_KEYS_MAX);
    Ok(wrong)
}
