//! Texts that are looked for within others, in any case.

use memchr::memchr2_iter;

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Trimmed, in lower case.
    folded: String,
    has_blank: bool,
}

impl Search {
    /// Looks for this text, whatever blanks stand around it.
    pub fn new(text: &str) -> Self {
        let folded = text.trim().to_lowercase();
        Self { has_blank: folded.contains(' '), folded }
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

    /// Whether it stands in one of two texts or, with a blank between them, in both together.
    pub fn is_in_either(&self, one: &str, other: &str) -> bool {
        self.is_in(one) || self.is_in(other) || (self.has_blank && self.is_in(&format!("{one} {other}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (wanted, is_found) in
            [("ann agent", true), ("N A", true), ("agent ann", false), ("annagent", false), ("", true)]
        {
            assert_eq!(Search::new(wanted).is_in_either("Ann", "Agent"), is_found, "{wanted}");
        }
    }
}
