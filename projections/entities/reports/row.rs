//! One report, folded from its facts in any order.

use std::sync::Arc;

use domain::keys::Position;
use domain::members::Instant;
use domain::rules::reports::{Period, ReportState};

use crate::Order;
use crate::store::{Chain, Symbol, Texts, heap_size};

/// What one fact says of a report.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) order: Order,
    pub(super) period: Option<Symbol>,
    pub(super) narrative: Option<Arc<str>>,
    pub(super) position: Position,
}

heap_size!(Word { narrative; order, period, position });

/// One report.
#[derive(Debug, Clone)]
pub struct ReportRow {
    /// The report's id.
    pub id: Symbol,
    /// The latest draft.
    pub(super) drafted: Option<Word>,
    /// The first publication: what is published does not change.
    pub(super) published: Option<Word>,
    /// The first word of its withdrawal.
    pub(super) withdrawn: Option<Order>,
    pub(super) facts: Chain,
}

heap_size!(ReportRow { drafted, published, facts; id, withdrawn });

impl ReportRow {
    /// Where it stands.
    pub fn state(&self) -> ReportState {
        match (&self.published, self.withdrawn) {
            (_, Some(_)) => ReportState::Withdrawn,
            (Some(_), None) => ReportState::Published,
            (None, None) => ReportState::Draft,
        }
    }

    /// The publication's word, else the draft's.
    pub(super) fn said<T>(&self, of: impl Fn(&Word) -> Option<T>) -> Option<T> {
        [&self.published, &self.drafted].into_iter().flatten().find_map(of)
    }

    /// What it is of; none where no fact names a month or a Monday.
    pub fn period(&self, texts: &Texts) -> Option<Period> {
        self.said(|word| Period::parse(texts.get(word.period?)))
    }

    /// What was written.
    pub fn narrative(&self) -> Option<Arc<str>> {
        self.said(|word| word.narrative.clone())
    }

    /// The position of the log at which its figures hold; none of a draft.
    pub fn position(&self) -> Option<Position> {
        self.published.as_ref().map(|word| word.position)
    }

    /// When it was drafted, published and withdrawn.
    pub fn times(&self) -> [Option<Instant>; 3] {
        let word = |word: &Option<Word>| word.as_ref().map(|word| word.order.occurred_at());
        [word(&self.drafted), word(&self.published), self.withdrawn.map(Order::occurred_at)]
    }

    /// The position of the first fact of it that was recorded.
    pub fn first_fact(&self) -> Position {
        self.facts.iter().min().unwrap_or_default()
    }

    /// The position of the last fact of it that was recorded; of a draft, that of its latest draft.
    pub fn last_fact(&self) -> Position {
        self.facts.iter().max().unwrap_or_default()
    }

    pub(super) fn made(&self) -> Instant {
        self.times().into_iter().flatten().min().unwrap_or(Instant(0))
    }
}
