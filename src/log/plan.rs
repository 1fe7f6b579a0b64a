//! The pure decision over a group of submissions: which facts are new, and the answer to each.

use std::collections::HashMap;

use domain::keys::{ContentDigest, KeyHash, Position};
use domain::record::Draft;

use super::keys::KeyEntry;

/// The answer to one submitted fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// New: durable at this position.
    Recorded(Position),
    /// Known: its key stands at this position with the same content.
    Duplicate(Position),
    /// Its key stands at this position with other content. Nothing was recorded.
    Differs(Position),
}

impl Appended {
    /// The position that the answer names.
    pub fn position(self) -> Position {
        let (Self::Recorded(position) | Self::Duplicate(position) | Self::Differs(position)) = self;
        position
    }
}

/// The decision over one group.
#[derive(Debug, Default)]
pub struct Plan {
    /// One answer per draft, in the order of submission.
    pub answers: Vec<Appended>,
    /// Indices of the drafts to be recorded, in order; the n-th gets position `head + 1 + n`.
    pub new: Vec<u32>,
}

/// The part of a content digest that the index holds.
pub fn short_content(content: &ContentDigest) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *content;
    [a, b, c, d, e, f, g, h]
}

/// Decides over `drafts`, of which the index knows `known`, when the log's last position is `head`.
///
/// A key that comes twice in one group is resolved against the earlier draft, as if both had been sent one
/// after the other. `dedup` is false only in the test that shows what it is for.
pub fn plan(drafts: &[&Draft], known: &[Option<KeyEntry>], head: Position, dedup: bool) -> Plan {
    let mut plan = Plan { answers: Vec::with_capacity(drafts.len()), new: Vec::with_capacity(drafts.len()) };
    let mut earlier: HashMap<KeyHash, (Position, [u8; 8])> = HashMap::with_capacity(drafts.len());
    for (at, draft) in drafts.iter().enumerate() {
        let content = short_content(&draft.content);
        let next = head + 1 + plan.new.len() as u64;
        let first = match known.get(at).copied().flatten() {
            Some(entry) => Some((entry.position, entry.content)),
            None => earlier.get(&draft.key).copied(),
        };
        let answer = match first.filter(|_| dedup) {
            Some((position, same)) if same == content => Appended::Duplicate(position),
            Some((position, _)) => Appended::Differs(position),
            None => {
                earlier.insert(draft.key, (next, content));
                plan.new.push(at as u32);
                Appended::Recorded(next)
            }
        };
        plan.answers.push(answer);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::Appended::{Differs, Duplicate, Recorded};
    use super::*;
    use crate::log::testing::draft_of;

    #[test]
    fn a_group_is_answered_as_if_each_fact_had_come_alone() {
        let (a, a2, b, c, c2) =
            (draft_of(1, 1), draft_of(1, 2), draft_of(2, 1), draft_of(3, 1), draft_of(3, 2));
        let entry = KeyEntry { key: c.key, content: short_content(&c.content), position: 4 };
        let known = [None, None, None, None, Some(entry), Some(entry)];
        let plan = plan(&[&a, &a, &a2, &b, &c, &c2], &known, 10, true);
        let answers = [Recorded(11), Duplicate(11), Differs(11), Recorded(12), Duplicate(4), Differs(4)];
        assert_eq!(plan.answers, answers);
        assert_eq!(plan.new, [0, 3]);
    }
}
