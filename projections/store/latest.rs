//! Members that take the latest given value, in whatever order facts come; nothing is overwritten by nothing.

use super::heap::HeapSize;
use crate::Order;

/// `N` members of one row. A default value is "not given".
///
/// Most rows have all their members from one fact, so one order is kept for all until they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest<T, const N: usize> {
    order: Order,
    values: [T; N],
    each: Option<Box<[Order; N]>>,
}

impl<T: HeapSize, const N: usize> HeapSize for Latest<T, N> {
    fn heap_bytes(&self) -> usize {
        self.values.heap_bytes() + self.each.heap_bytes()
    }
}

impl<T: Copy + Default + Eq, const N: usize> Default for Latest<T, N> {
    fn default() -> Self {
        Self { order: Order::default(), values: [T::default(); N], each: None }
    }
}

impl<T: Copy + Default + Eq, const N: usize> Latest<T, N> {
    /// Takes what one fact gives.
    pub fn give(&mut self, order: Order, given: [T; N]) {
        let absent = T::default();
        let is_given = |i: usize| given[i] != absent;
        if !(0..N).any(is_given) {
            return;
        }
        if self.each.is_none() {
            let known = |i: usize| self.values[i] != absent;
            if order > self.order && (0..N).all(|i| is_given(i) || !known(i)) {
                self.order = order;
                self.values = given;
                return;
            }
            if order <= self.order && (0..N).all(|i| known(i) || !is_given(i)) {
                return;
            }
        }
        let each = self.each.get_or_insert_with(|| Box::new([self.order; N]));
        for i in 0..N {
            if is_given(i) && (self.values[i] == absent || order > each[i]) {
                self.values[i] = given[i];
                each[i] = order;
            }
        }
    }

    /// Member `at`.
    pub fn get(&self, at: usize) -> T {
        self.values[at]
    }

    /// Member `at` with the order of the fact that gave it.
    pub fn with_order(&self, at: usize) -> (Order, T) {
        (self.each.as_ref().map_or(self.order, |each| each[at]), self.values[at])
    }

    /// Every value made anew, such as symbols of another table.
    pub fn map(&mut self, mut f: impl FnMut(usize, T) -> T) {
        for (at, value) in self.values.iter_mut().enumerate() {
            *value = f(at, *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::members::Instant;

    #[test]
    fn given_facts_in_every_order_when_folded_then_each_member_is_the_latest_given() {
        let facts: [(i64, [u32; 3]); 4] = [(1, [1, 0, 9]), (4, [4, 0, 0]), (3, [3, 3, 0]), (2, [2, 2, 0])];
        let mut orders = vec![vec![]];
        for _ in 0..4 {
            orders = orders
                .iter()
                .flat_map(|o: &Vec<usize>| {
                    (0..4)
                        .filter(|i| !o.contains(i))
                        .map(|i| [o.clone(), vec![i]].concat())
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        assert_eq!(orders.len(), 24);
        for order in orders {
            let mut latest = Latest::<u32, 3>::default();
            for i in order {
                latest.give(Order::new(Instant(facts[i].0), 0, &[0; 16]), facts[i].1);
            }
            assert_eq!([0, 1, 2].map(|at| latest.get(at)), [4, 3, 9]);
            assert_eq!(latest.with_order(1).0.occurred_at(), Instant(3));
        }
    }
}
