//! How sled is opened and made durable. Each line answers a fault that was seen.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// sled's page cache. Look-ups are spread evenly over all pages, so more of it helps little.
const CACHE_BYTES: u64 = 48 * 1024 * 1024;

/// Opens the database in `dir`, making it when it is not there. Blocks without bound: call it from a thread that
/// may be left behind.
pub(super) fn open(dir: &Path) -> Result<sled::Db, sled::Error> {
    fs::create_dir_all(dir)?;
    remove_half_snapshots(dir)?;
    let db = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        // No thread of sled's own: nothing touches the folder but what `Db` is asked to do, so that a database
        // that was given up stays quiet, and `sync` alone says when something is durable.
        .flush_every_ms(None)
        .open()?;
    // sled syncs none of these when it makes them.
    File::open(dir.join("conf"))?.sync_all()?;
    File::open(dir.join("db"))?.sync_all()?;
    sync_dir(dir)?;
    if let Some(parent) = dir.parent() {
        sync_dir(parent)?;
        parent.parent().map_or(Ok(()), sync_dir)?;
    }
    Ok(db)
}

/// Makes all that was written so far durable. `flush` alone only hands it to the kernel (`sync_file_range`).
pub(super) fn sync(db: &sled::Db, dir: &Path) -> Result<(), sled::Error> {
    db.flush()?;
    File::open(dir.join("db"))?.sync_data()?;
    Ok(())
}

/// A kill while sled opens leaves `snap.*.generating`, and with it there sled never opens again.
fn remove_half_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
