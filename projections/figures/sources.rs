//! `/metrics/sources`: the calls of some days by where the caller came from, as the providers tell it.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::tenant::CountedDirection;
use domain::keys::Position;
use domain::members::Day;
use domain::rules::configuration::Timeline;
use serde::Serialize;
use utoipa::ToSchema;

use super::agents::CallSums;
use super::directions::{DirectionFigures, rate};
use super::share::{Amount, CellSpan};
use crate::entities::calls::Calls;
use crate::store::Symbol;
use crate::tenant::Tenant;

/// The calls of one source and campaign.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SourceFigures {
    /// In the provider's words; null for calls of which none was told.
    pub source: Option<String>,
    /// In the provider's words; null for calls of which none was told.
    pub campaign: Option<String>,
    /// All calls, reported or disposed.
    pub calls: i64,
    /// Answered calls of counted directions.
    pub answered: i64,
    /// Qualified calls of counted directions.
    pub qualified: i64,
    /// Seconds of answered calls, whatever their direction.
    pub talk_seconds: i64,
    /// answered / calls of counted directions, percent.
    pub answered_rate: Option<f64>,
    /// Inbound calls, whatever the tenant counts.
    pub inbound: DirectionFigures,
    /// Outbound calls, whatever the tenant counts.
    pub outbound: DirectionFigures,
}

/// Answer of `/metrics/sources`: its rows sum to the figures of the same days.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SourcesAnswer {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// First local day.
    pub from: String,
    /// Last local day, inclusive.
    pub to: String,
    /// IANA name of the zone that cuts the last day.
    pub timezone: &'static str,
    /// Most calls first, then by name; calls without a source last among equals.
    pub items: Vec<SourceFigures>,
}

/// The calls at one position. A clone of a few counters: summed without a lock while folding goes on.
#[derive(Debug)]
pub struct SourceCalls {
    calls: Calls,
    timeline: Arc<Timeline>,
}

impl SourceCalls {
    /// The figures of the days from `from` to `to`, inclusive.
    pub fn answer(&self, position: Position, from: Day, to: Day) -> SourcesAnswer {
        // All calls, those of each direction.
        let mut sums: BTreeMap<[Option<Symbol>; 2], [CallSums; 3]> = BTreeMap::new();
        self.calls.each_share(from, to, &self.timeline, |named, share| {
            let (CellSpan::Day(day), Amount::Call { direction, amounts, .. }) = (share.span, &share.amount)
            else {
                return;
            };
            if from <= day && day <= to {
                let [all, inbound, outbound] = sums.entry(named).or_default();
                all.add_call(amounts, 1);
                match direction {
                    CountedDirection::Inbound => inbound.add_call(amounts, 1),
                    CountedDirection::Outbound => outbound.add_call(amounts, 1),
                    CountedDirection::Unknown => {}
                }
            }
        });
        let text = |symbol: Option<Symbol>| self.calls.texts().maybe(symbol).map(str::to_owned);
        let row = |([source, campaign], [all, inbound, outbound]): ([Option<Symbol>; 2], [CallSums; 3])| {
            SourceFigures {
                source: text(source),
                campaign: text(campaign),
                calls: all.calls(),
                answered: all.answered(),
                qualified: all.qualified(),
                talk_seconds: all.talk_seconds(),
                answered_rate: rate(all.answered(), all.counted()),
                inbound: DirectionFigures::of(&inbound),
                outbound: DirectionFigures::of(&outbound),
            }
        };
        let mut items: Vec<SourceFigures> = sums.into_iter().map(row).collect();
        items.sort_unstable_by(|a, b| {
            let names = |row: &SourceFigures| {
                [row.source.clone(), row.campaign.clone()].map(|name| (name.is_none(), name))
            };
            (b.calls, names(a)).cmp(&(a.calls, names(b)))
        });
        let timezone = self.timeline.on(to).zone.as_str();
        SourcesAnswer { position, from: from.to_string(), to: to.to_string(), timezone, items }
    }
}

impl Tenant {
    /// The calls, to be summed by source.
    pub fn source_calls(&self) -> SourceCalls {
        SourceCalls { calls: self.calls.rows.clone(), timeline: Arc::clone(&self.profile.timeline) }
    }
}
