//! The few disk operations that the log is built on, so that a simulated disk can stand in for the real one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

/// A directory tree. Paths are relative to its root, separated by `/`.
pub trait Disk: Send + Sync + 'static {
    /// Opens an existing file to read and write.
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Makes a file that must not be there yet. Its name is durable only after `sync_dir` of its folder.
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Makes a folder and those above it; fine when it is there.
    fn create_dir(&self, dir: &str) -> io::Result<()>;
    /// File names (not folders) in `dir`, sorted.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Puts `from` in the place of `to`, atomically; durable only after `sync_dir`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; durable only after `sync_dir`.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
    /// Which file the path leads to now.
    fn identity(&self, path: &str) -> io::Result<FileIdentity>;
}

/// Tells a file from every other that is there at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// Number of the file system.
    pub device: u64,
    /// Number of the file in it.
    pub inode: u64,
}

impl From<&fs::Metadata> for FileIdentity {
    fn from(of: &fs::Metadata) -> Self {
        Self { device: of.dev(), inode: of.ino() }
    }
}

/// An open file.
#[expect(
    clippy::len_without_is_empty,
    reason = "a file is not a collection; nobody asks whether it is empty"
)]
pub trait DiskFile: Send + Sync {
    /// Reads up to `buf.len()` bytes; 0 at the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`, growing the file where needed; durable only after `sync_data`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// fdatasync: contents and length are durable when it returns.
    fn sync_data(&self) -> io::Result<()>;
    /// Bytes in the file.
    fn len(&self) -> io::Result<u64>;
    /// Which file it is, whatever path leads to it.
    fn identity(&self) -> io::Result<FileIdentity>;
}

/// Reads exactly `buf.len()` bytes.
pub fn read_exact_at(file: &dyn DiskFile, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        match file.read_at(offset, buf)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                offset += n as u64;
                buf = &mut buf[n..];
            }
        }
    }
    Ok(())
}

/// The real disk below one folder.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: PathBuf,
    read_only: bool,
}

impl RealDisk {
    /// All paths are below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), read_only: false }
    }

    /// As [`RealDisk::new`], and whatever would change the folder is refused.
    pub fn read_only(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), read_only: true }
    }

    /// The place of `path`, which is about to be changed.
    fn writable(&self, path: &str) -> io::Result<PathBuf> {
        if self.read_only {
            return Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "opened for reading only"));
        }
        Ok(self.root.join(path))
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(!self.read_only).open(self.root.join(path))?;
        Ok(Box::new(RealFile(file)))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.writable(path)?)?;
        Ok(Box::new(RealFile(file)))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        fs::create_dir_all(self.writable(dir)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(dir))? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.writable(from)?, self.writable(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.writable(path)?)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.writable(dir)?)?.sync_all()
    }

    fn identity(&self, path: &str) -> io::Result<FileIdentity> {
        Ok((&fs::metadata(self.root.join(path))?).into())
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok((&self.0.metadata()?).into())
    }
}
