//! What nodes of one log tell each other of the deliveries that they took. An endpoint's deliveries may all come to one
//! node, and another may be the one that judges the endpoint.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

use bytes::Bytes;
use parking_lot::Mutex;

use super::block::Block;
use super::{Delivered, Inner};
use crate::store::{Store, StoreError, View};
use crate::worker::StopSignal;

/// The table in the store that holds this node's place among the others.
const TABLE: &str = "deliveries_told";
const KEY: &[u8] = b"place";
/// Deliveries that may wait to be told.
const WAITING_MAX: usize = 16_384;
/// Between two looks for what others told. Silence is told after hours, so this need not be short.
const LOOK: Duration = Duration::from_millis(250);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// After so long without a word from the others, no endpoint is judged.
const DEAF_MAX: Duration = Duration::from_secs(60);

/// Messages that all nodes of a log read, each once, and that can be done without.
pub trait Exchange: Send {
    /// Makes a message known to all nodes.
    fn publish(&mut self, message: &[u8]) -> Result<(), String>;

    /// Messages behind `cursor` with theirs, oldest first; none where there are none now.
    fn after(&mut self, cursor: u64) -> Result<Vec<(u64, Bytes)>, String>;

    /// Cursor of the last message.
    fn end(&mut self) -> Result<u64, String>;
}

/// Connects to the other nodes.
pub type ConnectExchange = Box<dyn Fn() -> Result<Box<dyn Exchange>, String> + Send + Sync>;

/// Where a node is among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Names this node's messages. It lies beside what they tell: a node that lost it lost that, too, and reads all anew.
    sender: [u8; 16],
    /// Up to where it has read what all told.
    pub(super) cursor: u64,
}

impl Place {
    /// Of a node that has heard nothing yet.
    pub(super) fn new() -> Self {
        Self { sender: uuid::Uuid::now_v7().into_bytes(), cursor: 0 }
    }

    /// Writes it down, in one job with the blocks that hold what was heard up to it.
    pub(super) fn put(&self, view: &View) -> Result<(), StoreError> {
        let mut value = self.sender.to_vec();
        value.extend_from_slice(&self.cursor.to_be_bytes());
        view.table(TABLE)?.put(KEY, &value)
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (sender, cursor) = value.split_first_chunk::<16>()?;
        Some(Self { sender: *sender, cursor: u64::from_be_bytes(cursor.try_into().ok()?) })
    }
}

/// The place as the store knows it.
pub(super) fn stored_place(store: &Store) -> Option<Place> {
    let value = store.db().and_then(|db| db.read(|view| view.table(TABLE)?.get(KEY))).ok().flatten()?;
    Place::read(&value)
}

struct State {
    /// None until the store was read.
    place: Option<Place>,
    outgoing: VecDeque<Delivered>,
    /// Since when the others are not heard; at first since the start.
    deaf_since: Option<Moment>,
    was_whole: bool,
    failure: Option<Arc<str>>,
}

/// What goes to other nodes and comes from them.
pub(super) struct Sharing {
    connect: ConnectExchange,
    state: Mutex<State>,
    /// Up to where all that was told waits in the queue or is taken.
    told: AtomicU64,
}

impl Sharing {
    pub(super) fn new(connect: ConnectExchange) -> Self {
        let state = State {
            place: None,
            outgoing: VecDeque::new(),
            deaf_since: Some(Moment::now()),
            was_whole: false,
            failure: None,
        };
        Self { connect, state: Mutex::new(state), told: AtomicU64::new(0) }
    }

    /// The store was read: others are told and heard from now on.
    pub(super) fn begin(&self, place: Place) {
        self.told.store(place.cursor, Ordering::Release);
        self.state.lock().place = Some(place);
    }

    /// A delivery that came in here. The oldest goes where too many wait.
    pub(super) fn tell(&self, line: Delivered) {
        let mut state = self.state.lock();
        if state.outgoing.len() >= WAITING_MAX {
            state.outgoing.pop_front();
        }
        state.outgoing.push_back(line);
    }

    pub(super) fn told(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    /// The place to write down once what was told up to `cursor` is in blocks.
    pub(super) fn place_at(&self, cursor: u64) -> Place {
        let sender = self.state.lock().place.as_ref().map_or([0; 16], |place| place.sender);
        Place { sender, cursor }
    }

    /// Whether all that others told is known, but for the last moments.
    pub(super) fn is_whole(&self) -> bool {
        let state = self.state.lock();
        state.was_whole && state.deaf_since.is_none_or(|since| since.elapsed() < DEAF_MAX)
    }

    pub(super) fn failure(&self) -> Option<Arc<str>> {
        self.state.lock().failure.clone()
    }

    fn failed(&self, why: &str) {
        let mut state = self.state.lock();
        if state.failure.as_deref() != Some(why) {
            tracing::warn!(why, "deliveries are not shared with the other nodes");
        }
        state.failure = Some(why.into());
        state.deaf_since.get_or_insert_with(Moment::now);
    }

    fn heard_all(&self) {
        let mut state = self.state.lock();
        (state.deaf_since, state.was_whole, state.failure) = (None, true, None);
    }
}

/// Tells the others and listens until it is stopped; what waits is told before.
pub(super) fn share(inner: &Inner, stop: &StopSignal) {
    let Some(sharing) = &inner.sharing else { return };
    let place = loop {
        match sharing.state.lock().place.clone() {
            Some(place) => break place,
            None if stop.is_set() => return,
            None => {}
        }
        stop.rest(LOOK);
    };
    let mut sharer = Sharer { inner, sharing, place, unsent: None };
    loop {
        match (sharing.connect)().and_then(|mut exchange| sharer.exchange(&mut *exchange, stop)) {
            Ok(()) => return,
            Err(why) => sharing.failed(&why),
        }
        if stop.is_set() {
            return;
        }
        stop.rest(PAUSE);
    }
}

struct Sharer<'i> {
    inner: &'i Inner,
    sharing: &'i Sharing,
    place: Place,
    /// A message whose answer did not come. Told again it may count twice, which is better than not at all.
    unsent: Option<Vec<u8>>,
}

impl Sharer<'_> {
    fn exchange(&mut self, exchange: &mut dyn Exchange, stop: &StopSignal) -> Result<(), String> {
        // Messages that begin anew are those of a log made anew.
        if exchange.end()? < self.place.cursor {
            self.place.cursor = 0;
        }
        loop {
            // Set before the last look at what waits: nothing is put in behind it.
            let is_last = stop.is_set();
            let sent = self.send(exchange);
            let came = self.listen(exchange, stop)?;
            sent?;
            if is_last {
                return Ok(());
            }
            if !came {
                self.sharing.heard_all();
                stop.rest(LOOK);
            }
        }
    }

    fn send(&mut self, exchange: &mut dyn Exchange) -> Result<(), String> {
        loop {
            let Some(message) = self.unsent.take().or_else(|| self.next_message()) else { return Ok(()) };
            if let Err(why) = exchange.publish(&message) {
                self.unsent = Some(message);
                return Err(why);
            }
        }
    }

    /// A block of what waits, behind this node's name.
    fn next_message(&self) -> Option<Vec<u8>> {
        let mut state = self.sharing.state.lock();
        let mut block = Block::new(0);
        while let Some(line) = state.outgoing.pop_front() {
            if !block.fits(&line) {
                state.outgoing.push_front(line);
                break;
            }
            block.push(line);
        }
        drop(state);
        let value = (!block.lines.is_empty()).then(|| block.value()).flatten()?;
        Some([&self.place.sender[..], &value].concat())
    }

    /// Takes what others told; whether anything came.
    fn listen(&mut self, exchange: &mut dyn Exchange, stop: &StopSignal) -> Result<bool, String> {
        let messages = exchange.after(self.place.cursor)?;
        let any = !messages.is_empty();
        for (cursor, message) in messages {
            let told = message.split_first_chunk::<16>().filter(|(sender, _)| **sender != self.place.sender);
            // One that cannot be read is of a later release, and can be done without.
            let block = told.and_then(|(_, value)| Block::read(0, value));
            for mut line in block.into_iter().flat_map(|block| block.lines) {
                while let Err(back) = self.inner.pending.put_told(line) {
                    if stop.is_set() {
                        return Ok(false);
                    }
                    line = *back;
                    stop.rest(Duration::from_millis(10));
                }
            }
            self.place.cursor = cursor;
            self.sharing.told.store(cursor, Ordering::Release);
        }
        Ok(any)
    }
}
