//! Rows in copy-on-write pages: a reader takes all of them with one clone and the writer goes on.

use super::heap::HeapSize;
use std::sync::Arc;

const PAGE_ROWS: usize = 128;

/// A growing table of rows. `clone` costs one counter; afterwards the writer copies what it touches, page by page.
#[derive(Debug, Clone)]
pub struct Pages<T> {
    pages: Arc<Vec<Arc<Vec<T>>>>,
    len: usize,
}

impl<T: HeapSize> HeapSize for Pages<T> {
    fn heap_bytes(&self) -> usize {
        self.pages.heap_bytes()
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Arc::default(), len: 0 }
    }
}

impl<T: Clone> Pages<T> {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of every row.
    pub fn ids(&self) -> impl Iterator<Item = u32> + use<T> {
        0..self.len as u32
    }

    /// Row `at`, which must be there: ids are made by [`Pages::push`] and never leave their table.
    pub fn get(&self, at: u32) -> &T {
        &self.pages[at as usize / PAGE_ROWS][at as usize % PAGE_ROWS]
    }

    /// Row `at` to change.
    pub fn get_mut(&mut self, at: u32) -> &mut T {
        let page = &mut Arc::make_mut(&mut self.pages)[at as usize / PAGE_ROWS];
        &mut Arc::make_mut(page)[at as usize % PAGE_ROWS]
    }

    /// Adds a row and names it.
    pub fn push(&mut self, row: T) -> u32 {
        let at = self.len as u32;
        let pages = Arc::make_mut(&mut self.pages);
        if self.len.is_multiple_of(PAGE_ROWS) {
            pages.push(Arc::new(Vec::with_capacity(PAGE_ROWS)));
        }
        if let Some(page) = pages.last_mut() {
            Arc::make_mut(page).push(row);
        }
        self.len += 1;
        at
    }

    /// All rows in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.iter())
    }
}

impl<T: Clone> IntoIterator for Pages<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    /// Takes the rows out; copies only what a reader still holds.
    fn into_iter(self) -> Self::IntoIter {
        let pages = Arc::unwrap_or_clone(self.pages);
        pages.into_iter().flat_map(Arc::unwrap_or_clone).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_what_it_took_while_rows_change() {
        let mut rows = Pages::default();
        for row in 0..300u32 {
            assert_eq!(rows.push(row), row);
        }
        let taken = rows.clone();
        *rows.get_mut(299) = 7;
        rows.push(300);
        assert_eq!((*taken.get(299), taken.len(), *rows.get(299), rows.len()), (299, 300, 7, 301));
        assert!(taken.iter().copied().eq(0..300));
        assert!(taken.into_iter().eq(0..300));
    }
}
