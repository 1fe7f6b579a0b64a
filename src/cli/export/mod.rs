//! `factfold export`: facts with a manifest by which file and log can be checked.

pub(super) mod lines;
pub mod manifest;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use domain::facts::kind_name;
use domain::keys::{Position, TenantId};
use domain::members::Instant;
use domain::record::{Hash, RecordRef};
use domain::rules::calendar::Bound;

use self::lines::{Format, LineWriter, line};
use self::manifest::{Hashed, LogHead, Manifest, Selected};
use super::arguments::{Selection, all_known, tenant};
use super::{Failure, Settings, output};
use crate::clock::system_clock;
use crate::log::merkle::Frontier;
use crate::log::select::{GroupSet, Select};
use crate::log::{LogSnapshot, Visit};
use crate::views::facts::FactFilter;

/// Write facts to a file or to stdout, oldest first, with a manifest that proves them.
///
/// An export holds persons' data as facts do. The manifest holds none: positions, counts, the SHA-256 of the file,
/// and the roots of the Merkle trees over the exported facts and over the whole log.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold export --out facts.ndjson\n  \
    factfold export --tenant acme --from 2025-10-01 --to 2025-10-31 --format csv > october.csv\n  \
    factfold import facts.ndjson --manifest facts.ndjson.manifest.json --data-dir elsewhere")]
pub struct Args {
    /// Only facts of this tenant [default: those of all tenants]
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    #[command(flatten)]
    selection: Selection,
    /// Include original payloads; without them quarantined deliveries cannot be retried after an import
    #[arg(long)]
    raw: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Output file; must not exist yet [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the manifest goes [default: FILE.manifest.json beside the file; of stdout it is told on stderr]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// Writes facts, then what they come to.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let (config, offline) = settings.reading()?;
    if let Some(tenant) = args.tenant.as_ref().filter(|tenant| **tenant != TenantId::unassigned()) {
        all_known(&offline, &config, [tenant.as_str()])?;
    }
    let log = offline.log.snapshot();
    let beside = |file: &PathBuf| {
        let mut name = file.clone().into_os_string();
        name.push(".manifest.json");
        PathBuf::from(name)
    };
    let manifest_at = args.manifest.clone().or_else(|| args.out.as_ref().map(beside));
    for file in [&args.out, &manifest_at].into_iter().flatten() {
        if file.exists() {
            return Err(Failure::Failed(format!("{}: already exists", file.display())));
        }
    }
    let manifest = match &args.out {
        None => write(args, &log, output::Piped::new()).map(|(manifest, _)| manifest)?,
        Some(file) => whole(file, |out| write(args, &log, out).map(|(manifest, out)| (out, manifest)))?,
    };
    let told = serde_json::to_string_pretty(&manifest).map_err(|error| Failure::Failed(error.to_string()))?;
    if let Some(file) = &manifest_at {
        whole(file, |mut out| {
            let written = writeln!(out, "{told}");
            written.map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
            Ok((out, ()))
        })?;
    }
    match (&args.out, settings.json) {
        (Some(_), true) => output::json_line(&manifest),
        (None, true) => {
            let line =
                serde_json::to_string(&manifest).map_err(|error| Failure::Failed(error.to_string()))?;
            output::note(&line);
            Ok(())
        }
        (_, false) => {
            output::note(&format!(
                "{} facts of a log of {}, root {}; SHA-256 {}",
                output::grouped(manifest.facts),
                output::grouped(manifest.log.position),
                manifest.log.root,
                manifest.sha256
            ));
            Ok(())
        }
    }
}

/// A file that is there whole or not at all, and for its owner only.
fn whole<T>(
    path: &Path,
    write: impl FnOnce(BufWriter<File>) -> Result<(BufWriter<File>, T), Failure>,
) -> Result<T, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&part).map_err(failed)?;
    let written = write(BufWriter::with_capacity(256 << 10, file)).and_then(|(out, written)| {
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().and_then(|()| std::fs::rename(&part, path)).map_err(failed)?;
        Ok(written)
    });
    if written.is_err() {
        // What is left over is told by its name; the failure is the one above.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Writes the facts that were asked for, one after the other.
fn write<W: Write>(args: &Args, log: &LogSnapshot, out: W) -> Result<(Manifest, W), Failure> {
    let head = log.head();
    let bar = output::progress(head.position, "exporting");
    let mut writer = LineWriter::begin(args.format, Hashed::new(out), args.raw)?;
    let mut export =
        Export { args, log, filters: BTreeMap::new(), first: None, last: None, leaves: Frontier::new() };
    let mut failed = None;
    let mut visit = |position: Position, record: RecordRef<'_>| {
        bar.set_position(position);
        let leaf = record.leaf();
        let done = export.wants(position, &record, leaf).and_then(|wanted| {
            if wanted { writer.write(&line(log, position, &record, (&leaf, args.raw))?) } else { Ok(()) }
        });
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    each(args, log, &mut visit)?;
    if let Some(error) = failed {
        return Err(error);
    }
    bar.finish_and_clear();
    let Export { first, last, leaves, .. } = export;
    let (out, bytes, sha256) = writer.end()?.end();
    let bound = |bound: Option<Bound>| {
        bound.map(|bound| match bound {
            Bound::Instant(at) => at.to_string(),
            Bound::Day(day) => day.to_string(),
        })
    };
    let Selection { kind, provider, from, to } = args.selection.clone();
    let manifest = Manifest {
        format: Manifest::FORMAT.to_owned(),
        version: Manifest::VERSION,
        media: args.format.as_str().to_owned(),
        bytes,
        sha256,
        facts: leaves.len(),
        first_position: first,
        last_position: last,
        leaves_root: hex::encode(leaves.root()),
        log: LogHead { position: head.position, root: hex::encode(head.root) },
        selection: Selected {
            tenant: args.tenant.as_ref().map(ToString::to_string),
            kind: kind.and_then(kind_name).map(str::to_owned),
            provider,
            from: bound(from),
            to: bound(to),
            raw: args.raw,
        },
        exported_at: Instant(system_clock()()).to_string(),
        generator: concat!("factfold ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    Ok((manifest, out))
}

/// Hands out the log's facts, positions ascending; of one tenant or one kind only its lanes are read.
fn each(args: &Args, log: &LogSnapshot, visit: Visit<'_>) -> Result<(), Failure> {
    if args.tenant.is_none() && args.selection.kind.is_none() {
        return Ok(log.in_order(1, Position::MAX, true, visit)?);
    }
    let groups = args.selection.kind.map_or(GroupSet::ALL, |kind| GroupSet::NONE.with(kind.group));
    let select = Select { tenant: args.tenant.clone(), groups, originals: true, ..Select::all() };
    Ok(log.for_each(&select, visit)?)
}

/// What is exported, and what was.
struct Export<'a> {
    args: &'a Args,
    log: &'a LogSnapshot,
    /// By tenant, for a day is one of the tenant's zone.
    filters: BTreeMap<Box<str>, FactFilter>,
    first: Option<Position>,
    last: Option<Position>,
    leaves: Frontier,
}

impl Export<'_> {
    /// Whether the fact is one of those that were asked for, which is then counted. The control tenant's never are
    /// (RULINGS, Storage).
    fn wants(&mut self, position: Position, record: &RecordRef<'_>, leaf: Hash) -> Result<bool, Failure> {
        let name = record.header.tenant;
        if name == TenantId::CONTROL {
            return Ok(false);
        }
        if !self.filters.contains_key(name) {
            let tenant = TenantId::stored(name).map_err(|error| Failure::Integrity(error.to_string()))?;
            self.filters.insert(name.into(), self.args.selection.of(self.log, tenant)?);
        }
        let wanted = self.filters.get(name).is_some_and(|filter| filter.wants(record));
        if wanted {
            self.first.get_or_insert(position);
            self.last = Some(position);
            self.leaves.push(leaf);
        }
        Ok(wanted)
    }
}
