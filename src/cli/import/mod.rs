//! `factfold import`: NDJSON files into the log of a stopped server, every key checked.

mod brought;
mod feed;
mod mark;
mod outcome;
mod posted;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::keys::{Position, TenantId};
use indicatif::ProgressBar;
use serde_json::json;

use self::feed::{Begun, Feed};
use self::mark::Marks;
use self::outcome::{Content, FileOutcome, TenantOutcome};
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
use crate::ingest::items::Lines;
use crate::ingest::restore::PositionMap;
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
///
/// When all files were read, the end of each is recorded too (`import_finished`): past months that they filled are closed
/// from then on, and what changes them later is listed as a restatement. Over a server this needs an operator's token.
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
            let read = args.files.iter().map(|path| runtime.block_on(posted::file(&remote, tenant, path)));
            let files = read.collect::<Result<Vec<FileOutcome>, Failure>>()?;
            for file in &files {
                total.merge(&file.tally);
                runtime.block_on(posted::finish(&remote, file))?;
            }
        }
        (_, tenant) => {
            let (config, offline) = settings.offline_or_new(INSTEAD)?;
            all_known(&offline, &config, tenant.iter().map(TenantId::as_str))?;
            brought::tenants_first(&offline.commands, &config, &args.files, tenant.as_ref())?;
            let positions = PositionMap::default();
            let mut import = Import { offline: &offline, tenant: tenant.as_ref(), positions, passed_over: 0 };
            let read = args.files.iter().map(|path| import.file(path));
            let files = read.collect::<Result<Vec<(FileOutcome, Option<Marks<'_>>)>, Failure>>()?;
            passed_over = import.passed_over;
            // Files of one command are one run: no month is closed before the last of them is in.
            for (file, marks) in files {
                total.merge(&file.tally);
                for (tenant, end) in file.ends() {
                    let finished = offline.commands.finish_import(tenant, end);
                    finished.map_err(|error| Failure::Failed(format!("{}: {error}", file.name)))?;
                }
                marks.into_iter().for_each(Marks::done);
            }
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
    let input = Metered { input, bar: bar.clone(), content: Content::default() };
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

impl<'a> Import<'a> {
    /// Imports a file; its marks stay until the end of its import is recorded.
    fn file(&mut self, path: &Path) -> Result<(FileOutcome, Option<Marks<'a>>), Failure> {
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
        let (mut tally, mut tenants) = (BatchTally::default(), BTreeMap::<TenantId, TenantOutcome>::new());
        if let Some(mark) = from {
            output::note(&format!("{name}: goes on behind line {}, where an import was stopped", mark.line));
            lines = lines.after(mark.line, mark.bytes);
            let outcome = mark.outcome();
            tally = outcome.tally;
            tenants.extend(self.tenant.map(|tenant| (tenant.clone(), outcome)));
            self.passed_over += mark.line;
        }
        let under_way = RefCell::new(VecDeque::new());
        let mut feed = Feed::new(lines, &under_way, self.tenant.is_none());
        let mut shown = 0;
        while feed.ended.is_none() {
            // A line that names other facts waits until all before it are durable.
            let there = feed.held.as_ref().map(|held| held.there);
            let mut each = |posted: Posted| {
                let Begun { number, end, exported, tenant, fault } =
                    under_way.borrow_mut().pop_front().unwrap_or_default();
                tally.add(&posted);
                if let Some(tenant) = self.tenant.or(tenant.as_ref()) {
                    let outcome = match tenants.get_mut(tenant) {
                        Some(outcome) => outcome,
                        None => tenants.entry(tenant.clone()).or_default(),
                    };
                    outcome.add(&posted);
                    if let Some(marks) = &mut marks {
                        if exported {
                            marks.stop();
                        }
                        marks.reached(number, end, outcome)?;
                    }
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
                let content = feed.lines.input().content.clone();
                Ok((FileOutcome { name, tally, tenants, content }, marks))
            }
            Some(Err(error)) => Err(read_no_further(&name, &error, &tally)),
        }
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
    content: Content,
}

impl Metered {
    /// Reads what an import before had read: it is part of the content.
    fn pass_over(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.take(bytes), &mut io::sink()).map(drop)
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.input {
            Some(file) => file.read(buffer)?,
            None => io::stdin().read(buffer)?,
        };
        self.bar.inc(read as u64);
        self.content.read(&buffer[..read]);
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
