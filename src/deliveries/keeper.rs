//! The thread that takes deliveries down: into the block in memory, the endpoints' health, and sled.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant as Moment};

use domain::members::Instant;

use super::block::Block;
use super::health::Place;
use super::{Became, Delivered, Inner, KEPT};
use crate::store::{Store, StoreError};

/// The table in the store.
pub const TABLE: &str = "deliveries";
/// So long may what came be in memory alone; a kill loses no more.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Blocks that one job of the store's thread reads, writes or removes.
pub const BLOCKS_PER_JOB: u64 = 32;
/// Blocks at most, some 256 MB: what comes faster than that in 30 days pushes the oldest out.
const BLOCKS_MAX: u64 = 65_536;
/// Refused requests that are listed a minute; all are counted. Anybody can send them, and must not fill the disk.
const REFUSED_LISTED: u32 = 60;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// The block that is being filled, and which blocks lie in the store.
#[derive(Debug, Clone)]
pub struct Open {
    /// The newest deliveries.
    pub block: Block,
    /// The oldest block that is kept.
    pub first: u64,
    /// Since when deliveries are kept.
    pub since: Instant,
}

impl Open {
    /// Nothing yet.
    pub fn since(now: Instant) -> Self {
        Self { block: Block::new(1), first: 1, since: now }
    }
}

/// Takes down what comes until the channel closes.
pub(super) fn keep(inner: &Inner, coming: &Receiver<Delivered>) {
    let store = inner.store.as_ref();
    if let Some(store) = store
        && let Err(error) = load(inner, store)
    {
        tracing::warn!(%error, "deliveries of before the start are not known");
    }
    inner.ready.store(true, Ordering::Release);
    let mut keeper = Keeper { inner, written: Moment::now(), dirty: false, minute: 0, refused: 0, pruned: 0 };
    loop {
        let ended = match coming.recv_timeout(WRITE_EVERY) {
            Ok(line) => {
                keeper.take(line);
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        if ended || keeper.written.elapsed() >= WRITE_EVERY {
            keeper.write();
            keeper.prune();
        }
        if ended {
            return;
        }
    }
}

struct Keeper<'i> {
    inner: &'i Inner,
    written: Moment,
    dirty: bool,
    minute: i64,
    refused: u32,
    pruned: i64,
}

impl Keeper<'_> {
    fn take(&mut self, line: Delivered) {
        count(self.inner, &line);
        if matches!(line.became, Became::Refused | Became::Rejected) {
            let minute = line.at.div_euclid(MINUTE);
            if minute != self.minute {
                (self.minute, self.refused) = (minute, 0);
            }
            self.refused = self.refused.saturating_add(1);
            if self.refused > REFUSED_LISTED {
                return;
            }
        }
        let full = self.inner.open.lock().block.push(line);
        if let Some(line) = full {
            self.dirty = true;
            self.write();
            let mut open = self.inner.open.lock();
            open.block = Block::new(open.block.number + 1);
            // An empty block takes any line.
            let _ = open.block.push(line);
        }
        self.dirty = true;
    }

    fn write(&mut self) {
        self.written = Moment::now();
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let (number, value) = {
            let open = self.inner.open.lock();
            (open.block.number, open.block.value())
        };
        let Some((store, value)) = self.inner.store.as_ref().zip(value) else { return };
        let written = store
            .db()
            .and_then(|db| db.write(move |view| view.table(TABLE)?.put(&Block::key(number), &value)));
        if let Err(error) = written {
            tracing::warn!(%error, "deliveries are kept in memory alone");
        }
    }

    /// Removes what is older than 30 days, once an hour.
    fn prune(&mut self) {
        let now = (self.inner.clock)();
        if now - self.pruned < HOUR {
            return;
        }
        self.pruned = now;
        let Some(store) = &self.inner.store else { return };
        let pruned = prune(self.inner, store, now);
        if let Err(error) = pruned {
            tracing::warn!(%error, "old deliveries were not removed");
        }
    }
}

fn count(inner: &Inner, line: &Delivered) {
    let Some(endpoint) = &line.endpoint else { return };
    let place =
        Place { tenant: line.tenant.clone(), provider: line.provider.clone(), endpoint: endpoint.clone() };
    inner.health.lock().entry(place).or_default().take(line);
}

/// Reads what the store holds into the endpoints' health.
fn load(inner: &Inner, store: &Store) -> Result<(), StoreError> {
    let db = store.db()?;
    let now = (inner.clock)();
    let begun = db.write(move |view| {
        let table = view.table(TABLE)?;
        match table.get(&Block::key(0))?.and_then(|value| (*value).try_into().ok()) {
            Some(begun) => Ok(i64::from_be_bytes(begun)),
            None => table.put(&Block::key(0), &now.to_be_bytes()).map(|()| now),
        }
    })?;
    let (mut from, mut first, mut last) = (1, None, 0);
    loop {
        let blocks = read_from(store, from)?;
        let Some((newest, _)) = blocks.last() else { break };
        from = newest + 1;
        for (number, block) in blocks {
            first.get_or_insert(number);
            last = number;
            for line in block.iter().flat_map(|block| &block.lines) {
                count(inner, line);
            }
        }
    }
    let mut open = inner.open.lock();
    open.block = Block::new(last + 1);
    open.first = first.unwrap_or(last + 1);
    open.since = Instant(begun.max(now - KEPT));
    Ok(())
}

type Numbered = (u64, Option<Block>);

/// The next blocks from this number on; one that is damaged is there and none.
fn read_from(store: &Store, from: u64) -> Result<Vec<Numbered>, StoreError> {
    store.db()?.read(move |view| {
        let mut found: Vec<Numbered> = Vec::new();
        view.table(TABLE)?.scan(&Block::key(from), |key, value| {
            found.extend(Block::number_of(key).map(|number| (number, Block::read(number, value))));
            (found.len() as u64) < BLOCKS_PER_JOB
        })?;
        Ok(found)
    })
}

fn prune(inner: &Inner, store: &Store, now: i64) -> Result<(), StoreError> {
    let newest = inner.open.lock().block.number;
    loop {
        let first = inner.open.lock().first;
        let too_many = newest.saturating_sub(first) >= BLOCKS_MAX;
        let old: Vec<u64> = read_from(store, first)?
            .into_iter()
            .filter(|(number, block)| {
                let is_old = block
                    .as_ref()
                    .is_none_or(|block| block.lines.last().is_none_or(|line| line.at < now - KEPT));
                *number < newest && (is_old || too_many)
            })
            .map(|(number, _)| number)
            .collect();
        let Some(last) = old.last().copied() else { return Ok(()) };
        store.db()?.write(move |view| {
            let table = view.table(TABLE)?;
            old.iter().try_for_each(|number| table.remove(&Block::key(*number)))
        })?;
        let mut open = inner.open.lock();
        open.first = last + 1;
        open.since = Instant(open.since.0.max(now - KEPT));
    }
}
