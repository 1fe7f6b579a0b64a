//! A hash index of row numbers: 8 bytes a slot, the keys stay in the rows.

use super::heap::{heap_free, heap_size};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, LazyLock};

/// Keys come from outside: with a key of this process nobody can choose ids that all fall in one slot.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A row number and half of its key's hash, so that few other rows are looked at and growing looks at none.
#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    row: u32,
}

heap_free!(Slot);

const EMPTY: Slot = Slot { tag: 0, row: u32::MAX };

/// Slots of a chunk, a power of two: what a writer copies when a reader holds the table.
const CHUNK_SLOTS: usize = 4_096;

/// Finds rows by a key that the rows themselves hold. Hashes hold in this process only and order nothing. `clone`
/// costs a counter a chunk; afterwards the writer copies what it touches, chunk by chunk.
#[derive(Debug, Clone, Default)]
pub struct Index {
    chunks: Vec<Arc<[Slot]>>,
    len: usize,
    slots: usize,
}

heap_size!(Index { chunks; len, slots });

impl Index {
    /// Hash of a key, for the other calls.
    pub fn hash(key: impl Hash) -> u64 {
        HASHER.hash_one(key)
    }

    /// The row with this hash that `is` the one.
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_all(hash).find(|row| is(*row))
    }

    /// The rows with this hash, and maybe some with another one.
    pub fn find_all(&self, hash: u64) -> impl Iterator<Item = u32> {
        let (mask, tag) = (self.slots.wrapping_sub(1), hash as u32);
        let begin = tag as usize & mask;
        // At most three quarters of the slots are taken, so an empty one ends the walk.
        let walk = (0..self.slots).map(move |step| self.slot((begin + step) & mask));
        walk.take_while(|slot| slot.row != EMPTY.row).filter(move |slot| slot.tag == tag).map(|slot| slot.row)
    }

    fn slot(&self, at: usize) -> Slot {
        self.chunks[at / CHUNK_SLOTS][at % CHUNK_SLOTS]
    }

    /// Adds a row that is not there yet.
    pub fn insert(&mut self, hash: u64, row: u32) {
        if (self.len + 1) * 4 > self.slots * 3 {
            let grown = (self.slots * 2).max(16);
            let chunk = || Arc::from(vec![EMPTY; grown.min(CHUNK_SLOTS)]);
            let chunks = (0..grown.div_ceil(CHUNK_SLOTS)).map(|_| chunk()).collect();
            let old = std::mem::replace(&mut self.chunks, chunks);
            self.slots = grown;
            let taken = old.iter().flat_map(|chunk| chunk.iter()).filter(|slot| slot.row != EMPTY.row);
            taken.for_each(|slot| self.put(*slot));
        }
        self.put(Slot { tag: hash as u32, row });
        self.len += 1;
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots - 1;
        let mut at = slot.tag as usize & mask;
        while self.slot(at).row != EMPTY.row {
            at = (at + 1) & mask;
        }
        Arc::make_mut(&mut self.chunks[at / CHUNK_SLOTS])[at % CHUNK_SLOTS] = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_key_and_no_other() {
        let keys: Vec<String> = (0..5_000).map(|i| format!("CA{i}")).collect();
        let mut index = Index::default();
        let find = |index: &Index, key: &str| index.find(Index::hash(key), |row| keys[row as usize] == key);
        assert_eq!(find(&index, "CA1"), None);
        for (row, key) in keys.iter().enumerate() {
            index.insert(Index::hash(key.as_str()), row as u32);
        }
        for (row, key) in keys.iter().enumerate() {
            assert_eq!(find(&index, key), Some(row as u32));
        }
        assert_eq!(find(&index, "CA5000"), None);
        let taken = index.clone();
        index.insert(Index::hash("later"), 5_000);
        assert_eq!(taken.find(Index::hash("later"), |_| true), None, "what was taken stays");
    }
}
