//! A named background thread that works until its owner closes it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

/// Tells a worker's thread when to end.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Whether the owner has closed the worker.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for work that looks at one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Rests on the worker's own thread; closing the worker ends the rest early.
    pub fn rest(&self, at_most: Duration) {
        if !self.is_set() {
            thread::park_timeout(at_most);
        }
    }
}

/// A background thread. Dropping the worker leaves the thread running; [`Worker::close`] ends it.
#[derive(Debug)]
pub struct Worker {
    name: String,
    stop: StopSignal,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts a thread of this name for `run`, which must return soon after its signal is set.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn spawn(name: &str, run: impl FnOnce(&StopSignal) + Send + 'static) -> io::Result<Self> {
        let stop = StopSignal::default();
        let signal = stop.clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || run(&signal))?;
        Ok(Self { name: name.to_owned(), stop, thread: Mutex::new(Some(thread)) })
    }

    /// Starts a thread that rests for `every` and then ticks, again and again.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn ticking(
        name: &str,
        every: Duration,
        mut tick: impl FnMut(&StopSignal) + Send + 'static,
    ) -> io::Result<Self> {
        Self::spawn(name, move |stop| {
            while !stop.is_set() {
                stop.rest(every);
                if !stop.is_set() {
                    tick(stop);
                }
            }
        })
    }

    /// Ends the thread after the work at hand, and waits for it. Again does nothing.
    pub fn close(&self) {
        self.stop.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!(worker = self.name, "a background thread panicked");
            }
        }
    }
}

/// Lets threads run that wait for a processor. Work that lasts calls it every millisecond or so: whoever is answered
/// meanwhile would wait for the end of its time slice.
pub fn give_way() {
    thread::yield_now();
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_worker_ticks_until_it_is_closed_and_no_more() {
        let (ticked, ticks) = mpsc::channel();
        let worker = Worker::ticking("test", Duration::from_millis(1), move |_| {
            ticked.send(()).expect("the test listens");
        });
        let worker = worker.expect("started");
        ticks.recv().expect("a first tick");
        ticks.recv().expect("a second tick");
        worker.close();
        while ticks.try_recv().is_ok() {}
        assert_eq!(ticks.recv(), Err(mpsc::RecvError), "the thread and its sender are gone");
        worker.close();
    }

    #[test]
    fn closing_a_worker_that_rests_does_not_wait_for_the_end_of_its_rest() {
        let worker = Worker::ticking("test", Duration::from_secs(3_600), |_| {}).expect("started");
        let begun = Instant::now();
        worker.close();
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
