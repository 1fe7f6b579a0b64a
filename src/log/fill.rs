//! Zero-filling ahead of the open segment, so that a commit changes no file size and meets no full disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile};
use super::error::LogError;

/// How far one file is filled; shared by the writer and the thread that fills ahead of it.
pub struct Fill {
    disk: Arc<dyn Disk>,
    path: Arc<str>,
    step: u64,
    filled: AtomicU64,
    /// A handle of its own: an error of the filler's sync must not be the one report of the writer's lost pages.
    turn: Mutex<Option<Box<dyn DiskFile>>>,
    broken: OnceLock<LogError>,
}

impl Fill {
    /// `filled`: bytes that are there already.
    pub fn new(disk: Arc<dyn Disk>, path: Arc<str>, filled: u64, step: u64) -> Self {
        let filled = AtomicU64::new(filled);
        Self { disk, path, step, filled, turn: Mutex::new(None), broken: OnceLock::new() }
    }

    /// Bytes of the file that are zero-filled and synced.
    pub fn filled(&self) -> u64 {
        self.filled.load(Ordering::Acquire)
    }

    /// Fills until the file holds `end` bytes; waits while another thread fills.
    ///
    /// Errors: [`LogError::Full`], to be tried again, or [`LogError::Stopped`], for good.
    pub fn reserve(&self, end: u64) -> Result<(), LogError> {
        if let Some(error) = self.broken.get() {
            return Err(error.clone());
        }
        if self.filled() >= end {
            return Ok(());
        }
        let mut turn = self.turn.lock();
        while self.filled() < end {
            if let Err(error) = self.fill_step(&mut turn) {
                if !matches!(error, LogError::Full) {
                    // The first reason is the one to tell; a second loses nothing.
                    let _ = self.broken.set(error.clone());
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn fill_step(&self, turn: &mut Option<Box<dyn DiskFile>>) -> Result<(), LogError> {
        let file = match turn {
            Some(file) => file,
            None => {
                let file = self.disk.open(&self.path).map_err(|e| LogError::stopped(&self.path, &e))?;
                turn.insert(file)
            }
        };
        let from = self.filled();
        let to = (from / self.step + 1) * self.step;
        file.write_at(from, &vec![0; (to - from) as usize])
            .map_err(|e| LogError::while_writing(&self.path, e))?;
        file.sync_data().map_err(|e| LogError::while_writing(&self.path, e))?;
        self.filled.store(to, Ordering::Release);
        Ok(())
    }
}
