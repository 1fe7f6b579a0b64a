//! The thread that takes deliveries down: into the block in memory, the endpoints' health, and sled.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant as Moment};

use domain::members::Instant;

use super::block::Block;
use super::health::{Health, Place};
use super::sharing::{self, Sharing};
use super::{Delivered, Inner, KEPT};
use crate::store::{Store, StoreError};

/// The table in the store.
pub const TABLE: &str = "deliveries";
/// So long may what came be in memory alone; a kill loses no more.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Blocks that one job of the store's thread reads, writes or removes.
pub const BLOCKS_PER_JOB: u64 = 32;
/// Blocks at most, some 256 MB: what comes faster than that in 30 days pushes the oldest out.
const BLOCKS_MAX: u64 = 65_536;
const HOUR: i64 = 3_600_000_000;

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

/// Takes down what comes until the queue is closed.
pub(super) fn keep(inner: &Inner) {
    let loaded = inner.store.as_ref().map_or(Ok(None), |store| load(inner, store));
    let begun = loaded.unwrap_or_else(|error| {
        tracing::warn!(%error, "deliveries of before the start are not known");
        None
    });
    let heard = inner.sharing.as_ref().map_or(0, |sharing| {
        let place = inner.store.as_ref().and_then(sharing::stored_place).unwrap_or_else(sharing::Place::new);
        sharing.begin(place.clone());
        place.cursor
    });
    inner.ready.store(true, Ordering::Release);
    let written = Moment::now();
    let mut keeper = Keeper { inner, written, dirty: false, begun: begun.is_some(), pruned: 0, heard };
    loop {
        let ended = inner.pending.wait(WRITE_EVERY);
        keeper.take();
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
    /// Whether the store knows since when deliveries are kept.
    begun: bool,
    pruned: i64,
    /// Up to where the blocks hold what other nodes told, as the store knows it.
    heard: u64,
}

impl Keeper<'_> {
    /// Takes what waits into the block; one that is full is written before the next is begun.
    fn take(&mut self) {
        // What was told up to here waits already, and is in the blocks when this returns.
        let told = self.inner.sharing.as_ref().map(Sharing::told);
        while self.fill() {
            self.write();
            let mut open = self.inner.open.lock();
            open.block = Block::new(open.block.number + 1);
        }
        if let Some(told) = told.filter(|told| *told != self.heard) {
            (self.heard, self.dirty) = (told, true);
        }
    }

    /// Whether the block was full before all that waits was taken.
    fn fill(&mut self) -> bool {
        loop {
            let mut open = self.inner.open.lock();
            let mut pending = self.inner.pending.hold();
            if pending.first().is_some_and(|next| next.listed && !open.block.fits(&next.line)) {
                return true;
            }
            let Some(next) = pending.take() else { return false };
            count(&mut self.inner.health.lock(), &next.line);
            if next.listed {
                if let Some(sharing) = self.inner.sharing.as_ref().filter(|_| next.own) {
                    sharing.tell(next.line.clone());
                }
                open.block.push(next.line);
                self.dirty = true;
            }
        }
    }

    fn write(&mut self) {
        self.written = Moment::now();
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let (number, value, since) = {
            let open = self.inner.open.lock();
            (open.block.number, open.block.value(), (!self.begun).then_some(open.since.0))
        };
        let Some((store, value)) = self.inner.store.as_ref().zip(value) else { return };
        let place = self.inner.sharing.as_ref().map(|sharing| sharing.place_at(self.heard));
        let written = store.db().and_then(|db| {
            db.write(move |view| {
                if let Some(place) = place {
                    place.put(view)?;
                }
                let table = view.table(TABLE)?;
                if let Some(since) = since {
                    table.put(&Block::key(0), &since.to_be_bytes())?;
                }
                table.put(&Block::key(number), &value)
            })
        });
        self.begun = written.is_ok();
        if let Err(error) = written {
            tracing::warn!(%error, "deliveries are kept in memory alone");
            // The database is set aside, and with it all that is not in memory.
            let mut open = self.inner.open.lock();
            open.first = open.block.number;
            open.since = open.block.lines.first().map_or(open.since, |line| Instant(line.at));
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

/// Counts a delivery for its endpoint.
pub(super) fn count(health: &mut BTreeMap<Place, Health>, line: &Delivered) {
    let Some(endpoint) = &line.endpoint else { return };
    let place =
        Place { tenant: line.tenant.clone(), provider: line.provider.clone(), endpoint: endpoint.clone() };
    health.entry(place).or_default().take(line);
}

/// Reads what the store holds into the endpoints' health; since when it holds anything. Writes nothing: a writer may
/// wait long for a busy disk, and what comes meanwhile is to be counted after what came before.
fn load(inner: &Inner, store: &Store) -> Result<Option<i64>, StoreError> {
    let begun = store.db()?.read(|view| view.table(TABLE)?.get(&Block::key(0)))?;
    let begun = begun.and_then(|value| (*value).try_into().ok()).map(i64::from_be_bytes);
    let (mut from, mut first, mut last) = (1, None, 0);
    loop {
        let blocks = read_from(store, from)?;
        let Some((newest, _)) = blocks.last() else { break };
        from = newest + 1;
        for (number, block) in blocks {
            first.get_or_insert(number);
            last = number;
            for line in block.iter().flat_map(|block| &block.lines) {
                count(&mut inner.health.lock(), line);
            }
        }
    }
    let mut open = inner.open.lock();
    open.block = Block::new(last + 1);
    open.first = first.unwrap_or(last + 1);
    open.since = Instant(begun.unwrap_or(open.since.0).max((inner.clock)() - KEPT));
    Ok(begun)
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
