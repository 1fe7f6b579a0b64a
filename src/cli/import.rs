//! `factfold import`: NDJSON files into the log of a stopped server, every key checked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::keys::TenantId;
use indicatif::ProgressBar;
use parking_lot::Mutex;
use serde_json::json;

use super::{Failure, Settings, output};
use crate::engine::{DataDir, EngineError, open_log, system_clock};
use crate::ingest::Ingest;
use crate::ingest::answer::{IngestError, Posted, Tally};
use crate::ingest::directory::Directory;
use crate::ingest::items::{LineError, Lines};
use crate::ingest::post::Poster;
use crate::log::LogError;

/// Rejected lines that are shown one by one.
const SHOWN_MAX: u64 = 20;

/// Append facts from NDJSON files to the log of a stopped server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose facts
    #[arg(long)]
    tenant: String,
    /// Files of one JSON fact a line, as POST …/facts takes them; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Appends, and counts what became of every line.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let tenant = TenantId::new(&args.tenant).map_err(|error| Failure::Usage(format!("--tenant: {error}")))?;
    let config = settings.config()?;
    let dir = DataDir::take(&config.data_dir)?;
    let (log, secret, _opened) = open_log(&dir, system_clock())?;
    let known = config.tenants.iter().any(|known| known.id == tenant)
        || log.snapshot().groups()?.keys().any(|(known, _)| **known == *tenant.as_str());
    if !known {
        log.close();
        return Err(Failure::Usage(format!("--tenant: {tenant} is neither configured nor in the log")));
    }
    let directory =
        Directory::new(Vec::new(), Vec::new()).map_err(|error| Failure::Failed(error.to_string()))?;
    let ingest = Ingest::new(log.clone(), secret, system_clock(), String::new(), directory);
    let began = Instant::now();
    let mut total = Tally::default();
    for path in &args.files {
        total.merge(&one_file(&ingest, &tenant, path)?);
    }
    let seconds = began.elapsed().as_secs_f64();
    log.close();
    tell(settings, &total, seconds)?;
    if total.rejected > 0 {
        return Err(Failure::Failed(format!(
            "{} lines were rejected; the others are recorded",
            total.rejected
        )));
    }
    Ok(())
}

fn one_file(ingest: &Ingest, tenant: &TenantId, path: &Path) -> Result<Tally, Failure> {
    let name = path.display().to_string();
    let broken = |error: io::Error| Failure::Failed(format!("{name}: {error}"));
    let (input, len): (Box<dyn Read + Send>, u64) = if name == "-" {
        (Box::new(io::stdin()), 0)
    } else {
        let file = File::open(path).map_err(broken)?;
        let len = file.metadata().map_err(broken)?.len();
        (Box::new(file), len)
    };
    let bar = output::bytes_progress(len, &format!("importing {name}"));
    let mut numbers = std::collections::VecDeque::new();
    let mut shown = 0;
    let (sender, numbered) = std::sync::mpsc::channel();
    let failed = Mutex::new(None);
    let lines = Lines::new(Metered { input, bar: bar.clone() }).map_while(|(number, line)| match line {
        Ok(line) => sender.send((number, None)).is_ok().then_some(line),
        // A line that cannot be one goes on as an empty one, which is rejected under its number.
        Err(error @ LineError::TooLong) => {
            sender.send((number, Some(error.to_string()))).is_ok().then(bytes::Bytes::new)
        }
        Err(LineError::Io(error)) => {
            *failed.lock() = Some(error);
            None
        }
    });
    let tally = ingest.import::<Failure>(tenant, Poster::Admin, lines, |posted| {
        numbers.extend(numbered.try_iter());
        let (number, fault) = numbers.pop_front().unwrap_or_default();
        if let Some(why) = fault.or_else(|| rejection(&posted))
            && shown < SHOWN_MAX
        {
            shown += 1;
            bar.suspend(|| output::note(&format!("{name}:{number}: {why}")));
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    match failed.into_inner() {
        None => Ok(tally),
        Some(error) => {
            let recorded = output::grouped(tally.recorded);
            Err(Failure::Failed(format!(
                "{name}: {error}; it was read no further, {recorded} facts were recorded"
            )))
        }
    }
}

fn rejection(posted: &Posted) -> Option<String> {
    match posted {
        Posted::Recorded(_) | Posted::Duplicate(_) => None,
        Posted::Conflict(conflict) => {
            Some(format!("recorded at position {} with other content", conflict.first_position))
        }
        Posted::Rejected(errors) => errors.first().map(ToString::to_string),
        Posted::Unparsable(why) => Some(format!("no JSON: {why}")),
        Posted::NotAccepted(kind) => Some(format!("{kind} is made by the engine only")),
        Posted::Forbidden(kind) => Some(format!("{kind} may not be imported")),
    }
}

/// Tells the bar how far the file was read.
struct Metered {
    input: Box<dyn Read + Send>,
    bar: ProgressBar,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}

fn tell(settings: &Settings, total: &Tally, seconds: f64) -> Result<(), Failure> {
    let lines = total.recorded + total.duplicates + total.conflicts + total.rejected;
    let rate = lines as f64 / seconds.max(1e-9);
    if settings.json {
        let mut answer = json!(total);
        answer["seconds"] = seconds.into();
        answer["lines_per_second"] = rate.round().into();
        return output::json_line(&answer);
    }
    let counts = [
        ("recorded", total.recorded),
        ("duplicates", total.duplicates),
        ("conflicts", total.conflicts),
        ("rejected", total.rejected),
    ];
    let rows = counts.map(|(what, count)| vec![what.to_owned(), output::grouped(count)]);
    output::table(&["lines", "count"], rows)?;
    output::note(&format!(
        "{} lines in {seconds:.1} s: {} a second",
        output::grouped(lines),
        output::grouped(rate as u64)
    ));
    Ok(())
}
