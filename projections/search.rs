//! Texts that are looked for within others, in any case.

use memchr::memchr2_iter;
use memchr::memmem::Finder;

use crate::store::{Bits, Symbol, Texts};

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Trimmed, in lower case.
    folded: String,
}

impl Search {
    /// Looks for this text, whatever blanks stand around it.
    pub fn new(text: &str) -> Self {
        Self { folded: text.trim().to_lowercase() }
    }

    /// Whether nothing is looked for: that stands everywhere.
    pub fn is_blank(&self) -> bool {
        self.folded.is_empty()
    }

    /// Whether it stands in a text.
    pub fn is_in(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return text.to_lowercase().contains(&self.folded);
        }
        // Lower case of ASCII is ASCII. Nearly every text is, and none is copied for it: lists of 100,000 are looked through.
        let (text, wanted) = (text.as_bytes(), self.folded.as_bytes());
        let Some(first) = wanted.first() else { return true };
        let mut starts = memchr2_iter(*first, first.to_ascii_uppercase(), text);
        starts
            .any(|at| text.get(at..at + wanted.len()).is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
    }

    /// The texts of a table that it stands in. The texts of a page are looked through as one: a table of 100,000 texts in a
    /// millisecond.
    pub fn among(&self, texts: &Texts) -> FoundTexts {
        if self.is_blank() {
            return FoundTexts(Bits::all(texts.len()));
        }
        let mut found = FoundTexts::none(texts);
        let (finder, mut lower) = (Finder::new(&self.folded), Vec::new());
        for (symbols, page, ends) in texts.pages() {
            let text_at =
                |at: usize| &page[if at == 0 { 0 } else { ends[at - 1] as usize }..ends[at] as usize];
            if !page.is_ascii() {
                let is_in = |at: &usize| !text_at(*at).is_ascii() && self.is_in(text_at(*at));
                (0..ends.len()).filter(is_in).for_each(|at| found.add(symbols(at)));
            }
            lower.clear();
            lower.extend_from_slice(page.as_bytes());
            lower.make_ascii_lowercase();
            let mut begin = 0;
            while let Some(behind) = lower.get(begin..).filter(|behind| !behind.is_empty())
                && let Some(hit) = finder.find(behind).map(|hit| begin + hit)
            {
                let at = ends.partition_point(|end| *end as usize <= hit);
                let Some(end) = ends.get(at).map(|end| *end as usize) else { break };
                // What begins in one text and ends in the next stands in neither, and may hide what does.
                begin = hit + 1;
                if hit + self.folded.len() <= end {
                    found.add(symbols(at));
                    begin = end;
                }
            }
        }
        found
    }

    /// Whether it stands in two texts together, with a blank between them, and begins in the one and ends in the other.
    pub fn is_across(&self, one: &str, other: &str) -> bool {
        self.halves().any(|(end, begin)| ends_with(one, end) && begins_with(other, begin))
    }

    /// The texts of a table that may stand before the blank of [`Self::is_across`], and those that may behind it; none
    /// where what it looks for has no blank, or stands across no two of them.
    pub fn before_and_behind(&self, texts: &Texts) -> Option<(FoundTexts, FoundTexts)> {
        let halves: Vec<(&str, &str)> = self.halves().collect();
        if halves.is_empty() {
            return None;
        }
        let (mut before, mut behind) = (FoundTexts::none(texts), FoundTexts::none(texts));
        for (symbols, page, ends) in texts.pages() {
            let mut begin = 0;
            for (at, end) in ends.iter().enumerate() {
                let text = &page[begin..*end as usize];
                begin = *end as usize;
                if halves.iter().any(|(end, _)| ends_with(text, end)) {
                    before.add(symbols(at));
                }
                if halves.iter().any(|(_, begin)| begins_with(text, begin)) {
                    behind.add(symbols(at));
                }
            }
        }
        Some((before, behind)).filter(|(before, behind)| before.is_any() && behind.is_any())
    }

    /// What stands before and behind each of its blanks.
    fn halves(&self) -> impl Iterator<Item = (&str, &str)> {
        self.folded.match_indices(' ').map(|(at, _)| (&self.folded[..at], &self.folded[at + 1..]))
    }
}

/// Whether a byte at the end of a text tells that the other text has another one there, as it tells of nearly every two.
fn is_other(byte: Option<u8>, lower: Option<u8>) -> bool {
    byte.zip(lower).is_some_and(|(byte, lower)| byte.is_ascii() && byte.to_ascii_lowercase() != lower)
}

/// Whether a text in any case ends with one in lower case.
fn ends_with(text: &str, end: &str) -> bool {
    if is_other(text.bytes().last(), end.bytes().last()) {
        return false;
    }
    if !text.is_ascii() {
        return text.to_lowercase().ends_with(end);
    }
    let from = text.len().checked_sub(end.len());
    from.is_some_and(|from| text.as_bytes()[from..].eq_ignore_ascii_case(end.as_bytes()))
}

/// Whether a text in any case begins with one in lower case.
fn begins_with(text: &str, begin: &str) -> bool {
    if is_other(text.bytes().next(), begin.bytes().next()) {
        return false;
    }
    if !text.is_ascii() {
        return text.to_lowercase().starts_with(begin);
    }
    let found = text.as_bytes().get(..begin.len());
    found.is_some_and(|found| found.eq_ignore_ascii_case(begin.as_bytes()))
}

/// The texts of a table that something stands in.
#[derive(Debug)]
pub struct FoundTexts(Bits);

impl FoundTexts {
    fn none(texts: &Texts) -> Self {
        Self(Bits::none(texts.len()))
    }

    /// Whether it stands in any.
    pub fn is_any(&self) -> bool {
        self.0.is_any()
    }

    fn add(&mut self, symbol: Symbol) {
        self.0.add(symbol.index());
    }

    /// Whether it stands in this one.
    pub fn has(&self, symbol: Symbol) -> bool {
        self.0.has(symbol.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Strings;

    #[test]
    fn a_text_is_found_in_any_case_as_lower_case_of_both_would_find_it() {
        let texts = [
            "",
            "a",
            "Ann",
            "ANN Agent",
            "Zoë",
            "ZOË",
            "Straße",
            "İstanbul",
            "K",
            "a.b@x.example",
            "ann  agent",
        ];
        let wanted = [
            "", " ", "n", "N", "ann", " Ann ", "AGENT", "n a", "zoË", "ß", "SS", "i̇", "k", "@X", "aa", "annn",
        ];
        for text in texts {
            for wanted in wanted {
                let by_copies = text.to_lowercase().contains(&wanted.trim().to_lowercase());
                assert_eq!(Search::new(wanted).is_in(text), by_copies, "{wanted:?} in {text:?}");
            }
        }
    }

    #[test]
    fn a_name_is_found_across_its_parts() {
        for (wanted, is_found) in [
            ("ann agent", true),
            ("N A", true),
            ("agent ann", false),
            ("annagent", false),
            ("nn", false),
            ("", false),
        ] {
            assert_eq!(Search::new(wanted).is_across("Ann", "Agent"), is_found, "{wanted}");
        }
        assert!(Search::new("zoë ÅN").is_across("Zoë", "Ång"));
        assert!(Search::new("van der b").is_across("Ann van", "der Berg"));
    }

    #[test]
    fn a_table_of_texts_is_searched_as_each_of_them_is() {
        let parts = ["", "a", "aa", "Ann", "bA", "Zoë", "ZOË", "K", "İx", "x y", "σς", "ab"];
        let mut strings = Strings::default();
        let mut known = Vec::new();
        for one in parts {
            for other in parts {
                for third in parts {
                    known.push(strings.intern(&format!("{one}{other}{third}")));
                }
            }
        }
        for wanted in ["", "a", "aa", "aaa", "aaaa", "NNA", "b", "ë", "k", "x y", "i̇x", "zzz", "aba", "ς"]
        {
            let search = Search::new(wanted);
            let found = search.among(strings.texts());
            for symbol in &known {
                let text = strings.texts().get(*symbol);
                assert_eq!(found.has(*symbol), search.is_in(text), "{wanted:?} in {text:?}");
            }
        }
    }
}
