//! `factfold audit`: verify the log; exit 3 and the record's position on a violation.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::expect::{self, Expected, HeadFindings};
use super::{Failure, Settings, output};
use crate::engine::{EngineError, fold_threads, read_log, read_log_with_index};
use crate::log::LogSnapshot;
use crate::log::disk::{Disk, RealDisk};
use crate::log::verify::verify;
use crate::proof::VerifierKey;
use crate::views::Views;

/// Verify the log: checksums, gaps, hash tree, key index, read models
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the log must contain: POSITION:ROOT, or a file with a checkpoint; may be given several times
    #[arg(long, value_name = "HEAD", value_parser = expect::expected)]
    expect: Vec<Expected>,
    /// Verifier key of checkpoints, or a file with one [default: the data directory's own]
    #[arg(long, value_name = "KEY", value_parser = expect::key)]
    key: Option<VerifierKey>,
}

/// Verifies the files, then the key index and the read models. Nothing in the data directory is changed, and a server
/// that has it goes on.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let config = settings.config()?;
    // First of all: a missing log is no damage.
    let dir = &config.data_dir;
    let read = read_log(dir);
    if let Err(error @ EngineError::Io { .. }) = read {
        return Err(error.into());
    }
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(dir));
    let report = verify(&disk);
    let mut violations: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    let mut notes = report.notes.clone();
    let mut expectations = HeadFindings::default();
    for expected in &args.expect {
        expected.check(dir, args.key.as_ref(), report.head(), read.as_ref().ok(), &mut expectations)?;
    }
    let is_intact = violations.is_empty();
    violations.extend(expectations.violations);
    notes.extend(expectations.notes);
    let mut models = Vec::new();
    if is_intact {
        let snapshot = read?;
        match wrong_keys(dir, &snapshot) {
            Ok(Some(wrong)) => violations.extend(wrong),
            Ok(None) => notes.push(
                "the key index was not checked: a server has the directory and checks it while it runs"
                    .into(),
            ),
            Err(Failure::Failed(why)) => notes.push(format!("the key index was not checked: {why}")),
            Err(other) => return Err(other),
        }
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
    }
    let root = hex::encode(report.head().root);
    notes.iter().for_each(|note| output::note(note));
    if settings.json {
        output::json_line(&json!({
            "position": report.head().position, "root": root, "facts": report.facts, "segments": report.segments,
            "blobs": report.blobs, "models": models, "notes": notes, "violations": violations,
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

/// Looks up every key, as a redelivery would, in a copy of the key index: opening it changes it. None while a server has
/// the directory.
fn wrong_keys(dir: &Path, snapshot: &LogSnapshot) -> Result<Option<Vec<String>>, Failure> {
    let unmade = |error: io::Error| Failure::Failed(format!("no folder for a copy of it: {error}"));
    let copy = tempfile::Builder::new().prefix("factfold-audit-").tempdir().map_err(unmade)?;
    let Some((log, secret)) = read_log_with_index(dir, snapshot.clone(), copy.path())? else {
        return Ok(None);
    };
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
    Ok(Some(wrong))
}
