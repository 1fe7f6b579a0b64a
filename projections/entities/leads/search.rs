//! The leads that a searched text stands in.

use super::row::{Lead, LeadRow};
use crate::search::{FoundTexts, Search};
use crate::store::{Bits, Pages, Texts};

/// Leads whose name, email or company has a text in it, by their heads.
#[derive(Debug)]
pub struct FoundLeads(Bits);

impl FoundLeads {
    /// Looks through the rows as they lie in memory: a list by time would read each from another place.
    pub fn of(search: &Search, rows: &Pages<LeadRow>, texts: &Texts) -> Self {
        let found = FoundMembers {
            search,
            texts,
            found: search.among(texts),
            halves: search.before_and_behind(texts),
        };
        let mut heads = Bits::none(rows.len());
        if found.is_any() {
            let heads_of_rows = rows.ids().zip(rows.iter()).filter(|(_, row)| row.owner().is_none());
            for (at, _) in heads_of_rows.filter(|(at, _)| found.has(&Lead::new(rows, *at))) {
                heads.add(at as usize);
            }
        }
        Self(heads)
    }

    /// Whether this head's lead is one.
    pub fn has(&self, head: u32) -> bool {
        self.0.has(head as usize)
    }
}

/// The texts of a table that tell whether a lead is found.
struct FoundMembers<'a> {
    search: &'a Search,
    texts: &'a Texts,
    found: FoundTexts,
    /// Of a name in two parts: the first that may be, and the last.
    halves: Option<(FoundTexts, FoundTexts)>,
}

impl FoundMembers<'_> {
    fn is_any(&self) -> bool {
        self.search.is_blank() || self.halves.is_some() || self.found.is_any()
    }

    fn has(&self, lead: &Lead<'_>) -> bool {
        let members = lead.members();
        let [_, first, last, _] = members;
        members.into_iter().flatten().any(|symbol| self.found.has(symbol))
            || self.halves.as_ref().zip(first.zip(last)).is_some_and(|((before, behind), (first, last))| {
                before.has(first)
                    && behind.has(last)
                    && self.search.is_across(self.texts.get(first), self.texts.get(last))
            })
            // A text that is blank stands in one of whom nothing is known, too.
            || self.search.is_blank()
    }
}
