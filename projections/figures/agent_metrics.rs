//! `/metrics/agents` and `/metrics/sessions`: how an agent did, today or over a range of days, and a session (C5).

use domain::keys::Position;
use domain::members::{Day, Email};
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::CallMetrics;
use crate::figures::cells::CallsByDirection;
use crate::figures::directions::{DirectionFigures, rate};
use crate::tenant::Tenant;

/// How an agent did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AgentMetrics {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// Lower case.
    pub agent: String,
    /// First local day; null: from the first call on.
    pub from: Option<String>,
    /// Last local day; null: to the last call.
    pub to: Option<String>,
    /// IANA name of the zone that cuts the last day.
    pub timezone: &'static str,
    /// answered / calls, whatever their direction, percent.
    pub answered_rate: Option<f64>,
    /// Inbound calls.
    pub inbound: DirectionFigures,
    /// Outbound calls.
    pub outbound: DirectionFigures,
    /// Over the distinct calls that began on these days.
    #[serde(flatten)]
    pub metrics: CallMetrics,
}

/// How a session did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SessionMetrics {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// Its id.
    pub session_id: String,
    /// Over the distinct calls that were made in it.
    #[serde(flatten)]
    pub metrics: CallMetrics,
}

impl Tenant {
    /// How an agent did from `from` to `to`, both inclusive; an agent without calls has none.
    pub fn agent_metrics(
        &self,
        position: Position,
        agent: &Email,
        from: Option<Day>,
        to: Option<Day>,
    ) -> AgentMetrics {
        let mut sums = CallsByDirection::default();
        if let Some(agent) = self.calls.rows.strings().find(agent.as_str()) {
            let cells = &self.calls.figures;
            let add = |cell: &crate::figures::Cell| sums.add(&cell.agent(agent));
            if from.is_none() && to.is_none() {
                // A month is the sum of its days, and there are fewer of them.
                cells.months().map(|(_, cell)| cell).for_each(add);
            } else {
                let (from, to) = (from.unwrap_or(Day(i32::MIN)), to.unwrap_or(Day(i32::MAX)));
                cells.days_between(from, to).map(|(_, cell)| cell).for_each(add);
            }
        }
        let timeline = &self.profile.timeline;
        AgentMetrics {
            position,
            agent: agent.as_str().to_owned(),
            from: from.map(|day| day.to_string()),
            to: to.map(|day| day.to_string()),
            timezone: to.map_or(timeline.latest().zone.as_str(), |to| self.zone_of(to)),
            answered_rate: rate(sums.all.answered_of_all(), sums.all.calls()),
            inbound: DirectionFigures::of(&sums.inbound),
            outbound: DirectionFigures::of(&sums.outbound),
            metrics: sums.all.metrics(),
        }
    }
}
