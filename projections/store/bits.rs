//! Sets of small numbers, such as rows and symbols: a bit each.

/// A set of numbers below a bound.
#[derive(Debug, Clone)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// None of the numbers below `len`.
    pub fn none(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// All of them.
    pub fn all(len: usize) -> Self {
        Self(vec![u64::MAX; len.div_ceil(64)])
    }

    /// Adds a number, which must be below the bound.
    pub fn add(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    /// Whether it has a number.
    pub fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether it has any.
    pub fn is_any(&self) -> bool {
        self.0.iter().any(|word| *word != 0)
    }
}
