//! The blob room: originals over 32 KB, each under the SHA-256 of its bytes.
//!
//! ```text
//! blobs/<64 hex digits>    the bytes as they came, nothing else
//! blobs/incoming.tmp       one being written; without meaning after a restart
//! ```
//! A blob is written, synced, renamed and its folder synced before the frame that names it is written. So a blob
//! under its own name is whole, and a record whose blob is missing or different is damage.

use std::collections::BTreeSet;
use std::io;

use bytes::Bytes;
use domain::record::Hash;
use sha2::{Digest, Sha256};

use super::disk::{Disk, read_exact_at};
use super::error::LogError;

/// The folder.
pub const DIR: &str = "blobs";
const INCOMING: &str = "blobs/incoming.tmp";

/// Where the blob with this digest lies.
pub fn path(digest: &Hash) -> String {
    format!("{DIR}/{}", hex::encode(digest))
}

/// Writes a blob that is not there yet; it is durable after [`sync`].
pub(super) fn put(disk: &dyn Disk, digest: &Hash, bytes: &Bytes) -> Result<(), LogError> {
    let path = path(digest);
    if matches!(get(disk, digest, bytes.len() as u64), Ok(there) if there == *bytes) {
        return Ok(());
    }
    match disk.remove(INCOMING) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(LogError::while_writing(INCOMING, error));
        }
        Ok(()) | Err(_) => {}
    }
    let file = disk.create(INCOMING).map_err(|e| LogError::while_writing(INCOMING, e))?;
    file.write_at(0, bytes).map_err(|e| LogError::while_writing(INCOMING, e))?;
    file.sync_data().map_err(|e| LogError::while_writing(INCOMING, e))?;
    disk.rename(INCOMING, &path).map_err(|e| LogError::while_writing(&path, e))
}

/// Digests of the blobs that are there.
pub(super) fn list(disk: &dyn Disk) -> Result<BTreeSet<Hash>, LogError> {
    let digest = |name: String| {
        let mut digest = Hash::default();
        hex::decode_to_slice(name, &mut digest).ok().map(|()| digest)
    };
    Ok(disk.list(DIR).map_err(|e| LogError::io(DIR, e))?.into_iter().filter_map(digest).collect())
}

/// Removes blobs that no fact names, and what a kill left of one that was being written.
pub(super) fn remove(disk: &dyn Disk, digests: &BTreeSet<Hash>) -> Result<(), LogError> {
    for path in digests.iter().map(path).chain([INCOMING.to_owned()]) {
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LogError::while_writing(&path, error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    sync(disk)
}

/// Makes the names of all blobs put so far durable.
pub(super) fn sync(disk: &dyn Disk) -> Result<(), LogError> {
    disk.sync_dir(DIR).map_err(|e| LogError::stopped(DIR, &e))
}

/// Reads a blob and checks it against its digest and length.
pub fn get(disk: &dyn Disk, digest: &Hash, len: u64) -> Result<Bytes, LogError> {
    let path = path(digest);
    let file = match disk.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(LogError::BlobMissing(path[DIR.len() + 1..].into()));
        }
        Err(error) => return Err(LogError::io(&path, error)),
    };
    let found = file.len().map_err(|e| LogError::io(&path, e))?;
    if found != len {
        let why = format!("{found} bytes, but the record says {len}");
        return Err(LogError::damaged(&path, found.min(len), why));
    }
    let mut bytes = vec![0; len as usize];
    read_exact_at(&*file, 0, &mut bytes).map_err(|e| LogError::io(&path, e))?;
    if Hash::from(Sha256::digest(&bytes)) != *digest {
        return Err(LogError::damaged(&path, 0, "the digest of the bytes differs from the file name"));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sim::SimDisk;

    #[test]
    fn a_blob_put_and_synced_outlives_a_power_cut_and_a_damaged_one_is_named_and_healed() {
        for seed in 0..50 {
            let disk = SimDisk::new(seed);
            let bytes = Bytes::from(vec![7; 40_000]);
            let digest = Hash::from(Sha256::digest(&bytes));
            put(&disk, &digest, &bytes).unwrap();
            sync(&disk).unwrap();
            disk.power_cut();
            assert_eq!(get(&disk, &digest, 40_000).unwrap(), bytes);
            disk.overwrite(&path(&digest), &[8; 40_000]);
            assert!(matches!(get(&disk, &digest, 40_000), Err(LogError::Damaged { .. })));
            put(&disk, &digest, &bytes).unwrap();
            assert_eq!(get(&disk, &digest, 40_000).unwrap(), bytes);
            disk.lose(&path(&digest));
            assert!(matches!(get(&disk, &digest, 40_000), Err(LogError::BlobMissing(_))));
        }
    }

    #[test]
    fn a_blob_that_does_not_fit_leaves_nothing_under_its_name() {
        let bytes = Bytes::from(vec![7; 40_000]);
        let digest = Hash::from(Sha256::digest(&bytes));
        for n in 0..6 {
            let disk = SimDisk::new(n);
            disk.fail(n, crate::log::sim::Fault::Short, true);
            let put_failed = put(&disk, &digest, &bytes).is_err();
            disk.heal();
            assert_eq!(get(&disk, &digest, 40_000).is_err(), put_failed, "operation {n}");
            put(&disk, &digest, &bytes).unwrap();
        }
    }
}
