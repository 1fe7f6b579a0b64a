//! The room of record: the append-only log of facts.
//!
//! # What it promises
//! - Positions are gapless from 1 (I1), a key stands in the log once (I2), and what [`Log::append`] answered
//!   outlives a kill and a power cut (I3). Nothing is answered or shown before its `fdatasync` came back.
//! - A frame is atomic: after a stop of any kind either all of its facts are there or none. An append of more than
//!   one frame is not: what was not answered yet may be there up to the end of one of its frames. Sent again, those
//!   facts are answered [`Appended::Duplicate`], the others are recorded.
//! - A file that does not hold what was written is named, with the byte; it is never read as something else, and
//!   nothing that was acknowledged is cut to make it fit.
//! - A full disk is a state that passes ([`LogState::Full`]). A failed write or sync is not
//!   ([`LogState::Stopped`]): the kernel may have dropped the pages, so no second sync is believed.
//! - Readers and followers never make the writer wait, and read the same facts before, while and after they are
//!   sealed.
//!
//! Assumed of the disk: a 512-byte sector is written whole or not; what `fdatasync` and the folder's `fsync`
//! returned for stays; a rename is atomic. `sim` is a disk that keeps to this and to nothing more.
//!
//! # How a fact gets in
//! ```text
//! append ─► bounded queue ─► one thread: all that waits is one group
//!   plan    (pure)  known keys: Duplicate or Differs; new ones get positions and one recorded_at
//!   blobs           originals over 32 KB: written, synced, renamed, folder synced
//!   frames          ≤ 512 facts and ≤ 256 KB each, one behind the other in one buffer
//!   append          one write into zeros, one fdatasync for all frames  ◄── the commit point
//!   apply           tail in memory, head, key index; the high-water mark, not waited for; answers
//! ```
//! A frame is the same bytes in a file, a message and a row: nothing in it depends on where it lies.
//!
//! At 65,536 facts or 64 MB the writer goes on in a new open segment, and the closed one is sealed by another
//! thread; a third lays zeros ahead.
//!
//! # The bytes on disk
//! All integers are little-endian. Positions in names have 20 digits, so that names sort as the log does.
//! ```text
//! journal/<first>.sealed    lanes of compressed chunks, never changed again      sealed_segment
//! journal/<first>.open      closed ones, being sealed, and the one that grows    open_segment
//! journal/high-water        how far the log was durable                          high_water
//! journal/*.tmp             being made; removed at the next start
//! blobs/<SHA-256 in hex>    originals over 32 KB                                 blobs
//!
//! open segment  0        8 B "FFOPENSG" │ u32 format = 2 │ u32 CRC32C of what follows │ u64 first position
//!                        │ 32 B root before it │ u32 seed │ zeros
//!               4096     outer header, frame │ outer header, frame │ … each pair at a multiple of 8
//!               end      zeros, laid ahead
//!
//! outer header  0        u32 CRC32C of what follows and of the frame's first 8 bytes, begun with the seed
//!               4        u32 bytes of the frame │ u64 first position of its group
//!
//! frame         0        "FFR2" │ u32 CRC32C of what follows │ u32 bytes of records │ u32 count
//!               16       u64 first position │ u128 id │ 32 B root before it
//!               72       count × ( u32 length │ stored record, domain::record ) │ zeros up to a multiple of 8
//!
//! high-water    0, 4096  8 B "FFHIGHW1" │ u32 CRC32C of what follows │ u32 zero │ u64 position │ 32 B root
//!
//! blob          0        the original's bytes
//! ```
//!
//! # What a start does
//! Sealed segments in order, then open ones, each checked to continue the one before it, by position and by tree.
//! What follows the last whole frame can only be the rest of one torn group, and is cut. A frame of a later group
//! behind a bad one, a file cut short, a high-water mark past the end or of another log, or a fact that only the key
//! index knows is reported and nothing is touched (`LogError::Damaged`,
//! `LogError::LostTail`). Then the last group's frames are written and synced once more, because they may have been
//! read from pages whose sync never succeeded; what follows them is made zeros; and what stood in the middle of
//! sealing is finished (the steps are in `seal`).
//!
//! Whole frames at the beginning of a torn group stay, each by itself. Nothing of the group was acknowledged, for its
//! one sync had not returned, so cutting them would be as true; keeping them needs no knowledge of where a group ends,
//! which a frame from another node does not have. It is sound because they are a prefix of what was decided: their
//! positions and tree continue the log, their keys were new and are indexed before the next decision, and their blobs
//! were synced before the group was written. Nobody saw them before the restart, and after it they are durable before
//! they are shown.

mod append_all;
pub mod blobs;
mod copy;
pub mod disk;
pub mod engines;
pub mod erase;
pub mod erasures;
mod error;
mod fill;
pub mod frame;
mod frame_group;
mod handle;
pub mod high_water;
pub mod keys;
pub mod leaf_proof;
pub mod merkle;
mod node_cache;
pub mod open_segment;
mod options;
mod ordered_erasures;
mod outer_header;
mod plan;
mod read_only;
mod recover;
mod seal;
pub mod sealed_segment;
mod segment_files;
mod segment_intake;
pub mod select;
mod shared;
#[cfg(any(test, feature = "torture"))]
pub mod sim;
mod snapshot;
mod sparse;
mod stored_fact;
mod tail;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture;
pub mod tree;
pub mod verify;
mod violation;
mod write_loop;
mod writer;

pub use self::append_all::{PendingAll, cut};
pub use self::error::LogError;
pub use self::frame_group::{APPEND_BYTES_MAX, APPEND_FACTS_MAX};
pub use self::handle::{Log, Pending};
pub use self::merkle::Head;
pub use self::options::{LogOptions, Protections, Sizes};
pub use self::plan::Appended;
pub use self::recover::Opened;
pub use self::segment_files::SegmentFile;
pub use self::segment_intake::{CheckedSegment, IncomingSegment, SegmentIntake};
pub use self::select::Visit;
pub use self::shared::{Follow, LogState};
pub use self::snapshot::LogSnapshot;
pub use self::stored_fact::{StoredFact, VisitFact, decode};
pub use self::violation::Violation;
