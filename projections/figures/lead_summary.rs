//! `/leads/summary`: the CRM's leads by source and by status (B6).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::sync::Resource;
use domain::keys::Position;
use domain::rules::configuration::{Timeline, folded};
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::crm::Crm;
use crate::entities::crm::table::{ResourceTable, last_observed};
use crate::figures::crm_stages::{Spellings, Stages, counts, or_new_lead};
use crate::store::Texts;

/// The source of a lead that has none.
const UNKNOWN: &str = "Unknown";

/// The source of a record.
pub fn or_unknown(source: Option<&str>) -> &str {
    source.unwrap_or(UNKNOWN)
}

/// Leads of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceLeads {
    /// Its name; `Unknown` of leads that have none.
    pub source: String,
    /// How many leads.
    pub leads: i64,
}

/// Leads of one status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusLeads {
    /// The stage; `New Lead` of leads that have none.
    pub status: String,
    /// How many leads.
    pub leads: i64,
}

/// Answer of `/leads/summary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeadSummary {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// When the source was last read whole and well; null when it never was.
    pub observed_at: Option<String>,
    /// Leads of counted contact types.
    pub total_leads: i64,
    /// Those in qualified stages.
    pub qualified_leads: i64,
    /// How many sources they have.
    pub source_count: usize,
    /// Most leads first, then by name.
    pub by_source: Vec<SourceLeads>,
    /// Most leads first, then by name.
    pub by_status: Vec<StatusLeads>,
}

/// The leads of one moment.
#[derive(Debug, Clone)]
pub struct LeadSummaryInput {
    tables: Vec<ResourceTable>,
    stages: Stages,
    texts: Texts,
    timeline: Arc<Timeline>,
}

impl LeadSummaryInput {
    /// Takes the leads as they are now.
    pub fn new(crm: &Crm, timeline: &Arc<Timeline>) -> Self {
        Self {
            tables: crm.tables(Resource::Leads).into_iter().map(|(_, table)| table.clone()).collect(),
            stages: Stages::taken(crm),
            texts: crm.texts().clone(),
            timeline: Arc::clone(timeline),
        }
    }

    /// The answer.
    pub fn answer(&self, position: Position) -> LeadSummary {
        let (mut total, mut qualified) = (0, 0);
        let mut sources: BTreeMap<String, Spellings> = BTreeMap::new();
        let mut statuses: BTreeMap<String, Spellings> = BTreeMap::new();
        for table in &self.tables {
            let Some(observed_at) = table.observed_at() else { continue };
            let (rules, _) = self.timeline.at(observed_at);
            let order = self.stages.of(rules);
            for (kind, sums) in table.tally() {
                if !counts(rules, self.texts.maybe(kind.contact_type)) {
                    continue;
                }
                let source = or_unknown(self.texts.maybe(kind.source));
                let stage = or_new_lead(self.texts.maybe(kind.stage));
                total += sums.count;
                if rules.qualified_stages.contains(&folded(stage)) {
                    qualified += sums.count;
                }
                sources.entry(folded(source)).or_default().add(source, sums.count);
                statuses.entry(folded(stage)).or_default().add(&order.look_up(stage).0, sums.count);
            }
        }
        let source = |(source, leads)| SourceLeads { source, leads };
        let status = |(status, leads)| StatusLeads { status, leads };
        LeadSummary {
            position,
            observed_at: last_observed(&self.tables).map(|at| at.to_string()),
            total_leads: total,
            qualified_leads: qualified,
            source_count: sources.len(),
            by_source: most_first(&sources).map(source).collect(),
            by_status: most_first(&statuses).map(status).collect(),
        }
    }
}

fn most_first(groups: &BTreeMap<String, Spellings>) -> impl Iterator<Item = (String, i64)> {
    let mut rows: Vec<(String, i64)> =
        groups.values().map(|group| (group.usual().to_owned(), group.count())).collect();
    rows.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    rows.into_iter()
}
