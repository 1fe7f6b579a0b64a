//! Which rows have a key: lists that only grow, and that readers take along with one clone.

use super::heap::{heap_free, heap_size};
use super::{Index, Pages, Symbol};

/// The newest node of a key.
#[derive(Debug, Clone, Copy)]
struct Head {
    key: Symbol,
    newest: u32,
}

heap_free!(Head);

/// A row of a key and the node added before it.
#[derive(Debug, Clone, Copy)]
struct Node {
    row: u32,
    before: Option<u32>,
}

heap_free!(Node);

/// Rows by a key of theirs. A row that moves to another key stays in the list of the first one as well, so whoever
/// reads a list looks whether the row still has the key.
#[derive(Debug, Clone, Default)]
pub struct Postings {
    heads: Pages<Head>,
    nodes: Pages<Node>,
    index: Index,
}

heap_size!(Postings { heads, nodes, index });

impl Postings {
    /// Adds `row` to the list of `key`.
    pub fn add(&mut self, key: Symbol, row: u32) {
        match self.head(key) {
            Some(at) => {
                let before = Some(self.heads.get(at).newest);
                self.heads.get_mut(at).newest = self.nodes.push(Node { row, before });
            }
            None => {
                let newest = self.nodes.push(Node { row, before: None });
                let at = self.heads.push(Head { key, newest });
                self.index.insert(Index::hash(key), at);
            }
        }
    }

    fn head(&self, key: Symbol) -> Option<u32> {
        self.index.find(Index::hash(key), |at| self.heads.get(at).key == key)
    }

    /// The rows that ever had `key`, each once, in ascending order.
    pub fn rows(&self, key: Symbol) -> Vec<u32> {
        let newest = self.head(key).map(|at| self.heads.get(at).newest);
        let nodes = std::iter::successors(newest, |at| self.nodes.get(*at).before);
        let mut rows: Vec<u32> = nodes.map(|at| self.nodes.get(at).row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Strings;

    #[test]
    fn a_key_has_its_rows_each_once_and_a_reader_keeps_what_it_took() {
        let mut strings = Strings::default();
        let [a, b, c] = ["a", "b", "c"].map(|text| strings.intern(text));
        let mut postings = Postings::default();
        [(a, 3), (b, 1), (a, 1), (a, 3)].into_iter().for_each(|(key, row)| postings.add(key, row));
        let taken = postings.clone();
        postings.add(a, 2);
        assert_eq!([taken.rows(a), taken.rows(b), taken.rows(c)], [vec![1, 3], vec![1], vec![]]);
        assert_eq!(postings.rows(a), [1, 2, 3]);
    }
}
