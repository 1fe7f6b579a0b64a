//! What the following thread hands to the writer: a checked connection, and blocks in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;
use parking_lot::{Condvar, Mutex};

use super::nodes::{NodeSeen, NodeTable};
use super::{BlockAppender, LogBlock};

/// Bytes of blocks that wait for the writer; the following thread waits then.
const WAITING_MAX: usize = 32 << 20;

/// A block with the originals that this node did not have.
pub struct Incoming {
    pub block: LogBlock,
    pub blobs: Vec<(Hash, Bytes)>,
}

impl Incoming {
    fn len(&self) -> usize {
        self.block.frame.bytes().len() + self.blobs.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }
}

/// The place of a position in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorPlace {
    pub position: Position,
    pub cursor: u64,
}

/// What a node knows of its engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// Last position that it is known to have.
    pub tip: Option<Position>,
    /// Why there is no connection.
    pub down: Option<Arc<str>>,
    /// In which way it is weaker than it should be.
    pub warnings: Vec<String>,
    /// How many erasures this node carried out whose data the engine's log still has.
    pub unerased: usize,
    /// The nodes that were heard of, this one included.
    pub nodes: Vec<NodeSeen>,
}

/// A new connection for the writer.
pub struct EngineLink {
    pub appender: Box<dyn BlockAppender>,
    pub place: CursorPlace,
    /// Which connection it is, counted.
    pub epoch: u64,
}

#[derive(Default)]
struct State {
    blocks: VecDeque<Incoming>,
    bytes: usize,
    link: Option<EngineLink>,
    epoch: u64,
    /// Why there is no connection.
    down: Option<Arc<str>>,
    /// Last position in the engine, as far as it is known.
    tip: Option<Position>,
    warnings: Vec<String>,
    unerased: usize,
    nodes: NodeTable,
    /// Whether an original went that a waiting block names.
    doubted: bool,
    closing: bool,
}

/// The inbox of the writer, filled by the following thread.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    /// This node's name.
    pub node: String,
    /// How many journals a fact is in before it is answered, this node's included.
    pub copies: usize,
}

impl Inbox {
    /// That of a node of this name.
    pub fn new(node: &str, copies: usize) -> Self {
        Self { node: node.to_owned(), copies, ..Self::default() }
    }

    /// Whether enough journals have this position. This node's has.
    pub fn is_copied(&self, position: Position) -> bool {
        self.copies <= 1 || self.state.lock().nodes.others_with(position, &self.node) + 1 >= self.copies
    }

    /// Waits until something came, at most this long.
    pub fn wait_a_moment(&self, at_most: Duration) {
        self.changed.wait_for(&mut self.state.lock(), at_most);
    }

    /// A new connection begins: what came over the last one may be of another log.
    pub fn begin(&self) {
        let mut state = self.state.lock();
        state.epoch += 1;
        state.link = None;
        state.doubted = false;
        state.blocks.clear();
        state.bytes = 0;
        drop(state);
        self.changed.notify_all();
    }

    /// The connection stands.
    pub fn link(
        &self,
        appender: Box<dyn BlockAppender>,
        place: CursorPlace,
        tip: Position,
        warnings: Vec<String>,
    ) {
        let mut state = self.state.lock();
        let epoch = state.epoch;
        state.link = Some(EngineLink { appender, place, epoch });
        state.down = None;
        state.tip = state.tip.max(Some(tip));
        state.warnings = warnings;
        drop(state);
        self.changed.notify_all();
    }

    /// The engine's log can be followed and takes no blocks.
    pub fn closed(&self, why: Arc<str>, tip: Position, warnings: Vec<String>) {
        let mut state = self.state.lock();
        state.down = Some(why);
        state.tip = state.tip.max(Some(tip));
        state.warnings = warnings;
        drop(state);
        self.changed.notify_all();
    }

    /// There is no connection, or it gave out.
    pub fn down(&self, why: Arc<str>) {
        self.state.lock().down = Some(why);
        self.changed.notify_all();
    }

    /// Adds a block once there is room; false when the log closes.
    pub fn push(&self, incoming: Incoming) -> bool {
        let mut state = self.state.lock();
        while state.bytes > WAITING_MAX && !state.closing {
            self.changed.wait(&mut state);
        }
        state.bytes += incoming.len();
        state.tip = state.tip.max(Some(incoming.block.frame.last()));
        state.blocks.push_back(incoming);
        let goes_on = !state.closing;
        drop(state);
        self.changed.notify_all();
        goes_on
    }

    /// The connection that came since the writer last asked.
    pub fn take_link(&self) -> Option<EngineLink> {
        self.state.lock().link.take()
    }

    /// Which connection is the current one, and why there is none.
    pub fn status(&self) -> (u64, Option<Arc<str>>) {
        let state = self.state.lock();
        (state.epoch, state.down.clone())
    }

    /// What is known of the engine and of the other nodes.
    pub fn told(&self) -> EngineStatus {
        let state = self.state.lock();
        let (tip, down) = (state.tip, state.down.clone());
        let (mut warnings, unerased) = (state.warnings.clone(), state.unerased);
        if unerased > 0 {
            warnings.push(format!(
                "the data of {unerased} erasures is still in the engine's log: `factfold cluster reseed` makes it anew \
                 without"
            ));
        }
        EngineStatus { tip, down, warnings, unerased, nodes: state.nodes.seen() }
    }

    /// How many erasures the engine's log has the data of.
    pub fn unerased(&self, count: usize) {
        self.state.lock().unerased = count;
    }

    /// What waits names an original that is not here any more: all of it comes again, with what is missing then.
    pub fn doubt(&self) {
        self.state.lock().doubted = true;
        self.changed.notify_all();
    }

    /// Whether what waits is to come again.
    pub fn is_doubted(&self) -> bool {
        self.state.lock().doubted
    }

    /// Takes what nodes said of themselves.
    pub fn hear(&self, words: Vec<Bytes>) {
        let mut state = self.state.lock();
        words.iter().for_each(|word| state.nodes.hear(word));
        drop(state);
        self.changed.notify_all();
    }

    /// Takes blocks up to `facts` and `bytes`, at least one where there is one; of which connection they are.
    pub fn take(&self, facts: u64, bytes: usize) -> (u64, Vec<Incoming>) {
        let mut state = self.state.lock();
        let (mut taken, mut held, mut count) = (Vec::new(), 0, 0);
        while let Some(next) = state.blocks.front() {
            held += next.block.frame.bytes().len();
            count += u64::from(next.block.frame.header.count);
            if !taken.is_empty() && (held > bytes || count > facts) {
                break;
            }
            if let Some(next) = state.blocks.pop_front() {
                state.bytes -= next.len();
                taken.push(next);
            }
        }
        let epoch = state.epoch;
        drop(state);
        self.changed.notify_all();
        (epoch, taken)
    }

    /// Gives blocks back that could not be written, in order. Those of an earlier connection come anew.
    pub fn put_back(&self, epoch: u64, blocks: Vec<Incoming>) {
        let mut state = self.state.lock();
        if state.epoch != epoch {
            return;
        }
        for incoming in blocks.into_iter().rev() {
            state.bytes += incoming.len();
            state.blocks.push_front(incoming);
        }
    }

    /// Id and cursor of the block that begins with `first`, once it is here; none when `until` comes first.
    pub fn wait_for(&self, first: Position, until: Instant) -> Option<(u128, u64)> {
        let mut state = self.state.lock();
        loop {
            let found = state.blocks.iter().find(|known| known.block.frame.header.first >= first);
            if let Some(found) = found {
                return Some((found.block.frame.header.id, found.block.cursor));
            }
            if state.closing || self.changed.wait_until(&mut state, until).timed_out() {
                return None;
            }
        }
    }

    /// Waits until something came or `until`.
    pub fn wait_for_change(&self, until: Instant) {
        let mut state = self.state.lock();
        if state.blocks.is_empty() && state.link.is_none() && !state.closing {
            self.changed.wait_until(&mut state, until);
        }
    }

    /// The following thread's rest between two tries; false when the log closes.
    pub fn rest(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.state.lock();
        while !state.closing && !self.changed.wait_until(&mut state, until).timed_out() {}
        !state.closing
    }

    /// Whether the log closes.
    pub fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Ends the following thread.
    pub fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
    }
}
