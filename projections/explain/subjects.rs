//! The subjects of a figure's span: what each adds to the figure, and which facts it was folded from.

use std::collections::BTreeSet;

use domain::keys::Position;
use domain::members::Instant;
use domain::rules::outcomes::Outcome;

use super::accounts::{GainTally, MailboxTally};
use super::fields::StateSubject;
use super::records::RecordTally;
use super::tally::{ALL_DAYS, FigureTally, TallyOf, TallySpan};
use crate::entities::calls::row::CallRow;
use crate::entities::crm::CrmId;
use crate::entities::leads::LeadId;
use crate::entities::leads::row::{EventKind, Lead, Name};
use crate::entity::Entity;
use crate::figures::{CellSpan, Share};
use crate::store::Symbol;
use crate::tenant::Tenant;

const DAY: i64 = 86_400_000_000;
/// A call belongs to the span that its facts tell of if it began so many days before it or later: what it did in the
/// span and does not count there is told then.
const DAYS_BEFORE: i32 = 31;

/// What is counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectId {
    /// A call, by its row.
    Call(u32),
    /// A lead of outreach, by the row that stands for it.
    Lead(u32),
    /// An event of outreach that names no lead: it stands alone.
    Event(Position, u32),
    /// What an account spent on a day.
    Spend(u32),
    /// A record of the CRM.
    Record(CrmId),
    /// A sender account.
    Account(u32),
    /// A mailbox, by the first of its accounts.
    Mailbox(u32),
}

/// A subject of the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedSubject {
    /// The first of its facts: its place in the order of contributions.
    pub first: Position,
    /// Its place among those with the same first fact.
    pub place: u32,
    /// Which.
    pub id: SubjectId,
    /// What it adds to the figure.
    pub amount: i128,
}

fn start_of(day: i32) -> Instant {
    Instant(i64::from(day) * DAY)
}

/// Instants that a span can reach, in any zone and for those who read days in UTC.
fn reach(span: TallySpan) -> Option<(Instant, Instant)> {
    let (from, to) = span.days()?;
    Some((start_of(from.0 - 2), start_of(to.0 + 3)))
}

impl FigureTally {
    /// Every subject of the span, those that add nothing included.
    pub fn subjects(&self, tenant: &Tenant) -> Vec<CountedSubject> {
        match &self.of {
            TallyOf::Calls(_) => self.calls(tenant),
            TallyOf::Leads(_) => self.leads(tenant),
            TallyOf::Spend(_) => self.spend(tenant),
            TallyOf::Records(records) => records_of(records, tenant),
            TallyOf::Gains(gains) => accounts_of(gains, tenant),
            TallyOf::Mailboxes(mailboxes) => mailboxes_of(mailboxes, tenant),
        }
    }

    fn calls(&self, tenant: &Tenant) -> Vec<CountedSubject> {
        let (calls, bound, timeline) = (&tenant.calls.rows, self.bind(tenant), &tenant.profile.timeline);
        let rows = self.call_rows(tenant, DAYS_BEFORE);
        let reach = reach(self.span);
        let is_near =
            |call: &CallRow| reach.is_none_or(|(start, end)| call.begun() < end && call.last_told() >= start);
        // The span as its own zone cuts it, and as UTC does: a call on the edge is one that a reader may look for.
        let edges = self.span.days().map(|(from, to)| {
            let local = timeline.on(to).zone.range(from, to);
            (local.start.min(start_of(from.0)), local.end.max(start_of(to.0 + 1)))
        });
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let call = calls.rows().get(row);
            // Most calls of the days before the span ended before it: they are passed over before anything is summed.
            if !is_near(call) {
                continue;
            }
            let (mut amount, mut is_in) = (0, false);
            calls.contributions(row, timeline, &mut |share| {
                amount += bound.amount(&share);
                is_in |= matches!(share.span, CellSpan::Day(day) if self.span.holds(day));
            });
            let touches = || edges.is_none_or(|(start, end)| call.begun() < end && call.last_told() >= start);
            if is_in || touches() {
                let first = call.facts().iter().min().unwrap_or_default();
                found.push(CountedSubject { first, place: 0, id: SubjectId::Call(row), amount });
            }
        }
        found
    }

    /// Rows of the calls that began in the span, or so many days before it, and some around them.
    pub(super) fn call_rows(&self, tenant: &Tenant, days_before: i32) -> Vec<u32> {
        let calls = &tenant.calls.rows;
        match (&self.session, self.span.days()) {
            (Some(session), _) => calls.of_session(session),
            (None, None) => calls.row_ids().collect(),
            (None, Some((from, to))) => {
                let (oldest, newest) = (start_of(from.0 - days_before), start_of(to.0 + 3));
                calls.order().newest_first(newest, oldest).flatten().copied().collect()
            }
        }
    }

    fn leads(&self, tenant: &Tenant) -> Vec<CountedSubject> {
        let (leads, bound, timeline) = (&tenant.leads.rows, self.bind(tenant), &tenant.profile.timeline);
        let reach = reach(self.span);
        let is_near = |at: Instant| reach.is_none_or(|(from, to)| from <= at && at < to);
        let is_in = |at: Instant| is_near(at) && self.span.holds(timeline.at(at).1);
        let mut found = Vec::new();
        for head in leads.rows().ids().filter(|at| leads.rows().get(*at).owner().is_none()) {
            let lead = Lead::new(leads.rows(), head);
            if let Name::Nobody(_) = lead.head().name {
                for (kind, event) in lead.head().events() {
                    if is_in(event.occurred_at) {
                        let day = timeline.at(event.occurred_at).1;
                        let share = kind.measure().map(|measure| Share::one(CellSpan::Day(day), measure));
                        let amount = share.map_or(0, |share| bound.amount(&share));
                        let id = SubjectId::Event(event.position, head);
                        found.push(CountedSubject { first: event.position, place: 0, id, amount });
                    }
                }
                continue;
            }
            let passes = reach.is_some_and(|(from, to)| lead.first_at() >= to || lead.last_at() < from);
            if passes {
                continue;
            }
            let events = || lead.rows().flat_map(|(_, row)| row.events());
            if !events().any(|(kind, event)| kind != EventKind::Staged && is_in(event.occurred_at)) {
                continue;
            }
            let mut amount = 0;
            leads.contributions(LeadId::Lead(head), timeline, &mut |share| amount += bound.amount(&share));
            let first = events().map(|(_, event)| event.position).min().unwrap_or_default();
            found.push(CountedSubject { first, place: 0, id: SubjectId::Lead(head), amount });
        }
        found
    }

    fn spend(&self, tenant: &Tenant) -> Vec<CountedSubject> {
        let (spend, bound, timeline) = (&tenant.spend.rows, self.bind(tenant), &tenant.profile.timeline);
        let (from, to) = self.span.days().unwrap_or(ALL_DAYS);
        let subject = |row| {
            let mut amount = 0;
            spend.contributions(row, timeline, &mut |share| amount += bound.amount(&share));
            let first = spend.facts_of(row).first().copied().unwrap_or_default();
            CountedSubject { first, place: 0, id: SubjectId::Spend(row), amount }
        };
        spend.between(from, to).map(subject).collect()
    }
}

fn records_of(tally: &RecordTally, tenant: &Tenant) -> Vec<CountedSubject> {
    let (bound, crm) = (tally.bind(tenant), &tenant.crm.rows);
    let subject = |id| {
        let first = crm.facts_of(id).first().copied().unwrap_or_default();
        let place = crm.record(id).map_or(0, |record| record.index() as u32);
        let amount = bound.amount(id).unwrap_or_default();
        CountedSubject { first, place, id: SubjectId::Record(id), amount }
    };
    bound.records().map(subject).collect()
}

fn accounts_of(tally: &GainTally, tenant: &Tenant) -> Vec<CountedSubject> {
    let (accounts, bound) = (&tenant.sender_accounts.rows, tally.bind(tenant));
    let subject = |row| {
        let account = accounts.rows().get(row);
        let first = account.facts().iter().min().unwrap_or_default();
        let amount = bound.amount(account, &tenant.profile.timeline);
        CountedSubject { first, place: 0, id: SubjectId::Account(row), amount }
    };
    accounts.row_ids().map(subject).collect()
}

fn mailboxes_of(tally: &MailboxTally, tenant: &Tenant) -> Vec<CountedSubject> {
    let accounts = &tenant.sender_accounts.rows;
    let subject = |rows: Vec<u32>| {
        let facts = rows.iter().flat_map(|row| accounts.rows().get(*row).facts().iter());
        let first = facts.min().unwrap_or_default();
        let amount = tally.amount(tenant, &accounts.mailbox(&rows));
        Some(CountedSubject { first, place: 0, id: SubjectId::Mailbox(*rows.first()?), amount })
    };
    accounts.by_mailbox().into_values().filter_map(subject).collect()
}

impl SubjectId {
    /// The facts that what it adds was folded from, ascending.
    pub fn facts(self, tenant: &Tenant) -> Vec<Position> {
        match self {
            Self::Call(row) => tenant.calls.rows.facts_of(row),
            Self::Lead(head) => {
                let lead = Lead::new(tenant.leads.rows.rows(), head);
                lead.facts().into_iter().map(|(position, _, _)| position).collect()
            }
            Self::Event(position, _) => vec![position],
            Self::Spend(row) => tenant.spend.rows.facts_of(row),
            Self::Record(id) => tenant.crm.rows.facts_of(id),
            Self::Account(row) => tenant.sender_accounts.rows.facts_of(row),
            Self::Mailbox(head) => {
                let accounts = &tenant.sender_accounts.rows;
                let rows = accounts.rows_of_mailbox(head).into_iter();
                let mut facts: Vec<_> = rows.flat_map(|row| accounts.facts_of(row)).collect();
                facts.sort_unstable();
                facts
            }
        }
    }

    /// Its name, as facts of it have it.
    pub fn name(self, tenant: &Tenant) -> String {
        match self {
            Self::Call(row) => {
                let calls = &tenant.calls.rows;
                format!("call/{}", calls.texts().get(calls.rows().get(row).id))
            }
            Self::Lead(head) | Self::Event(_, head) => tenant.leads.rows.subject(head),
            Self::Spend(row) => tenant.spend.rows.subject(row),
            Self::Record(id) => tenant.crm.rows.subject(id),
            Self::Account(row) | Self::Mailbox(row) => tenant.sender_accounts.rows.subject(row),
        }
    }
}

/// A session's own facts, and those that say of a lead of its queue that nobody is to call it again.
fn session_facts(tenant: &Tenant, id: &str) -> Vec<Position> {
    let (sessions, calls) = (&tenant.sessions.rows, &tenant.calls.rows);
    let Some(row) = sessions.row(id) else { return Vec::new() };
    let mut facts = sessions.facts_of(row);
    let leads = sessions.rows().get(row).started().map_or(&[][..], |started| &started.leads);
    let is_dnc = |lead: &&Symbol| calls.is_dnc(sessions.texts().get(**lead));
    let dnc: BTreeSet<Symbol> = leads.iter().filter(is_dnc).copied().collect();
    for lead in &dnc {
        let of_lead = calls.of_lead(sessions.texts().get(*lead)).into_iter();
        let told = of_lead.filter(|call| calls.outcome(*call) == Some(Outcome::Dnc));
        facts.extend(told.flat_map(|call| calls.facts_of(call)));
    }
    if !dnc.is_empty() {
        for (at, session) in (0..).zip(sessions.rows().iter()).filter(|(at, _)| *at != row) {
            if session.attempts().any(|(lead, _, outcome)| outcome == Outcome::Dnc && dnc.contains(&lead)) {
                facts.extend(sessions.facts_of(at));
            }
        }
    }
    facts.sort_unstable();
    facts.dedup();
    facts
}

impl StateSubject {
    /// The facts that decide the state, ascending.
    pub fn facts(&self, tenant: &Tenant) -> Vec<Position> {
        match self {
            Self::Target(month, metric) => tenant.targets.rows.facts_of((*month, *metric)),
            Self::Session(id) => session_facts(tenant, id),
            Self::Call(id) => {
                let calls = &tenant.calls.rows;
                calls.row(id).map_or_else(Vec::new, |row| calls.facts_of(row))
            }
            Self::OutreachLead(id) => {
                let leads = &tenant.leads.rows;
                leads.by_id(id).map_or_else(Vec::new, |head| leads.facts_of(LeadId::Lead(head)))
            }
        }
    }

    /// The subject's name, as facts of it have it.
    pub fn name(&self, tenant: &Tenant) -> String {
        match self {
            Self::Target(month, metric) => format!("target/{month}/{}", metric.as_str()),
            Self::Session(id) => format!("session/{id}"),
            Self::Call(id) => format!("call/{id}"),
            Self::OutreachLead(id) => {
                let leads = &tenant.leads.rows;
                leads.by_id(id).map_or_else(|| format!("lead/{id}"), |head| leads.subject(head))
            }
        }
    }
}
