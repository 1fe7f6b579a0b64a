//! `factfold backup` and `restore`.

use std::path::PathBuf;

use super::{Failure, Settings, in_use, output};
use crate::engine::{BackupManifest, DataDir, back_up, restore};

/// Copy the data directory, which a server may have, into a new folder, and verify the copy
///
/// The folder has the log as of the moment the command begins, its blobs and its keys, and a manifest with head, root and
/// digests. It appears when it is whole and verified. Keys are secrets: keep a backup as safe as the data directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold backup /backup/factfold-$(date +%F)\n  \
    factfold --data-dir /backup/factfold-2026-01-01 audit")]
pub struct BackupArgs {
    /// The folder to make
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

/// Bring a backup back into a data directory that has no log, verify it, and erase again who was erased since
///
/// Exit 3 names what differs from the backup's manifest; the data directory has no log then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold --data-dir /var/lib/factfold restore /backup/factfold-2026-01-01")]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Register of the erasures since the backup was made: keys/erasures of the lost data directory
    #[arg(long, value_name = "FILE")]
    erasures: Option<PathBuf>,
}

/// Makes a backup.
pub fn run_backup(settings: &Settings, args: &BackupArgs) -> Result<(), Failure> {
    let manifest = back_up(&settings.config()?.data_dir, &args.to)?;
    tell(settings, &manifest)
}

/// Brings one back.
pub fn run_restore(settings: &Settings, args: &RestoreArgs) -> Result<(), Failure> {
    let root = settings.config()?.data_dir;
    let dir = DataDir::take(&root).map_err(|error| in_use(error, "another --data-dir"))?;
    let restored = restore(&args.from, &dir, args.erasures.as_deref())?;
    if restored.erased > 0 {
        output::note(&format!("erased again: {}", restored.erased));
    }
    if !restored.knows_erasures {
        output::note(
            "no register of erasures was found: whoever was erased since the backup was made is back; restore with \
             --erasures FILE where there is one",
        );
    }
    tell(settings, &restored.manifest)
}

fn tell(settings: &Settings, manifest: &BackupManifest) -> Result<(), Failure> {
    if settings.json {
        return output::json_line(manifest);
    }
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let rows = vec![
        vec!["facts".to_owned(), output::grouped(manifest.position)],
        vec!["files".to_owned(), manifest.files.len().to_string()],
        vec!["bytes".to_owned(), output::grouped(bytes)],
        vec!["root".to_owned(), manifest.root.clone()],
    ];
    output::table(&["what", "found"], rows)
}
