//! Decoded chunks for reads of single facts, shared by all sealed segments and bounded in bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::decode::{Bodies, Decoder, Originals};

/// Idle decoders kept, of about 100 KB each.
const DECODERS_MAX: usize = 8;

/// Which chunk of which open segment.
pub(super) type ChunkId = (u64, u32);

/// A cache of decoded chunks; the least recently used goes first.
pub struct ChunkCache {
    bytes_max: usize,
    segments: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    clock: u64,
    bytes: usize,
    bodies: HashMap<ChunkId, Entry<Bodies>>,
    originals: HashMap<ChunkId, Entry<Originals>>,
    decoders: Vec<Decoder>,
}

struct Entry<T> {
    used: u64,
    weight: usize,
    value: Arc<T>,
}

impl ChunkCache {
    /// Holds at most `bytes_max` bytes of decoded chunks; the last one read is kept whatever its size.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, segments: AtomicU64::new(0), inner: Mutex::default() })
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// A number for a newly opened segment, so that a rewritten file never meets chunks of the old one.
    pub(super) fn segment(&self) -> u64 {
        self.segments.fetch_add(1, Ordering::Relaxed)
    }

    /// A decoder, best given back: its tables cost more to make than a chunk to decode.
    pub(super) fn decoder(&self) -> Decoder {
        self.inner.lock().decoders.pop().unwrap_or_else(Decoder::new)
    }

    pub(super) fn give_back(&self, decoder: Decoder) {
        let decoders = &mut self.inner.lock().decoders;
        if decoders.len() < DECODERS_MAX {
            decoders.push(decoder);
        }
    }

    pub(super) fn bodies(&self, id: ChunkId) -> Option<Arc<Bodies>> {
        let inner = &mut *self.inner.lock();
        inner.clock += 1;
        touch(&mut inner.bodies, id, inner.clock)
    }

    pub(super) fn originals(&self, id: ChunkId) -> Option<Arc<Originals>> {
        let inner = &mut *self.inner.lock();
        inner.clock += 1;
        touch(&mut inner.originals, id, inner.clock)
    }

    pub(super) fn put_bodies(&self, id: ChunkId, value: &Arc<Bodies>) {
        let inner = &mut *self.inner.lock();
        let entry = Entry { used: inner.clock, weight: value.weight(), value: Arc::clone(value) };
        inner.bytes += entry.weight;
        inner.bytes -= inner.bodies.insert(id, entry).map_or(0, |old| old.weight);
        inner.evict(self.bytes_max);
    }

    pub(super) fn put_originals(&self, id: ChunkId, value: &Arc<Originals>) {
        let inner = &mut *self.inner.lock();
        let entry = Entry { used: inner.clock, weight: value.weight(), value: Arc::clone(value) };
        inner.bytes += entry.weight;
        inner.bytes -= inner.originals.insert(id, entry).map_or(0, |old| old.weight);
        inner.evict(self.bytes_max);
    }
}

impl Inner {
    /// A scan over all entries: there are a few hundred, and it runs beside a read and a decompression.
    fn evict(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.bodies.len() + self.originals.len() > 1 {
            let bodies = self.bodies.iter().map(|(id, entry)| (entry.used, *id)).min();
            let originals = self.originals.iter().map(|(id, entry)| (entry.used, *id)).min();
            let weight = match (bodies, originals) {
                (Some(b), Some(o)) if o < b => self.originals.remove(&o.1).map(|e| e.weight),
                (Some((_, id)), _) => self.bodies.remove(&id).map(|e| e.weight),
                (None, Some((_, id))) => self.originals.remove(&id).map(|e| e.weight),
                (None, None) => return,
            };
            self.bytes -= weight.unwrap_or(0);
        }
    }
}

fn touch<T>(map: &mut HashMap<ChunkId, Entry<T>>, id: ChunkId, clock: u64) -> Option<Arc<T>> {
    let entry = map.get_mut(&id)?;
    entry.used = clock;
    Some(Arc::clone(&entry.value))
}
