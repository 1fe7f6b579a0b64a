//! The one sled database: what can be rebuilt or done without. Only this room names sled.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The place of the database; opened on first use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    dir: Arc<PathBuf>,
}

impl Store {
    /// The database in `dir`, which need not be there yet. Touches nothing.
    pub fn at(dir: &Path) -> Self {
        Self { dir: Arc::new(dir.to_owned()) }
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
