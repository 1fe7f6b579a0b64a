//! The leaderboard (F6).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use serde_json::{Value, json};

use super::calls::Call;
use super::figures::{answered_rate, directions};
use super::{Model, days, month_of, percent};

impl Model<'_> {
    /// `/leaderboard?period&date`.
    pub fn leaderboard(&self, period: &str, date: NaiveDate) -> Value {
        let (from, to) = match period {
            "day" => (date, date),
            "week" => {
                let monday = date - Days::new(date.weekday().num_days_from_monday().into());
                (monday, monday + Days::new(6))
            }
            _ => month_of(date),
        };
        let goal = |day: NaiveDate| self.config_on(day).rule("daily_call_goal").unwrap_or(50);
        let come: Vec<NaiveDate> = days(from, to).filter(|day| *day <= self.today()).collect();
        let goal_calls: i64 = come.iter().map(|day| goal(*day)).sum();
        let calls = self.calls();
        let mut agents: BTreeMap<&str, Vec<&Call<'_>>> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.counts && from <= call.day && call.day <= to) {
            if let Some(agent) = call.agent.as_deref() {
                agents.entry(agent).or_default().push(call);
            }
        }
        let standing = |calls: &Vec<&Call<'_>>| {
            let count = |is: &dyn Fn(&Call<'_>) -> bool| calls.iter().filter(|call| is(call)).count();
            let talk: i64 = calls.iter().map(|call| call.talk()).sum();
            (calls.len(), count(&|call| call.pickup()), count(&|call| call.connected()), talk)
        };
        let mut board: Vec<_> =
            agents.iter().map(|(agent, calls)| (Reverse(standing(calls)), *agent)).collect();
        board.sort();
        let item = |(place, agent): &(Reverse<(usize, usize, usize, i64)>, &str)| {
            let (made, pickups, connected, talk) = place.0;
            let on = |day: NaiveDate| agents[agent].iter().filter(|call| call.day == day).count() as i64;
            let reached = come.iter().filter(|day| on(**day) >= goal(**day)).count();
            let calls = &agents[agent];
            let answered = calls.iter().filter(|call| call.counted && call.answered).count();
            let mut item = json!({"rank": 1 + board.iter().filter(|(better, _)| better < place).count(), "agent": agent,
                "calls": made, "pickups": pickups, "connected": connected, "talk_seconds": talk,
                "goal_progress": percent(made as i64, goal_calls), "goal_days": reached,
                "answered": answered, "answered_rate": answered_rate(calls)});
            item.as_object_mut().expect("an object").extend(directions(calls));
            item
        };
        json!({"period": period, "from": from, "to": to, "timezone": self.config_on(to).zone.name(),
            "daily_call_goal": goal(to.min(self.today()).max(from)), "goal_calls": goal_calls,
            "items": board.iter().map(item).collect::<Vec<_>>()})
    }
}
