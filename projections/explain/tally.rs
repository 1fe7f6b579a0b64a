//! What a counted or summed figure counts: which shares of which rows, in which span.

use domain::facts::tenant::CountedDirection;
use domain::members::{Currency, Day, Month};
use domain::rules::outcomes::Outcome;

use super::accounts::{GainTally, MailboxTally};
use super::records::RecordTally;
use crate::entity::Entity;
use crate::figures::{Amount, Cell, CellSpan, Measure, Share};
use crate::store::Symbol;
use crate::tenant::Tenant;

/// Days before and after which there are no facts.
pub const ALL_DAYS: (Day, Day) = (Day(0), Day(48_000));

/// The days of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TallySpan {
    /// A month, in which what is distinct counts once.
    Month(Month),
    /// Days, both inclusive. What is distinct within a day is of a single one.
    Days(Day, Day),
    /// All days.
    Ever,
}

impl TallySpan {
    /// First and last day; none where there is no end.
    pub fn days(self) -> Option<(Day, Day)> {
        match self {
            Self::Month(month) => Some((month.first(), month.last())),
            Self::Days(from, to) => Some((from, to)),
            Self::Ever => None,
        }
    }

    /// Whether a day is one of it.
    pub fn holds(self, day: Day) -> bool {
        self.days().is_none_or(|(from, to)| from <= day && day <= to)
    }

    /// Whether a share falls in it.
    fn takes(self, span: CellSpan) -> bool {
        match span {
            CellSpan::Day(day) => self.holds(day),
            CellSpan::DayAlone(day) => self == Self::Days(day, day),
            CellSpan::MonthAlone(month) => self == Self::Month(month),
        }
    }
}

/// Of whose calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TallyAgent {
    /// Everybody's.
    Anyone,
    /// One agent's, lower case; nobody's where none.
    Only(Option<String>),
}

/// What is counted or summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TallyOf {
    /// Measures of calls, added.
    Calls(Vec<Measure>),
    /// A measure of outreach leads.
    Leads(Measure),
    /// Ad spend in one currency.
    Spend(Currency),
    /// Records of the CRM.
    Records(RecordTally),
    /// What counters of sender accounts gained.
    Gains(GainTally),
    /// Mailboxes.
    Mailboxes(MailboxTally),
}

impl TallyOf {
    /// Calls by their last outcomes.
    pub fn outcomes(is: fn(Outcome) -> bool) -> Self {
        let outcomes = Outcome::ALL.iter().copied().filter(|outcome| is(*outcome));
        Self::Calls(outcomes.map(Measure::Outcome).collect())
    }
}

/// A counted or summed figure: the sum of what rows add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureTally {
    /// What.
    pub of: TallyOf,
    /// When.
    pub span: TallySpan,
    /// Of calls: whose.
    pub agent: TallyAgent,
    /// Of calls: only those of this direction.
    pub direction: Option<CountedDirection>,
    /// Of calls: only those made in this dialer session.
    pub session: Option<String>,
}

impl FigureTally {
    /// Over everybody's rows of a span.
    pub fn new(of: TallyOf, span: TallySpan) -> Self {
        Self { of, span, agent: TallyAgent::Anyone, direction: None, session: None }
    }

    /// Whether calls are what it is over.
    pub fn is_of_calls(&self) -> bool {
        matches!(self.of, TallyOf::Calls(_))
    }

    /// What it comes to over all rows of `tenant`.
    pub fn value(&self, tenant: &Tenant) -> i128 {
        match &self.of {
            TallyOf::Records(records) => {
                let bound = records.bind(tenant);
                bound.records().filter_map(|id| bound.amount(id).ok()).sum()
            }
            TallyOf::Gains(gains) => gains.value(tenant),
            TallyOf::Mailboxes(mailboxes) => mailboxes.value(tenant),
            TallyOf::Calls(_) => {
                let (calls, bound) = (&tenant.calls.rows, self.bind(tenant));
                let mut sum = 0;
                for row in self.call_rows(tenant, 2) {
                    calls.contributions(row, &tenant.profile.timeline, &mut |share| {
                        sum += bound.amount(&share)
                    });
                }
                sum
            }
            TallyOf::Leads(measure) => {
                let cells = &tenant.leads.figures.cells;
                self.over_cells(
                    |month| cells.month(month).map(|cell| &**cell),
                    |from, to| cells.days_between(from, to).map(|(_, cell)| cell).collect(),
                    |cell| cell.get(*measure).into(),
                )
            }
            TallyOf::Spend(currency) => {
                let cells = &tenant.spend.figures;
                let spent =
                    |cell: &Cell| cell.spend().find(|(of, _)| of == currency).map_or(0, |(_, of)| of.minor);
                self.over_cells(
                    |month| cells.month(month).map(|cell| &**cell),
                    |from, to| cells.days_between(from, to).map(|(_, cell)| cell).collect(),
                    spent,
                )
            }
        }
    }

    fn over_cells<'c>(
        &self,
        month: impl Fn(Month) -> Option<&'c Cell>,
        days: impl Fn(Day, Day) -> Vec<&'c Cell>,
        of: impl Fn(&Cell) -> i128,
    ) -> i128 {
        match self.span {
            TallySpan::Month(at) => month(at).map_or(0, of),
            TallySpan::Days(from, to) => days(from, to).into_iter().map(of).sum(),
            TallySpan::Ever => days(ALL_DAYS.0, ALL_DAYS.1).into_iter().map(of).sum(),
        }
    }

    /// The tally with its texts looked up among the calls of `tenant`.
    pub fn bind(&self, tenant: &Tenant) -> BoundTally<'_> {
        let strings = tenant.calls.rows.strings();
        let agent = match &self.agent {
            TallyAgent::Anyone => BoundAgent::Anyone,
            TallyAgent::Only(None) => BoundAgent::Only(None),
            TallyAgent::Only(Some(agent)) => {
                strings.find(agent).map_or(BoundAgent::Unknown, |agent| BoundAgent::Only(Some(agent)))
            }
        };
        let session = self.session.as_ref().map(|session| strings.find(session));
        BoundTally { tally: self, agent, session }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BoundAgent {
    Anyone,
    Only(Option<Symbol>),
    /// An agent of whom there is no call.
    Unknown,
}

/// A tally and the symbols of what it names.
#[derive(Debug)]
pub struct BoundTally<'q> {
    tally: &'q FigureTally,
    agent: BoundAgent,
    session: Option<Option<Symbol>>,
}

impl BoundTally<'_> {
    /// Whether the call in `row` was made in the session that is asked for, if one is.
    pub fn is_of_session(&self, tenant: &Tenant, row: u32) -> bool {
        match self.session {
            None => true,
            Some(None) => false,
            Some(wanted) => tenant.calls.rows.rows().get(row).session() == wanted,
        }
    }

    /// Whether calls of this agent are counted.
    pub fn is_of_agent(&self, agent: Option<Symbol>) -> bool {
        match self.agent {
            BoundAgent::Anyone => true,
            BoundAgent::Only(wanted) => agent == wanted,
            BoundAgent::Unknown => false,
        }
    }

    /// What a share adds to the figure.
    pub fn amount(&self, share: &Share) -> i128 {
        if !self.tally.span.takes(share.span) {
            return 0;
        }
        match (&share.amount, &self.tally.of) {
            (Amount::Call { agent, direction, amounts }, TallyOf::Calls(measures)) => {
                let is_wanted = self.is_of_agent(*agent)
                    && self.tally.direction.is_none_or(|wanted| wanted == *direction);
                let wanted = amounts.iter().filter(|(measure, _)| is_wanted && measures.contains(measure));
                wanted.map(|(_, amount)| i128::from(*amount)).sum()
            }
            (Amount::One(measure), TallyOf::Leads(wanted)) => i128::from(measure == wanted),
            (Amount::Spend(currency, minor), TallyOf::Spend(wanted)) if currency == wanted => (*minor).into(),
            (Amount::Call { .. } | Amount::One(_) | Amount::Spend(..), _) => 0,
        }
    }
}
