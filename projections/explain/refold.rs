//! A subject folded again, fact by fact in the order of the log: how far each moves a figure.

use std::sync::Arc;

use domain::keys::Position;
use domain::members::Instant;
use domain::rules::configuration::Timeline;
use serde_json::Value;

use super::question::Question;
use super::reasons::{COUNTS, NotCounted};
use super::subjects::SubjectId;
use super::tally::{FigureTally, TallyOf};
use crate::Recorded;
use crate::entities::leads::row::Name;
use crate::entity::Entity;
use crate::tenant::{Profile, Tenant};

/// One subject alone, under the rules of all.
#[derive(Debug)]
pub struct Refold<'q> {
    tally: &'q FigureTally,
    alone: Tenant,
    value: i128,
    first: Option<Position>,
    /// The fact that happened last.
    latest: Option<(Instant, Position)>,
    /// Of the fact that was folded last: by how much it moved the figure, and what of the two above was before it.
    delta: i128,
    first_before: Option<Position>,
    latest_before: Option<(Instant, Position)>,
}

/// A tenant without facts, under the rules of one that has some.
pub fn alone(timeline: &Arc<Timeline>) -> Tenant {
    let profile = Profile { name: None, timeline: Arc::clone(timeline) };
    Tenant { profile, ..Tenant::default() }
}

impl<'q> Refold<'q> {
    /// Nothing of a subject yet.
    pub fn new(tally: &'q FigureTally, timeline: &Arc<Timeline>) -> Self {
        Self {
            tally,
            alone: alone(timeline),
            value: 0,
            first: None,
            latest: None,
            delta: 0,
            first_before: None,
            latest_before: None,
        }
    }

    /// Folds the subject's next fact: by how much it moves the figure.
    pub fn step(&mut self, recorded: &Recorded<'_>) -> i128 {
        self.alone.fold(recorded);
        let value = self.tally.value(&self.alone);
        self.delta = value - std::mem::replace(&mut self.value, value);
        (self.first_before, self.latest_before) = (self.first, self.latest);
        if self.delta != 0 && self.first.is_none() {
            self.first = Some(recorded.position);
        }
        self.latest = self.latest.max(Some((recorded.occurred_at, recorded.position)));
        self.delta
    }

    /// Why `recorded`, the fact that was folded last, moves the figure or does not. Most facts are not asked about.
    pub fn reason(&self, recorded: &Recorded<'_>) -> NotCounted {
        match (self.value, self.delta, self.first_before) {
            (0, ..) => self.why_not(),
            (_, 0, Some(first)) if self.tally.counts_once(recorded.fact) => {
                NotCounted { decided_by: Some(first), ..NotCounted::new("not_first", "the lead counts once") }
            }
            (_, 0, _) => still(self.tally, recorded, self.latest_before),
            _ => NotCounted { code: COUNTS, ..NotCounted::default() },
        }
    }

    fn why_not(&self) -> NotCounted {
        let subject = only_subject(&self.alone, self.tally);
        subject.map(|subject| self.tally.why_not(&self.alone, subject)).unwrap_or_default()
    }
}

/// Why a fact changes nothing of a figure that its subject counts in; `latest` is the fact before it that happened last.
pub fn still(tally: &FigureTally, fact: &Recorded<'_>, latest: Option<(Instant, Position)>) -> NotCounted {
    match (&tally.of, latest) {
        (TallyOf::Spend(_), Some((at, position))) if at > fact.occurred_at => NotCounted {
            decided_by: Some(position),
            ..NotCounted::new("superseded", format!("it was observed again at {at}"))
        },
        _ => NotCounted::no_change(),
    }
}

/// The subject of a tally that was folded alone.
pub fn only_subject(alone: &Tenant, tally: &FigureTally) -> Option<SubjectId> {
    match tally.of {
        TallyOf::Calls(_) => alone.calls.rows.row_ids().next().map(SubjectId::Call),
        TallyOf::Spend(_) => alone.spend.rows.row_ids().next().map(SubjectId::Spend),
        TallyOf::Records(_) => None,
        TallyOf::Gains(_) => alone.sender_accounts.rows.row_ids().next().map(SubjectId::Account),
        TallyOf::Mailboxes(_) => alone.sender_accounts.rows.row_ids().next().map(SubjectId::Mailbox),
        TallyOf::Leads(_) => {
            let rows = alone.leads.rows.rows();
            let head = rows.ids().find(|at| rows.get(*at).owner().is_none())?;
            Some(match rows.get(head).name {
                Name::Nobody(_) => SubjectId::Event(0, head),
                Name::Id(_) | Name::Email(_) => SubjectId::Lead(head),
            })
        }
    }
}

/// The facts of a state's subject, one after the other: what each makes of it.
#[derive(Debug)]
pub struct StateRefold<'q> {
    question: &'q Question,
    alone: Tenant,
    now: Instant,
    value: Value,
}

impl<'q> StateRefold<'q> {
    /// Nothing of the subject yet.
    pub fn new(question: &'q Question, timeline: &Arc<Timeline>, now: Instant) -> Self {
        Self { question, alone: alone(timeline), now, value: Value::Null }
    }

    /// Folds the next fact: the state before it and after it.
    pub fn step(&mut self, recorded: &Recorded<'_>) -> (Value, Value) {
        self.alone.fold(recorded);
        let value = self.question.value(&self.alone, self.now).unwrap_or_default();
        (std::mem::replace(&mut self.value, value.clone()), value)
    }
}
