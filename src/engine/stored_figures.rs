//! The table of figures beside the log: stored at each stop and from time to time, and compared at the first start of another
//! release, so that nobody finds a figure changed without a word (RULINGS, Across releases).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::keys::LogSecret;

use super::EngineError;
use super::data_dir::{io_at, write_private};
use crate::views::{FigureTable, Views};
use crate::worker::Worker;

const FILE: &str = "figures.json";
/// How often it is looked whether to store.
const TICK: Duration = Duration::from_secs(1);
/// Between two tables while the server runs.
const EVERY: Duration = Duration::from_secs(600);
/// Differences that are logged one by one.
const LOGGED_MAX: usize = 100;

/// The table of a data directory.
pub(super) struct StoredFigures {
    root: PathBuf,
    views: Views,
    secret: LogSecret,
}

/// The table that lies in the data directory at `root`; none where none was stored.
///
/// # Errors
/// It cannot be read, or is none.
pub fn stored_figures(root: &Path) -> Result<Option<FigureTable>, EngineError> {
    let path = root.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            let table =
                serde_json::from_slice(&bytes).map_err(|error| io_at(&path)(io::Error::other(error)))?;
            Ok(Some(table))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_at(&path)(error)),
    }
}

impl StoredFigures {
    pub(super) fn new(root: &Path, views: Views, secret: LogSecret) -> Self {
        Self { root: root.to_owned(), views, secret }
    }

    /// Stores the figures as they are, where all are folded.
    pub(super) fn store(&self) {
        if !self.views.is_folded() {
            return;
        }
        let table = FigureTable::of(&self.views, &self.secret);
        let bytes = serde_json::to_vec(&table).unwrap_or_default();
        if let Err(error) = write_private(&self.root, FILE, &bytes) {
            tracing::warn!(%error, "the table of figures was not stored");
        }
    }

    /// Logs what this release gives otherwise than the one that stored the table; whether a table of this release is still to
    /// be stored.
    fn compare(&self) -> bool {
        let table = match stored_figures(&self.root) {
            Ok(Some(table)) => table,
            Ok(None) => return true,
            Err(error) => {
                tracing::warn!(%error, "the table of figures is not compared");
                return true;
            }
        };
        let models = table.changed_models();
        if models.is_empty() {
            return false;
        }
        // What lies before the head is folded on the runtime's threads.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let compared = runtime
            .map_err(io_at(&self.root))
            .and_then(|runtime| Ok(runtime.block_on(table.differences(&self.views, &self.secret))?));
        match compared {
            Ok(differences) => {
                let (release, models) =
                    (&table.release, models.iter().map(|(name, _)| *name).collect::<Vec<_>>());
                let differing = differences.len();
                tracing::warn!(
                    release,
                    ?models,
                    differing,
                    "models have another version than when figures were stored"
                );
                for difference in differences.iter().take(LOGGED_MAX) {
                    let (tenant, model, path) = (&difference.tenant, &difference.model, &difference.path);
                    let (old, new, position) = (&difference.old, &difference.new, difference.position);
                    tracing::warn!(tenant, model, path, %old, %new, position, "a figure is another than it was");
                }
            }
            Err(error) => tracing::warn!(%error, "the table of figures is not compared"),
        }
        true
    }

    /// Compares once the models are folded, then stores from time to time.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn start(self) -> io::Result<Worker> {
        let mut stored: Option<(Instant, u64)> = None;
        Worker::ticking("figures", TICK, move |_| {
            if !self.views.is_folded() {
                return;
            }
            let position = self.views.position();
            let is_due = match stored {
                None => self.compare(),
                Some((at, known)) => at.elapsed() >= EVERY && position > known,
            };
            if is_due {
                self.store();
            }
            if is_due || stored.is_none() {
                stored = Some((Instant::now(), position));
            }
        })
    }
}
