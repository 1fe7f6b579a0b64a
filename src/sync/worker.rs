//! The thread of the pull side: it begins runs that are due, and its tasks carry them out.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::run::SyncParts;
use super::runner::SyncRunner;
use crate::clock::Duty;
use crate::config::Config;
use crate::worker::{StopSignal, Worker};

/// How often the thread looks for runs that are due.
const TICK: Duration = Duration::from_millis(500);
/// How often raw pages are looked through for old ones.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);
/// Threads that carry runs out: mostly they wait.
const THREADS: usize = 2;
/// Threads that read files and compress pages for them.
const BLOCKING_THREADS_MAX: usize = 4;
/// How long the runtime waits for what still runs at the end.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

/// The pull side of this server.
pub struct SyncWorker {
    runner: SyncRunner,
    worker: Worker,
    is_open: Arc<OnceLock<()>>,
}

impl SyncWorker {
    /// Starts the thread, which ends what a former process left open and takes the configuration once the read models are
    /// folded. Scheduled runs begin while `duty` is this node's.
    ///
    /// # Errors
    /// The operating system gives no threads.
    pub fn start(parts: SyncParts, config: &Config, duty: Duty) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("sync-run")
            .enable_all()
            .build()?;
        let (pages, views) = (parts.pages.clone(), parts.views.clone());
        let runner = SyncRunner::new(parts, runtime.handle().clone());
        let (ticking, config) = (runner.clone(), config.clone());
        let opened = Arc::<OnceLock<()>>::default();
        let is_open = Arc::clone(&opened);
        let run = move |stop: &StopSignal| {
            if !views.wait_folded(stop) {
                opened.get_or_init(|| ());
                return runtime.shutdown_background();
            }
            // Runs without an end are those of a process that is gone only once no other node begins any.
            let end_abandoned = || {
                if let Err(error) = runtime.block_on(ticking.end_abandoned()) {
                    tracing::error!(%error, "runs that were abandoned are not ended; the next start tries again");
                }
            };
            let mut is_mine = duty.is_mine();
            if is_mine {
                end_abandoned();
            }
            ticking.load(&config);
            opened.get_or_init(|| ());
            let mut pruned: Option<std::time::Instant> = None;
            while !stop.is_set() {
                let was_mine = std::mem::replace(&mut is_mine, duty.is_mine());
                if is_mine && !was_mine {
                    end_abandoned();
                }
                if is_mine {
                    runtime.block_on(ticking.tick());
                }
                if pruned.is_none_or(|at| at.elapsed() > PRUNE_EVERY) {
                    pruned = Some(std::time::Instant::now());
                    if let Err(error) = pages.prune(SystemTime::now()) {
                        tracing::warn!(%error, "old raw pages are not removed");
                    }
                }
                stop.rest(TICK);
            }
            runtime.block_on(ticking.stop());
            runtime.shutdown_timeout(SHUTDOWN_MAX);
        };
        let worker = Worker::spawn("sync", run)?;
        Ok(Self { runner, worker, is_open })
    }

    /// Whether a run can be asked for: the read models are folded, and runs that an earlier process left are ended.
    pub fn is_open(&self) -> bool {
        self.is_open.get().is_some()
    }

    /// Waits until [`SyncWorker::is_open`].
    pub fn wait_open(&self) {
        self.is_open.wait();
    }

    /// Begins and cancels runs, and tells of them.
    pub fn runner(&self) -> &SyncRunner {
        &self.runner
    }

    /// Ends all runs and the thread.
    pub fn close(&self) {
        self.worker.close();
    }
}
