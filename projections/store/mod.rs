//! How rows lie in memory: copy-on-write pages, interned texts, packed chains of facts, stable orders.

pub mod bits;
pub mod buckets;
pub mod chain;
pub mod cursor;
pub mod heap;
pub mod index;
pub mod latest;
pub mod pages;
pub mod postings;
pub mod strings;

pub use bits::Bits;
pub use buckets::Buckets;
pub use chain::{Chain, Events};
pub use cursor::{Cursor, Page};
pub use heap::HeapSize;
pub(crate) use heap::{heap_free, heap_size};
pub use index::Index;
pub use latest::Latest;
pub use pages::Pages;
pub use postings::Postings;
pub use strings::{Strings, Symbol, Texts};
