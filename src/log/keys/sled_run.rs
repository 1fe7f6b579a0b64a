//! A run in sled: written once, read back, then looked up chunk by chunk.

use std::sync::Arc;

use domain::keys::KeyHash;

use super::Shape;
use super::entry::{ENTRY_BYTES, KeyEntry, Packed, prefix_of};
use super::filter::{Filter, FilterBuilder};
use super::manifest::{
    Blob, CHUNK, ChunkRef, DIRECTORY, FILTER, HEAD, RunHead, RunId, TABLE, directory_from_bytes,
    directory_to_bytes, get_blob, head_key, id_of, part_key, put_blob,
};
use super::run::{Range, find_sorted};
use crate::store::{Db, StoreError, View};

/// Chunks that are read or written in one job of sled's thread.
const CHUNKS_PER_JOB: usize = 32;
/// Keys removed in one job.
const KEYS_PER_JOB: usize = 256;

/// A run whose head, directory and filter were checked and are held in memory.
#[derive(Debug)]
pub(super) struct SledRun {
    pub(super) db: Db,
    pub(super) id: RunId,
    pub(super) range: Range,
    pub(super) count: u64,
    pub(super) filter: Arc<Filter>,
    directory: Arc<[ChunkRef]>,
    check: bool,
}

/// A key to be looked up in one chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkQuery {
    pub(super) key: KeyHash,
    id: RunId,
    chunk: u32,
    crc: Option<u32>,
}

/// The answer of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Found(KeyEntry),
    Absent,
    /// The chunk is missing or is not the one that was written.
    Damaged,
}

impl SledRun {
    /// Where `key` must stand if this run holds it; None when it surely does not.
    pub(super) fn query(&self, key: &KeyHash) -> Option<ChunkQuery> {
        let after = self.directory.partition_point(|chunk| chunk.first <= *key);
        let chunk = after.checked_sub(1)?;
        let crc = self.check.then_some(self.directory[chunk].crc);
        Some(ChunkQuery { key: *key, id: self.id, chunk: chunk as u32, crc })
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.filter.bytes() + self.directory.len() * size_of::<ChunkRef>()
    }

    /// Reads head, directory and filter of run `id`; None when they are not whole.
    pub(super) fn load(db: &Db, id: RunId, head: RunHead, check: bool) -> Result<Option<Self>, StoreError> {
        let Some(directory) = get_blob(db, DIRECTORY, id, head.directory, check)? else { return Ok(None) };
        let Some(filter) = get_blob(db, FILTER, id, head.filter, check)? else { return Ok(None) };
        let (Some(directory), Some(filter)) = (directory_from_bytes(&directory), Filter::from_bytes(&filter))
        else {
            return Ok(None);
        };
        let (directory, filter) = (directory.into(), Arc::new(filter));
        Ok(Some(Self { db: db.clone(), id, range: head.range, count: head.count, filter, directory, check }))
    }

    /// Whether every chunk is the one that was written.
    pub(super) fn verify(&self) -> Result<bool, StoreError> {
        let mut reader = RunReader::new(self);
        while !reader.done() {
            if !reader.fetch()? {
                return Ok(false);
            }
            reader.buffer.clear();
        }
        Ok(true)
    }
}

/// Looks up all of `queries` in one job; answers in their order.
pub(super) fn look_up(db: &Db, queries: Vec<ChunkQuery>) -> Result<Vec<Lookup>, StoreError> {
    db.read(move |view| {
        let table = view.table(TABLE)?;
        let answer = |query: &ChunkQuery| {
            let chunk = table.get(&part_key(CHUNK, query.id, query.chunk))?;
            Ok(match chunk.as_deref().and_then(|bytes| checked(bytes, query.crc)) {
                None => Lookup::Damaged,
                Some(entries) => find_sorted(entries, &query.key).map_or(Lookup::Absent, Lookup::Found),
            })
        };
        queries.iter().map(answer).collect()
    })
}

fn checked(bytes: &[u8], crc: Option<u32>) -> Option<&[Packed]> {
    let (entries, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    let good = rest.is_empty() && crc.is_none_or(|crc| crc32c::crc32c(bytes) == crc);
    good.then_some(entries)
}

/// Reads a run's entries in key order.
pub(super) struct RunReader<'a> {
    run: &'a SledRun,
    next: usize,
    buffer: Vec<Packed>,
    taken: usize,
}

impl<'a> RunReader<'a> {
    pub(super) fn new(run: &'a SledRun) -> Self {
        Self { run, next: 0, buffer: Vec::new(), taken: 0 }
    }

    fn done(&self) -> bool {
        self.next == self.run.directory.len()
    }

    /// The next entry, or None at the end. False when a chunk is damaged.
    pub(super) fn fill(&mut self) -> Result<bool, StoreError> {
        while self.taken == self.buffer.len() && !self.done() {
            self.buffer.clear();
            self.taken = 0;
            if !self.fetch()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn peek(&self) -> Option<&Packed> {
        self.buffer.get(self.taken)
    }

    pub(super) fn advance(&mut self) {
        self.taken += 1;
    }

    fn fetch(&mut self) -> Result<bool, StoreError> {
        let upto = self.run.directory.len().min(self.next + CHUNKS_PER_JOB);
        let (id, check, from) = (self.run.id, self.run.check, self.next);
        let wanted = Arc::clone(&self.run.directory);
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = self.run.db.write(move |view| {
            let table = view.table(TABLE)?;
            for (number, chunk) in wanted.iter().enumerate().take(upto).skip(from) {
                let bytes = table.get(&part_key(CHUNK, id, number as u32))?;
                let Some(entries) =
                    bytes.as_deref().and_then(|bytes| checked(bytes, check.then_some(chunk.crc)))
                else {
                    return Ok(None);
                };
                buffer.extend_from_slice(entries);
            }
            Ok(Some(buffer))
        })?;
        self.next = upto;
        Ok(read.map(|buffer| self.buffer = buffer).is_some())
    }
}

/// Writes a run, entry by entry, in key order.
pub(super) struct RunWriter {
    db: Db,
    id: RunId,
    log_id: [u8; 16],
    shape: Shape,
    chunk: Vec<u8>,
    unwritten: Vec<(u32, Vec<u8>)>,
    directory: Vec<ChunkRef>,
    filter: FilterBuilder,
    count: u64,
}

impl RunWriter {
    /// For about `count` entries.
    pub(super) fn new(db: Db, id: RunId, log_id: [u8; 16], shape: Shape, count: u64) -> Self {
        let filter = FilterBuilder::new(count);
        let (chunk, unwritten, directory) = (Vec::new(), Vec::new(), Vec::new());
        Self { db, id, log_id, shape, chunk, unwritten, directory, filter, count: 0 }
    }

    pub(super) fn push(&mut self, entry: &Packed) -> Result<(), StoreError> {
        if self.chunk.len() == self.shape.chunk_entries * ENTRY_BYTES {
            self.end_chunk()?;
        }
        self.chunk.extend_from_slice(entry);
        self.filter.push(prefix_of(entry));
        self.count += 1;
        Ok(())
    }

    /// Writes what is left, syncs, writes the head, syncs, and reads all of it back. None when what is read is
    /// not what was written.
    pub(super) fn finish(mut self, range: Range) -> Result<Option<SledRun>, StoreError> {
        self.end_chunk()?;
        self.write_out()?;
        let (id, check) = (self.id, self.shape.check);
        let directory = directory_to_bytes(&self.directory);
        let filter = self.filter.finish().to_bytes();
        let head = RunHead {
            log_id: self.log_id,
            range,
            count: self.count,
            directory: Blob::of(&directory),
            filter: Blob::of(&filter),
        };
        self.db.write(move |view| {
            let table = view.table(TABLE)?;
            put_blob(&table, DIRECTORY, id, &directory)?;
            put_blob(&table, FILTER, id, &filter)
        })?;
        self.db.write(View::sync)?;
        let written = self.db.write(move |view| {
            let table = view.table(TABLE)?;
            table.put(&head_key(id), &head.to_bytes())?;
            view.sync()?;
            Ok(table.get(&head_key(id))?.and_then(|bytes| RunHead::from_bytes(&bytes)))
        })?;
        if check && written != Some(head) {
            return Ok(None);
        }
        match SledRun::load(&self.db, id, head, check)? {
            Some(run) if !check || run.verify()? => Ok(Some(run)),
            Some(_) | None => Ok(None),
        }
    }

    fn end_chunk(&mut self) -> Result<(), StoreError> {
        if let Some(first) = self.chunk.first_chunk::<11>() {
            self.directory.push(ChunkRef { first: *first, crc: crc32c::crc32c(&self.chunk) });
            let number = self.directory.len() as u32 - 1;
            self.unwritten.push((number, std::mem::take(&mut self.chunk)));
        }
        if self.unwritten.len() >= CHUNKS_PER_JOB { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> Result<(), StoreError> {
        let (id, chunks) = (self.id, std::mem::take(&mut self.unwritten));
        self.db.write(move |view| {
            let table = view.table(TABLE)?;
            chunks.iter().try_for_each(|(number, bytes)| table.put(&part_key(CHUNK, id, *number), bytes))
        })
    }
}

/// The ids of all runs that left anything in sled, ascending, each once.
pub(super) fn ids(db: &Db) -> Result<Vec<RunId>, StoreError> {
    db.write(|view| {
        let table = view.table(TABLE)?;
        let mut ids = Vec::new();
        for kind in [HEAD, DIRECTORY, FILTER, CHUNK] {
            let mut from = Some(0);
            while let Some(least) = from {
                let mut seen = None;
                table.scan(&part_key(kind, least, 0)[..5], |key, _| {
                    seen = id_of(key).filter(|_| key[0] == kind);
                    false
                })?;
                ids.extend(seen);
                from = seen.and_then(|id| id.checked_add(1));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    })
}

/// Removes whatever a run left in sled, its head first.
pub(super) fn remove(db: &Db, id: RunId) -> Result<(), StoreError> {
    for kind in [HEAD, DIRECTORY, FILTER, CHUNK] {
        loop {
            let removed = db.write(move |view| {
                let table = view.table(TABLE)?;
                let mut keys: Vec<Vec<u8>> = Vec::new();
                table.scan(&part_key(kind, id, 0)[..5], |key, _| {
                    let ours = key[0] == kind && id_of(key) == Some(id);
                    if ours {
                        keys.push(key.to_vec());
                    }
                    ours && keys.len() < KEYS_PER_JOB
                })?;
                keys.iter().try_for_each(|key| table.remove(key))?;
                Ok(keys.len())
            })?;
            if removed < KEYS_PER_JOB {
                break;
            }
        }
    }
    Ok(())
}
