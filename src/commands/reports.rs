//! Weekly and monthly reports: drafted, published at a position of the log, withdrawn (B14).

use domain::facts::Fact;
use domain::facts::report::{Report, ReportFact};
use domain::keys::engine::EngineKey;
use domain::keys::{Position, TenantId};
use domain::members::{Instant, LongText, Text};
use domain::rules::decision::{Decision, NewFact};
use domain::rules::reports::{Period, ReportRejection, ReportState, moves, rewrites};

use super::{CommandError, Commands, IdempotencyKey, Receipt, fresh_id};
use crate::views::TenantView;

impl Commands {
    /// Drafts a report; answers its id and the position at which the draft stands.
    ///
    /// # Errors
    /// [`CommandError::Mismatch`], or one after which the command may be sent again.
    pub async fn draft_report(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        period: Period,
        narrative: Option<LongText>,
    ) -> Result<(Text, Receipt<Position>), CommandError<ReportRejection>> {
        let mut report_id = fresh_id()?;
        let receipt = self.once(tenant, key, |_, first| {
            if let Some(Fact::Report(ReportFact::Drafted(first))) = first {
                report_id.clone_from(&first.report_id);
            }
            let (report_id, period, narrative) = (report_id.clone(), period.text(), narrative.clone());
            let report = Report { report_id, period, narrative, position: None };
            Ok(Some(Fact::Report(ReportFact::Drafted(report))))
        });
        let receipt = receipt.await?;
        Ok((report_id, receipt))
    }

    /// Publishes a draft, whose figures stay those of the log as it ends now, or withdraws a published report.
    ///
    /// # Errors
    /// [`ReportRejection`].
    pub async fn move_report(
        &self,
        tenant: &TenantId,
        report_id: &Text,
        to: ReportState,
    ) -> Result<Receipt<Position>, CommandError<ReportRejection>> {
        let decide = |view: &TenantView, _: Instant| {
            view.with(|tenant, position| {
                let reports = &tenant.reports.rows;
                let row = reports.get(report_id.as_str()).ok_or(ReportRejection::Unknown)?;
                if !moves(row.state(), to)? {
                    return Ok(Decision::Stands(position));
                }
                let period = row.period(reports.texts()).and_then(Period::text);
                let report = Report { report_id: report_id.clone(), period, narrative: None, position: None };
                // A report's id may be longer than a key: a fact of it names it as well.
                let (key, fact) = if to == ReportState::Withdrawn {
                    let drafted = row.first_fact();
                    (EngineKey::ReportWithdrawn { drafted }, ReportFact::Withdrawn(report))
                } else {
                    let drafted = row.last_fact();
                    let narrative = row.narrative().and_then(|narrative| LongText::new(&narrative));
                    let report = Report { narrative, position: Some(position), ..report };
                    (EngineKey::ReportPublished { drafted }, ReportFact::Published(report))
                };
                Ok(Decision::Append(NewFact { key, occurred_at: None, fact: Fact::Report(fact) }))
            })
        };
        self.decide(tenant, decide).await
    }

    /// Changes the text of a draft; none takes it away. The draft's figures follow the log as before.
    ///
    /// # Errors
    /// [`ReportRejection`] for a report that is unknown or no draft.
    pub async fn rewrite_report(
        &self,
        tenant: &TenantId,
        report_id: &Text,
        narrative: Option<LongText>,
    ) -> Result<Receipt<Position>, CommandError<ReportRejection>> {
        let decide = |view: &TenantView, now: Instant| {
            view.with(|tenant, position| {
                let reports = &tenant.reports.rows;
                let row = reports.get(report_id.as_str()).ok_or(ReportRejection::Unknown)?;
                rewrites(row.state())?;
                if row.narrative().as_deref() == narrative.as_ref().map(LongText::as_str) {
                    return Ok(Decision::Stands(position));
                }
                let period = row.period(reports.texts()).and_then(Period::text);
                let (report_id, narrative) = (report_id.clone(), narrative.clone());
                let report = Report { report_id, period, narrative, position: None };
                // The latest draft holds, also where the clock was set back.
                let [drafted_at, ..] = row.times();
                let occurred_at = drafted_at.filter(|at| *at >= now).map(|at| Instant(at.0 + 1));
                let key = EngineKey::ReportPublished { drafted: row.last_fact() };
                let fact = Fact::Report(ReportFact::Drafted(report));
                Ok(Decision::Append(NewFact { key, occurred_at, fact }))
            })
        };
        self.decide(tenant, decide).await
    }
}
