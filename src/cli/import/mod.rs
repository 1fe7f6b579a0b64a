//! `factfold import`: NDJSON files into the log of a stopped server, every key checked.

mod brought;
mod mark;
mod posted;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use domain::keys::{Position, TenantId};
use indicatif::ProgressBar;
use serde_json::json;

use self::mark::Marks;
use super::arguments::{all_known, tenant};
use super::export::manifest::{Manifest, Selected};
use super::export::verify::{self, ExportCheck};
use super::remote::Remote;
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::engine::{EngineError, Offline};
use crate::ingest::LineSource;
use crate::ingest::answer::{BatchTally, Posted};
use crate::ingest::error::IngestError;
use crate::ingest::items::{LineError, Lines};
use crate::ingest::restore::{PositionMap, is_exported, referring};
use crate::log::LogError;

/// Rejected lines that are shown one by one.
const SHOWN_MAX: u64 = 20;
/// Which route does the same while a server has the data directory.
const INSTEAD: &str = "factfold import --server URL, or POST /api/v1/tenants/{tenant}/facts";

/// Append facts from NDJSON files to the log of a stopped server, or of a running one with --server.
///
/// Each line is one fact, either in the form that POST …/facts accepts (for the tenant given by --tenant) or a line of
/// an `export`, which names its tenant. Known facts are reported as duplicates, so an interrupted import can be run
/// again: it resumes where it stopped if the file is unchanged, and its totals cover the whole file. An export is always
/// read from the start.
///
/// In a directory that never started, the tenants of the configuration are recorded first, as a start does, except those
/// that the files configure themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold import --tenant acme calls.ndjson\n  \
    zcat old.ndjson.gz | factfold import --tenant acme -\n  \
    FACTFOLD_TOKEN=ff_… factfold import --tenant acme --server http://127.0.0.1:8080 calls.ndjson\n  \
    factfold import facts.ndjson --manifest facts.ndjson.manifest.json")]
pub struct Args {
    /// Tenant that the facts belong to; an export names it on each line
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    /// Manifest of a single export file; a file that differs from it is refused before anything is recorded
    #[arg(long, value_name = "MANIFEST")]
    manifest: Option<PathBuf>,
    /// A running server that the facts are posted to, with the token in FACTFOLD_TOKEN, else FACTFOLD_ADMIN_TOKEN
    #[arg(long, value_name = "URL", requires = "tenant", conflicts_with = "manifest")]
    server: Option<String>,
    /// Files of one JSON fact a line; - is standard input
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
    if let Some(manifest) = &args.manifest {
        let [file] = &args.files[..] else {
            return Err(Failure::Usage("--manifest requires exactly one FILE".into()));
        };
        let manifest = Manifest::read(manifest)?;
        told_of(&manifest, &verify::check(&manifest, file)?);
    }
    let began = Instant::now();
    let (mut total, mut passed_over) = (BatchTally::default(), 0);
    match (&args.server, &args.tenant) {
        (Some(server), Some(tenant)) => {
            let remote = Remote::of(&settings.config()?, Some(server))?;
            let runtime = runtime()?;
            runtime.block_on(remote.is_there())?;
            for path in &args.files {
                total.merge(&runtime.block_on(posted::file(&remote, tenant, path))?);
            }
        }
        (_, tenant) => {
            let (config, offline) = settings.offline_or_new(INSTEAD)?;
            all_known(&offline, &config, tenant.iter().map(TenantId::as_str))?;
            brought::tenants_first(&offline.commands, &config, &args.files, tenant.as_ref())?;
            let positions = PositionMap::default();
            let mut import = Import { offline: &offline, tenant: tenant.as_ref(), positions, passed_over: 0 };
            for path in &args.files {
                total.merge(&import.file(path)?);
            }
            passed_over = import.passed_over;
        }
    }
    tell(settings, &total, passed_over, began.elapsed().as_secs_f64())?;
    if total.rejected > 0 {
        return Err(Failure::Failed(format!(
            "{} lines were rejected; the others are recorded",
            total.rejected
        )));
    }
    Ok(())
}

/// Tells what an export proves, and loudly what it does not.
fn told_of(manifest: &Manifest, verified: &ExportCheck) {
    let ExportCheck { is_proven, bridged, unproven_references } = *verified;
    if is_proven {
        output::note(&format!(
            "each of {} facts follows from its line, with {} bridged leaves; root of the log {}",
            output::grouped(manifest.facts),
            output::grouped(bridged),
            manifest.log.root
        ));
    } else {
        output::note("NOT PROVEN: this export is of version 1, whose lines do not prove what they say");
    }
    if unproven_references > 0 {
        let count = output::grouped(unproven_references);
        output::note(&format!("NOT PROVEN: {count} keys of facts that this export does not hold"));
    }
    if manifest.selection.figures.as_deref() == Some(Selected::DIFFER) {
        output::note("FIGURES WILL DIFFER: this export leaves out facts of its tenants");
    }
}

/// A file that is read, or standard input.
struct Input {
    /// As it was named.
    name: String,
    input: Metered,
    bar: ProgressBar,
    /// None of standard input.
    about: Option<Metadata>,
}

fn open(path: &Path) -> Result<Input, Failure> {
    let name = path.display().to_string();
    let broken = |error: io::Error| Failure::Failed(format!("{name}: {error}"));
    let (input, about) = if name == "-" {
        (None, None)
    } else {
        let file = File::open(path).map_err(broken)?;
        let about = file.metadata().map_err(broken)?;
        (Some(file), Some(about))
    };
    let bar = output::bytes_progress(about.as_ref().map_or(0, Metadata::len), &format!("importing {name}"));
    let input = Metered { input, bar: bar.clone() };
    Ok(Input { name, input, bar, about })
}

fn read_no_further(name: &str, error: &io::Error, tally: &BatchTally) -> Failure {
    let recorded = output::grouped(tally.recorded);
    Failure::Failed(format!("{name}: {error}; reading stopped here; {recorded} facts were recorded"))
}

struct Import<'a> {
    offline: &'a Offline,
    tenant: Option<&'a TenantId>,
    positions: PositionMap,
    /// Lines that an import which was stopped had answered.
    passed_over: u64,
}

impl Import<'_> {
    fn file(&mut self, path: &Path) -> Result<BatchTally, Failure> {
        // Another file may be the export of another log, whose positions are others.
        self.positions = PositionMap::default();
        let Input { name, mut input, bar, about } = open(path)?;
        let broken = |error: io::Error| Failure::Failed(format!("{name}: {error}"));
        let (mut marks, mut from) = (None, None);
        if let Some(about) = &about {
            let kept = (&self.offline.store, &self.offline.log);
            let kept = Marks::new(kept, path, about, self.tenant).map_err(broken)?;
            from = kept.found()?;
            input.pass_over(from.as_ref().map_or(0, |mark| mark.bytes)).map_err(broken)?;
            marks = Some(kept);
        }
        let mut lines = Lines::new(input).of_exports();
        let mut tally = BatchTally::default();
        if let Some(mark) = from {
            output::note(&format!("{name}: goes on behind line {}, where an import was stopped", mark.line));
            (lines, tally) = (lines.after(mark.line, mark.bytes), mark.tally());
            self.passed_over += mark.line;
        }
        let under_way = RefCell::new(VecDeque::new());
        let mut feed = Feed { lines, under_way: &under_way, held: None, ended: None };
        let mut shown = 0;
        while feed.ended.is_none() {
            // A line that names other facts waits until all before it are durable.
            let there = feed.held.as_ref().map(|held| held.there);
            let mut each = |posted: Posted| {
                let Begun { number, end, exported, fault } =
                    under_way.borrow_mut().pop_front().unwrap_or_default();
                tally.add(&posted);
                if let Some(marks) = &mut marks {
                    if exported {
                        marks.stop();
                    }
                    marks.reached(number, end, &tally)?;
                }
                if let (Some(there), Some(here)) = (there, place(&posted)) {
                    self.positions.put(there, here);
                }
                if let Some(why) = fault.or_else(|| rejection(&posted))
                    && shown < SHOWN_MAX
                {
                    shown += 1;
                    bar.suspend(|| output::note(&format!("{name}:{number}: {why}")));
                }
                Ok::<_, Failure>(())
            };
            let source = LineSource::File(self.tenant, &self.positions);
            let ingest = &self.offline.ingest;
            match feed.release() {
                Some(line) => ingest.import(source, std::iter::once(line), &mut each)?,
                None => ingest.import(source, &mut feed, &mut each)?,
            };
        }
        bar.finish_and_clear();
        match feed.ended {
            None | Some(Ok(())) => {
                if let Some(marks) = marks {
                    marks.done();
                }
                Ok(tally)
            }
            Some(Err(error)) => Err(read_no_further(&name, &error, &tally)),
        }
    }
}

/// A line that was handed out and is not answered yet.
#[derive(Default)]
struct Begun {
    number: u64,
    /// Bytes of the input up to its end.
    end: u64,
    /// Whether it is one of an export.
    exported: bool,
    /// Why it cannot be a fact.
    fault: Option<String>,
}

/// A line that names other facts.
struct Held {
    begun: Begun,
    line: Bytes,
    /// Its position in the log that it comes from.
    there: Position,
}

/// Hands out lines, and ends before one that names other facts until that one was released.
struct Feed<'a, R> {
    lines: Lines<R>,
    under_way: &'a RefCell<VecDeque<Begun>>,
    held: Option<Held>,
    /// How the input ended.
    ended: Option<io::Result<()>>,
}

impl<R> Feed<'_, R> {
    fn release(&mut self) -> Option<Bytes> {
        let Held { begun, line, .. } = self.held.take()?;
        self.under_way.borrow_mut().push_back(begun);
        Some(line)
    }
}

impl<R: Read> Iterator for Feed<'_, R> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.held.is_some() || self.ended.is_some() {
            return None;
        }
        let (number, line) = match self.lines.next() {
            None => {
                self.ended = Some(Ok(()));
                return None;
            }
            Some((_, Err(LineError::Io(error)))) => {
                self.ended = Some(Err(error));
                return None;
            }
            // A line that cannot be one goes on as an empty one, which is rejected under its number.
            Some((number, Err(error @ LineError::TooLong(_)))) => (number, Err(error.to_string())),
            Some((number, Ok(line))) => (number, Ok(line)),
        };
        let (line, fault) = line.map_or_else(|fault| (Bytes::new(), Some(fault)), |line| (line, None));
        let begun = Begun { number, end: self.lines.bytes(), exported: is_exported(&line), fault };
        if let Some(there) = referring(&line) {
            self.held = Some(Held { begun, line, there });
            return None;
        }
        self.under_way.borrow_mut().push_back(begun);
        Some(line)
    }
}

/// Where a line's fact stands.
fn place(posted: &Posted) -> Option<Position> {
    match posted {
        Posted::Recorded(position) | Posted::Duplicate(position) => Some(*position),
        Posted::Conflict(_)
        | Posted::Rejected(_)
        | Posted::Unparsable(_)
        | Posted::NotAccepted(_)
        | Posted::Forbidden(_) => None,
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

/// Tells the bar how far the file was read; without a file standard input is.
struct Metered {
    input: Option<File>,
    bar: ProgressBar,
}

impl Metered {
    fn pass_over(&mut self, bytes: u64) -> io::Result<()> {
        if let Some(file) = &mut self.input {
            file.seek(SeekFrom::Start(bytes))?;
            self.bar.set_position(bytes);
        }
        Ok(())
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.input {
            Some(file) => file.read(buffer)?,
            None => io::stdin().read(buffer)?,
        };
        self.bar.inc(read as u64);
        Ok(read)
    }
}

fn tell(settings: &Settings, total: &BatchTally, passed_over: u64, seconds: f64) -> Result<(), Failure> {
    let lines = total.recorded + total.duplicates + total.conflicts + total.rejected;
    let lines = lines.saturating_sub(passed_over);
    let rate = lines as f64 / seconds.max(1e-9);
    if settings.json {
        let mut answer = json!(total);
        answer["passed_over"] = passed_over.into();
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
