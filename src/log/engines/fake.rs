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
    BlockAppender, BlockFollower, BlockOutcome, BlockSink, ClosedLog, Connected, LogBlock, SharedLog,
    SharedLogError, SideLog,
};
use crate::log::frame::Frame;
use crate::log::sim::Rng;

#[derive(Default)]
struct World {
    blocks: Vec<Frame>,
    blobs: HashMap<Hash, Bytes>,
    words: Vec<Bytes>,
    beside: Vec<Bytes>,
    /// How often the log was made anew; connections are of one of them.
    made: u64,
    is_closed: bool,
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
pub struct FakeLog {
    engine: Arc<Engine>,
    /// Of which log it is a connection.
    made: Option<u64>,
}

impl FakeLog {
    pub fn new() -> Self {
        Self::of(true)
    }

    /// The null control: it appends whatever it is given, wherever the log ends.
    pub fn without_compare_and_set() -> Self {
        Self::of(false)
    }

    fn of(compares: bool) -> Self {
        let engine = Engine {
            world: Mutex::default(),
            appended: Condvar::new(),
            compares,
            is_full: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
        };
        Self { engine: Arc::new(engine), made: None }
    }

    pub fn fill(&self, is_full: bool) {
        self.engine.is_full.store(is_full, Ordering::Relaxed);
    }

    pub fn cut_off(&self, is_down: bool) {
        self.engine.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Loses the last blocks, as an engine does that acknowledged what it had not synced.
    pub fn lose_last(&self, blocks: usize) {
        let mut world = self.engine.world.lock();
        let left = world.blocks.len().saturating_sub(blocks);
        world.blocks.truncate(left);
    }

    fn reach(&self) -> Result<(), SharedLogError> {
        if self.engine.is_down.load(Ordering::Relaxed) {
            return Err(SharedLogError::Unavailable("cut off".into()));
        }
        Ok(())
    }

    /// Whether this connection is of the log that is there now.
    fn check(&self, world: &World) -> Result<(), SharedLogError> {
        match self.made.is_some_and(|made| made != world.made) {
            true => Err(SharedLogError::Missing("the log was made anew".into())),
            false => Ok(()),
        }
    }
}

impl SharedLog for FakeLog {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn connect(&self, _is_new: bool) -> Result<Connected, SharedLogError> {
        self.reach()?;
        let world = self.engine.world.lock();
        if world.is_closed {
            return Err(SharedLogError::Missing("the log is being made anew".into()));
        }
        let connection = Self { made: Some(world.made), ..self.clone() };
        let (appender, follower) = (Box::new(connection.clone()), Box::new(connection));
        Ok(Connected { appender, follower, warnings: Vec::new(), closed: None })
    }

    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError> {
        self.reach()?;
        Ok(Box::new(self.clone()))
    }

    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError> {
        self.reach()?;
        self.engine.world.lock().words.push(Bytes::copy_from_slice(word));
        std::thread::sleep(wait);
        Ok(self.engine.world.lock().words.clone())
    }

    fn close(&self, _node: &str) -> Result<Box<dyn ClosedLog>, SharedLogError> {
        self.reach()?;
        let mut world = self.engine.world.lock();
        world.is_closed = true;
        let last = world.blocks.last().map(|frame| (frame.clone(), world.blocks.len() as u64));
        let last = last.map(|(frame, cursor)| LogBlock { frame, cursor });
        Ok(Box::new(ClosedFake { log: self.clone(), last }))
    }

    fn wipe(&self) -> Result<(), SharedLogError> {
        let mut world = self.engine.world.lock();
        *world = World { made: world.made + 1, ..World::default() };
        Ok(())
    }
}

/// The engine, taken from its nodes.
struct ClosedFake {
    log: FakeLog,
    last: Option<LogBlock>,
}

impl BlockSink for ClosedFake {
    fn put(&mut self, cursor: u64, frame: &Frame) -> Result<u64, SharedLogError> {
        let mut world = self.log.engine.world.lock();
        assert_eq!(cursor, world.blocks.len() as u64, "another wrote to it");
        world.blocks.push(frame.clone());
        Ok(cursor + 1)
    }

    fn put_original(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.log.put_blob(digest, bytes)
    }
}

impl ClosedLog for ClosedFake {
    fn last(&self) -> Option<&LogBlock> {
        self.last.as_ref()
    }

    fn empty(&mut self, _up_to: Position) -> Result<&mut dyn BlockSink, SharedLogError> {
        let mut world = self.log.engine.world.lock();
        *world = World { made: world.made + 1, is_closed: true, ..World::default() };
        drop(world);
        Ok(self)
    }

    fn open(&mut self) -> Result<(), SharedLogError> {
        self.log.engine.world.lock().is_closed = false;
        Ok(())
    }
}

impl SideLog for FakeLog {
    fn publish(&mut self, message: &[u8]) -> Result<(), SharedLogError> {
        self.reach()?;
        self.engine.world.lock().beside.push(Bytes::copy_from_slice(message));
        Ok(())
    }

    fn after(&mut self, cursor: u64) -> Result<Vec<(u64, Bytes)>, SharedLogError> {
        self.reach()?;
        let world = self.engine.world.lock();
        Ok((1..).zip(&world.beside).skip(cursor as usize).map(|(at, bytes)| (at, bytes.clone())).collect())
    }

    fn end(&mut self) -> Result<u64, SharedLogError> {
        Ok(self.engine.world.lock().beside.len() as u64)
    }
}

impl BlockAppender for FakeLog {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        self.reach()?;
        if self.engine.is_full.load(Ordering::Relaxed) {
            return Err(SharedLogError::Full("no room".into()));
        }
        // What a round trip leaves to the others.
        std::thread::sleep(Duration::from_micros(200));
        let mut world = self.engine.world.lock();
        self.check(&world)?;
        if world.is_closed {
            return Err(SharedLogError::Unavailable("the log is being made anew".into()));
        }
        if self.engine.compares && cursor != world.blocks.len() as u64 {
            return Ok(BlockOutcome::Behind);
        }
        world.blocks.push(frame.clone());
        self.engine.appended.notify_all();
        Ok(BlockOutcome::Committed(world.blocks.len() as u64))
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        self.reach()?;
        self.engine.world.lock().blobs.insert(*digest, bytes.clone());
        Ok(())
    }
}

impl BlockFollower for FakeLog {
    fn find(&mut self, position: Position) -> Result<Option<LogBlock>, SharedLogError> {
        self.reach()?;
        let world = self.engine.world.lock();
        self.check(&world)?;
        let at = world.blocks.iter().position(|frame| frame.last() >= position);
        Ok(at.map(|at| LogBlock { frame: world.blocks[at].clone(), cursor: at as u64 + 1 }))
    }

    fn next(&mut self, cursor: u64, wait: Duration) -> Result<Vec<LogBlock>, SharedLogError> {
        let until = Instant::now() + wait;
        let mut world = self.engine.world.lock();
        loop {
            self.reach()?;
            self.check(&world)?;
            let new = world.blocks.iter().zip(1..).skip(cursor as usize).take(64);
            let new: Vec<LogBlock> =
                new.map(|(frame, cursor)| LogBlock { frame: frame.clone(), cursor }).collect();
            if !new.is_empty() || self.engine.appended.wait_until(&mut world, until).timed_out() {
                return Ok(new);
            }
        }
    }

    fn tip(&mut self) -> Result<Position, SharedLogError> {
        self.reach()?;
        Ok(self.engine.world.lock().blocks.last().map_or(0, Frame::last))
    }

    fn blob(&mut self, digest: &Hash, _len: u64) -> Result<Bytes, SharedLogError> {
        let missing = || SharedLogError::Unavailable("no such original".into());
        self.engine.world.lock().blobs.get(digest).cloned().ok_or_else(missing)
    }

    fn tell(&mut self, word: &[u8]) -> Result<(), SharedLogError> {
        self.engine.world.lock().words.push(Bytes::copy_from_slice(word));
        Ok(())
    }

    fn heard(&mut self) -> Vec<Bytes> {
        self.engine.world.lock().words.clone()
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

    fn close(&self, node: &str) -> Result<Box<dyn ClosedLog>, SharedLogError> {
        self.engine.close(node)
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
