//! An engine in memory, and what loses requests and answers in front of any engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;
use parking_lot::{Condvar, Mutex};

use super::{
    BlockAppender, BlockFollower, BlockOutcome, Connected, LogBlock, SharedLog, SharedLogError, SideLog,
};
use crate::log::frame::Frame;
use crate::log::sim::Rng;

#[derive(Default)]
struct World {
    blocks: Vec<Frame>,
    blobs: HashMap<Hash, Bytes>,
    words: Vec<Bytes>,
    beside: Vec<Bytes>,
}

struct Engine {
    world: Mutex<World>,
    appended: Condvar,
    compares: bool,
    is_full: AtomicBool,
    is_down: AtomicBool,
}

/// The engine; clones are the same one.
#[derive(Clone)]
pub struct FakeLog(Arc<Engine>);

impl FakeLog {
    pub fn new() -> Self {
        Self::of(true)
    }

    /// The null control: it appends whatever it is given, wherever the log ends.
    pub fn without_compare_and_set() -> Self {
        Self::of(false)
    }

    fn of(compares: bool) -> Self {
        Self(Arc::new(Engine {
            world: Mutex::default(),
            appended: Condvar::new(),
            compares,
            is_full: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
        }))
    }

    pub fn fill(&self, is_full: bool) {
        self.0.is_full.store(is_full, Ordering::Relaxed);
    }

    pub fn cut_off(&self, is_down: bool) {
        self.0.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Loses the last blocks, as an engine does that acknowledged what it had not synced.
    pub fn lose_last(&self, blocks: usize) {
        let mut world = self.0.world.lock();
        let left = world.blocks.len().saturating_sub(blocks);
        world.blocks.truncate(left);
    }

    fn reach(&self) -> Result<(), SharedLogError> {
        if self.0.is_down.load(Ordering::Relaxed) {
            return Err(SharedLogError::Unavailable("cut off".into()));
        }
        Ok(())
    }
}

impl SharedLog for FakeLog {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn connect(&self, _is_new: bool) -> Result<Connected, SharedLogError> {
        self.reach()?;
        let (appender, follower) = (Box::new(self.clone()), Box::new(self.clone()));
        Ok(Connected { appender, follower, warnings: Vec::new() })
    }

    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError> {
        self.reach()?;
        Ok(Box::new(self.clone()))
    }

    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError> {
        self.reach()?;
        self.0.world.lock().words.push(Bytes::copy_from_slice(word));
        std::thread::sleep(wait);
        Ok(self.0.world.lock().words.clone())
    }

    fn wipe(&self) -> Result<(), SharedLogError> {
        *self.0.world.lock() = World::default();
        Ok(())
    }
}

impl SideLog for FakeLog {
    fn publish(&mut self, message: &[u8]) -> Result<(), SharedLogError> {
        self.reach()?;
        self.0.world.lock().beside.push(Bytes::copy_from_slice(message));
        Ok(())
    }

    fn after(&mut self, cursor: u64) -> Result<Vec<(u64, Bytes)>, SharedLogError> {
        self.reach()?;
        let world = self.0.world.lock();
        Ok((1..).zip(&world.beside).skip(cursor as usize).map(|(at, bytes)| (at, bytes.clone())).collect())
    }

    fn end(&mut self) -> Result<u64, SharedLogError> {
        Ok(self.0.world.lock().beside.len() as u64)
    }
}

impl BlockAppender for FakeLog {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        self.reach()?;
        if self.0.is_full.load(Ordering::Relaxed) {
            return Err(SharedLogError::Full("no room".into()));
        }
        // What a round trip leaves to the others.
        std::thread::sleep(Duration::from_micros(200));
        let mut world = self.0.world.lock();
        if self.0.compares && cursor != world.blocks.len() as u64 {
            return Ok(BlockOutcome::Behind);
        }
        world.blocks.push(frame.clone());
        self.0.appended.notify_all();
        Ok(BlockOutcome::Committed(world.blocks.len() as u64))
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.reach()?;
        self.0.world.lock().blobs.insert(*digest, bytes.clone());
        Ok(())
    }
}

impl BlockFollower for FakeLog {
    fn find(&mut self, position: Position) -> Result<Option<LogBlock>, SharedLogError> {
        self.reach()?;
        let world = self.0.world.lock();
        let at = world.blocks.iter().position(|frame| frame.last() >= position);
        Ok(at.map(|at| LogBlock { frame: world.blocks[at].clone(), cursor: at as u64 + 1 }))
    }

    fn next(&mut self, cursor: u64, wait: Duration) -> Result<Vec<LogBlock>, SharedLogError> {
        let until = Instant::now() + wait;
        let mut world = self.0.world.lock();
        loop {
            self.reach()?;
            let new = world.blocks.iter().zip(1..).skip(cursor as usize).take(64);
            let new: Vec<LogBlock> =
                new.map(|(frame, cursor)| LogBlock { frame: frame.clone(), cursor }).collect();
            if !new.is_empty() || self.0.appended.wait_until(&mut world, until).timed_out() {
                return Ok(new);
            }
        }
    }

    fn tip(&mut self) -> Result<Position, SharedLogError> {
        self.reach()?;
        Ok(self.0.world.lock().blocks.last().map_or(0, Frame::last))
    }

    fn blob(&mut self, digest: &Hash, _len: u64) -> Result<Bytes, SharedLogError> {
        let missing = || SharedLogError::Unavailable("no such original".into());
        self.0.world.lock().blobs.get(digest).cloned().ok_or_else(missing)
    }

    fn tell(&mut self, word: &[u8]) -> Result<(), SharedLogError> {
        self.0.world.lock().words.push(Bytes::copy_from_slice(word));
        Ok(())
    }

    fn heard(&mut self) -> Vec<Bytes> {
        self.0.world.lock().words.clone()
    }
}

/// An engine behind a line that loses one request or answer in four.
pub struct Lossy {
    engine: Arc<dyn SharedLog>,
    seed: u64,
}

impl Lossy {
    pub fn new(engine: Arc<dyn SharedLog>, seed: u64) -> Self {
        Self { engine, seed }
    }
}

struct LossyAppender {
    appender: Box<dyn BlockAppender>,
    rng: Rng,
}

impl SharedLog for Lossy {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn connect(&self, is_new: bool) -> Result<Connected, SharedLogError> {
        let connected = self.engine.connect(is_new)?;
        let appender = Box::new(LossyAppender { appender: connected.appender, rng: Rng::new(self.seed) });
        Ok(Connected { appender, ..connected })
    }

    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError> {
        self.engine.side_log()
    }

    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError> {
        self.engine.meet(word, wait)
    }

    fn wipe(&self) -> Result<(), SharedLogError> {
        self.engine.wipe()
    }
}

impl BlockAppender for LossyAppender {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        let lost = |what: &str| Err(SharedLogError::Unknown(format!("the {what} was lost")));
        match self.rng.below(8) {
            0 => lost("request"),
            1 => {
                self.appender.append(cursor, frame)?;
                lost("answer")
            }
            _ => self.appender.append(cursor, frame),
        }
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.appender.put_blob(digest, bytes)
    }
}
