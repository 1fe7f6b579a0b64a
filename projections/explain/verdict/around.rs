//! A subject before a fact and after it, and the rows of answers that it may be counted in.

use std::collections::BTreeSet;

use domain::keys::Position;
use domain::members::{Day, Instant, Month};

use crate::Recorded;
use crate::entity::Entity;
use crate::explain::model::{ExplainedModel, FigureSelection, NOBODY};
use crate::explain::refold::alone;
use crate::explain::subjects::SubjectId;
use crate::explain::tally::{ALL_DAYS, FigureTally};
use crate::figures::Cells;
use crate::figures::leaderboard::LeaderboardPeriod;
use crate::tenant::Tenant;

/// A subject before a fact and after it.
pub struct Around {
    /// Its facts before the one.
    pub before: Tenant,
    /// With it.
    pub after: Tenant,
}

impl Around {
    /// Folds the subject's facts up to the one at `at`.
    pub fn new(tenant: &Tenant, facts: &[Recorded<'_>], at: Position) -> Self {
        let mut after = alone(&tenant.profile.timeline);
        let mut before = after.clone();
        for fact in facts.iter().filter(|fact| fact.position <= at) {
            if fact.position == at {
                before = after.clone();
            }
            after.fold(fact);
        }
        Self { before, after }
    }

    /// What is so before or after.
    pub fn both<T: Ord>(&self, of: impl Fn(&Tenant) -> Vec<T>) -> BTreeSet<T> {
        [&self.before, &self.after].into_iter().flat_map(of).collect()
    }

    /// By how much the fact moves a tally.
    pub fn delta(&self, tally: &FigureTally) -> i128 {
        tally.value(&self.after) - tally.value(&self.before)
    }

    /// Days and months whose cells differ.
    fn changed(&self, cells: impl Fn(&Tenant) -> &Cells) -> (BTreeSet<Day>, BTreeSet<Month>) {
        let (before, after) = (cells(&self.before), cells(&self.after));
        let days = before.days().chain(after.days()).map(|(day, _)| day);
        let months = before.months().chain(after.months()).map(|(month, _)| month);
        (
            days.filter(|day| before.day(*day) != after.day(*day)).collect(),
            months.filter(|month| before.month(*month) != after.month(*month)).collect(),
        )
    }
}

fn of_month(month: Month) -> FigureSelection {
    FigureSelection { month: Some(month), ..FigureSelection::default() }
}

fn of_day(day: Day) -> FigureSelection {
    FigureSelection { day: Some(day), ..FigureSelection::default() }
}

/// Rows of answers that the calls of `alone` may be counted in.
fn call_selections(around: &Around) -> Vec<(ExplainedModel, FigureSelection)> {
    let of = |alone: &Tenant| {
        let (calls, timeline) = (&alone.calls.rows, &alone.profile.timeline);
        let place = |row: u32| {
            let call = calls.rows().get(row);
            let session = calls.texts().maybe(call.session()).map(str::to_owned);
            let agent = calls.texts().maybe(call.agent()).unwrap_or(NOBODY).to_owned();
            (timeline.at(call.begun()).1, agent, session)
        };
        calls.row_ids().filter(|row| calls.rows().get(*row).begun() < Instant(i64::MAX)).map(place).collect()
    };
    let mut found = BTreeSet::new();
    let mut all = Vec::new();
    let mut add = |model: ExplainedModel, selection: FigureSelection| {
        if found.insert((model, selection.given())) {
            all.push((model, selection));
        }
    };
    for (day, agent, session_id) in around.both(of) {
        let agent = Some(agent);
        add(ExplainedModel::Month, of_month(day.month()));
        add(ExplainedModel::Days, of_day(day));
        add(ExplainedModel::Month, FigureSelection { agent: agent.clone(), ..of_month(day.month()) });
        add(ExplainedModel::Days, FigureSelection { agent: agent.clone(), ..of_day(day) });
        if agent.as_deref() != Some(NOBODY) {
            add(
                ExplainedModel::Agents,
                FigureSelection { agent: agent.clone(), ..FigureSelection::default() },
            );
            for period in LeaderboardPeriod::ALL {
                // A period is named by its first day.
                let (period, date) = (Some(*period), Some(period.around(day).0));
                let agent = agent.clone();
                add(
                    ExplainedModel::Leaderboard,
                    FigureSelection { period, date, agent, ..FigureSelection::default() },
                );
            }
        }
        if session_id.is_some() {
            add(ExplainedModel::Sessions, FigureSelection { session_id, ..FigureSelection::default() });
        }
    }
    all
}

/// Rows of answers that a subject may be counted in, before the fact or after it.
pub fn selections(around: &Around, subject: SubjectId, day: Day) -> Vec<(ExplainedModel, FigureSelection)> {
    let of_cells = |cells: fn(&Tenant) -> &Cells, own: Day| {
        let (mut days, mut months) = around.changed(cells);
        days.insert(own);
        months.insert(own.month());
        let months = months.into_iter().map(|month| (ExplainedModel::Month, of_month(month)));
        months.chain(days.into_iter().map(|day| (ExplainedModel::Days, of_day(day)))).collect()
    };
    match subject {
        SubjectId::Call(_) => call_selections(around),
        SubjectId::Lead(_) | SubjectId::Event(..) => of_cells(|alone| &alone.leads.figures.cells, day),
        SubjectId::Spend(_) => {
            let rows = &around.after.spend.rows;
            let own = rows.row_ids().next().map_or(day, |row| rows.observed_on(row).0);
            of_cells(|alone| &alone.spend.figures, own)
        }
        SubjectId::Account(_) | SubjectId::Mailbox(_) => {
            let provider = |alone: &Tenant| {
                let accounts = &alone.sender_accounts.rows;
                let rows = accounts.rows().iter();
                rows.map(|row| accounts.texts().maybe(row.email_provider()).map(str::to_owned)).collect()
            };
            let gained = |alone: &Tenant| {
                let (from, to) = ALL_DAYS;
                let gains = &alone.sender_accounts.figures;
                let days = gains.days(from, to).map(|(day, ..)| day);
                days.chain(gains.spans(from, to).flat_map(|(from, to, ..)| (from.0..=to.0).map(Day)))
                    .collect()
            };
            let mut days: BTreeSet<Day> = around.both(gained);
            days.insert(day);
            let mut all = vec![(ExplainedModel::SenderAccounts, FigureSelection::default())];
            for email_provider in around.both(provider) {
                all.extend(days.iter().map(|day| {
                    let email_provider = email_provider.clone();
                    (ExplainedModel::ProviderPerformance, FigureSelection { email_provider, ..of_day(*day) })
                }));
            }
            all
        }
        SubjectId::Record(_) => Vec::new(),
    }
}
