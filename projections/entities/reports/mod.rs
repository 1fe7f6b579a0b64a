//! Weekly and monthly reports: drafted, published at a position of the log, withdrawn (B14, L10).

use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::report::{Report, ReportFact};
use domain::keys::Position;
use domain::members::Instant;
use domain::rules::reports::{Period, ReportState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::canonical::{Canonical, Digest};
use crate::entity::Entity;
use crate::store::cursor::page;
use crate::store::{Chain, Cursor, Index, Page, Pages, Strings, Symbol, Texts};
use crate::{Order, Recorded};

/// What one fact says of a report.
#[derive(Debug, Clone)]
struct Word {
    order: Order,
    period: Option<Symbol>,
    narrative: Option<Arc<str>>,
    position: Position,
}

/// One report.
#[derive(Debug, Clone)]
pub struct ReportRow {
    /// The report's id.
    pub id: Symbol,
    /// The latest draft.
    drafted: Option<Word>,
    /// The first publication: what is published does not change.
    published: Option<Word>,
    /// The first word of its withdrawal.
    withdrawn: Option<Order>,
    facts: Chain,
}

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
    fn said<T>(&self, of: impl Fn(&Word) -> Option<T>) -> Option<T> {
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

    fn made(&self) -> Instant {
        self.times().into_iter().flatten().min().unwrap_or(Instant(0))
    }
}

/// A report as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportItem {
    /// The report.
    pub report_id: String,
    /// `weekly` or `monthly`.
    pub kind: Option<&'static str>,
    /// A month, or the Monday of a week.
    pub period: Option<String>,
    /// `draft`, `published` or `withdrawn`.
    pub status: &'static str,
    /// The position of the log at which its figures hold; null of a draft.
    #[schema(value_type = Option<u64>)]
    pub as_of_position: Option<Position>,
    /// When it was last drafted.
    pub drafted_at: Option<String>,
    /// When it was published.
    pub published_at: Option<String>,
    /// When it was withdrawn.
    pub withdrawn_at: Option<String>,
}

/// The reports of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    rows: Pages<ReportRow>,
    index: Index,
    strings: Strings,
}

impl Reports {
    fn find(&self, id: &str) -> Option<u32> {
        let id = self.strings.find(id)?;
        self.index.find(Index::hash(id), |at| self.rows.get(at).id == id)
    }

    /// One report.
    pub fn get(&self, id: &str) -> Option<&ReportRow> {
        self.find(id).map(|at| self.rows.get(at))
    }

    /// One page of those that are `shown` by where they stand, newest first by when they were made.
    pub fn page(
        &self,
        position: Position,
        shown: impl Fn(ReportState) -> bool,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<ReportItem> {
        let rows = (0..self.rows.len() as u32).map(|at| (at, self.rows.get(at)));
        let rows = rows.filter(|(_, row)| shown(row.state()));
        let rows = rows.map(|(at, row)| (row.made(), self.texts().get(row.id).to_owned(), at)).collect();
        let (items, next_cursor) =
            page(std::iter::once(rows), after, limit, |at| self.item(self.rows.get(at)));
        Page { position, items, next_cursor }
    }

    /// A report as it is listed.
    pub fn item(&self, row: &ReportRow) -> ReportItem {
        let period = row.period(self.texts());
        let [drafted_at, published_at, withdrawn_at] = row.times().map(|at| at.map(|at| at.to_string()));
        ReportItem {
            report_id: self.texts().get(row.id).to_owned(),
            kind: period.map(Period::kind),
            period: period.and_then(Period::text).map(|period| period.as_str().to_owned()),
            status: row.state().as_str(),
            as_of_position: row.position(),
            drafted_at,
            published_at,
            withdrawn_at,
        }
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }

    fn word(&mut self, recorded: &Recorded<'_>, body: &Report) -> Word {
        Word {
            order: Order::new(recorded.occurred_at, 0, &recorded.content),
            period: body.period.as_ref().map(|period| self.strings.intern(period.as_str())),
            narrative: body.narrative.as_ref().map(|narrative| narrative.as_str().into()),
            position: body.position.unwrap_or(recorded.position),
        }
    }

    fn row(&mut self, id: &str) -> u32 {
        self.find(id).unwrap_or_else(|| {
            let id = self.strings.intern(id);
            let facts = Chain::default();
            let row = ReportRow { id, drafted: None, published: None, withdrawn: None, facts };
            let at = self.rows.push(row);
            self.index.insert(Index::hash(id), at);
            at
        })
    }
}

impl Entity for Reports {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "reports";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[ReportFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Report(fact) = recorded.fact else { return };
        let body = match fact {
            ReportFact::Drafted(body) | ReportFact::Published(body) | ReportFact::Withdrawn(body) => body,
            ReportFact::TargetSet(_) => return,
        };
        let (word, at) = (self.word(recorded, body), self.row(body.report_id.as_str()));
        let row = self.rows.get_mut(at);
        row.facts.push(recorded.position);
        match fact {
            ReportFact::Drafted(_) => {
                if row.drafted.as_ref().is_none_or(|known| known.order < word.order) {
                    row.drafted = Some(word);
                }
            }
            ReportFact::Published(_) => {
                let is_first = |known: &Word| (word.order, word.position) < (known.order, known.position);
                if row.published.as_ref().is_none_or(is_first) {
                    row.published = Some(word);
                }
            }
            ReportFact::Withdrawn(_) => {
                row.withdrawn = Some(row.withdrawn.map_or(word.order, |known| known.min(word.order)));
            }
            ReportFact::TargetSet(_) => {}
        }
    }

    fn row_ids(&self) -> impl Iterator<Item = u32> {
        self.rows.ids()
    }

    fn facts_of(&self, row: u32) -> Vec<Position> {
        self.rows.get(row).facts.sorted()
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for report in self.rows.iter() {
            row.start(tenant);
            row.text(Some(self.texts().get(report.id)));
            row.text(Some(report.state().as_str()));
            row.text(self.texts().maybe(report.said(|word| word.period)));
            row.text(report.narrative().as_deref());
            row.maybe(report.position().map(|position| position as i64));
            report.times().into_iter().for_each(|at| row.maybe(at.map(|at| at.0)));
            row.positions(&report.facts);
            digest.add(row.bytes());
        }
        digest
    }
}
