//! Figures of reports, derived from the log at the position at which they hold, now and at any time (B14, L10).

use domain::keys::{Position, TenantId};
use domain::members::{Day, Instant};
use domain::rules::reports::Period;
use projections::figures::report::{self, ReportFigures};
use projections::figures::{lead_summary, pipeline};

use super::{Moment, TenantView, Views};
use crate::follow::FoldError;

impl Views {
    /// The figures of `period` as of `position`; none of a tenant without any facts.
    ///
    /// # Errors
    /// As of [`Views::at`].
    pub async fn report(
        &self,
        tenant: &TenantId,
        period: Period,
        position: Position,
    ) -> Result<Option<ReportFigures>, FoldError> {
        let frozen = Moment { as_of_position: Some(position), ..Moment::default() };
        let Some(view) = self.at(tenant, frozen).await? else { return Ok(None) };
        let now = self.period(tenant, &view, period, frozen).await?;
        let before = self.period(tenant, &view, period.before(), frozen).await?;
        Ok(now.zip(before).map(|(now, before)| ReportFigures::of(&now, &before)))
    }

    /// Events are summed of the days; what the CRM held is read as it had been by the end of the last one.
    async fn period(
        &self,
        tenant: &TenantId,
        view: &TenantView,
        period: Period,
        frozen: Moment,
    ) -> Result<Option<report::ReportPeriod>, FoldError> {
        let (from, to) = period.days();
        let end = view.timeline().on(to).zone.start_of(Day(to.0 + 1));
        let by_the_end = Moment { occurred_until: Some(Instant(end.0 - 1)), ..frozen };
        let was_read = view.with(|tenant, _| tenant.crm.rows.was_read());
        let then = if was_read { self.at(tenant, by_the_end).await? } else { Some(view.clone()) };
        let Some(then) = then else { return Ok(None) };
        let (leads, deals, position) = then.with(|tenant, position| {
            let (crm, timeline) = (&tenant.crm.rows, &tenant.profile.timeline);
            (
                lead_summary::LeadSummaryInput::new(crm, timeline),
                pipeline::PipelineInput::new(crm, timeline),
                position,
            )
        });
        let days = view.days(from, to).items;
        Ok(Some(report::ReportPeriod { days, leads: leads.answer(position), deals: deals.answer(position) }))
    }
}
