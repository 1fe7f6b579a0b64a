//! A report that is to be explained: its figures are of a moment of its own.

use domain::keys::{Position, TenantId};
use domain::rules::reports::{Period, ReportState};
use serde_json::Value;

use crate::follow::FoldError;
use crate::views::{Moment, TenantView, Views};

/// A report with its figures and the models that they are of.
pub struct ReportedFigures {
    /// Where it stands.
    pub state: ReportState,
    /// Its period.
    pub period: Period,
    /// The models at its position; a draft's as of now.
    pub view: TenantView,
    /// Its figures, as its route serves them.
    pub row: Value,
}

impl Views {
    /// The figures of a report that `view` knows, of its own position or of `at`; none where it is unknown or has no period.
    ///
    /// # Errors
    /// As of [`Views::at`].
    pub async fn reported(
        &self,
        tenant: &TenantId,
        view: &TenantView,
        report_id: &str,
        at: Option<Position>,
    ) -> Result<Option<ReportedFigures>, FoldError> {
        let found = view.with(|tenant, position| {
            let reports = &tenant.reports.rows;
            let row = reports.get(report_id)?;
            Some((row.state(), row.period(reports.texts())?, row.position().unwrap_or(position)))
        });
        let Some((state, period, position)) = found else { return Ok(None) };
        let position = at.unwrap_or(position);
        let moment = Moment { as_of_position: Some(position), ..Moment::default() };
        let figures = self.report(tenant, period, position).await?;
        let view = self.at(tenant, moment).await?;
        let row = figures.map(|figures| serde_json::to_value(figures).unwrap_or_default());
        Ok(view.zip(row).map(|(view, row)| ReportedFigures { state, period, view, row }))
    }
}
