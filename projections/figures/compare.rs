//! Figures of a month beside those of another, or of the same month at another moment: the change of each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use crate::figures::money::MoneyFigure;
use crate::figures::month::{AgentFigures, Figures};
use crate::figures::report::{Compared, ComparedRate, compared, rates};

type CountOf = fn(&Figures) -> i64;
type RateOf = fn(&Figures) -> Option<f64>;
type AgentCountOf = fn(&AgentFigures) -> i64;
type MoneyOf = fn(&Figures) -> &Option<MoneyFigure>;

const COUNTS: [(&str, &str, CountOf); 11] = [
    ("calls", COUNT, |of| of.calls),
    ("answered", COUNT, |of| of.answered),
    ("qualified", COUNT, |of| of.qualified),
    ("talk_seconds", "seconds", |of| of.talk_seconds),
    ("emails_sent", COUNT, |of| of.emails_sent),
    ("replies", COUNT, |of| of.replies),
    ("unique_replies", COUNT, |of| of.unique_replies),
    ("interested", COUNT, |of| of.interested),
    ("positive_replies", COUNT, |of| of.positive_replies),
    ("bounces", COUNT, |of| of.bounces),
    ("unsubscribes", COUNT, |of| of.unsubscribes),
];
const RATES: [(&str, RateOf); 6] = [
    ("answered_rate", |of| of.answered_rate),
    ("reply_rate", |of| of.reply_rate),
    ("interest_rate", |of| of.interest_rate),
    ("bounce_rate", |of| of.bounce_rate),
    ("unsubscribe_rate", |of| of.unsubscribe_rate),
    ("estimated_roi_percent", |of| of.money.estimated_roi_percent),
];
const MONEY: [(&str, MoneyOf); 3] = [
    ("ad_spend_minor", |of| &of.money.ad_spend_minor),
    ("cost_per_qualified_call_minor", |of| &of.money.cost_per_qualified_call_minor),
    ("estimated_roi_minor", |of| &of.money.estimated_roi_minor),
];
const OF_AGENTS: [(&str, &str, AgentCountOf); 6] = [
    ("calls", COUNT, |of| of.calls),
    ("answered", COUNT, |of| of.answered),
    ("qualified", COUNT, |of| of.qualified),
    ("talk_seconds", "seconds", |of| of.talk_seconds),
    ("pickups", COUNT, |of| of.pickups),
    ("connected", COUNT, |of| of.connected),
];
const COUNT: &str = "count";

/// A figure and its change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ComparedFigure {
    /// Its name as `explain` takes it for model `month`: `calls`, `ad_spend_minor.USD`, `outcomes.voicemail`.
    pub figure: String,
    /// The agent whose it is; null of the tenant's.
    pub agent: Option<String>,
    /// `count`, `seconds`, `minor` (units of money) or `percent`.
    pub unit: &'static str,
    /// Of the month; null of what is unknown.
    #[schema(value_type = Option<f64>)]
    pub value: Option<Number>,
    /// Of what it is compared with.
    #[schema(value_type = Option<f64>)]
    pub before: Option<Number>,
    /// value − before, in the figure's unit; of percents in percentage points. Null where one of both is null.
    #[schema(value_type = Option<f64>)]
    pub change: Option<Number>,
    /// change / |before| in percent, rounded to two decimals, half away from zero; null where before is 0 or null, and of
    /// percents, whose change is in points.
    pub change_percent: Option<f64>,
}

impl ComparedFigure {
    fn of(figure: String, agent: Option<&str>, unit: &'static str, both: [Option<i64>; 2]) -> Self {
        let Compared { value, before, change, change_percent } = compared(both);
        let [value, before, change] = [value, before, change].map(|number| number.map(Number::from));
        let agent = agent.map(str::to_owned);
        Self { figure, agent, unit, value, before, change, change_percent }
    }

    fn rate(figure: &str, both: [Option<f64>; 2]) -> Self {
        // What is served has two decimals, so this is exact.
        let hundredths = both.map(|rate| rate.map(|rate| (rate * 100.0).round() as i64));
        let ComparedRate { value, before, change } = rates(hundredths);
        let [value, before, change] = [value, before, change].map(|number| number.and_then(Number::from_f64));
        let (figure, unit) = (figure.to_owned(), "percent");
        Self { figure, agent: None, unit, value, before, change, change_percent: None }
    }
}

/// Every figure of `now` beside that of `before`: the tenant's, then each agent's by name.
pub fn compared_figures(now: &Figures, before: &Figures) -> Vec<ComparedFigure> {
    let both = [now, before];
    let mut rows = Vec::new();
    for (name, unit, of) in COUNTS {
        rows.push(ComparedFigure::of(name.to_owned(), None, unit, both.map(|figures| Some(of(figures)))));
    }
    rows.extend(RATES.iter().map(|(name, of)| ComparedFigure::rate(name, both.map(of))));
    for (name, of) in MONEY {
        let both = both.map(of);
        for currency in keys(both.map(|money| money.as_ref())) {
            let amounts = both.map(|money| money.as_ref()?.get(currency).copied());
            rows.push(ComparedFigure::of(format!("{name}.{currency}"), None, "minor", amounts));
        }
    }
    let outcomes = both.map(|figures| &figures.outcomes);
    for outcome in keys(outcomes.map(Some)) {
        let counts = outcomes.map(|of| Some(of.get(outcome).copied().unwrap_or(0)));
        rows.push(ComparedFigure::of(format!("outcomes.{outcome}"), None, COUNT, counts));
    }
    let agents = both.map(|figures| {
        let named = figures.by_agent.iter().filter_map(|of| Some((of.agent.as_deref()?, of)));
        named.collect::<BTreeMap<_, _>>()
    });
    for agent in keys([Some(&agents[0]), Some(&agents[1])]) {
        for (name, unit, of) in OF_AGENTS {
            let counts = [0, 1].map(|at: usize| Some(agents[at].get(agent).map_or(0, |figures| of(figures))));
            rows.push(ComparedFigure::of(name.to_owned(), Some(agent), unit, counts));
        }
    }
    rows
}

/// The keys of both, sorted.
fn keys<K: Ord, V>(both: [Option<&BTreeMap<K, V>>; 2]) -> BTreeSet<&K> {
    both.into_iter().flatten().flat_map(BTreeMap::keys).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(
        calls: i64,
        rate: Option<f64>,
        spend: Option<i64>,
        outcomes: &[(&'static str, i64)],
    ) -> Figures {
        let mut figures = Figures { calls, reply_rate: rate, ..Figures::default() };
        figures.money.ad_spend_minor = spend.map(|minor| BTreeMap::from([("USD".to_owned(), minor)]));
        figures.outcomes = outcomes.iter().copied().collect();
        figures
    }

    #[test]
    fn given_two_months_then_each_figure_has_its_change_and_null_where_there_is_no_base() {
        let now = figures(412, Some(12.34), Some(50_000), &[("voicemail", 3)]);
        let before = figures(368, Some(10.0), None, &[("connected", 2)]);
        let rows = compared_figures(&now, &before);
        let find = |name: &str| {
            let row = rows.iter().find(|row| row.figure == name && row.agent.is_none()).expect(name);
            (serde_json::json!([row.value, row.before, row.change]), row.change_percent)
        };
        assert_eq!(find("calls"), (serde_json::json!([412, 368, 44]), Some(11.96)));
        assert_eq!(find("reply_rate"), (serde_json::json!([12.34, 10.0, 2.34]), None));
        assert_eq!(find("ad_spend_minor.USD"), (serde_json::json!([50_000, null, null]), None));
        assert_eq!(
            find("outcomes.voicemail"),
            (serde_json::json!([3, 0, 3]), None),
            "nothing to be a part of"
        );
        assert_eq!(find("outcomes.connected"), (serde_json::json!([0, 2, -2]), Some(-100.0)));
        assert_eq!(find("bounce_rate"), (serde_json::json!([null, null, null]), None));
    }
}
