//! Raw pages: the answers of providers as they came, before anything is read from them (B5).
//!
//! ```text
//! blobs/pages/<64 hex digits>.zst    one answer, compressed; its name is the SHA-256 of the answer
//! ```
//! Equal answers are one file. A page is kept for 30 days after it last came; the digests stay in the run's facts for
//! ever. Pages are no part of any figure: a lost one is lost evidence and nothing else, so they are not synced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

/// The folder, below the data directory.
const DIR: &str = "blobs/pages";
/// How long a page is kept after it last came.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Answers are mostly JSON, which the lowest level takes to a tenth.
const LEVEL: i32 = 1;

/// The SHA-256 of an answer's bytes.
pub type PageDigest = [u8; 32];

/// The folder of raw pages.
#[derive(Debug, Clone)]
pub struct RawPages {
    dir: PathBuf,
}

impl RawPages {
    /// The pages below this data directory.
    pub fn below(data_dir: &Path) -> Self {
        Self { dir: data_dir.join(DIR) }
    }

    /// Keeps a page, once. Blocks.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep(&self, page: &[u8]) -> io::Result<PageDigest> {
        let digest: PageDigest = Sha256::digest(page).into();
        let path = self.path(&digest);
        // It came again: from now on it is kept for 30 days anew.
        if File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .is_ok()
        {
            return Ok(digest);
        }
        fs::create_dir_all(&self.dir)?;
        let mut incoming = tempfile::NamedTempFile::new_in(&self.dir)?;
        incoming.write_all(&zstd::bulk::compress(page, LEVEL)?)?;
        incoming.persist(&path).map_err(|error| error.error)?;
        Ok(digest)
    }

    /// A page as it came; none where it is not kept any more. Blocks.
    ///
    /// # Errors
    /// The disk's.
    pub fn page(&self, digest: &PageDigest) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(digest)) {
            Ok(compressed) => zstd::stream::decode_all(compressed.as_slice()).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes what last came more than 30 days before `now`; how many pages went. Blocks.
    ///
    /// # Errors
    /// The disk's.
    pub fn prune(&self, now: SystemTime) -> io::Result<usize> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry?;
            let age = now.duration_since(entry.metadata()?.modified()?).unwrap_or_default();
            if age > KEPT {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes every page that `is_meant`; how many. One that cannot be read goes too. Blocks.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove_where(&self, is_meant: impl Fn(&[u8]) -> bool) -> io::Result<usize> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let path = entry?.path();
            let page = fs::read(&path).and_then(|compressed| zstd::stream::decode_all(compressed.as_slice()));
            if page.map_or(true, |page| is_meant(&page)) {
                fs::remove_file(&path)?;
                removed += 1;
            }
        }
        File::open(&self.dir)?.sync_all()?;
        Ok(removed)
    }

    fn path(&self, digest: &PageDigest) -> PathBuf {
        self.dir.join(format!("{}.zst", hex::encode(digest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_kept_once_by_its_content_and_for_thirty_days_after_it_last_came() {
        let dir = tempfile::tempdir().expect("a directory");
        let pages = RawPages::below(dir.path());
        assert_eq!(pages.prune(SystemTime::now()).expect("no folder yet"), 0);
        let page = b"{\"data\": []}".repeat(1_000);
        let digest = pages.keep(&page).expect("kept");
        assert_eq!(pages.keep(&page).expect("kept"), digest);
        let other = pages.keep(b"{}").expect("kept");
        let files = || fs::read_dir(dir.path().join(DIR)).expect("the folder").count();
        assert_eq!(files(), 2, "equal pages are one file");
        let size = fs::metadata(pages.path(&digest)).expect("there").len();
        assert!(size < page.len() as u64 / 10, "{size} bytes");
        assert_eq!(pages.page(&digest).expect("read").as_deref(), Some(page.as_slice()));
        let days = |days: u64| SystemTime::now() + Duration::from_secs(days * 86_400);
        assert_eq!(pages.prune(days(29)).expect("pruned"), 0);
        File::options()
            .append(true)
            .open(pages.path(&other))
            .and_then(|file| file.set_modified(days(0) - Duration::from_secs(2 * 86_400)))
            .expect("older");
        assert_eq!(pages.prune(days(29)).expect("pruned"), 1);
        assert_eq!(pages.page(&other).expect("read"), None);
        assert!(pages.page(&digest).expect("read").is_some());
    }
}
