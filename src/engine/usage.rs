//! What the server holds: the data directory by part, the room on its disk, and the memory of the process.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Engine;

/// Unit of `st_blocks`, whatever blocks the file system has.
const BLOCK_BYTES: u64 = 512;

/// Parts of the data directory by their folders; an inner folder stands before the one it lies in.
const PARTS: [(&str, &str); 5] = [
    ("blobs/pages", "raw_pages"),
    ("blobs", "blobs"),
    ("journal", "log_segments"),
    ("sled", "index_and_deliveries"),
    ("keys", "keys"),
];
/// Files that are in none of the folders.
const OTHER: &str = "other";

/// One part of the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartUsage {
    /// Its name.
    pub name: &'static str,
    /// Bytes that its files take on the disk, as `du` counts them.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
}

/// The file system that holds the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Its size in bytes.
    pub total_bytes: u64,
    /// Bytes that the server may still write, as `df` counts them.
    pub available_bytes: u64,
}

/// What is held now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Every part, in a fixed order.
    pub parts: Vec<PartUsage>,
    /// Files of the log's segments.
    pub segments: u64,
    /// The disk.
    pub disk: DiskSpace,
    /// Memory that the process holds; none where the system does not tell.
    pub resident_bytes: Option<u64>,
}

impl Engine {
    /// What the server holds. Blocks: it looks at every file.
    ///
    /// # Errors
    /// The disk's.
    pub fn usage(&self) -> io::Result<Usage> {
        let root = self.dir.root();
        let space = rustix::fs::statvfs(root)?;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let (parts, segments) = parts(root)?;
        Ok(Usage {
            parts,
            segments,
            disk: DiskSpace {
                total_bytes: space.f_blocks * space.f_frsize,
                available_bytes: space.f_bavail * space.f_frsize,
            },
            resident_bytes: resident(&status),
        })
    }
}

/// The parts, and how many of the files are segments of the log.
fn parts(root: &Path) -> io::Result<(Vec<PartUsage>, u64)> {
    let names = PARTS.iter().map(|(_, name)| *name).chain([OTHER]);
    let mut parts: Vec<PartUsage> = names.map(|name| PartUsage { name, bytes: 0, files: 0 }).collect();
    let (mut folders, mut segments) = (vec![PathBuf::new()], 0);
    while let Some(folder) = folders.pop() {
        let at = PARTS.iter().position(|(known, _)| folder.starts_with(known)).unwrap_or(PARTS.len());
        for entry in present(fs::read_dir(root.join(&folder)))?.into_iter().flatten() {
            let entry = entry?;
            // Segments are renamed and pages removed meanwhile.
            let Some(metadata) = present(entry.metadata())? else { continue };
            if metadata.is_dir() {
                folders.push(folder.join(entry.file_name()));
            } else if let Some(part) = parts.get_mut(at) {
                part.bytes += metadata.blocks() * BLOCK_BYTES;
                part.files += 1;
                let name = entry.file_name();
                let extension = Path::new(&name).extension();
                segments += u64::from(extension.is_some_and(|kind| kind == "open" || kind == "sealed"));
            }
        }
    }
    Ok((parts, segments))
}

fn present<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `VmRSS` of `/proc/self/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
