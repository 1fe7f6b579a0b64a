//! The handle of the log that the rest of the program holds, and the writer's thread behind it.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::keys::{KeyHash, LogSecret, Position};
use domain::record::{Draft, Hash, Private, Record, RecordRef};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::disk::Disk;
use super::engines::{self, EngineStatus, Inbox, Ordered};
use super::error::LogError;
use super::fill::Fill;
use super::frame::RECORD_MAX;
use super::frame_group::{APPEND_BYTES_MAX, APPEND_FACTS_MAX};
use super::keys::{KeyIndex, KeyReader};
use super::merkle::Head;
use super::options::LogOptions;
use super::plan::Appended;
use super::recover::{Opened, open_index, recover};
use super::seal;
use super::shared::{Follow, LogState, Shared};
use super::snapshot::LogSnapshot;
use super::stored_fact::StoredFact;
use super::write_loop::{Job, Submission, fill_ahead, write};
use super::writer::Chore;
use crate::store::Store;

/// Most submissions that wait for the writer.
const QUEUE_MAX: usize = 16_384;
/// Most bytes that wait for the writer, originals included.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Between two looks at how far a node has caught up.
const LOOK: Duration = Duration::from_millis(10);

const READ_ONLY: &str = "it was opened for reading only";

struct Inner {
    shared: Arc<Shared>,
    queue: SyncSender<Job>,
    queued_bytes: Arc<AtomicUsize>,
    keys: KeyReader,
    /// Whether `keys` has the keys of the log.
    knows_keys: bool,
    /// Where an engine orders the log.
    inbox: Option<Arc<Inbox>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The log of facts; clones are handles of the same one.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

/// An append under way: a future for async callers, [`Pending::wait`] for others.
///
/// Dropping it takes nothing back: the facts may or may not be recorded, and a retry is harmless.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Result<Vec<Appended>, LogError>>);

fn gone() -> LogError {
    LogError::Stopped("the log was closed".into())
}

impl Pending {
    /// Waits for the answers, one per fact, in order. Not for async threads.
    pub fn wait(self) -> Result<Vec<Appended>, LogError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Future for Pending {
    type Output = Result<Vec<Appended>, LogError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

impl Log {
    /// Opens the log in `disk`, made when it is not there, and starts its threads.
    ///
    /// # Errors
    /// [`LogError::Damaged`], [`LogError::LostTail`], [`LogError::OlderFormat`], [`LogError::NewerFormat`] name what is
    /// wrong with the files; nothing was changed then. [`LogError::Io`] and [`LogError::Full`]: the disk refused.
    pub fn open(disk: Arc<dyn Disk>, options: &LogOptions) -> Result<(Self, Opened), LogError> {
        let (fill, fills) = sync_channel::<(Arc<Fill>, u64)>(1);
        let (writer, opened) = recover(&disk, options, Some(fill))?;
        let (shared, keys) = (Arc::clone(&writer.shared), writer.index.reader());
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let (sealing, queued) = (Arc::clone(&shared), Arc::clone(&queued_bytes));
        let mut threads = vec![
            spawn("log-fill", move || fill_ahead(&fills))?,
            spawn("log-seal", move || seal::run(&sealing))?,
        ];
        let mut inbox = None;
        if let Some(engine) = options.engine.clone() {
            let filled = Arc::new(Inbox::new(&options.node, options.copies));
            let (shared, inbox_of_thread, queue) = (Arc::clone(&shared), Arc::clone(&filled), queue.clone());
            // A full queue keeps the writer awake by itself, and it looks before each group.
            let wake = move || drop(queue.try_send(Job::Wake));
            shared.set_state(LogState::Unavailable("it is being connected".into()));
            threads.push(spawn("log-follow", move || {
                engines::run(&shared, &*engine, &inbox_of_thread, wake);
            })?);
            inbox = Some(filled);
        }
        let ordered = inbox.clone().map(|inbox| Ordered::new(inbox, options.protections));
        threads.push(spawn("log-write", move || write(writer, ordered, &jobs, &queued))?);
        let threads = Mutex::new(threads);
        let inner = Inner { shared, queue, queued_bytes, keys, knows_keys: true, inbox, threads };
        Ok((Self { inner: Arc::new(inner) }, opened))
    }

    /// A log that is only read: `snapshot`, for ever. Appends are answered [`LogError::Stopped`], and so are look-ups by
    /// key without an `index`, which is completed from the snapshot.
    ///
    /// # Errors
    /// What the snapshot cannot read for the index.
    pub fn read_only(
        snapshot: LogSnapshot,
        secret: LogSecret,
        index: Option<&Store>,
    ) -> Result<Self, LogError> {
        let LogSnapshot { disk, sealed, tails, head, nodes: _ } = snapshot;
        let (sealed, tails) = (sealed.to_vec(), tails.to_vec());
        let shared = Arc::new(Shared::new(disk, secret, sealed, tails, head, Shared::cache()));
        shared.set_state(LogState::Stopped(READ_ONLY.into()));
        let keys = match index {
            Some(store) => open_index(&shared, Some(store), head)?.reader(),
            None => KeyIndex::in_memory().reader(),
        };
        let inner = Inner {
            shared,
            // Nobody receives.
            queue: sync_channel(0).0,
            queued_bytes: Arc::default(),
            keys,
            knows_keys: index.is_some(),
            inbox: None,
            threads: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Queues facts for the writer. Returns at once; the answer comes when all of them are durable.
    ///
    /// # Errors
    /// [`LogError::Busy`]: the queue is full. [`LogError::TooLarge`]: more than [`APPEND_FACTS_MAX`] facts,
    /// [`APPEND_BYTES_MAX`] bytes, or a record over the limits of `domain::record`. [`LogError::Stopped`].
    pub fn append(&self, drafts: Vec<Draft>) -> Result<Pending, LogError> {
        let inner = &*self.inner;
        if let LogState::Stopped(reason) = inner.shared.state() {
            return Err(LogError::Stopped(reason));
        }
        let originals: usize = drafts.iter().filter_map(Draft::blob).map(|(_, bytes)| bytes.len()).sum();
        let bytes = checked_bytes(&drafts)? + originals;
        let before = inner.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let (answer, pending) = oneshot::channel();
        let sent = if before > QUEUE_BYTES_MAX {
            Err(LogError::Busy)
        } else {
            let job = Job::Append(Submission { drafts, bytes, answer });
            inner.queue.try_send(job).map_err(|error| match error {
                TrySendError::Full(_) => LogError::Busy,
                TrySendError::Disconnected(_) => gone(),
            })
        };
        if let Err(error) = sent {
            inner.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        Ok(Pending(pending))
    }

    /// Position and first 8 bytes of the content digest of the fact with this key. Blocks where sled is asked.
    pub fn find(&self, key: &KeyHash) -> Result<Option<(Position, [u8; 8])>, LogError> {
        if !self.inner.knows_keys {
            return Err(LogError::Stopped(READ_ONLY.into()));
        }
        Ok(self.inner.keys.find(key)?.map(|entry| (entry.position, entry.content)))
    }

    /// The idempotency index: its state, for the operator, and its audit, for the background auditor.
    pub fn index(&self) -> &KeyReader {
        &self.inner.keys
    }

    /// The whole record at `position`.
    pub fn read(&self, position: Position) -> Result<Option<Record>, LogError> {
        self.snapshot().read(position)
    }

    /// The decoded fact at `position`, see [`LogSnapshot::fact`]; those of a selection are [`LogSnapshot::facts`].
    ///
    /// # Errors
    /// Those of [`LogSnapshot::fact`].
    pub fn fact(&self, position: Position) -> Result<Option<StoredFact>, LogError> {
        self.snapshot().fact(position)
    }

    /// The original payload of a fact: empty if there was none, `None` if it was erased.
    ///
    /// # Errors
    /// [`LogError::BlobMissing`] and those of reading a file.
    pub fn original_of(&self, fact: &StoredFact) -> Result<Option<Bytes>, LogError> {
        let record =
            fact.record.view().map_err(|error| LogError::Record { position: fact.position, error })?;
        match record.private {
            Private::Erased { .. } => Ok(None),
            Private::None | Private::Kept { .. } => self.original(&record).map(Some),
        }
    }

    /// The original payload of a record that was read with it.
    pub fn original(&self, record: &RecordRef<'_>) -> Result<Bytes, LogError> {
        self.snapshot().original(record)
    }

    /// The log as it is now.
    pub fn snapshot(&self) -> LogSnapshot {
        self.inner.shared.snapshot()
    }

    /// Last durable position, and the root up to it.
    pub fn head(&self) -> Head {
        self.inner.shared.head()
    }

    /// Watches the head from async code; intermediate heads may be skipped.
    pub fn heads(&self) -> watch::Receiver<Head> {
        self.inner.shared.heads()
    }

    /// Waits until a fact after the position `after` is durable, at most for `wait`; whether there is one. Blocks.
    pub fn wait_past(&self, after: Position, wait: Duration) -> bool {
        self.inner.shared.wait_past(after, wait)
    }

    /// Each fact after `after`, in order, as it becomes durable.
    pub fn follow(&self, after: Position) -> Follow {
        Follow::new(Arc::clone(&self.inner.shared), after)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Closes the open segment, whose facts are sealed next. Blocks.
    pub(super) fn roll(&self) -> Result<(), LogError> {
        self.chore(Chore::Roll)
    }

    /// Removes blobs that no fact up to the position `known` names, unless a later one does. Blocks.
    pub(super) fn drop_blobs(&self, blobs: BTreeSet<Hash>, known: Position) -> Result<(), LogError> {
        self.chore(Chore::DropBlobs { blobs, known })
    }

    /// Has the writer do something between two groups.
    fn chore(&self, chore: Chore) -> Result<(), LogError> {
        let (answer, done) = oneshot::channel();
        self.inner.queue.send(Job::Chore(chore, answer)).map_err(|_| gone())?;
        done.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Whether appends are accepted.
    pub fn state(&self) -> LogState {
        self.inner.shared.state()
    }

    /// With an engine: what is known of it.
    pub fn engine_status(&self) -> Option<EngineStatus> {
        self.inner.inbox.as_ref().map(|inbox| inbox.told())
    }

    /// With an engine: waits until this node has what the engine had when it was connected, at most for `wait`;
    /// whether it has. Without one there is nothing to wait for.
    pub fn wait_caught_up(&self, wait: Duration) -> bool {
        let Some(inbox) = &self.inner.inbox else { return true };
        let until = Instant::now() + wait;
        loop {
            match inbox.told().tip {
                Some(tip) if self.head().position >= tip => return true,
                _ if Instant::now() >= until || matches!(self.state(), LogState::Stopped(_)) => return false,
                Some(_) | None => thread::sleep(LOOK),
            }
        }
    }

    /// Commits what is queued, makes the high-water mark durable and ends the threads. Later appends by other
    /// handles are answered [`LogError::Stopped`].
    pub fn close(self) {
        // A writer that is gone has nothing to close.
        let _ = self.inner.queue.send(Job::Close);
        for thread in self.inner.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log panicked");
            }
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LogError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|e| LogError::io(name, e))
}

/// Bytes that the draft takes in a frame: its stored record and the record's length.
pub(super) fn frame_bytes(draft: &Draft) -> usize {
    draft.stored_len() + 4
}

fn checked_bytes(drafts: &[Draft]) -> Result<usize, LogError> {
    let too_large = |what: String| Err(LogError::TooLarge { what: what.into() });
    if drafts.len() > APPEND_FACTS_MAX {
        return too_large(format!("{} facts, at most {APPEND_FACTS_MAX}", drafts.len()));
    }
    let mut bytes = 0;
    for draft in drafts {
        if draft.stored_len() > RECORD_MAX {
            return too_large(format!("a record of {} bytes, at most {RECORD_MAX}", draft.stored_len()));
        }
        bytes += frame_bytes(draft);
    }
    if bytes > APPEND_BYTES_MAX {
        return too_large(format!("{bytes} bytes, at most {APPEND_BYTES_MAX}"));
    }
    Ok(bytes)
}
