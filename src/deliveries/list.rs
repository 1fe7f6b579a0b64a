//! Pages of deliveries, newest first.

use std::fmt;
use std::str::FromStr;

use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::block::Block;
use super::keeper::{BLOCKS_PER_JOB, TABLE};
use super::{Delivered, Deliveries, DeliveryStatus};
use crate::store::StoreError;

/// Blocks looked through for one page; a page that ends there has a cursor to go on with.
const BLOCKS_PER_PAGE: u64 = 2_048;

/// Which deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Whose; none: those without a tenant.
    pub tenant: Option<String>,
    /// The provider's event.
    pub event: Option<String>,
    /// Of this provider.
    pub provider: Option<String>,
    /// By this endpoint's reference.
    pub endpoint: Option<String>,
    /// What became of them.
    pub outcome: Option<DeliveryStatus>,
    /// From here on.
    pub from: Option<Instant>,
    /// Before this.
    pub to: Option<Instant>,
}

impl DeliveryFilter {
    fn wants(&self, line: &Delivered) -> bool {
        let is =
            |wanted: &Option<String>, given: Option<&str>| wanted.is_none() || wanted.as_deref() == given;
        line.tenant.as_deref() == self.tenant.as_deref()
            && is(&self.event, line.event.as_deref())
            && is(&self.provider, Some(&line.provider))
            && is(&self.endpoint, line.endpoint.as_deref())
            && self.outcome.is_none_or(|outcome| outcome == line.status)
            && self.from.is_none_or(|from| from.0 <= line.at)
            && self.to.is_none_or(|to| line.at < to.0)
    }
}

/// A delivery as served.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeliveryItem {
    /// As it was answered.
    pub delivery_id: String,
    /// When it came.
    pub received_at: String,
    /// The provider's event; null where it was not read.
    pub event: Option<String>,
    /// The provider.
    pub provider: String,
    /// Reference of the endpoint, whose id is half a secret; null where there is none such.
    pub endpoint: Option<String>,
    /// Whose it is; null where that is not known.
    pub tenant: Option<String>,
    /// `recorded`, `duplicate`, `ignored`, `conflict`, `quarantined`, `refused` (401), `rejected` (404, 405, 413) or
    /// `failed` (5xx).
    pub outcome: &'static str,
    /// How long it took here, milliseconds with three decimals.
    pub processing_ms: f64,
    /// Why it was not recorded, in a word.
    pub error: Option<String>,
    /// `weak` where something that would identify the delivery was absent, so that the same told again may count twice:
    /// a part of its key, or the person that it is about. Else null.
    pub identity: Option<&'static str>,
}

/// A page of deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryPage {
    /// Newest first.
    pub items: Vec<DeliveryItem>,
    /// Where the next page begins.
    pub next: Option<After>,
    /// Since when deliveries are kept.
    pub kept_since: Instant,
}

/// The last delivery of a page: its block, and how many stand before it from that block's first on. Those that wait
/// stand behind the open block, where they will lie or in the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    block: u64,
    index: usize,
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.block, self.index)
    }
}

impl FromStr for After {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (block, index) = text.split_once('.').ok_or(())?;
        Ok(Self { block: block.parse().map_err(drop)?, index: index.parse().map_err(drop)? })
    }
}

impl Deliveries {
    /// One page. Asks sled, so it is not for async threads.
    ///
    /// # Errors
    /// The store's: then those in memory are all there is.
    pub fn page(
        &self,
        filter: &DeliveryFilter,
        after: Option<After>,
        limit: usize,
    ) -> Result<DeliveryPage, StoreError> {
        let open = {
            let held = self.inner.open.lock();
            let mut open = held.clone();
            open.block.lines.extend(self.inner.pending.hold().listed().cloned());
            open
        };
        let mut page = DeliveryPage { items: Vec::new(), next: None, kept_since: open.since };
        let after = match after {
            Some(after) => Some(self.settled(after, &open.block)?),
            None => None,
        };
        let mut at = after.map_or(open.block.number, |after| after.block);
        let end = at.saturating_sub(BLOCKS_PER_PAGE).max(open.first.saturating_sub(1));
        while at > end {
            let blocks = if at == open.block.number {
                vec![open.block.clone()]
            } else {
                self.blocks(at.saturating_sub(BLOCKS_PER_JOB - 1).max(end + 1), at)?
            };
            for block in blocks {
                let before = after.filter(|after| after.block == block.number).map(|after| after.index);
                for index in (0..before.unwrap_or(block.lines.len()).min(block.lines.len())).rev() {
                    let line = &block.lines[index];
                    if !filter.wants(line) {
                        continue;
                    }
                    if page.items.len() == limit {
                        return Ok(page);
                    }
                    page.items.push(item(line));
                    page.next = Some(After { block: block.number, index });
                }
            }
            at = if at == open.block.number { at - 1 } else { at.saturating_sub(BLOCKS_PER_JOB).max(end) };
        }
        page.next = (end >= open.first).then_some(After { block: end, index: usize::MAX });
        Ok(page)
    }

    /// Where a cursor lies now: what waited when it was given may have gone into later blocks.
    fn settled(&self, after: After, open: &Block) -> Result<After, StoreError> {
        let mut after = After { block: after.block.min(open.number), ..after };
        while after.block < open.number && after.index != usize::MAX {
            let blocks = self.blocks(after.block, after.block)?;
            let Some(len) = blocks.first().map(|block| block.lines.len()) else { break };
            if after.index <= len {
                break;
            }
            after = After { block: after.block + 1, index: after.index - len };
        }
        Ok(after)
    }

    /// Blocks of these numbers, newest first.
    fn blocks(&self, from: u64, to: u64) -> Result<Vec<Block>, StoreError> {
        let Some(store) = &self.inner.store else { return Ok(Vec::new()) };
        store.db()?.read(move |view| {
            let table = view.table(TABLE)?;
            let mut found = Vec::new();
            for number in (from..=to).rev() {
                found.extend(table.get(&Block::key(number))?.and_then(|value| Block::read(number, &value)));
            }
            Ok(found)
        })
    }
}

fn item(line: &Delivered) -> DeliveryItem {
    let text = |text: &Option<Box<str>>| text.as_ref().map(|text| text.to_string());
    DeliveryItem {
        delivery_id: Uuid::from_bytes(line.id).to_string(),
        received_at: Instant(line.at).to_string(),
        event: text(&line.event),
        provider: line.provider.to_string(),
        endpoint: text(&line.endpoint),
        tenant: text(&line.tenant),
        outcome: line.status.as_str(),
        processing_ms: f64::from(line.micros) / 1_000.0,
        error: text(&line.error),
        identity: line.weak.then_some("weak"),
    }
}
