//! A log of a few facts in memory, each at its own position: what a proof bundle carries.

use std::sync::Arc;

use domain::record::Record;

use super::disk::RealDisk;
use super::frame::Frame;
use super::merkle::{Frontier, Head};
use super::snapshot::LogSnapshot;
use super::tail::{Tail, TailFrame};

impl LogSnapshot {
    /// A log of which only `records` are known, positions ascending; the rest of its positions up to `head` read as none.
    /// It proves nothing, and has no originals.
    pub fn sparse(head: Head, records: &[Record]) -> Self {
        let frame = |record: &Record| TailFrame { frame: Frame::of_one(record), leaves: Arc::from([]) };
        let tail = Tail::new(Frontier::new(), records.iter().map(frame).collect());
        Self {
            disk: Arc::new(RealDisk::read_only("")),
            sealed: Arc::default(),
            tails: Arc::new(vec![Arc::new(tail)]),
            head,
            nodes: Arc::default(),
        }
    }
}
