//! Recovery at start: checks the files, makes their last group durable, finishes sealing, and reports damage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use domain::keys::Position;

use super::disk::Disk;
use super::error::LogError;
use super::high_water::{self, HighWater};
use super::keys::{BeyondHead, KeyEntry, KeyIndex, KeySource};
use super::merkle::{Frontier, Head};
use super::open_segment::{self, OpenSegment, SegmentScan};
use super::options::LogOptions;
use super::seal;
use super::sealed_segment::{ChunkCache, SealedSegment, SegmentError};
use super::shared::Shared;
use super::tail::Tail;
use super::writer::{FillAhead, Writer, random_u64};
use crate::store::Store;

/// The result of a recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Last position and root.
    pub head: Head,
    /// Number of sealed segments.
    pub sealed: usize,
    /// A torn group that was cut: its file, where it began, how many bytes it left. Nothing of it was acknowledged.
    pub torn: Option<(String, u64, u64)>,
    /// Repairs made and files that are not the log's, for the operator.
    pub notes: Vec<String>,
}

/// The files of `journal/` by kind and first position.
#[derive(Default)]
struct Files {
    sealed: BTreeMap<Position, String>,
    open: BTreeMap<Position, String>,
}

struct Recovery<'a> {
    disk: &'a Arc<dyn Disk>,
    options: &'a LogOptions,
    cache: Arc<ChunkCache>,
    frontier: Frontier,
    notes: Vec<String>,
}

/// Recovers the log in `disk` and builds its writer.
///
/// The order carries the guarantees. Segments are read oldest first, because each is checked against the tree before
/// it. The mark is compared before the open segment is written to, so that a log that lost facts is left as it was
/// found. The last group is rewritten and synced before readers, index or mark learn of it, so that none of them
/// relies on a page that a failed sync left looking clean. The mark is synced last.
///
/// # Errors
/// [`LogError::Damaged`], [`LogError::LostTail`], [`LogError::OlderFormat`], [`LogError::NewerFormat`]: no fact was
/// changed. [`LogError::Io`], [`LogError::Full`], [`LogError::Stopped`]: the disk refused.
pub fn recover(
    disk: &Arc<dyn Disk>,
    options: &LogOptions,
    fill_ahead: Option<FillAhead>,
) -> Result<(Writer, Opened), LogError> {
    let cache = Shared::cache();
    let mut recovery =
        Recovery { disk, options, cache: Arc::clone(&cache), frontier: Frontier::new(), notes: Vec::new() };
    let mut files = recovery.files()?;
    let sealed = recovery.sealed(&mut files)?;
    let mut scanned = recovery.open(&files)?;
    let head = recovery.frontier.head();
    let (mut mark, marked) = HighWater::open(&**disk).map_err(|e| LogError::io(high_water::PATH, e))?;
    check_mark(marked, head, &sealed, &scanned)?;

    let torn = scanned
        .last()
        .and_then(|last| last.torn.map(|(from, to)| (last.segment.path().to_owned(), from, to - from)));
    if let Some(last) = scanned.last_mut() {
        last.rewrite_last_group()?;
    }
    let mut tails = Vec::with_capacity(scanned.len() + 1);
    let mut segment = None;
    for one in scanned {
        tails.push(Arc::new(Tail::new(one.before, one.frames)));
        segment = Some(one.segment);
    }
    let frontier = recovery.frontier;
    let segment = match segment {
        Some(segment) => segment,
        None => {
            tails.push(Arc::new(Tail::new(frontier.clone(), Vec::new())));
            OpenSegment::create(disk, &frontier, random_u64()? as u32, options.sizes.fill_step)?
        }
    };
    mark.set(&head).and_then(|()| mark.sync()).map_err(|e| LogError::io(high_water::PATH, e))?;

    let opened = Opened { head, sealed: sealed.len(), torn, notes: recovery.notes };
    let tail = tails.last().map(Arc::clone).ok_or(LogError::Busy)?;
    let secret = options.secret.clone();
    let shared = Arc::new(Shared::new(Arc::clone(disk), secret, sealed, tails, head, cache));
    let last_recorded_at = shared.snapshot().last_recorded_at()?.unwrap_or(i64::MIN);
    let writer = Writer {
        index: open_index(&shared, options.store.as_ref(), head)?,
        shared,
        segment,
        tail,
        frontier,
        last_recorded_at,
        mark,
        clock: Arc::clone(&options.clock),
        sizes: options.sizes,
        protections: options.protections,
        fill_ahead,
        ids: (random_u64()?, 0),
        placed: Instant::now(),
        keys: Vec::new(),
        found: Vec::new(),
    };
    Ok((writer, opened))
}

/// The index with every key of the log in it: what `store` has, and the rest from the log.
pub(super) fn open_index(
    shared: &Arc<Shared>,
    store: Option<&Store>,
    head: Head,
) -> Result<KeyIndex, LogError> {
    let mut index = match store {
        Some(store) => {
            // Names the log without showing its secret, so that another log's index is not taken for this one's.
            let log_id = shared.secret.content(b"factfold/log-id/1");
            let source = Arc::clone(shared) as Arc<dyn KeySource>;
            KeyIndex::open(store.clone(), log_id, head.position, source).map_err(|BeyondHead(position)| {
                LogError::LostIndexed { indexed: position, found: head.position }
            })?
        }
        None => KeyIndex::in_memory(),
    };
    let covered = index.covered();
    shared.keys(covered, head.position, &mut |entry: KeyEntry| index.insert(entry))?;
    Ok(index)
}

/// The mark must not be past what was found, and must name the same log.
pub(super) fn check_mark(
    mark: Option<Head>,
    head: Head,
    sealed: &[Arc<SealedSegment>],
    scanned: &[SegmentScan],
) -> Result<(), LogError> {
    let Some(mark) = mark else { return Ok(()) };
    if mark.position > head.position {
        return Err(LogError::LostTail { mark: mark.position, found: head.position });
    }
    let holder = sealed.iter().find(|segment| mark.position <= segment.last());
    let mut frames = scanned.iter().flat_map(|one| &one.frames).map(|one| &one.frame.header);
    let root = match holder {
        Some(segment) => Some(segment.root_at(mark.position)?),
        None if mark.position == head.position => Some(head.root),
        // Marks are set between frames.
        None => frames.find(|header| header.first == mark.position + 1).map(|header| header.prev),
    };
    if root == Some(mark.root) { Ok(()) } else { Err(high_water::of_another_log()) }
}

impl Recovery<'_> {
    /// Lists `journal/`, with every name in it durable and nothing half-made left.
    fn files(&mut self) -> Result<Files, LogError> {
        let io = |e| LogError::io("journal", e);
        for dir in ["journal", super::blobs::DIR] {
            self.disk.create_dir(dir).map_err(io)?;
        }
        self.disk.sync_dir("").map_err(io)?;
        // A name that a killed process made may not be durable yet, and the steps below rely on it.
        self.disk.sync_dir("journal").map_err(io)?;
        let (mut files, mut marked) = (Files::default(), false);
        for name in self.disk.list("journal").map_err(io)? {
            let path = format!("journal/{name}");
            let parts = name.split_once('.').and_then(|(first, kind)| Some((first.parse().ok()?, kind)));
            match parts {
                Some((first, "sealed")) if path == seal::path(first) => {
                    files.sealed.insert(first, path);
                }
                Some((first, "open")) if path == open_segment::path(first) => {
                    files.open.insert(first, path);
                }
                Some((_, "sealed.tmp" | "open.tmp")) => open_segment::remove_if_there(&**self.disk, &path)?,
                Some(_) | None if path == high_water::PATH => marked = true,
                Some(_) | None => {
                    self.notes.push(format!("{path} is not a file of the log; it was left as it is"))
                }
            }
        }
        let is_new = files.sealed.is_empty() && files.open.is_empty();
        if !marked && !is_new {
            let mark = high_water::PATH;
            self.notes.push(format!("{mark} is missing: a lost tail would go unnoticed"));
        }
        Ok(files)
    }

    fn sealed(&mut self, files: &mut Files) -> Result<Vec<Arc<SealedSegment>>, LogError> {
        let mut sealed = Vec::with_capacity(files.sealed.len());
        for (first, path) in std::mem::take(&mut files.sealed) {
            let twin = files.open.get(&first).cloned();
            match SealedSegment::open(&**self.disk, &path, &self.cache) {
                Ok(segment) => {
                    if segment.before() != &self.frontier {
                        let due = self.frontier.len() + 1;
                        let why = format!("it does not continue the log, whose next position is {due}");
                        return Err(LogError::damaged(&path, 0, why));
                    }
                    if let Some(open) = twin {
                        self.finish_sealing(&segment, &open)?;
                        files.open.remove(&first);
                    }
                    self.frontier = segment.frontier().clone();
                    sealed.push(Arc::new(segment));
                }
                Err(SegmentError::Damaged(violation)) if twin.is_some() => {
                    // The facts are still in the open file, and are sealed again from there.
                    self.notes.push(format!("{violation}; it is sealed again from the open segment"));
                    open_segment::remove_if_there(&**self.disk, &path)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sealed)
    }

    /// Both files are there: sealing was cut off before the open one went.
    fn finish_sealing(&mut self, segment: &SealedSegment, open: &str) -> Result<(), LogError> {
        let mut violations = Vec::new();
        segment.verify(&mut violations);
        if let Some(violation) = violations.into_iter().next() {
            return Err(SegmentError::Damaged(violation).into());
        }
        let sizes = self.options.sizes;
        match OpenSegment::scan(self.disk, &self.frontier, sizes.fill_step, self.options.protections.crc()) {
            Ok(scanned) if scanned.frontier == *segment.frontier() => {}
            Ok(scanned) => {
                let (open_last, last) = (scanned.frontier.len(), segment.last());
                let why = format!(
                    "it ends at position {open_last}, its sealed twin at {last}, and their contents differ"
                );
                return Err(LogError::damaged(open, 0, why));
            }
            Err(error @ LogError::Damaged { .. }) => {
                self.notes.push(format!("{error}; its sealed twin is intact and is kept"));
            }
            Err(error) => return Err(error),
        }
        open_segment::remove_if_there(&**self.disk, open)?;
        self.disk.sync_dir("journal").map_err(|e| LogError::io("journal", e))
    }

    fn open(&mut self, files: &Files) -> Result<Vec<SegmentScan>, LogError> {
        let mut scanned: Vec<SegmentScan> = Vec::with_capacity(files.open.len());
        for (first, path) in &files.open {
            let due = self.frontier.len() + 1;
            if *first != due {
                let why = format!("it begins with position {first}, but the next position is {due}");
                return Err(LogError::damaged(path, 0, why));
            }
            if let Some(before) = scanned.last()
                && let Some((from, _)) = before.torn
            {
                let why = "a closed segment ends in bytes that are not a frame";
                return Err(LogError::damaged(before.segment.path(), from, why));
            }
            let (step, crc) = (self.options.sizes.fill_step, self.options.protections.crc());
            let one = OpenSegment::scan(self.disk, &self.frontier, step, crc)?;
            self.frontier = one.frontier.clone();
            scanned.push(one);
        }
        Ok(scanned)
    }
}
