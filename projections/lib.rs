//! Entities and figures: pure folds of the log, tenant by tenant (I5). No IO, no clock, no environment.
//!
//! Facts of one subject fold into a **row** (`entities/`). A row tells what it contributes and which facts made it, and
//! every counted or summed figure is the sum of contributions (`figures/`, I10). [`entity::Entity`] says how, and which
//! laws hold. Rows and figures do not depend on the order of arrival: ties are broken by `occurred_at`, rank and content
//! digest, never by position.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod canonical;
pub mod entities;
pub mod entity;
pub mod explain;
pub mod figures;
pub mod search;
pub mod store;
pub mod tenant;
pub mod version;

use domain::facts::Fact;
use domain::keys::{ContentDigest, Position};
use domain::members::Instant;

/// A fact as a fold sees it: what happened, and what of its header orders it.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// Its place in the log; explains figures, never decides them.
    pub position: Position,
    /// Where its content stands in the log: at `position`, or at the accepted conflict that replaced it.
    pub content_at: Position,
    /// When we learned it; decides only from which day a configuration holds by default.
    pub recorded_at: Instant,
    /// When it happened.
    pub occurred_at: Instant,
    /// Digest of its content: the last of the ties.
    pub content: ContentDigest,
    /// What happened.
    pub fact: &'a Fact,
}

/// What orders facts of one subject in whatever order they come: `occurred_at`, rank, content digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// µs since 1970 above four bits of rank.
    when: u64,
    /// The first half of the content digest: keyed, so nobody outside can make two alike.
    content: u64,
}

store::heap_free!(Order);

impl Order {
    /// The place of a fact whose status or stage has `rank`, 0 to 15.
    pub fn new(occurred_at: Instant, rank: u8, content: &ContentDigest) -> Self {
        let [high, _] = halves(content);
        Self { when: (occurred_at.0.max(0) as u64) << 4 | u64::from(rank & 15), content: high }
    }

    /// When the fact happened.
    pub fn occurred_at(self) -> Instant {
        Instant((self.when >> 4) as i64)
    }

    /// The half of the digest as a whole one, for rules that take one.
    pub fn digest(self) -> ContentDigest {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&self.content.to_be_bytes());
        digest
    }
}

/// A digest of 16 bytes as two numbers that order alike.
pub(crate) fn halves(digest: &[u8; 16]) -> [u64; 2] {
    let whole = u128::from_be_bytes(*digest);
    [(whole >> 64) as u64, whole as u64]
}
