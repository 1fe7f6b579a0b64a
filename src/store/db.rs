//! One opened sled: two threads of its own, waits with a bound, and no second chance after a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::view::View;
use super::{StoreError, Waits, recipe};

/// Jobs that may wait for one of the threads.
const QUEUE_MAX: usize = 64;

type Job = Box<dyn FnOnce(&View) + Send>;

/// An opened database. Cheap to clone. After its first error, panic or missed deadline it is dead: every later
/// call fails at once, and its threads end as soon as sled lets go of them.
#[derive(Debug, Clone)]
pub struct Db {
    inner: Arc<DbInner>,
}

#[derive(Debug)]
struct DbInner {
    reads: SyncSender<Job>,
    writes: SyncSender<Job>,
    dead: Arc<OnceLock<String>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    waits: Waits,
}

impl Db {
    /// Opens the database in `dir` on a thread of its own and waits for it.
    pub(super) fn open(
        dir: &Path,
        waits: Waits,
        #[cfg(test)] faults: super::faults::Faults,
    ) -> Result<Self, StoreError> {
        let dead = Arc::new(OnceLock::new());
        let (reads, read_jobs) = mpsc::sync_channel(QUEUE_MAX);
        let (writes, write_jobs) = mpsc::sync_channel(QUEUE_MAX);
        let (opened, wait_for_open) = mpsc::sync_channel::<Result<View, StoreError>>(1);
        let opener = {
            let dir: PathBuf = dir.to_owned();
            let dead = Arc::clone(&dead);
            spawn("store-reads", move || {
                #[cfg(test)]
                if let Err(error) = faults.strike(super::faults::Op::Open) {
                    let _ = opened.send(Err(error));
                    return;
                }
                let view = match recipe::open(&dir) {
                    Ok(sled) => View::new(
                        sled,
                        dir,
                        Arc::clone(&dead),
                        #[cfg(test)]
                        faults,
                    ),
                    Err(error) => {
                        let _ = opened.send(Err(error.into()));
                        return;
                    }
                };
                let _ = opened.send(Ok(view.clone()));
                work(view, &read_jobs, &dead);
            })?
        };
        let view = match wait_for_open.recv_timeout(waits.open) {
            Ok(view) => view?,
            Err(missing) => {
                let error = StoreError::from(missing);
                let _ = dead.set(error.to_string());
                return Err(error);
            }
        };
        let writer = {
            let dead = Arc::clone(&dead);
            spawn("store-writes", move || work(view, &write_jobs, &dead))?
        };
        let threads = Mutex::new(vec![opener, writer]);
        Ok(Self { inner: Arc::new(DbInner { reads, writes, dead, threads, waits }) })
    }

    /// Runs `job` on the reading thread, for short look-ups.
    pub fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(&self.inner.reads, self.inner.waits.read, job)
    }

    /// Runs `job` on the writing thread. It should take well under a second, as other writers wait for it.
    pub fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(&self.inner.writes, self.inner.waits.write, job)
    }

    /// Why it must not be used any more.
    pub fn dead(&self) -> Option<&str> {
        self.inner.dead.get().map(String::as_str)
    }

    /// Gives it up, for instance because of what was found in it.
    pub fn give_up(&self, reason: &str) {
        let _ = self.inner.dead.set(reason.to_owned());
        // Wakes the threads, so that they see it; a full queue wakes them by itself.
        for queue in [&self.inner.reads, &self.inner.writes] {
            let _ = queue.try_send(Box::new(|_| ()));
        }
    }

    /// Whether both are the same opened database.
    pub fn same(&self, other: &Db) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Ends the threads and waits until sled has let go of its files, at most the bound of a write.
    pub(super) fn close(&self) {
        self.give_up("closed");
        let deadline = Instant::now() + self.inner.waits.write;
        for thread in self.inner.threads.lock().drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                // Its panic, if any, has been reported through `dead`.
                let _ = thread.join();
            }
        }
    }

    fn run<T: Send + 'static>(
        &self,
        queue: &SyncSender<Job>,
        wait: Duration,
        job: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(reason) = self.dead() {
            return Err(StoreError::Dead(reason.to_owned()));
        }
        let deadline = Instant::now() + wait;
        let (answer, answered) = mpsc::sync_channel(1);
        let mut job: Job = Box::new(move |view| {
            let _ = answer.send(job(view));
        });
        let outcome = loop {
            match queue.try_send(job) {
                Ok(()) => break answered.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                Err(TrySendError::Disconnected(_)) => break Err(RecvTimeoutError::Disconnected),
                Err(TrySendError::Full(_)) if Instant::now() >= deadline => {
                    break Err(RecvTimeoutError::Timeout);
                }
                Err(TrySendError::Full(back)) => {
                    job = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        };
        let outcome = outcome.unwrap_or_else(|missing| Err(missing.into()));
        if let Err(error) = &outcome
            && !matches!(error, StoreError::ValueTooLong(_))
        {
            self.give_up(&error.to_string());
        }
        outcome
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| StoreError::Sled(error.to_string()))
}

fn work(view: View, jobs: &Receiver<Job>, dead: &OnceLock<String>) {
    while let Ok(job) = jobs.recv() {
        if dead.get().is_some() {
            break;
        }
        // Caught here, so that sled is dropped after the unwinding and not within it, where a second panic would
        // end the process. The job's answering end is gone then: the waiting side gets `Panicked`.
        if catch_unwind(AssertUnwindSafe(|| job(&view))).is_err() {
            let _ = dead.set(StoreError::Panicked.to_string());
            break;
        }
    }
}
