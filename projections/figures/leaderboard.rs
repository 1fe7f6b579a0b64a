//! `/leaderboard`: agents by calls, pickups, connected and talk time, and how far they are with their calls (F6).

use std::collections::BTreeMap;

use domain::keys::Position;
use domain::members::Day;
use domain::rules::calendar::week_start;
use domain::rules::rates::percent_hundredths;
use domain::words;
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::cells::CallsByDirection;
use crate::figures::directions::{DirectionFigures, rate};
use crate::store::{Symbol, Texts};
use crate::tenant::Tenant;

words! {
    /// How long a leaderboard looks.
    LeaderboardPeriod { Day = "day", Week = "week", Month = "month" }
}

impl LeaderboardPeriod {
    /// First and last day of the one that `day` is in; weeks begin on Monday.
    pub fn around(self, day: Day) -> (Day, Day) {
        match self {
            Self::Day => (day, day),
            Self::Week => {
                let monday = week_start(day);
                (monday, Day(monday.0 + 6))
            }
            Self::Month => (day.month().first(), day.month().last()),
        }
    }
}

/// An agent's place.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LeaderboardItem {
    /// From 1: by calls, then pickups, connected, talk time; who is equal in all of them shares it.
    pub rank: usize,
    /// Lower case.
    pub agent: String,
    /// All calls.
    pub calls: i64,
    /// Calls whose last outcome is `connected`, `appointment-set` or `voicemail`.
    pub pickups: i64,
    /// Calls whose last outcome is `connected` or `appointment-set`.
    pub connected: i64,
    /// Seconds of answered calls.
    pub talk_seconds: i64,
    /// calls / goal in percent; null while no day of the period has come.
    pub goal_progress: Option<f64>,
    /// Days of the period on which the daily goal was reached.
    pub goal_days: usize,
    /// Answered calls of counted directions.
    pub answered: i64,
    /// answered / calls of counted directions, percent.
    pub answered_rate: Option<f64>,
    /// Inbound calls, whatever the tenant counts.
    pub inbound: DirectionFigures,
    /// Outbound calls, whatever the tenant counts.
    pub outbound: DirectionFigures,
}

/// The leaderboard of a period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LeaderboardAnswer {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// `day`, `week` or `month`.
    pub period: &'static str,
    /// Its first local day.
    pub from: String,
    /// Its last local day.
    pub to: String,
    /// IANA name of the zone that cuts the last day.
    pub timezone: &'static str,
    /// Calls that each agent is to make on the last day of the period that has come.
    pub daily_call_goal: u32,
    /// Calls that each agent is to have made: the daily goals of all days of the period up to today.
    pub goal_calls: i64,
    /// Agents with a call in the period.
    pub items: Vec<LeaderboardItem>,
}

/// The sums of a period, copied out under the lock and ranked outside it.
#[derive(Debug)]
pub struct LeaderboardSums {
    answer: LeaderboardAnswer,
    agents: BTreeMap<Symbol, (CallsByDirection, usize)>,
    texts: Texts,
}

impl LeaderboardSums {
    /// The answer.
    pub fn rank(self) -> LeaderboardAnswer {
        let Self { mut answer, agents, texts } = self;
        let mut rows: Vec<LeaderboardItem> = agents
            .into_iter()
            .map(|(agent, (CallsByDirection { all: sums, inbound, outbound }, goal_days))| LeaderboardItem {
                rank: 0,
                agent: texts.get(agent).to_owned(),
                calls: sums.calls(),
                pickups: sums.pickups(),
                connected: sums.connected(),
                talk_seconds: sums.talk_seconds(),
                goal_progress: percent_hundredths(sums.calls(), answer.goal_calls)
                    .map(|hundredths| hundredths as f64 / 100.0),
                goal_days,
                answered: sums.answered(),
                answered_rate: rate(sums.answered(), sums.counted()),
                inbound: DirectionFigures::of(&inbound),
                outbound: DirectionFigures::of(&outbound),
            })
            .collect();
        let merit = |row: &LeaderboardItem| (row.calls, row.pickups, row.connected, row.talk_seconds);
        rows.sort_unstable_by(|a, b| merit(b).cmp(&merit(a)).then_with(|| a.agent.cmp(&b.agent)));
        for at in 0..rows.len() {
            let shares = at > 0 && merit(&rows[at]) == merit(&rows[at - 1]);
            rows[at].rank = if shares { rows[at - 1].rank } else { at + 1 };
        }
        answer.items = rows;
        answer
    }
}

impl Tenant {
    /// The sums of the `period` around `day`, as far as it has come by `today`.
    pub fn leaderboard_sums(
        &self,
        position: Position,
        period: LeaderboardPeriod,
        day: Day,
        today: Day,
    ) -> LeaderboardSums {
        let (from, to) = period.around(day);
        let timeline = &self.profile.timeline;
        let goal = |day: Day| timeline.on(day).daily_call_goal;
        let come = to.min(today);
        let goal_calls = (from.0..=come.0).map(|day| i64::from(goal(Day(day)))).sum();
        let mut agents: BTreeMap<Symbol, (CallsByDirection, usize)> = BTreeMap::new();
        for (day, cell) in self.calls.figures.days_between(from, to) {
            let of_agents = cell.agents().into_iter().filter_map(|(agent, sums)| Some((agent?, sums)));
            for (agent, sums) in of_agents {
                let (all, goal_days) = agents.entry(agent).or_default();
                all.add(&sums);
                *goal_days += usize::from(sums.all.calls() >= i64::from(goal(day)));
            }
        }
        let answer = LeaderboardAnswer {
            position,
            period: period.as_str(),
            from: from.to_string(),
            to: to.to_string(),
            timezone: self.zone_of(to),
            daily_call_goal: goal(come.max(from)),
            goal_calls,
            items: Vec::new(),
        };
        LeaderboardSums { answer, agents, texts: self.calls.rows.texts().clone() }
    }
}
