//! Weekly and monthly reports: drafted, published at a position of the log, withdrawn (B14, L10).

pub mod list;
pub mod row;

use domain::facts::Fact;
use domain::facts::report::{Report, ReportFact};

use self::row::{ReportRow, Word};
use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::store::{Chain, Index, Pages, Strings, Texts, heap_size};
use crate::{Order, Recorded};

/// The reports of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    rows: Pages<ReportRow>,
    index: Index,
    strings: Strings,
}

heap_size!(Reports { rows, index, strings });

impl Reports {
    fn find(&self, id: &str) -> Option<u32> {
        let id = self.strings.find(id)?;
        self.index.find(Index::hash(id), |at| self.rows.get(at).id == id)
    }

    /// One report.
    pub fn get(&self, id: &str) -> Option<&ReportRow> {
        self.find(id).map(|at| self.rows.get(at))
    }

    /// Every report, in no order that holds.
    pub fn rows(&self) -> impl Iterator<Item = &ReportRow> {
        self.rows.iter()
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

    paged_rows!();

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
