//! The threads that serve connections: one a core, each with an async runtime of its own.
//!
//! A connection stays on the thread that it is dealt to. So its tasks, timers and socket are woken there and nowhere else,
//! and no thread takes work from another.

use std::io;
use std::num::NonZero;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Threads of all runtimes for work that reads files or computes for long: each has a stack and buffers of its own.
const BLOCKING_THREADS_MAX: usize = 128;
/// Of each runtime at least.
const BLOCKING_THREADS_MIN: usize = 8;

/// Threads that run until this is dropped.
pub struct Workers {
    runtimes: Vec<Handle>,
    _running: DropGuard,
}

impl Workers {
    /// Starts one thread a core.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let blocking = (BLOCKING_THREADS_MAX / count).max(BLOCKING_THREADS_MIN);
        let running = CancellationToken::new();
        let start = |number: usize| {
            let runtime =
                Builder::new_current_thread().max_blocking_threads(blocking).enable_all().build()?;
            let handle = runtime.handle().clone();
            let stopped = running.clone().cancelled_owned();
            thread::Builder::new().name(format!("http-{number}")).spawn(move || runtime.block_on(stopped))?;
            Ok(handle)
        };
        let runtimes = (0..count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { runtimes, _running: running.drop_guard() })
    }

    /// The runtime with the fewest connections.
    pub fn idlest(&self) -> Option<&Handle> {
        self.runtimes.iter().min_by_key(|runtime| runtime.metrics().num_alive_tasks())
    }
}
