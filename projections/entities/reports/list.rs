//! `/reports`: reports as they are listed, newest first (B14).

use domain::keys::Position;
use domain::rules::reports::{Period, ReportState};
use serde::Serialize;
use utoipa::ToSchema;

use super::Reports;
use super::row::ReportRow;
use crate::store::cursor::page;
use crate::store::{Cursor, Page};

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

impl Reports {
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
}
