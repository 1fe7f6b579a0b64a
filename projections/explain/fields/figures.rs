//! Fields of months, days, agents, sessions and the leaderboard: sums of calls, outreach and ad spend, and what follows.

use domain::facts::tenant::CountedDirection;
use domain::members::Currency;
use domain::rules::outcomes::Outcome;

use super::{FieldKind, Input};
use crate::explain::model::{ExplainedModel, FigureSelection, NOBODY};
use crate::explain::tally::{ALL_DAYS, FigureTally, TallyAgent, TallyOf, TallySpan};
use crate::figures::Measure;

/// The names by which a row has the sums of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallNames {
    /// A month's or day's: answered and qualified are of counted directions.
    Tenant,
    /// An agent's row of it, or of the leaderboard.
    AgentRow,
    /// An agent's own, of all directions.
    Agent,
    /// A session's, of all directions.
    Session,
}

impl CallNames {
    fn of(model: ExplainedModel, selection: &FigureSelection) -> Self {
        match (model, &selection.agent) {
            (ExplainedModel::Agents, _) => Self::Agent,
            (ExplainedModel::Sessions, _) => Self::Session,
            (_, Some(_)) => Self::AgentRow,
            (_, None) => Self::Tenant,
        }
    }

    /// Sums of calls.
    fn sums(self) -> Vec<(&'static str, TallyOf)> {
        let one = |name, measure| (name, TallyOf::Calls(vec![measure]));
        let mut sums = match self {
            Self::Agent | Self::Session => vec![
                one("calls_made", Measure::Calls),
                one("answered", Measure::AnsweredOfAll),
                one("known_seconds", Measure::KnownSeconds),
                one("known_durations", Measure::KnownDurations),
            ],
            Self::Tenant | Self::AgentRow => vec![
                one("calls", Measure::Calls),
                one("answered", Measure::Answered),
                one("qualified", Measure::Qualified),
                one("counted_calls", Measure::CountedCalls),
            ],
        };
        sums.push(one("talk_seconds", Measure::TalkSeconds));
        if self != Self::Tenant {
            sums.push(("pickups", TallyOf::outcomes(Outcome::is_pickup)));
            sums.push(("connected", TallyOf::outcomes(Outcome::is_connected)));
        }
        sums
    }

    /// Formulas over them.
    fn formulas(self) -> Vec<Formula> {
        match self {
            Self::Tenant => OUTREACH_RATES.into_iter().chain([COUNTED_RATE]).collect(),
            Self::AgentRow => vec![COUNTED_RATE],
            Self::Agent => METRICS.into_iter().chain([ANSWERED_OF_ALL]).collect(),
            Self::Session => METRICS.to_vec(),
        }
    }

    fn has_directions(self) -> bool {
        self != Self::Session
    }

    fn has_outcomes(self) -> bool {
        self != Self::AgentRow
    }
}

/// Sums of the calls of one direction, by the name below `inbound.` or `outbound.`.
const DIRECTION_SUMS: [(&str, Measure); 4] = [
    ("calls", Measure::Calls),
    ("answered", Measure::AnsweredOfAll),
    ("qualified", Measure::QualifiedOfAll),
    ("talk_seconds", Measure::TalkSeconds),
];

/// Sums of outreach.
const LEAD_SUMS: [(&str, Measure); 7] = [
    ("emails_sent", Measure::EmailsSent),
    ("replies", Measure::Replies),
    ("unique_replies", Measure::UniqueReplies),
    ("interested", Measure::Interested),
    ("positive_replies", Measure::PositiveReplies),
    ("bounces", Measure::Bounces),
    ("unsubscribes", Measure::Unsubscribes),
];

/// Name, formula, inputs and unit of a field over others of its row.
type Formula = (&'static str, &'static str, &'static [&'static str], &'static str);

const COUNTED_RATE: Formula =
    ("answered_rate", "answered / counted_calls, percent", &["answered", "counted_calls"], "percent");

const OUTREACH_RATES: [Formula; 4] = [
    ("reply_rate", "replies / emails_sent, percent", &["replies", "emails_sent"], "percent"),
    ("interest_rate", "interested / replies, percent", &["interested", "replies"], "percent"),
    ("bounce_rate", "bounces / emails_sent, percent", &["bounces", "emails_sent"], "percent"),
    ("unsubscribe_rate", "unsubscribes / emails_sent, percent", &["unsubscribes", "emails_sent"], "percent"),
];

const METRICS: [Formula; 3] = [
    ("success_rate", "connected / calls_made, percent", &["connected", "calls_made"], "percent"),
    (
        "average_call_seconds",
        "known_seconds / known_durations",
        &["known_seconds", "known_durations"],
        "seconds",
    ),
    ("conversion_rate", "connected / pickups, percent", &["connected", "pickups"], "percent"),
];

const ANSWERED_OF_ALL: Formula =
    ("answered_rate", "answered / calls_made, percent", &["answered", "calls_made"], "percent");

const LEADERBOARD: [Formula; 3] = [
    (
        "rank",
        "place by calls, then pickups, connected, talk_seconds",
        &["calls", "pickups", "connected", "talk_seconds"],
        "place",
    ),
    (
        "goal_progress",
        "calls / the daily goals of the period's days up to today, percent",
        &["calls"],
        "percent",
    ),
    ("goal_days", "days of the period on which the agent's calls reached the daily goal", &["calls"], "days"),
];

/// Money: name, formula, whether qualified calls are a part of it.
const MONEY: [(&str, &str, bool); 6] = [
    ("ad_spend_minor", "the newest observation of each account and day, by currency", false),
    ("ad_spend_span", "first and last day with an observation of ad spend", false),
    ("ad_spend_observed_at", "when the account that was read longest ago was last read", false),
    ("cost_per_qualified_call_minor", "ad_spend_minor / qualified", true),
    ("estimated_roi_minor", "qualified × job_value_minor − ad_spend_minor", true),
    (
        "estimated_roi_percent",
        "(qualified × job_value_minor − ad_spend_minor) / ad_spend_minor, percent",
        true,
    ),
];

/// The days that a row is over.
fn span(model: ExplainedModel, selection: &FigureSelection) -> TallySpan {
    let FigureSelection { month, day, from, to, period, date, .. } = selection;
    let month = month.filter(|_| model == ExplainedModel::Month).map(TallySpan::Month);
    let day = day.filter(|_| model == ExplainedModel::Days).map(|day| TallySpan::Days(day, day));
    let around = period.zip(*date).filter(|_| model == ExplainedModel::Leaderboard);
    let around = around.map(|(period, date)| period.around(date));
    let range =
        (from.is_some() || to.is_some()).then(|| (from.unwrap_or(ALL_DAYS.0), to.unwrap_or(ALL_DAYS.1)));
    let days = around.or(range).map(|(from, to)| TallySpan::Days(from, to));
    month.or(day).or(days).unwrap_or(TallySpan::Ever)
}

/// A field of the row that `selection` selects.
pub fn field(model: ExplainedModel, field: &str, selection: &FigureSelection) -> Option<FieldKind> {
    let names = CallNames::of(model, selection);
    let tally = |of| {
        let agent = selection.agent.as_ref().map(|agent| Some(agent.clone()).filter(|agent| agent != NOBODY));
        FigureTally {
            agent: agent.map_or(TallyAgent::Anyone, TallyAgent::Only),
            session: selection.session_id.clone(),
            ..FigureTally::new(of, span(model, selection))
        }
    };
    if let Some((_, of)) = names.sums().into_iter().find(|(name, _)| *name == field) {
        return Some(FieldKind::Sum(tally(of)));
    }
    let leaderboard = LEADERBOARD.iter().filter(|_| model == ExplainedModel::Leaderboard);
    let mut formulas = names.formulas().into_iter().chain(leaderboard.copied());
    if let Some((_, text, inputs, unit)) = formulas.find(|(name, ..)| *name == field) {
        return Some(FieldKind::derived(text, inputs, unit));
    }
    let (head, rest) = field.split_once('.').unwrap_or((field, ""));
    match head {
        "inbound" if names.has_directions() => directed(head, rest, CountedDirection::Inbound, tally),
        "outbound" if names.has_directions() => directed(head, rest, CountedDirection::Outbound, tally),
        "outcomes" if names.has_outcomes() && model != ExplainedModel::Leaderboard => {
            let outcome = Outcome::ALL.iter().find(|outcome| outcome.as_str() == rest)?;
            Some(FieldKind::Sum(tally(TallyOf::Calls(vec![Measure::Outcome(*outcome)]))))
        }
        _ if names != CallNames::Tenant => None,
        _ => match LEAD_SUMS.iter().find(|(name, _)| *name == field) {
            Some((_, measure)) => Some(FieldKind::Sum(tally(TallyOf::Leads(*measure)))),
            None => money(head, rest, tally),
        },
    }
}

fn directed(
    head: &str,
    rest: &str,
    direction: CountedDirection,
    tally: impl Fn(TallyOf) -> FigureTally,
) -> Option<FieldKind> {
    if rest == "answered_rate" {
        let inputs = ["answered", "calls"].map(|name| format!("{head}.{name}"));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        return Some(FieldKind::derived("answered / calls of the direction, percent", &inputs, "percent"));
    }
    let (_, measure) = DIRECTION_SUMS.iter().find(|(name, _)| *name == rest)?;
    let tally = tally(TallyOf::Calls(vec![*measure]));
    Some(FieldKind::Sum(FigureTally { direction: Some(direction), ..tally }))
}

fn money(head: &str, rest: &str, tally: impl Fn(TallyOf) -> FigureTally) -> Option<FieldKind> {
    let (_, text, of_calls) = *MONEY.iter().find(|(name, ..)| *name == head)?;
    let mut unit = match head {
        "estimated_roi_percent" => "percent",
        "ad_spend_span" => "days",
        "ad_spend_observed_at" => "instant",
        _ => "minor units by currency",
    };
    let mut inputs = Vec::new();
    if rest.is_empty() {
        inputs.push(Input::Members("ad_spend_minor"));
    } else if head == "ad_spend_span" {
        ["from", "to"].contains(&rest).then_some(())?;
        inputs.push(Input::Members("ad_spend_minor"));
    } else {
        let currency = Currency::parse(rest).filter(|_| head.ends_with("_minor"))?;
        if head == "ad_spend_minor" {
            return Some(FieldKind::Sum(tally(TallyOf::Spend(currency))));
        }
        unit = "minor units";
        inputs.push(Input::Field(format!("ad_spend_minor.{currency}")));
    }
    if of_calls {
        inputs.push(Input::Field("qualified".to_owned()));
    }
    Some(FieldKind::Derived { text, inputs, unit })
}

/// The names of the fields of the row that `selection` selects.
pub fn names(model: ExplainedModel, selection: &FigureSelection) -> Vec<String> {
    let names = CallNames::of(model, selection);
    let mut all: Vec<String> = names.sums().into_iter().map(|(name, _)| name.to_owned()).collect();
    all.extend(names.formulas().into_iter().map(|(name, ..)| name.to_owned()));
    if model == ExplainedModel::Leaderboard {
        all.extend(LEADERBOARD.iter().map(|(name, ..)| (*name).to_owned()));
    }
    for direction in ["inbound", "outbound"].into_iter().filter(|_| names.has_directions()) {
        all.extend(DIRECTION_SUMS.iter().map(|(name, _)| format!("{direction}.{name}")));
        all.push(format!("{direction}.answered_rate"));
    }
    if names.has_outcomes() && model != ExplainedModel::Leaderboard {
        all.extend(Outcome::ALL.iter().map(|outcome| format!("outcomes.{}", outcome.as_str())));
    }
    if names == CallNames::Tenant {
        all.extend(LEAD_SUMS.iter().map(|(name, _)| (*name).to_owned()));
        all.extend(MONEY.iter().map(|(name, ..)| (*name).to_owned()));
    }
    all
}
