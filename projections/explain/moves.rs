//! What a subject's facts did to a figure, where the rows in memory tell it: nothing of the log is read for it.

use domain::keys::Position;
use domain::members::Instant;

use super::accounts::{GainTally, MailboxTally};
use super::reasons::{COUNTS, NotCounted, measure_name, why_not_there};
use super::subjects::SubjectId;
use super::tally::{FigureTally, TallyOf};
use crate::entities::leads::row::{EventKind, Lead};
use crate::entities::sender_accounts::list::Mailbox;
use crate::figures::Measure;
use crate::tenant::Tenant;

/// What a fact did to a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureMove {
    /// By how much it moved the figure.
    pub delta: i128,
    /// [`COUNTS`] where the subject counts from this fact on, else why it does not.
    pub reason: NotCounted,
}

impl FigureTally {
    /// What each fact of `subject` did, in the order of the log; none where the facts must be folded again to tell. A lead's
    /// rows keep its events, a mailbox's what each fact told, and a record of the CRM stands in one part. An account's readings
    /// tell what moves a figure, and not why the others do not: `zeros` asks for these, too.
    pub fn moves(
        &self,
        tenant: &Tenant,
        subject: SubjectId,
        zeros: bool,
    ) -> Option<Vec<(Position, FigureMove)>> {
        match (subject, &self.of) {
            (SubjectId::Account(row), TallyOf::Gains(gains)) if !zeros => {
                moves_of_account(gains, tenant, row)
            }
            (SubjectId::Mailbox(head), TallyOf::Mailboxes(tally)) => moves_of_mailbox(tally, tenant, head),
            (SubjectId::Lead(head), TallyOf::Leads(measure)) => {
                Some(self.moves_of_lead(tenant, head, *measure))
            }
            (SubjectId::Record(id), TallyOf::Records(records)) => {
                let position = subject.facts(tenant).first().copied()?;
                let delta = records.bind(tenant).amount(id).unwrap_or_default();
                let reason = NotCounted { code: COUNTS, ..NotCounted::default() };
                Some(vec![(position, FigureMove { delta, reason })])
            }
            _ => None,
        }
    }

    /// All names of a lead are one lead here, from its first fact on.
    fn moves_of_lead(&self, tenant: &Tenant, head: u32, measure: Measure) -> Vec<(Position, FigureMove)> {
        let timeline = &tenant.profile.timeline;
        let is_in = |at: Instant| self.span.holds(timeline.at(at).1);
        let wanted =
            |kind: EventKind| kind.measure().is_some_and(|of| measure_name(of) == measure_name(measure));
        let (mut value, mut first, mut earliest) = (0, None, None::<Instant>);
        let mut moved = |(position, kind, at): (Position, EventKind, Instant)| {
            let before = value;
            if wanted(kind) {
                earliest = Some(earliest.map_or(at, |known| known.min(at)));
                value = if measure == Measure::PositiveReplies {
                    i128::from(earliest.is_some_and(is_in))
                } else if measure == Measure::UniqueReplies {
                    i128::from(value == 1 || is_in(at))
                } else {
                    value + i128::from(is_in(at))
                };
            }
            let delta = value - before;
            let reason = match (delta, wanted(kind), is_in(at), first) {
                (1, ..) => NotCounted { code: COUNTS, ..NotCounted::default() },
                (0, false, ..) => NotCounted::no_change(),
                (0, true, true, Some(first)) => NotCounted {
                    decided_by: Some(first),
                    ..NotCounted::new("not_first", "the lead counts once")
                },
                _ => self.elsewhere_on(timeline.at(at).1, measure),
            };
            if wanted(kind) && first.is_none() {
                first = Some(position);
            }
            (position, FigureMove { delta, reason })
        };
        Lead::new(tenant.leads.rows.rows(), head).facts().into_iter().map(&mut moved).collect()
    }
}

/// What moved a figure of the facts of the account in `row`; none where they must be folded again to tell.
fn moves_of_account(gains: &GainTally, tenant: &Tenant, row: u32) -> Option<Vec<(Position, FigureMove)>> {
    let (account, timeline) = (tenant.sender_accounts.rows.rows().get(row), &tenant.profile.timeline);
    let (facts, bound) = (account.facts().iter().collect::<Vec<_>>(), gains.bind(tenant));
    if !facts.is_sorted() || !bound.is_of(account) {
        return None;
    }
    let amounts = account.amounts_around(gains.day, timeline, |known| bound.amount(known, timeline))?;
    let (mut moves, mut value) = (Vec::new(), 0);
    for (nth, amount) in amounts {
        let delta = amount - std::mem::replace(&mut value, amount);
        if delta != 0 && amount == 0 {
            return None;
        }
        if delta != 0 {
            let reason = NotCounted { code: COUNTS, ..NotCounted::default() };
            moves.push((*facts.get(nth as usize)?, FigureMove { delta, reason }));
        }
    }
    Some(moves)
}

/// What each fact of a mailbox did; none where they must be folded again to tell, as where it is several accounts.
fn moves_of_mailbox(tally: &MailboxTally, tenant: &Tenant, head: u32) -> Option<Vec<(Position, FigureMove)>> {
    let accounts = &tenant.sender_accounts.rows;
    let [row] = accounts.rows_of_mailbox(head)[..] else { return None };
    let account = accounts.rows().get(row);
    let facts: Vec<Position> = account.facts().iter().collect();
    if !facts.is_sorted() {
        return None;
    }
    let mut value = 0;
    let moves = account.stood(|account| {
        let mailbox = Mailbox::of([account]);
        let amount = tally.amount(tenant, &mailbox);
        let delta = amount - std::mem::replace(&mut value, amount);
        let reason = match (amount, delta) {
            (0, _) => why_not_there(tenant, &mailbox, tally),
            (_, 0) => NotCounted::no_change(),
            _ => NotCounted { code: COUNTS, ..NotCounted::default() },
        };
        FigureMove { delta, reason }
    })?;
    Some(facts.into_iter().zip(moves).collect())
}
