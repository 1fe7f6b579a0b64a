//! `/pipeline`: deals per stage, and what they are worth (B7).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::sync::Resource;
use domain::keys::Position;
use domain::members::Currency;
use domain::rules::configuration::{Timeline, folded};
use domain::rules::rates::ratio_rounded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::crm::Crm;
use crate::entities::crm::table::{ResourceTable, last_observed};
use crate::figures::crm_stages::{Spellings, StageOrder, Stages, counts, or_new_lead};
use crate::store::Texts;

/// Deals of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StageDeals {
    /// The stage; `New Lead` of deals that have none.
    pub stage: String,
    /// How many deals.
    pub count: i64,
    /// What they are worth, minor units.
    pub value_minor: i64,
    /// How likely a deal in it closes, percent; null where nobody says.
    pub likelihood_percent: Option<u8>,
}

/// Answer of `/pipeline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pipeline {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// When the source was last read whole and well; null when it never was.
    pub observed_at: Option<String>,
    /// Currency of all `_minor` members; null where neither the tenant nor a deal names one.
    pub currency: Option<String>,
    /// What all deals are worth.
    pub total_value_minor: i64,
    /// Stages with a deal.
    pub stage_count: usize,
    /// Value / deals with a value; null when none has one.
    pub average_deal_minor: Option<i64>,
    /// Σ value × likelihood of the stage; null when no likelihood is known.
    pub weighted_value_minor: Option<i64>,
    /// In the tenant's order, unknown ones last by name; stages without a deal are left out.
    pub stages: Vec<StageDeals>,
    /// Values of deals in other currencies: counted as deals, never summed with the others.
    pub other_value_minor: BTreeMap<String, i64>,
}

/// The deals of one moment.
#[derive(Debug, Clone)]
pub struct PipelineInput {
    tables: Vec<ResourceTable>,
    stages: Stages,
    texts: Texts,
    timeline: Arc<Timeline>,
}

#[derive(Debug, Clone, Default)]
struct Deals {
    spellings: Spellings,
    likelihood: Option<u8>,
    value: i128,
}

impl PipelineInput {
    /// Takes the deals as they are now.
    pub fn new(crm: &Crm, timeline: &Arc<Timeline>) -> Self {
        Self {
            tables: crm.tables(Resource::Opportunities).into_iter().map(|(_, table)| table.clone()).collect(),
            stages: Stages::taken(crm),
            texts: crm.texts().clone(),
            timeline: Arc::clone(timeline),
        }
    }

    /// The answer.
    pub fn answer(&self, position: Position) -> Pipeline {
        let currency = self.currency();
        let (mut deals, mut valued, mut others) = (BTreeMap::<_, Deals>::new(), 0, BTreeMap::new());
        let mut order = StageOrder::default();
        for table in &self.tables {
            let Some(observed_at) = table.observed_at() else { continue };
            let (rules, _) = self.timeline.at(observed_at);
            order = self.stages.of(rules);
            for (kind, sums) in table.tally() {
                if !counts(rules, self.texts.maybe(kind.contact_type)) {
                    continue;
                }
                let stage = or_new_lead(self.texts.maybe(kind.stage));
                let of = deals.entry(folded(stage)).or_default();
                let (spelling, likelihood) = order.look_up(stage);
                of.spellings.add(&spelling, sums.count);
                of.likelihood = likelihood;
                match kind.currency.filter(|other| Some(*other) != currency) {
                    None => {
                        of.value += sums.value_minor;
                        valued += sums.valued;
                    }
                    Some(other) => *others.entry(other.to_string()).or_default() += sums.value_minor,
                }
            }
        }
        let total: i128 = deals.values().map(|of| of.value).sum();
        let weighed =
            deals.values().filter_map(|of| Some(of.value.saturating_mul(i128::from(of.likelihood?))));
        let is_weighed = deals.values().any(|of| of.likelihood.is_some());
        let weighted = ratio_rounded(weighed.sum(), 100).filter(|_| is_weighed);
        let mut stages: Vec<_> = deals.iter().collect();
        stages.sort_by_cached_key(|(stage, _)| order.place(stage));
        others.retain(|_, value| *value != 0);
        Pipeline {
            position,
            observed_at: last_observed(&self.tables).map(|at| at.to_string()),
            currency: currency.map(|currency| currency.to_string()),
            total_value_minor: minor(total),
            stage_count: stages.len(),
            average_deal_minor: ratio_rounded(total, valued.into()),
            weighted_value_minor: weighted,
            stages: stages
                .into_iter()
                .map(|(_, of)| StageDeals {
                    stage: of.spellings.usual().to_owned(),
                    count: of.spellings.count(),
                    value_minor: minor(of.value),
                    likelihood_percent: of.likelihood,
                })
                .collect(),
            other_value_minor: others.into_iter().map(|(currency, value)| (currency, minor(value))).collect(),
        }
    }

    /// The tenant's currency, else the one that most values of counted deals are in.
    pub fn currency(&self) -> Option<Currency> {
        let rules = last_observed(&self.tables).map_or(self.timeline.latest(), |at| self.timeline.at(at).0);
        let mut valued: BTreeMap<Currency, i64> = BTreeMap::new();
        for table in &self.tables {
            let Some(read) = table.observed_at() else { continue };
            let (rules, _) = self.timeline.at(read);
            let is_counted = |contact_type| counts(rules, self.texts.maybe(contact_type));
            for (kind, sums) in table.tally().iter().filter(|(kind, _)| is_counted(kind.contact_type)) {
                if let Some(currency) = kind.currency {
                    *valued.entry(currency).or_default() += sums.valued;
                }
            }
        }
        let most =
            valued.into_iter().max_by_key(|(currency, valued)| (*valued, std::cmp::Reverse(*currency)));
        rules.currency.or(most.map(|(currency, _)| currency))
    }
}

/// Sums beyond what a client's integer holds stop at its end.
fn minor(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}
