//! `factfold replay`: rebuild the read models from the log, and report digests and rate.

use std::time::Instant;

use serde_json::json;

use super::{Failure, Settings, output};
use crate::engine::{fold_threads, read_log_with_secret};
use crate::views::Views;

/// Rebuild all read models from the log
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of threads [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// Rebuilds the models and prints their digests.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let config = settings.config()?;
    // A secret of another log would key other persons: it is found before the next start of the server finds it.
    let (log, _secret) = read_log_with_secret(&config.data_dir)?;
    let snapshot = log.snapshot();
    let facts = snapshot.head().position;
    let threads = args.threads.map_or_else(fold_threads, usize::from);
    let bar = output::progress(facts, "replaying");
    let began = Instant::now();
    let digests = Views::fold_once(&snapshot, threads, &|progress| bar.set_position(progress.folded))?;
    let seconds = began.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let rate = facts as f64 / seconds.max(1e-9);
    if settings.json {
        return output::json_line(&json!({
            "facts": facts, "seconds": seconds, "facts_per_second": rate.round(), "threads": threads, "models": digests,
        }));
    }
    let rows = digests.iter().map(|digest| {
        vec![
            digest.name.to_owned(),
            digest.version.to_string(),
            digest.position.to_string(),
            digest.digest.clone(),
        ]
    });
    output::table(&["model", "version", "position", "digest"], rows)?;
    output::note(&format!(
        "{} facts in {seconds:.2} s on {threads} threads: {} facts/s",
        output::grouped(facts),
        output::grouped(rate as u64)
    ));
    Ok(())
}
