//! `/hot-list`: deals in the tenant's hot stages, by what they are worth when they close (B8).

use domain::facts::part;
use domain::facts::sync::Resource;
use domain::keys::Position;
use domain::members::Instant;
use domain::rules::configuration::{Timeline, folded};
use domain::rules::rates::ratio_rounded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::crm::Crm;
use crate::entities::crm::row::{Origins, RecordRow};
use crate::entities::crm::table::ResourceTable;
use crate::figures::crm_stages::{Stages, counts, or_new_lead};
use crate::store::cursor::page;
use crate::store::{Cursor, Page, Texts};

/// A deal as served. Who it is with is personal, and read from the fact on the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HotItem {
    /// The CRM's id.
    pub opportunity_id: String,
    /// The contact's name.
    pub candidate: Option<String>,
    /// The contact's company.
    pub market: Option<String>,
    /// Units; null where the source has none.
    pub units: Option<u32>,
    /// Deal size, minor units; 0 where the source has none.
    pub iff_minor: i64,
    /// Currency of the deal; the tenant's where the source has none.
    pub currency: Option<String>,
    /// How likely a deal of its stage closes, percent; null where nobody says.
    pub likely_percent: Option<u8>,
    /// Deal size × likely / 100; null where nobody says how likely.
    pub weighted_iff_minor: Option<i64>,
    /// The stage.
    pub stage: String,
    /// The fact that holds the record, and its place in it.
    #[serde(skip)]
    pub fact: (Position, usize),
}

/// The deals of one moment.
#[derive(Debug, Clone)]
pub struct HotList {
    tables: Vec<(String, ResourceTable)>,
    stages: Stages,
    origins: Origins,
    texts: Texts,
    timeline: std::sync::Arc<Timeline>,
}

impl HotList {
    /// Takes the deals as they are now.
    pub fn new(crm: &Crm, timeline: &std::sync::Arc<Timeline>) -> Self {
        let tables = crm.tables(Resource::Opportunities);
        Self {
            tables: tables.into_iter().map(|(source, table)| (source.to_owned(), table.clone())).collect(),
            stages: Stages::taken(crm),
            origins: crm.origins().clone(),
            texts: crm.texts().clone(),
            timeline: std::sync::Arc::clone(timeline),
        }
    }

    /// One page, by weighted size, highest first.
    pub fn page(&self, position: Position, after: Option<&Cursor>, limit: usize) -> Page<HotItem> {
        let mut items = Vec::new();
        for (source, table) in &self.tables {
            let Some(observed_at) = table.observed_at() else { continue };
            let (rules, _) = self.timeline.at(observed_at);
            let order = self.stages.of(rules);
            for row in table.records() {
                let stage = or_new_lead(self.texts.maybe(row.stage));
                let is_hot = rules.hot_stages.contains(&folded(stage));
                if is_hot && counts(rules, self.texts.maybe(row.contact_type)) {
                    let currency = row.currency.or(rules.currency).map(|currency| currency.to_string());
                    let (stage, likely) = order.look_up(stage);
                    items.push((self.item(row, stage, likely, currency), source));
                }
            }
        }
        let key = |at: u32| {
            let (item, source) = &items[at as usize];
            // One instant is one microsecond: weights order as instants do, and those that nobody knows come last.
            let weight = Instant(item.weighted_iff_minor.map_or(0, |weight| weight.saturating_add(1)));
            let size = u64::MAX - item.iff_minor.unsigned_abs();
            (weight, format!("{size:020}/{}/{}", part(source), item.opportunity_id), at)
        };
        let rows = (0..items.len() as u32).map(key).collect();
        let (items, next_cursor) =
            page(std::iter::once(rows), after, limit, |at| items[at as usize].0.clone());
        Page { position, items, next_cursor }
    }

    fn item(&self, row: &RecordRow, stage: String, likely: Option<u8>, currency: Option<String>) -> HotItem {
        let size = row.value().unwrap_or(0);
        HotItem {
            opportunity_id: self.texts.get(row.id).to_owned(),
            candidate: None,
            market: None,
            units: row.units,
            iff_minor: size,
            currency,
            likely_percent: likely,
            weighted_iff_minor: likely
                .and_then(|likely| ratio_rounded(i128::from(size) * i128::from(likely), 100)),
            stage,
            fact: (self.origins.of(row).fact, row.index()),
        }
    }
}
