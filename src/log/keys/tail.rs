//! The newest entries, unsorted, found through a hash table: what is not yet a run.

use domain::keys::KeyHash;

use super::entry::{KeyEntry, Packed, prefix_of};

const SLOTS_FIRST: usize = 1024;
const EMPTY: u32 = u32::MAX;

/// Entries in the order in which they came, and an open-addressed table of their places (at most half full).
///
/// The key is itself a keyed hash, so its bits serve as the table's hash: nobody outside can choose them.
#[derive(Debug)]
pub(super) struct Tail {
    entries: Vec<Packed>,
    slots: Box<[u32]>,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), slots: vec![EMPTY; SLOTS_FIRST].into_boxed_slice() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entries(&self) -> &[Packed] {
        &self.entries
    }

    pub(super) fn insert(&mut self, packed: Packed) {
        if (self.entries.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let place = self.entries.len() as u32;
        let slot = self.free_slot(&packed);
        self.slots[slot] = place;
        self.entries.push(packed);
    }

    pub(super) fn find(&self, key: &KeyHash) -> Option<KeyEntry> {
        let mask = self.slots.len() - 1;
        let mut slot = prefix_of(key) as usize & mask;
        loop {
            match self.slots[slot] {
                EMPTY => return None,
                place => {
                    let packed = &self.entries[place as usize];
                    if packed[..11] == key[..] {
                        return Some(KeyEntry::unpack(packed));
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    fn free_slot(&self, packed: &Packed) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = prefix_of(packed) as usize & mask;
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![EMPTY; self.slots.len() * 2].into_boxed_slice();
        for place in 0..self.entries.len() {
            let slot = self.free_slot(&self.entries[place]);
            self.slots[slot] = place as u32;
        }
    }
}
