//! How much memory rows hold: what a cache of folds is bounded by.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;
use std::sync::Arc;

use domain::facts::report::TargetMetric;
use domain::facts::sync::Resource;
use domain::facts::tenant::CountedDirection;
use domain::members::{Currency, Day, Email, Month, Phone, Text};
use domain::rules::configuration::{Configuration, Timeline};
use domain::rules::outcomes::Outcome;
use domain::rules::stages::Stage;
use serde_json::Value;

/// Memory that a value owns outside of itself.
pub trait HeapSize {
    /// Bytes, estimated within a quarter of what the allocator hands out: capacities of vectors, nodes of maps and
    /// counters of shared pointers are among them. What is shared counts in full, for whoever shares it now may change
    /// it, and then it lies there twice.
    fn heap_bytes(&self) -> usize;
}

/// Bytes of one allocation: the allocator keeps 8 beside each, and hands out multiples of 16.
fn allocation(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16).max(32) }
}

/// What a shared value of `bytes` is allocated with: two counters before it.
fn shared(bytes: usize) -> usize {
    allocation(16 + bytes)
}

/// `heap_size!(Row { name, facts; position })`: `name` and `facts` own memory, `position` owns none. A member that is
/// forgotten does not compile.
macro_rules! heap_size {
    ($($type:ident { $($owner:ident),* $(; $($plain:ident),+)? })+) => {$(
        impl $crate::store::HeapSize for $type {
            fn heap_bytes(&self) -> usize {
                let Self { $($owner,)* $($($plain: _,)+)? } = self;
                0 $(+ $crate::store::HeapSize::heap_bytes($owner))*
            }
        }
    )+};
}

/// Types that own no memory, which is checked.
macro_rules! heap_free {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::store::HeapSize for $type {
            fn heap_bytes(&self) -> usize {
                const { assert!(!std::mem::needs_drop::<$type>()) };
                0
            }
        }
    )+};
}

pub(crate) use {heap_free, heap_size};

heap_free!((), u8, u32, u64, usize, i64, Currency, Day, Month, Reverse<Day>, Reverse<Month>);
heap_free!(CountedDirection, Outcome, Resource, Stage, TargetMetric);

impl<T: HeapSize> HeapSize for Option<T> {
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::heap_bytes)
    }
}

impl<T: HeapSize> HeapSize for [T] {
    fn heap_bytes(&self) -> usize {
        // Rows without memory of their own are not looked at one by one.
        if std::mem::needs_drop::<T>() { self.iter().map(T::heap_bytes).sum() } else { 0 }
    }
}

impl<T: HeapSize, const N: usize> HeapSize for [T; N] {
    fn heap_bytes(&self) -> usize {
        self.as_slice().heap_bytes()
    }
}

impl HeapSize for str {
    fn heap_bytes(&self) -> usize {
        0
    }
}

impl<T: HeapSize> HeapSize for Vec<T> {
    fn heap_bytes(&self) -> usize {
        allocation(self.capacity() * size_of::<T>()) + self.as_slice().heap_bytes()
    }
}

impl HeapSize for String {
    fn heap_bytes(&self) -> usize {
        allocation(self.capacity())
    }
}

impl<T: HeapSize + ?Sized> HeapSize for Box<T> {
    fn heap_bytes(&self) -> usize {
        allocation(size_of_val(&**self)) + T::heap_bytes(self)
    }
}

impl<T: HeapSize + ?Sized> HeapSize for Arc<T> {
    fn heap_bytes(&self) -> usize {
        shared(size_of_val(&**self)) + T::heap_bytes(self)
    }
}

impl<K: HeapSize, V: HeapSize> HeapSize for BTreeMap<K, V> {
    fn heap_bytes(&self) -> usize {
        let owned: usize = self.iter().map(|(key, value)| key.heap_bytes() + value.heap_bytes()).sum();
        nodes(self.len(), size_of::<(K, V)>()) + owned
    }
}

impl<K: HeapSize> HeapSize for BTreeSet<K> {
    fn heap_bytes(&self) -> usize {
        nodes(self.len(), size_of::<K>()) + self.iter().map(K::heap_bytes).sum::<usize>()
    }
}

/// Nodes of a map: room for 11 entries in each, filled by two thirds on average; inner ones hold 12 pointers more.
fn nodes(entries: usize, entry_bytes: usize) -> usize {
    let leaves = (entries * 2).div_ceil(15);
    let inner = if leaves > 1 { leaves.div_ceil(8) } else { 0 };
    leaves * allocation(11 * entry_bytes + 16) + inner * allocation(11 * entry_bytes + 112)
}

impl<A: HeapSize, B: HeapSize> HeapSize for (A, B) {
    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes() + self.1.heap_bytes()
    }
}

impl<A: HeapSize, B: HeapSize, C: HeapSize> HeapSize for (A, B, C) {
    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes() + self.1.heap_bytes() + self.2.heap_bytes()
    }
}

macro_rules! text_heap_size {
    ($($type:ty),+) => {$(
        impl HeapSize for $type {
            fn heap_bytes(&self) -> usize {
                allocation(self.as_str().len())
            }
        }
    )+};
}

text_heap_size!(Text, Email, Phone);

impl HeapSize for Configuration {
    fn heap_bytes(&self) -> usize {
        let stages = self.stages.iter().map(|stage| stage.name.heap_bytes()).sum::<usize>();
        let names = [&self.counted_contact_types, &self.qualified_stages, &self.hot_stages];
        allocation(self.stages.capacity() * self.stages.first().map_or(0, size_of_val))
            + stages
            + names.into_iter().map(HeapSize::heap_bytes).sum::<usize>()
            + self.tracking_numbers.heap_bytes()
            + self.workspaces.heap_bytes()
    }
}

impl HeapSize for Timeline {
    fn heap_bytes(&self) -> usize {
        let all = self.all();
        allocation(size_of_val(all)) + all.heap_bytes()
    }
}

impl HeapSize for Value {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            Self::String(text) => text.heap_bytes(),
            Self::Array(items) => items.heap_bytes(),
            Self::Object(members) => {
                let owned = members.iter().map(|(name, value)| name.heap_bytes() + value.heap_bytes());
                nodes(members.len(), size_of::<(String, Value)>()) + owned.sum::<usize>()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owned_counts_with_its_allocation_and_nothing_twice() {
        assert_eq!((Vec::<u64>::new().heap_bytes(), String::new().heap_bytes()), (0, 0));
        assert_eq!(vec![0u64; 100].heap_bytes(), 816);
        let texts = vec!["a".to_owned(), "b".repeat(100)];
        assert_eq!(texts.heap_bytes(), allocation(texts.capacity() * 24) + 32 + 112);
        assert_eq!(Arc::new(texts.clone()).heap_bytes(), shared(24) + texts.heap_bytes());
        assert_eq!(Some(Box::new(7u64)).heap_bytes(), 32);
    }
}
