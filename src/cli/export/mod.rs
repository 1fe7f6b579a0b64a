//! `factfold export`: facts with a manifest by which each of them, the file and the log can be checked.

mod file;
pub mod manifest;
mod partial;
mod served;
pub mod verify;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use domain::keys::{Position, TenantId};

use self::file::{ExportFile, Format};
use self::manifest::{LogHead, Manifest};
use super::arguments::{Selection, all_known, tenant};
use super::remote::Remote;
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::log::LogSnapshot;
use crate::views::export_scan::{ExportEntry, ExportScan, ExportSelection};

/// Write facts to a file or to stdout, oldest first, with a manifest that proves them.
///
/// Works on the data directory beside a running server or without one, or asks a server with --server. Each line
/// carries what its leaf in the log's Merkle tree is made of, and the manifest the leaves of tokens, users and logins,
/// which no export shows: so a whole export comes to the root that `audit` prints. An export holds persons' data as
/// facts do; the manifest holds none.
///
/// An export with --server and --out that was stopped goes on where it was when the same command is run again.
///
/// With --provider, --from or --to the configuration of the tenants is included, so that what is left has the
/// tenants' rules. Figures of a part of the facts differ from those of the log, and the command says so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold export --out facts.ndjson\n  \
    factfold export --tenant acme --from 2025-10-01 --to 2025-10-31 --format csv > october.csv\n  \
    FACTFOLD_TOKEN=ff_… factfold export --server http://127.0.0.1:8080 --out facts.ndjson\n  \
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
    /// A running server to export from, with the token in FACTFOLD_TOKEN, else FACTFOLD_ADMIN_TOKEN
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl Args {
    fn selected(&self) -> ExportSelection {
        ExportSelection { tenant: self.tenant.clone(), raw: self.raw, ..self.selection.selected() }
    }
}

/// Where the facts come from.
enum Source {
    Log(LogSnapshot),
    Server(Remote),
}

/// Writes facts, then what they come to.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let selection = args.selected();
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
    let source = match &args.server {
        Some(server) => Source::Server(Remote::of(&settings.config()?, Some(server))?),
        None => {
            let (config, offline) = settings.reading()?;
            if let Some(tenant) = args.tenant.as_ref().filter(|tenant| **tenant != TenantId::unassigned()) {
                all_known(&offline, &config, [tenant.as_str()])?;
            }
            Source::Log(offline.log.snapshot())
        }
    };
    let manifest = match (&args.out, &source) {
        (None, _) => {
            write(args.format, &selection, &source, output::Piped::new()).map(|(manifest, _)| manifest)?
        }
        (Some(file), Source::Server(remote)) if args.format == Format::Ndjson => {
            partial::export(file, &selection, |out, partial| {
                runtime()?.block_on(served::read(&selection, remote, out, Some(partial)))
            })?
        }
        (Some(file), _) => whole(file, |out| {
            write(args.format, &selection, &source, out).map(|(manifest, out)| (out, manifest))
        })?,
    };
    let told = serde_json::to_string_pretty(&manifest).map_err(|error| Failure::Failed(error.to_string()))?;
    if let Some(file) = &manifest_at {
        whole(file, |mut out| {
            let written = writeln!(out, "{told}");
            written.map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
            Ok((out, ()))
        })?;
    }
    tell(settings, args, &selection, &manifest)
}

fn tell(
    settings: &Settings,
    args: &Args,
    selection: &ExportSelection,
    manifest: &Manifest,
) -> Result<(), Failure> {
    if selection.is_part() {
        output::note(
            "FIGURES WILL DIFFER: this export leaves out facts of its tenants, so figures made of it alone are not \
             those of the log",
        );
    }
    if settings.json && args.out.is_some() {
        return output::json_line(manifest);
    }
    if settings.json {
        let line = serde_json::to_string(manifest).map_err(|error| Failure::Failed(error.to_string()))?;
        output::note(&line);
        return Ok(());
    }
    let bridged: usize = manifest.bridge.iter().map(|run| run.leaves.len()).sum();
    output::note(&format!(
        "{} facts and {} bridged leaves of a log of {}, root {}; SHA-256 {}",
        output::grouped(manifest.facts),
        output::grouped(bridged as u64),
        output::grouped(manifest.log.position),
        manifest.log.root,
        manifest.sha256
    ));
    Ok(())
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
fn write<W: Write>(
    format: Format,
    selection: &ExportSelection,
    source: &Source,
    out: W,
) -> Result<(Manifest, W), Failure> {
    let mut file = ExportFile::begin(format, out, selection.clone())?;
    let head = match source {
        Source::Log(log) => read(selection, log, &mut file)?,
        Source::Server(remote) => runtime()?.block_on(served::read(selection, remote, &mut file, None))?,
    };
    file.end(head)
}

/// Reads the facts of a data directory.
fn read<W: Write>(
    selection: &ExportSelection,
    log: &LogSnapshot,
    file: &mut ExportFile<W>,
) -> Result<LogHead, Failure> {
    let head = log.head();
    let bar = output::progress(head.position, "exporting");
    let mut failed = None;
    ExportScan::new(log.clone(), selection.clone()).walk(1, Position::MAX, &mut |entry| {
        let written = match entry {
            ExportEntry::Bridged(position, leaf) => {
                file.bridged(position, leaf);
                Ok(())
            }
            ExportEntry::Fact(fact, leaf) => {
                bar.set_position(fact.fact.position);
                let json = serde_json::to_vec(&fact).map_err(|error| Failure::Failed(error.to_string()));
                json.and_then(|json| file.fact(fact.fact.position, leaf, &json))
            }
        };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    })?;
    bar.finish_and_clear();
    failed.map_or(Ok(LogHead { position: head.position, root: hex::encode(head.root) }), Err)
}
