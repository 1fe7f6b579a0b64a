//! Interned texts of one table: each distinct text once, rows hold 4 bytes.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::heap::{heap_free, heap_size};
use crate::store::Index;

const PAGE_TEXTS: usize = 256;

/// An interned text; only its own table can tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(NonZeroU32);

heap_free!(Symbol);

impl Symbol {
    /// Its place among all of its table, from 0.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// As a number that is never 0, for packed members.
    pub fn number(self) -> u32 {
        self.0.get()
    }

    /// The symbol of a packed member; none of 0.
    pub fn numbered(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }
}

#[derive(Debug, Clone, Default)]
struct TextPage {
    text: String,
    ends: Vec<u32>,
}

heap_size!(TextPage { text, ends });

impl TextPage {
    fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[start..self.ends[at] as usize]
    }
}

/// The texts without the index: what a reader takes along.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    pages: Arc<Vec<Arc<TextPage>>>,
    len: usize,
}

heap_size!(Texts { pages; len });

impl Texts {
    /// The text.
    pub fn get(&self, symbol: Symbol) -> &str {
        self.pages[symbol.index() / PAGE_TEXTS].get(symbol.index() % PAGE_TEXTS)
    }

    /// The text where there is one.
    pub fn maybe(&self, symbol: Option<Symbol>) -> Option<&str> {
        symbol.map(|symbol| self.get(symbol))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Pages of texts that follow each other without a gap: the symbol of each by its place on the page, the texts, and
    /// where each ends.
    pub fn pages(&self) -> impl Iterator<Item = (impl Fn(usize) -> Symbol, &str, &[u32])> {
        let pages = self.pages.iter().enumerate();
        pages.map(|(page, texts)| {
            let symbol = move |at| Self::nth(page * PAGE_TEXTS + at);
            (symbol, texts.text.as_str(), texts.ends.as_slice())
        })
    }

    fn nth(at: usize) -> Symbol {
        Symbol(NonZeroU32::MIN.saturating_add(at as u32))
    }

    fn push(&mut self, text: &str) -> Symbol {
        let pages = Arc::make_mut(&mut self.pages);
        if self.len.is_multiple_of(PAGE_TEXTS) {
            // The page before is full: what it was given too much of is given back.
            if let Some(full) = pages.last_mut() {
                let full = Arc::make_mut(full);
                full.text.shrink_to_fit();
                full.ends.shrink_to_fit();
            }
            pages.push(Arc::default());
        }
        if let Some(page) = pages.last_mut() {
            let page = Arc::make_mut(page);
            page.text.push_str(text);
            page.ends.push(page.text.len() as u32);
        }
        self.len += 1;
        Self::nth(self.len - 1)
    }
}

/// An interner.
#[derive(Debug, Clone, Default)]
pub struct Strings {
    texts: Texts,
    index: Index,
}

heap_size!(Strings { texts, index });

impl Strings {
    /// The symbol of `text`, new where it was not known.
    pub fn intern(&mut self, text: &str) -> Symbol {
        let hash = Index::hash(text);
        if let Some(known) = self.find_hashed(text, hash) {
            return known;
        }
        let symbol = self.texts.push(text);
        self.index.insert(hash, symbol.index() as u32);
        symbol
    }

    /// The symbol of `text`, where it is known.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.find_hashed(text, Index::hash(text))
    }

    fn find_hashed(&self, text: &str, hash: u64) -> Option<Symbol> {
        let is = |at: u32| self.texts.get(Texts::nth(at as usize)) == text;
        self.index.find(hash, is).map(|at| Texts::nth(at as usize))
    }

    /// The texts.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_symbol_and_a_symbol_one_text() {
        let mut strings = Strings::default();
        let symbols: Vec<Symbol> = (0..2_000).map(|i| strings.intern(&format!("t{}", i % 1_000))).collect();
        let taken = strings.texts().clone();
        strings.intern("later");
        for (i, symbol) in symbols.iter().enumerate() {
            assert_eq!(taken.get(*symbol), format!("t{}", i % 1_000));
            assert_eq!(*symbol, symbols[i % 1_000]);
        }
        assert_eq!((strings.find("none"), strings.find("t7")), (None, Some(symbols[7])));
        assert_eq!(strings.intern(""), strings.intern(""));
    }
}
