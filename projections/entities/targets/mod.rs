//! Targets by month and metric (F1): the one set last stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::report::{ReportFact, TargetMetric};
use domain::keys::Position;
use domain::members::Month;

use crate::canonical::{Canonical, Digest};
use crate::entity::Entity;
use crate::store::{Chain, heap_size};
use crate::{Order, Recorded};

#[derive(Debug, Clone)]
struct Target {
    order: Order,
    value: u64,
    facts: Chain,
}

heap_size!(Target { facts; order, value });

/// Targets of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    rows: Arc<BTreeMap<(Month, TargetMetric), Target>>,
}

heap_size!(Targets { rows });

impl Entity for Targets {
    type RowId = (Month, TargetMetric);
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "targets";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[ReportFact::GROUP];
    const SHARDED: bool = true;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Report(ReportFact::TargetSet(body)) = recorded.fact else { return };
        let order = Order::new(recorded.occurred_at, 0, &recorded.content);
        let fresh = Target { order, value: body.value, facts: Chain::default() };
        let target = Arc::make_mut(&mut self.rows).entry((body.month, body.metric)).or_insert(fresh);
        target.facts.push(recorded.position);
        if order > target.order {
            (target.order, target.value) = (order, body.value);
        }
    }

    fn absorb(&mut self, shard: Self) {
        Arc::make_mut(&mut self.rows).extend(Arc::unwrap_or_clone(shard.rows));
    }

    fn row_ids(&self) -> impl Iterator<Item = Self::RowId> {
        self.rows.keys().copied()
    }

    fn facts_of(&self, row: Self::RowId) -> Vec<Position> {
        self.rows.get(&row).map_or_else(Vec::new, |target| target.facts.sorted())
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for ((month, metric), target) in self.rows.iter() {
            row.start(tenant);
            row.number(i64::from(month.0));
            row.text(Some(metric.as_str()));
            row.number(target.value as i64);
            row.number(target.order.occurred_at().0);
            row.positions(&target.facts);
            digest.add(row.bytes());
        }
        digest
    }
}

impl Targets {
    /// What a month is to reach.
    pub fn get(&self, month: Month, metric: TargetMetric) -> Option<u64> {
        self.rows.get(&(month, metric)).map(|target| target.value)
    }

    /// Which of a target's facts was recorded last: what names the next one.
    pub fn last_position(&self, month: Month, metric: TargetMetric) -> Option<Position> {
        self.rows.get(&(month, metric))?.facts.iter().max()
    }
}
