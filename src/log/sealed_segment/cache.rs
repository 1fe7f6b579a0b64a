//! Decoded chunks for reads of single facts, shared by all sealed segments and bounded in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lru::LruCache;
use parking_lot::Mutex;

use super::decode::{Bodies, Decoder, Originals};

/// Idle decoders kept, of about 100 KB each.
const DECODERS_MAX: usize = 8;

/// Number of an open segment, and of a chunk in it.
pub(super) type ChunkId = (u64, u32);

/// A cache of decoded chunks; the least recently used goes first.
pub struct ChunkCache {
    bytes_max: usize,
    segments: AtomicU64,
    inner: Mutex<Inner>,
}

struct Inner {
    bytes: usize,
    chunks: LruCache<(ChunkId, Part), Decoded>,
    decoders: Vec<Decoder>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Bodies,
    Originals,
}

enum Decoded {
    Bodies(Arc<Bodies>),
    Originals(Arc<Originals>),
}

impl Decoded {
    fn weight(&self) -> usize {
        match self {
            Self::Bodies(bodies) => bodies.weight(),
            Self::Originals(originals) => originals.weight(),
        }
    }
}

impl ChunkCache {
    /// Holds at most `bytes_max` bytes of decoded chunks; the last one read is kept whatever its size.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let inner = Inner { bytes: 0, chunks: LruCache::unbounded(), decoders: Vec::new() };
        Arc::new(Self { bytes_max, segments: AtomicU64::new(0), inner: Mutex::new(inner) })
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
        match self.inner.lock().chunks.get(&(id, Part::Bodies))? {
            Decoded::Bodies(bodies) => Some(Arc::clone(bodies)),
            Decoded::Originals(_) => None,
        }
    }

    pub(super) fn originals(&self, id: ChunkId) -> Option<Arc<Originals>> {
        match self.inner.lock().chunks.get(&(id, Part::Originals))? {
            Decoded::Originals(originals) => Some(Arc::clone(originals)),
            Decoded::Bodies(_) => None,
        }
    }

    pub(super) fn put_bodies(&self, id: ChunkId, value: &Arc<Bodies>) {
        self.put((id, Part::Bodies), Decoded::Bodies(Arc::clone(value)));
    }

    pub(super) fn put_originals(&self, id: ChunkId, value: &Arc<Originals>) {
        self.put((id, Part::Originals), Decoded::Originals(Arc::clone(value)));
    }

    /// Lets go of the chunks of a segment.
    pub(super) fn forget(&self, segment: u64) {
        let inner = &mut *self.inner.lock();
        let keys: Vec<_> =
            inner.chunks.iter().map(|(key, _)| *key).filter(|((of, _), _)| *of == segment).collect();
        for key in keys {
            inner.bytes -= inner.chunks.pop(&key).map_or(0, |old| old.weight());
        }
    }

    fn put(&self, key: (ChunkId, Part), value: Decoded) {
        let inner = &mut *self.inner.lock();
        inner.bytes += value.weight();
        inner.bytes -= inner.chunks.put(key, value).map_or(0, |old| old.weight());
        while inner.bytes > self.bytes_max && inner.chunks.len() > 1 {
            inner.bytes -= inner.chunks.pop_lru().map_or(0, |(_, old)| old.weight());
        }
    }
}
