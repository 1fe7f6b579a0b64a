//! A hash index of row numbers: 4 bytes a slot, the keys stay in the rows.

use std::hash::{DefaultHasher, Hash, Hasher};

const EMPTY: u32 = u32::MAX;

/// Finds rows by a key that the rows themselves hold. Hashes are the same in every process.
#[derive(Debug, Clone, Default)]
pub struct Index {
    slots: Vec<u32>,
    len: usize,
}

impl Index {
    /// Hash of a key, for the other calls.
    pub fn hash(key: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    }

    /// The row with this hash that `is` the one.
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        // At most three quarters of the slots are taken, so an empty one ends the walk.
        while self.slots[slot] != EMPTY {
            if is(self.slots[slot]) {
                return Some(self.slots[slot]);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// Adds a row that is not there yet; `hash_of` tells the hashes of those that are.
    pub fn insert(&mut self, hash: u64, row: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let grown = (self.slots.len() * 2).max(16);
            let old = std::mem::replace(&mut self.slots, vec![EMPTY; grown]);
            old.into_iter().filter(|row| *row != EMPTY).for_each(|row| self.put(hash_of(row), row));
        }
        self.put(hash, row);
        self.len += 1;
    }

    fn put(&mut self, hash: u64, row: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = row;
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
            index.insert(Index::hash(key.as_str()), row as u32, |row| {
                Index::hash(keys[row as usize].as_str())
            });
        }
        for (row, key) in keys.iter().enumerate() {
            assert_eq!(find(&index, key), Some(row as u32));
        }
        assert_eq!(find(&index, "CA5000"), None);
    }
}
