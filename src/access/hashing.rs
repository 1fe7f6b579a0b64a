//! The threads that hash passwords.
//!
//! One hash takes some 20 ms of a processor and 19 MB, and anybody may ask for one by a login. So one or two threads do it,
//! each in memory of its own that it keeps, and what waits for them is bounded: a flood of logins costs no memory beyond
//! that (G20). People who are known go first; the others take turns by where they come from, so that a flood from one
//! place delays itself.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Block, Params};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::AccessError;

/// Most threads, and hashes at once.
const THREADS_MAX: usize = 2;
/// Blocks of 1 KiB that one hash works in.
const BLOCKS: usize = Params::DEFAULT_M_COST as usize;
/// Hashes of known people that may wait.
const KNOWN_MAX: usize = 128;
/// Hashes of others that may wait.
const OTHERS_MAX: usize = 128;
/// Of them for one source.
const SOURCE_MAX: usize = 16;
/// Longest wait of one.
const WAIT: Duration = Duration::from_secs(5);

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Somebody who is known: before all others.
    Known,
    /// Anybody, by the network of the address.
    Other(IpAddr),
}

/// A hash to make in a thread's memory. Dropped, it answers nobody.
type Task = Box<dyn FnOnce(&mut [Block]) + Send>;

/// Half of the cores, so that a flood of logins leaves the others to what the server is there for.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, THREADS_MAX))
}

/// What waits.
#[derive(Default)]
struct Queue {
    known: VecDeque<Task>,
    /// By source, the one whose turn is next at the front. None is empty.
    others: VecDeque<(IpAddr, VecDeque<Task>)>,
    closed: bool,
}

impl Queue {
    fn push(&mut self, turn: Turn, task: Task) -> Result<(), AccessError> {
        match turn {
            Turn::Known if self.known.len() >= KNOWN_MAX => Err(AccessError::Busy),
            Turn::Known => {
                self.known.push_back(task);
                Ok(())
            }
            Turn::Other(source) => self.push_other(source, task),
        }
    }

    fn push_other(&mut self, source: IpAddr, task: Task) -> Result<(), AccessError> {
        let place = self.others.iter().position(|(known, _)| *known == source);
        let own = place.and_then(|place| self.others.get(place)).map_or(0, |(_, waiting)| waiting.len());
        if own >= SOURCE_MAX {
            return Err(AccessError::Busy);
        }
        if self.others.iter().map(|(_, waiting)| waiting.len()).sum::<usize>() >= OTHERS_MAX {
            // Who has most of the places gives one to who has fewer.
            let most = self.others.iter_mut().max_by_key(|(_, waiting)| waiting.len());
            let most = most.filter(|(_, waiting)| waiting.len() > own + 1).ok_or(AccessError::Busy)?;
            drop(most.1.pop_back());
        }
        match place.and_then(|place| self.others.get_mut(place)) {
            Some((_, waiting)) => waiting.push_back(task),
            None => self.others.push_back((source, VecDeque::from([task]))),
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<Task> {
        if let Some(task) = self.known.pop_front() {
            return Some(task);
        }
        let (source, mut waiting) = self.others.pop_front()?;
        let task = waiting.pop_front();
        if !waiting.is_empty() {
            self.others.push_back((source, waiting));
        }
        task
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl Shared {
    /// Works until the queue is closed.
    fn work(&self, memory: &mut [Block]) {
        loop {
            let task = {
                let mut queue = self.queue.lock();
                loop {
                    if queue.closed {
                        return;
                    }
                    if let Some(task) = queue.pop() {
                        break task;
                    }
                    self.arrived.wait(&mut queue);
                }
            };
            task(memory);
        }
    }
}

/// The threads and their queue.
#[derive(Default)]
pub struct Hashing {
    shared: Arc<Shared>,
    started: Mutex<bool>,
}

impl Hashing {
    /// Starts the threads, once, and takes their memory.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(&self) -> io::Result<()> {
        let mut started = self.started.lock();
        if *started {
            return Ok(());
        }
        for number in 0..threads() {
            let shared = Arc::clone(&self.shared);
            let mut memory = vec![Block::new(); BLOCKS];
            let thread = thread::Builder::new().name(format!("passwords-{number}"));
            thread.spawn(move || shared.work(&mut memory))?;
        }
        *started = true;
        Ok(())
    }

    /// Has `work` done in a thread's memory when its turn comes; not at all once the answer is not waited for any more.
    ///
    /// # Errors
    /// [`AccessError::Busy`] where too much waits already, or its turn does not come within 5 s; [`AccessError::Threads`].
    pub async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&mut [Block]) -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        self.start().map_err(AccessError::Threads)?;
        let (answer, answered) = oneshot::channel();
        let since = Instant::now();
        let task = Box::new(move |memory: &mut [Block]| {
            if !answer.is_closed() && since.elapsed() < WAIT {
                // Who stopped waiting meanwhile needs no answer.
                let _ = answer.send(work(memory));
            }
        });
        self.shared.queue.lock().push(turn, task)?;
        self.shared.arrived.notify_one();
        answered.await.map_err(|_| AccessError::Busy)
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};

    use super::*;

    fn source(n: u8) -> Turn {
        Turn::Other(IpAddr::from([192, 0, 2, n]))
    }

    /// Pushes a task that tells its name when it is run.
    fn push(queue: &mut Queue, turn: Turn, name: &'static str, told: &Arc<Mutex<Vec<&'static str>>>) -> bool {
        let told = Arc::clone(told);
        queue.push(turn, Box::new(move |_| told.lock().push(name))).is_ok()
    }

    #[test]
    fn who_is_known_goes_first_and_the_others_take_turns_by_source() {
        let (mut queue, told) = (Queue::default(), Arc::default());
        for name in ["a1", "a2", "a3"] {
            assert!(push(&mut queue, source(1), name, &told));
        }
        assert!(push(&mut queue, source(2), "b1", &told));
        assert!(push(&mut queue, Turn::Known, "known", &told));
        while let Some(task) = queue.pop() {
            task(&mut []);
        }
        assert_eq!(*told.lock(), ["known", "a1", "b1", "a2", "a3"]);
    }

    #[test]
    fn what_waits_is_bounded_and_a_flood_makes_room_for_somebody_else() {
        let (mut queue, told) = (Queue::default(), Arc::default());
        let taken = (0..100).filter(|_| push(&mut queue, source(0), "flood", &told)).count();
        assert_eq!(taken, SOURCE_MAX);
        let sources = (OTHERS_MAX / SOURCE_MAX) as u8;
        for n in 1..sources {
            assert!((0..SOURCE_MAX).all(|_| push(&mut queue, source(n), "flood", &told)));
        }
        assert!(push(&mut queue, source(200), "honest", &told), "all places are taken by eight");
        let waiting = queue.others.iter().map(|(_, waiting)| waiting.len()).sum::<usize>();
        assert_eq!(waiting, OTHERS_MAX);
        let known = (0..KNOWN_MAX + 1).filter(|_| push(&mut queue, Turn::Known, "known", &told)).count();
        assert_eq!(known, KNOWN_MAX);
    }

    #[test]
    fn a_hash_is_made_in_memory_that_stays() {
        let hashing = Hashing::default();
        let places: BTreeSet<_> = (0..20)
            .map(|_| {
                let at = hashing.run(Turn::Known, |memory| (memory.as_ptr() as usize, memory.len()));
                pollster::block_on(at).expect("done")
            })
            .collect();
        assert!(
            places.len() <= threads() && places.iter().all(|(_, blocks)| *blocks == BLOCKS),
            "{places:?}"
        );
    }

    #[test]
    fn a_hash_that_nobody_waits_for_any_more_is_not_made() {
        for waits in [false, true] {
            let hashing = Hashing::default();
            let mut context = Context::from_waker(Waker::noop());
            let (goes_on, held) = channel();
            let held = Arc::new(Mutex::new(held));
            let mut busy: Vec<_> = (0..threads())
                .map(|_| {
                    let held = Arc::clone(&held);
                    Box::pin(hashing.run(Turn::Known, move |_| held.lock().recv()))
                })
                .collect();
            assert!(busy.iter_mut().all(|busy| busy.as_mut().poll(&mut context).is_pending()));
            let (ran, runs) = channel();
            let mut asked = Box::pin(hashing.run(Turn::Known, move |_| ran.send(())));
            assert!(asked.as_mut().poll(&mut context).is_pending());
            let kept = waits.then_some(asked);
            (0..threads()).for_each(|_| goes_on.send(()).expect("held"));
            pollster::block_on(hashing.run(Turn::Known, |_| ())).expect("done");
            assert_eq!(runs.recv().is_ok(), waits);
            drop(kept);
        }
    }
}
