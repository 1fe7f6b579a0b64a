//! The published log: what the writer has made durable and every other thread reads.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::keys::{LogSecret, Position};
use domain::record::Record;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::disk::Disk;
use super::error::LogError;
use super::keys::{KeyEntry, KeySource, SourceError};
use super::merkle::Head;
use super::node_cache::NodeCache;
use super::plan::short_content;
use super::sealed_segment::{ChunkCache, SealedSegment};
use super::snapshot::LogSnapshot;
use super::tail::Tail;

/// Whether the log accepts appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogState {
    /// Appends are accepted.
    Writable,
    /// The disk is full. The log tries again by itself.
    Full,
    /// The engine that orders the log of several nodes does not take blocks now, for this reason. Reading goes on, and
    /// so do appends once it does.
    Unavailable(Arc<str>),
    /// Appends are refused until the next start, for this reason. Reading goes on.
    Stopped(Arc<str>),
}

struct Published {
    sealed: Arc<Vec<Arc<SealedSegment>>>,
    /// Unsealed segments, oldest first; the last one takes the appends.
    tails: Arc<Vec<Arc<Tail>>>,
    head: Head,
    state: LogState,
    /// Why the oldest closed segment could not be sealed when it was last tried.
    sealing: Option<LogError>,
    closing: bool,
}

/// The published log. Its lock is held for copies of a few pointers only.
pub struct Shared {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// Keys the index's digests.
    pub secret: LogSecret,
    /// Decoded chunks of single reads.
    pub cache: Arc<ChunkCache>,
    /// Held by an erasure.
    pub erasing: Mutex<()>,
    /// Nodes of the tree that were computed.
    nodes: Arc<NodeCache>,
    published: Mutex<Published>,
    committed: Condvar,
    rolled: Condvar,
    heads: watch::Sender<Head>,
}

/// Bytes of decoded chunks kept for single reads.
const CACHE_BYTES: usize = 32 << 20;
/// How long a group waits for sealing before it is refused as [`LogError::Busy`].
const SEALING_WAIT_MAX: Duration = Duration::from_secs(20);

impl Shared {
    pub fn new(
        disk: Arc<dyn Disk>,
        secret: LogSecret,
        sealed: Vec<Arc<SealedSegment>>,
        tails: Vec<Arc<Tail>>,
        head: Head,
        cache: Arc<ChunkCache>,
    ) -> Self {
        let published = Published {
            sealed: Arc::new(sealed),
            tails: Arc::new(tails),
            head,
            state: LogState::Writable,
            sealing: None,
            closing: false,
        };
        Self {
            disk,
            secret,
            cache,
            erasing: Mutex::default(),
            nodes: Arc::default(),
            published: Mutex::new(published),
            committed: Condvar::new(),
            rolled: Condvar::new(),
            heads: watch::Sender::new(head),
        }
    }

    /// A cache of the usual size.
    pub fn cache() -> Arc<ChunkCache> {
        ChunkCache::new(CACHE_BYTES)
    }

    pub fn snapshot(&self) -> LogSnapshot {
        let published = self.published.lock();
        LogSnapshot {
            disk: Arc::clone(&self.disk),
            sealed: Arc::clone(&published.sealed),
            tails: Arc::clone(&published.tails),
            head: published.head,
            nodes: Arc::clone(&self.nodes),
        }
    }

    pub fn head(&self) -> Head {
        self.published.lock().head
    }

    pub fn heads(&self) -> watch::Receiver<Head> {
        self.heads.subscribe()
    }

    pub fn state(&self) -> LogState {
        self.published.lock().state.clone()
    }

    pub fn set_state(&self, state: LogState) {
        let mut published = self.published.lock();
        // A stop is for good: what is tried later does not lift it.
        if !matches!(published.state, LogState::Stopped(_)) {
            published.state = state;
        }
        drop(published);
        self.committed.notify_all();
        self.rolled.notify_all();
    }

    /// Publishes a new head, whose frames the last tail holds already.
    pub fn advance(&self, head: Head) {
        self.published.lock().head = head;
        self.committed.notify_all();
        self.heads.send_replace(head);
    }

    /// Waits until the head is past `after`, the log closes, or `wait` is over.
    pub fn wait_past(&self, after: Position, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut published = self.published.lock();
        while published.head.position <= after && !published.closing {
            if self.committed.wait_until(&mut published, until).timed_out() {
                break;
            }
        }
        published.head.position > after
    }

    /// Publishes a new open segment; those before it are sealed next.
    pub fn roll(&self, tail: Arc<Tail>) {
        let mut published = self.published.lock();
        let mut tails = published.tails.to_vec();
        tails.push(tail);
        published.tails = Arc::new(tails);
        drop(published);
        self.rolled.notify_all();
    }

    /// The oldest closed segment, if there is one.
    pub fn unsealed(&self) -> Option<Arc<Tail>> {
        let published = self.published.lock();
        (published.tails.len() > 1).then(|| Arc::clone(&published.tails[0]))
    }

    /// Publishes `segment` in place of the oldest closed tail.
    pub fn sealed(&self, segment: SealedSegment) {
        let mut published = self.published.lock();
        let mut sealed = published.sealed.to_vec();
        sealed.push(Arc::new(segment));
        published.sealed = Arc::new(sealed);
        published.tails = Arc::new(published.tails[1..].to_vec());
        published.sealing = None;
        drop(published);
        self.rolled.notify_all();
    }

    /// Publishes a sealed segment that was written anew, with the same facts, in the place of the one that it replaces.
    pub fn replace_sealed(&self, segment: SealedSegment) {
        let mut published = self.published.lock();
        let mut sealed = published.sealed.to_vec();
        let segment = Arc::new(segment);
        for place in sealed.iter_mut().filter(|known| known.base() == segment.base()) {
            *place = Arc::clone(&segment);
        }
        published.sealed = Arc::new(sealed);
    }

    /// Records why sealing failed; a full disk is tried again.
    pub fn sealing_failed(&self, error: LogError) {
        self.published.lock().sealing = Some(error);
        self.rolled.notify_all();
    }

    /// Waits until at most `most` closed segments are unsealed; [`LogError::Busy`] when that takes too long.
    pub fn wait_for_sealing(&self, most: usize) -> Result<(), LogError> {
        let until = Instant::now() + SEALING_WAIT_MAX;
        let mut published = self.published.lock();
        while published.tails.len() > most + 1 {
            if let Some(error) = &published.sealing {
                return Err(error.clone());
            }
            if self.rolled.wait_until(&mut published, until).timed_out() {
                return Err(LogError::Busy);
            }
        }
        Ok(())
    }

    /// The sealing thread's next work; none when the log closes. After a failure it waits for `pause`.
    pub fn next_to_seal(&self, pause: Duration) -> Option<Arc<Tail>> {
        let mut published = self.published.lock();
        if published.sealing.is_some() && !published.closing {
            self.rolled.wait_for(&mut published, pause);
        }
        loop {
            if published.closing || matches!(published.state, LogState::Stopped(_)) {
                return None;
            }
            if published.tails.len() > 1 {
                return Some(Arc::clone(&published.tails[0]));
            }
            self.rolled.wait(&mut published);
        }
    }

    /// Wakes whoever waits, for good.
    pub fn close(&self) {
        self.published.lock().closing = true;
        self.committed.notify_all();
        self.rolled.notify_all();
    }

    /// The index entries of `after < position <= up_to`, from the log itself.
    pub fn keys(
        &self,
        after: Position,
        up_to: Position,
        f: &mut dyn FnMut(KeyEntry),
    ) -> Result<(), LogError> {
        self.snapshot().in_order(after + 1, up_to, false, &mut |position, record| {
            let header = &record.header;
            let key = self.secret.key_hash(header.tenant, header.provider, header.external_id);
            f(KeyEntry { key, content: short_content(&header.content), position });
            ControlFlow::Continue(())
        })
    }
}

impl KeySource for Shared {
    fn entries(
        &self,
        after: Position,
        up_to: Position,
        f: &mut dyn FnMut(KeyEntry),
    ) -> Result<(), SourceError> {
        Ok(self.keys(after, up_to, f)?)
    }
}

/// Follows the log from a position on: each fact in order, once it is durable.
///
/// It holds no queue: what is committed is read from the tail in memory, what was missed from the segments. So a
/// slow follower costs the writer nothing and misses nothing.
pub struct Follow {
    shared: Arc<Shared>,
    next: Position,
}

impl Follow {
    pub(super) fn new(shared: Arc<Shared>, after: Position) -> Self {
        Self { shared, next: after + 1 }
    }

    /// The next facts, at most a frame's worth or those of 64 small frames; none when nothing came within `wait`
    /// or the log was closed. Blocks: not for async threads, which use [`super::Log::heads`].
    pub fn next(&mut self, wait: Duration) -> Result<Option<Vec<Record>>, LogError> {
        if !self.shared.wait_past(self.next - 1, wait) {
            return Ok(None);
        }
        let records = self.shared.snapshot().records(self.next, super::frame::FACTS_MAX)?;
        self.next += records.len() as u64;
        Ok(Some(records))
    }

    /// Position of the next fact it will give.
    pub fn position(&self) -> Position {
        self.next
    }

    /// Gives no fact up to `position` any more: its reader has them from elsewhere.
    pub fn pass(&mut self, position: Position) {
        self.next = self.next.max(position + 1);
    }
}
