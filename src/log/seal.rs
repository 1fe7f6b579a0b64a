//! Turning closed open segments into sealed ones, oldest first, off the writer's thread.
//!
//! ```text
//! step                                   what a crash before the next step leaves
//! 1 the writer goes on in a new .open    two .open files: the older one is complete
//! 2 <first>.sealed.tmp written, synced,
//!   read back, compared                  .tmp: removed at the start
//! 3 renamed to <first>.sealed, folder
//!   synced                               both files: the sealed one is checked against the open one
//! 4 <first>.open removed, folder synced  both files again, or the sealed one alone
//! ```

use std::sync::Arc;
use std::time::Duration;

use super::error::LogError;
use super::open_segment;
use super::sealed_segment::SealedSegment;
use super::shared::{LogState, Shared};
use super::tail::Tail;

/// How long sealing waits after the disk was full.
const PAUSE: Duration = Duration::from_secs(1);

/// The path of the sealed segment that begins with `first`.
pub fn path(first: u64) -> String {
    format!("journal/{first:020}.sealed")
}

/// Seals one closed segment and lets readers find it.
pub fn seal(shared: &Shared, tail: &Tail) -> Result<(), LogError> {
    let name = path(tail.first());
    let (records, leaves) = tail.all();
    SealedSegment::write(&*shared.disk, &name, &tail.before, &records, &leaves)?;
    drop((records, leaves));
    let segment = SealedSegment::open(&*shared.disk, &name, &shared.cache)?;
    shared.sealed(segment);
    drop_open(shared, tail.first())
}

/// Removes the open file of facts that are sealed.
pub fn drop_open(shared: &Shared, first: u64) -> Result<(), LogError> {
    let open = open_segment::path(first);
    open_segment::remove_if_there(&*shared.disk, &open)?;
    shared.disk.sync_dir("journal").map_err(|e| LogError::stopped("journal", &e))
}

/// Seals every closed segment; one that fails for want of space stays for the next time.
pub fn seal_all(shared: &Shared) -> Result<(), LogError> {
    while let Some(tail) = shared.unsealed() {
        seal(shared, &tail)?;
    }
    Ok(())
}

/// The sealing thread.
pub fn run(shared: &Arc<Shared>) {
    while let Some(tail) = shared.next_to_seal(PAUSE) {
        match seal(shared, &tail) {
            Ok(()) => {}
            Err(LogError::Full) => shared.sealing_failed(LogError::Full),
            Err(error) => {
                tracing::error!(%error, "sealing failed, the log stops");
                let reason: Arc<str> = format!("sealing: {error}").into();
                shared.sealing_failed(LogError::Stopped(Arc::clone(&reason)));
                shared.set_state(LogState::Stopped(reason));
                return;
            }
        }
    }
}
