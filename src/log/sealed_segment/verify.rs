//! Verifying a sealed segment: every byte, every leaf, every node.

use std::ops::ControlFlow;

use domain::keys::Position;
use domain::record::{Hash, RecordRef};

use super::decode::{Bodies, Decoder, Originals};
use super::{SealedSegment, SegmentError};
use crate::log::merkle::SUBTREE_LEAVES;
use crate::log::violation::Violation;

impl SealedSegment {
    /// Checks all of the file and adds what is wrong to `found`: chunks by file, offset and first position, leaves
    /// and nodes by position.
    pub fn verify(&self, found: &mut Vec<Violation>) {
        self.verify_each(found, &mut |_, _| {});
    }

    /// As [`SealedSegment::verify`]; when all chunks are good, `each` gets every fact in order.
    pub fn verify_each(&self, found: &mut Vec<Violation>, each: &mut dyn FnMut(Position, RecordRef<'_>)) {
        let before = found.len();
        self.verify_chunks(found);
        if found.len() == before {
            self.verify_tree(found, each);
        }
    }

    /// Reads each chunk by itself, so that one damaged chunk does not hide the next.
    fn verify_chunks(&self, found: &mut Vec<Violation>) {
        let mut decoder = Decoder::new();
        let (mut bodies, mut originals, mut stored) = (Bodies::default(), Originals::default(), Vec::new());
        for lane in &self.footer.lanes {
            for chunk in self.footer.chunks_of(lane) {
                let loaded = self.load_bodies(&mut decoder, lane, chunk, &mut bodies).and_then(|()| {
                    chunk.originals.as_ref().map_or(Ok(()), |extent| {
                        let into = (&mut originals, &mut stored);
                        self.load_originals(&mut decoder, chunk.first, extent, &bodies, into)
                    })
                });
                found.extend(loaded.err().map(|error| self.violation(error, chunk.first)));
            }
        }
    }

    /// Walks all facts in order: positions without gaps, leaves recomputed, subtrees and root as the footer says.
    fn verify_tree(&self, found: &mut Vec<Violation>, each: &mut dyn FnMut(Position, RecordRef<'_>)) {
        let at_footer = |position, what| Violation::new(&self.name, self.footer_at, Some(position), what);
        let mut after = self.footer.before.clone();
        let mut subtrees = Vec::new();
        let mut stray = None;
        let read = self.in_order(self.base(), Position::MAX, true, &mut |position, record| {
            let lane = self.footer.lane_of.get((position - self.base()) as usize);
            let lane = lane.and_then(|lane| self.footer.lanes.get(usize::from(*lane)));
            let header = record.header;
            let in_lane = lane.is_some_and(|lane| {
                *lane.tenant == *header.tenant
                    && lane.group == header.kind.group
                    && lane.shard.contains(header.subject)
            });
            if position != after.len() + 1 || !in_lane {
                stray = Some(at_footer(position, "fact not found where the footer says"));
                return ControlFlow::Break(());
            }
            subtrees.extend(after.push(record.leaf()));
            each(position, record);
            ControlFlow::Continue(())
        });
        if let Err(error) = read {
            found.push(self.violation(error, after.len() + 1));
        } else if let Some(stray) = stray {
            found.push(stray);
        } else if after != self.footer.after {
            found.push(match self.first_wrong_subtree(&subtrees) {
                Some(first) => {
                    at_footer(first, "leaf hash mismatch in the 64 facts that start at this position")
                }
                None => {
                    at_footer(self.last(), "tree root mismatch: the facts give another root than was sealed")
                }
            });
        } else if subtrees != self.footer.subtrees {
            found.push(at_footer(self.base(), "hash mismatch in the subtrees of 64 leaves"));
        }
    }

    /// First position of the first subtree of 64 leaves that is not as sealed.
    fn first_wrong_subtree(&self, subtrees: &[Hash]) -> Option<Position> {
        let wrong = subtrees.iter().zip(&self.footer.subtrees).position(|(now, then)| now != then)?;
        let first = self.footer.before.len() / SUBTREE_LEAVES * SUBTREE_LEAVES;
        Some((first + wrong as u64 * SUBTREE_LEAVES + 1).max(self.base()))
    }

    fn violation(&self, error: SegmentError, position: Position) -> Violation {
        match error {
            SegmentError::Damaged(violation) => violation,
            other => Violation::new(&self.name, 0, Some(position), other.to_string()),
        }
    }
}
