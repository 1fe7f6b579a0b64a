//! The index's own thread: sorts full tails, brings runs into sled, merges them there, clears up.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::KeyError;
use super::lookup::{Shared, Trouble};
use super::manifest::RunId;
use super::run::{MemRun, Range, Run};
use super::sled_run::{RunReader, RunWriter, SledRun, ids, remove};
use crate::store::{Db, Store, StoreError};

/// How long closing waits for the keeper before it is left behind.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// Wakes and stops the thread.
#[derive(Debug)]
pub(super) struct Keeper {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

/// Tells the thread that there is work, or that it shall end.
#[derive(Debug, Default)]
pub(super) struct Signal {
    state: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Wanted {
    work: bool,
    stop: bool,
}

impl Keeper {
    /// None when the thread could not be started: the index then stays in memory.
    pub(super) fn start(shared: Arc<Shared>, store: Store, log_id: [u8; 16], db: Option<Db>) -> Option<Self> {
        let signal = Arc::clone(&shared.signal);
        let work = Work { shared, store, log_id, db: None, next_id: 0 };
        let thread =
            std::thread::Builder::new().name("key-index".to_owned()).spawn(move || work.run(db)).ok()?;
        Some(Self { signal, thread: Some(thread) })
    }

    /// Whether the thread is gone, which only a panic of it brings about.
    pub(super) fn ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Signal {
    pub(super) fn wake(&self) {
        self.state.lock().work = true;
        self.changed.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.signal.state.lock().stop = true;
        self.signal.changed.notify_one();
        let deadline = Instant::now() + CLOSE_WAIT;
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    store: Store,
    log_id: [u8; 16],
    db: Option<Db>,
    next_id: RunId,
}

enum Woken {
    Stop,
    Work,
    Time,
}

/// Why a step was not finished.
enum Halt {
    Stopped,
    Store(StoreError),
    /// The log could not be read to bring back a run.
    Log(KeyError),
    /// A run could not be read back as it was written.
    Unread,
    /// A chunk of a run that was to be merged is damaged.
    Damaged(Arc<SledRun>),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Work {
    fn run(mut self, db: Option<Db>) {
        let mut adopted = db;
        let mut retry_after = self.shared.shape.retry;
        loop {
            let wait = match self.run_until_idle(adopted.take()) {
                Ok(()) => {
                    retry_after = self.shared.shape.retry;
                    None
                }
                Err(Halt::Stopped) => return,
                Err(halt) => {
                    self.give_up(halt);
                    let wait = retry_after;
                    retry_after = retry_after.saturating_mul(8);
                    Some(wait)
                }
            };
            let until = wait.map(|wait| Instant::now() + wait);
            loop {
                match self.pause(until) {
                    Woken::Stop => return,
                    // Until sled is tried again, new runs are only sorted and merged.
                    Woken::Work if until.is_some() => self.tend_memory(),
                    Woken::Work | Woken::Time => break,
                }
            }
        }
    }

    /// Works until there is nothing to do.
    fn run_until_idle(&mut self, adopted: Option<Db>) -> Result<(), Halt> {
        while self.shared.sort_one() {}
        if self.db.as_ref().is_none_or(|db| db.dead().is_some()) {
            let db = match adopted.map_or_else(|| self.store.db(), Ok) {
                Ok(db) => db,
                Err(error) => {
                    *self.shared.without_sled.lock() = Some(error.to_string());
                    self.tend_memory();
                    return if matches!(error, StoreError::GivenUp(_)) { Ok(()) } else { Err(error.into()) };
                }
            };
            self.sweep(&db)?;
            *self.shared.without_sled.lock() = None;
            self.db = Some(db);
        }
        self.restore_dead()?;
        while self.step()? {}
        self.shared.rebuilding.store(false, Relaxed);
        Ok(())
    }

    /// Brings back runs of databases that were given up, if no look-up did so yet.
    fn restore_dead(&self) -> Result<(), Halt> {
        for run in self.shared.runs().iter() {
            if let Run::Sled(run) = run
                && run.db.dead().is_some()
            {
                self.shared.repair(&Trouble::Db(run.db.clone())).map_err(Halt::Log)?;
            }
        }
        Ok(())
    }

    /// One piece of work; false when there is none.
    fn step(&mut self) -> Result<bool, Halt> {
        self.check_stop()?;
        let Some(db) = self.db.clone() else { return Ok(false) };
        // Merging once in memory when several wait saves writing them one by one.
        if self.shared.sort_one() || self.shared.merge_in_memory(1) {
            return Ok(true);
        }
        for dropped in self.shared.take_dropped() {
            if dropped.db.same(&db) {
                remove(&db, dropped.id)?;
            }
        }
        let runs = self.shared.runs();
        if let Some(run @ Run::Mem(mem)) = runs.iter().find(|run| matches!(run, Run::Mem(_))) {
            let written = self.write_out(&db, mem)?;
            self.publish(&db, std::slice::from_ref(run), written)?;
            return Ok(true);
        }
        let sled = |run: &Run| matches!(run, Run::Sled(run) if run.db.same(&db));
        let Some(group) = self.shared.mergeable(&runs, self.shared.shape.level_max, sled) else {
            return Ok(false);
        };
        let members: Vec<Arc<SledRun>> = group
            .iter()
            .filter_map(|run| if let Run::Sled(run) = run { Some(Arc::clone(run)) } else { None })
            .collect();
        let merged = self.merge(&db, &members)?;
        self.publish(&db, group, merged)?;
        for member in &members {
            remove(&db, member.id)?;
        }
        Ok(true)
    }

    fn publish(&self, db: &Db, old: &[Run], new: SledRun) -> Result<(), Halt> {
        let id = new.id;
        if !self.shared.replace(old, Run::Sled(Arc::new(new))) {
            // A repair came between: this run is not needed.
            remove(db, id)?;
        }
        Ok(())
    }

    fn write_out(&mut self, db: &Db, run: &MemRun) -> Result<SledRun, Halt> {
        let mut writer = self.writer(db, run.entries.len() as u64);
        for (number, entry) in run.entries.iter().enumerate() {
            if number % 65_536 == 0 {
                self.check_stop()?;
            }
            writer.push(entry)?;
        }
        writer.finish(run.range)?.ok_or(Halt::Unread)
    }

    fn merge(&mut self, db: &Db, members: &[Arc<SledRun>]) -> Result<SledRun, Halt> {
        let mut writer = self.writer(db, members.iter().map(|run| run.count).sum());
        let mut readers: Vec<RunReader<'_>> = members.iter().map(|run| RunReader::new(run)).collect();
        let mut pushed = 0u32;
        loop {
            let mut lowest: Option<usize> = None;
            for (at, member) in members.iter().enumerate() {
                if !readers[at].fill()? {
                    return Err(Halt::Damaged(Arc::clone(member)));
                }
                if let Some(entry) = readers[at].peek()
                    && lowest.is_none_or(|low| readers[low].peek().is_none_or(|other| entry < other))
                {
                    lowest = Some(at);
                }
            }
            let Some(entry) = lowest.and_then(|at| readers[at].peek().copied()) else { break };
            if let Some(at) = lowest {
                readers[at].advance();
            }
            writer.push(&entry)?;
            pushed = pushed.wrapping_add(1);
            if pushed.is_multiple_of(65_536) {
                self.check_stop()?;
                // Tails that filled meanwhile are sorted, so that look-ups stay quick during a long merge.
                while self.shared.sort_one() {}
            }
        }
        let first = members.first().map_or(1, |run| run.range.first);
        let last = members.last().map_or(0, |run| run.range.last);
        writer.finish(Range { first, last })?.ok_or(Halt::Unread)
    }

    fn writer(&mut self, db: &Db, count: u64) -> RunWriter {
        let id = self.next_id;
        self.next_id += 1;
        RunWriter::new(db.clone(), id, self.log_id, self.shared.shape, count)
    }

    /// Removes what no run of the list owns: merged ones, damaged ones, those that a stop left unfinished.
    fn sweep(&mut self, db: &Db) -> Result<(), Halt> {
        let all = ids(db)?;
        self.next_id = all.last().map_or(0, |last| last + 1);
        let runs = self.shared.runs();
        let owned = |id: RunId| {
            runs.iter().any(|run| matches!(run, Run::Sled(run) if run.id == id && run.db.same(db)))
        };
        for id in all.into_iter().filter(|id| !owned(*id)) {
            self.check_stop()?;
            remove(db, id)?;
        }
        Ok(())
    }

    /// After a failure: what sled held is brought back into memory at once, not only when a look-up needs it.
    fn give_up(&mut self, halt: Halt) {
        let trouble = match halt {
            Halt::Stopped => return,
            Halt::Log(error) => {
                tracing::error!(%error, "the key index could not be rebuilt");
                return;
            }
            Halt::Damaged(run) => Some(Trouble::Run(run)),
            Halt::Unread => {
                if let Some(db) = &self.db {
                    db.give_up("a run could not be read back as it was written");
                }
                self.db.take().map(Trouble::Db)
            }
            Halt::Store(error) => {
                *self.shared.without_sled.lock() = Some(error.to_string());
                self.db.take().map(Trouble::Db)
            }
        };
        if let Some(trouble) = trouble
            && let Err(error) = self.shared.repair(&trouble)
        {
            tracing::error!(%error, "the key index could not be rebuilt");
        }
    }

    fn check_stop(&self) -> Result<(), Halt> {
        if self.shared.signal.state.lock().stop { Err(Halt::Stopped) } else { Ok(()) }
    }

    fn tend_memory(&self) {
        while self.shared.sort_one() || self.shared.merge_in_memory(self.shared.shape.level_max) {}
    }

    /// Sleeps until there is work or it is time.
    fn pause(&self, until: Option<Instant>) -> Woken {
        let signal = &self.shared.signal;
        let mut wanted = signal.state.lock();
        loop {
            if wanted.stop {
                return Woken::Stop;
            }
            if std::mem::take(&mut wanted.work) {
                return Woken::Work;
            }
            match until {
                None => signal.changed.wait(&mut wanted),
                Some(until) => {
                    if signal.changed.wait_until(&mut wanted, until).timed_out() {
                        return Woken::Time;
                    }
                }
            }
        }
    }
}
