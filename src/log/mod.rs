//! The room of record: the append-only log of facts.

pub mod blobs;
pub mod disk;
mod error;
mod fill;
pub mod frame;
mod handle;
pub mod high_water;
pub mod keys;
pub mod merkle;
pub mod open_segment;
mod options;
mod plan;
mod recover;
mod seal;
pub mod sealed_segment;
pub mod select;
mod shared;
#[cfg(any(test, feature = "torture"))]
pub mod sim;
mod snapshot;
mod tail;
#[cfg(test)]
mod testing;
pub mod verify;
mod writer;

pub use self::error::LogError;
pub use self::handle::{Log, Pending};
pub use self::merkle::Head;
pub use self::options::{Clock, LogOptions, Protections, Sizes};
pub use self::plan::Appended;
pub use self::recover::Opened;
pub use self::shared::{Follow, LogState};
pub use self::snapshot::{LogSnapshot, Visit};

/// Most facts in one [`Log::append`].
pub const APPEND_FACTS_MAX: usize = 8_192;
/// Most bytes of stored records in one [`Log::append`], originals in the blob room not counted.
pub const APPEND_BYTES_MAX: usize = 4 << 20;
/// The longest group of frames: one append's worth of records, and the frames' headers.
pub const GROUP_BYTES_MAX: usize = APPEND_BYTES_MAX + (64 << 10);
