//! Reads a list of calls: page by page, what is new of each, what never ended, and what nobody delivered.

use std::collections::HashSet;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::sync::{CoverageObserved, SyncFact};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position};
use domain::members::Instant;
use projections::entities::calls::known::KnownCall;
use projections::entities::crm::untold::Untold;
use serde_json::Value;

use super::list::{ListCursor, ListedCalls};
use super::span::CallSpan;
use crate::ingest::error::MappingFailure;
use crate::ingest::payload::scalar;
use crate::ingest::providers::listed::{ListedReport, ListedRow};
use crate::sync::difference::{ListedDifference, fact_of_run, source_name, untold};
use crate::sync::error::SyncError;
use crate::sync::parallel;
use crate::sync::run::SyncRun;
use crate::sync::words::{quoted, refusal};

const HOUR: i64 = 3_600 * 1_000_000;
/// How long after its last word a call without an end is asked for.
const STUCK_AFTER: i64 = HOUR;
/// How long ago a call began that is still asked for.
const STUCK_SINCE: i64 = 30 * 24 * HOUR;
/// Calls without an end that one run asks for, the oldest first.
const STUCK_MAX: usize = 200;
/// Pages of one list: a million calls.
const PAGES_MAX: usize = 10_000;
/// Calls that are recorded at once.
const AT_ONCE: usize = 32;

/// What a list is called in errors.
const LIST: &str = "the list of calls";

/// What was read of a list so far.
#[derive(Default)]
struct Tally {
    /// The provider's ids of all rows, also of those that are no calls.
    seen: HashSet<Box<str>>,
    difference: ListedDifference,
    unreadable: u64,
    /// Why the first of the unreadable rows could not be read.
    why: String,
}

/// A row that is a call, and what is known of it.
struct Listed {
    row: Value,
    report: ListedReport,
    known: KnownCall,
    /// A run that failed recorded it, and nobody was told that it had not been delivered.
    is_untold: bool,
}

/// One reading of a list.
pub(super) struct ListReader<'a, L> {
    list: &'a L,
    run: &'a SyncRun,
    span: CallSpan,
    untold: Untold,
    tally: Tally,
}

impl<'a, L: ListedCalls> ListReader<'a, L> {
    /// Of the run's days, else from where everything is known.
    ///
    /// # Errors
    /// What is known cannot be read.
    pub(super) async fn new(list: &'a L, run: &'a SyncRun) -> Result<Self, SyncError> {
        let view = run.view().await?;
        let span = match run.days() {
            Some(days) => CallSpan::of_days(days, view.timeline().latest().zone, run.started_at()),
            None => {
                let newest = view.with(|tenant, _| {
                    let crm = &tenant.crm.rows;
                    crm.runs().coverage().newest(crm.symbol(L::SOURCE.as_str())?)
                });
                CallSpan::recent(newest.map(|(_, through)| through), run.started_at())
            }
        };
        let untold = untold(run).await?;
        Ok(Self { list, run, span, untold, tally: Tally::default() })
    }

    /// Reads everything once.
    ///
    /// # Errors
    /// As of [`SourceClient::read`](crate::sync::SourceClient::read).
    pub(super) async fn read(mut self) -> Result<(), SyncError> {
        self.read_pages().await?;
        if self.run.days().is_none() {
            self.ask_for_stuck().await?;
        }
        if self.tally.unreadable > 0 {
            let Tally { unreadable, why, .. } = &self.tally;
            return Err(SyncError::Incomplete(format!("{unreadable} calls could not be read: {why}")));
        }
        self.compare().await
    }

    async fn read_pages(&mut self) -> Result<(), SyncError> {
        let mut next = Some(self.list.first());
        let (mut asked, mut total): (Vec<ListCursor>, Option<u64>) = (Vec::new(), None);
        while let Some(cursor) = next.take() {
            if asked.len() == PAGES_MAX || asked.contains(&cursor) {
                return Err(SyncError::Incomplete(format!("{LIST} does not end")));
            }
            let request = self.list.request(&self.span, &cursor)?;
            let answer = self.run.page(request).await.map_err(|error| error.at(LIST))?;
            if let Some((code, message)) = refusal(&answer) {
                let [code, message] = [code, message].map(|text| quoted(self.run, &text));
                return Err(SyncError::Refused { code, message: format!("{LIST}: {message}") });
            }
            let page = self.list.page(&cursor, answer)?;
            // Calls that went while the list was read moved others to pages that were read already.
            if total.is_some_and(|first| page.total.is_none_or(|now| now < first)) {
                return Err(SyncError::Incomplete(format!("{LIST} became shorter while it was read")));
            }
            total = total.or(page.total);
            self.take(page.rows).await?;
            asked.push(cursor);
            next = page.next;
        }
        let seen = self.tally.seen.len() as u64;
        match total.filter(|total| seen < *total) {
            Some(total) => Err(SyncError::Incomplete(format!("{seen} of {total} calls came"))),
            None => Ok(()),
        }
    }

    /// Counts and records the rows of a page.
    async fn take(&mut self, mut rows: Vec<Value>) -> Result<(), SyncError> {
        let seen = &mut self.tally.seen;
        rows.retain(|row| row_id(row).is_none_or(|id| seen.insert(id)));
        let mut listed = self.listed(rows).await?;
        listed.retain(|listed| self.span.holds(listed.report.reported.started_at));
        for Listed { report, known, is_untold, .. } in &listed {
            // What ended just now may still be delivered.
            let last = report.reported.ended_at.or(report.reported.started_at);
            if last.is_some_and(|last| last >= self.span.to) {
                continue;
            }
            match known.is_reported && !is_untold {
                true => self.tally.difference.known(),
                false => self.tally.difference.missing(Some(&report.reported.call_id)),
            }
        }
        self.record(listed).await
    }

    /// The rows that are calls of this tenant's, each with what is known of it.
    async fn listed(&mut self, rows: Vec<Value>) -> Result<Vec<Listed>, SyncError> {
        let mut calls = Vec::with_capacity(rows.len());
        for row in rows {
            match self.run.ingest().map_listed(L::SOURCE.as_str(), self.run.tenant(), &row) {
                Ok(ListedRow::Call(report)) => {
                    let (report, known) = (*report, KnownCall::default());
                    calls.push(Listed { row, report, known, is_untold: false });
                }
                Ok(ListedRow::NoCall | ListedRow::OfAnother) => {}
                Err(failure) => self.tally.unreadable(&failure),
            }
        }
        self.run.view().await?.with(|tenant, _| {
            for Listed { report, known, .. } in &mut calls {
                let recording = report.recorded.as_ref().map(|recorded| recorded.recording_id.as_str());
                *known = tenant.calls.rows.known(&report.reported, recording);
            }
        });
        self.find_untold(&mut calls).await?;
        Ok(calls)
    }

    /// Marks the calls that only a run that failed has made known.
    async fn find_untold(&self, calls: &mut [Listed]) -> Result<(), SyncError> {
        for Listed { report, known, is_untold, .. } in calls {
            let began = report.reported.started_at.unwrap_or(self.span.from);
            if !self.untold.holds(known.first, began) {
                continue;
            }
            let first: Position = known.first;
            *is_untold = self.run.look_up(move |ingest| ingest.is_listed_call(first)).await?;
        }
        Ok(())
    }

    /// Records what is new, each call with its own row as the original.
    async fn record(&mut self, listed: Vec<Listed>) -> Result<(), SyncError> {
        let mut news = Vec::new();
        for Listed { row, mut report, known, .. } in listed {
            report.recorded = report.recorded.filter(|_| !known.has_recording);
            if known.is_told && report.recorded.is_none() {
                continue;
            }
            let last = (known.last, known.is_told);
            match self.run.ingest().listed_facts(self.run.tenant(), report, last, self.run.now()) {
                Ok(facts) => news.push((facts, Bytes::from(row.to_string()))),
                Err(failure) => self.tally.unreadable(&failure),
            }
        }
        let record = |(facts, original): (Vec<Envelope>, Bytes)| {
            let run = self.run.clone();
            async move { run.record(facts, &original).await }
        };
        parallel::each(AT_ONCE, news, record).await.map(drop)
    }

    /// Asks for the calls that never ended, one by one. Whether one has ended meanwhile, the provider says.
    async fn ask_for_stuck(&mut self) -> Result<(), SyncError> {
        let now = self.run.started_at().0;
        let (since, before) = (Instant(now - STUCK_SINCE), Instant(now - STUCK_AFTER));
        let stuck = self.run.view().await?.with(|tenant, _| tenant.calls.rows.unfinished(since, before));
        let own = stuck.iter().filter_map(|call| self.list.own_id(call));
        let ids: Vec<&str> = own.filter(|id| !self.tally.seen.contains(*id)).take(STUCK_MAX).collect();
        for id in ids {
            let row = match self.run.page(self.list.one(id)).await {
                // A call that the provider does not know cannot end: after 30 days nobody asks for it any more.
                Err(SyncError::Status { status: 404, .. }) => continue,
                row => row.map_err(|error| error.at("a call"))?,
            };
            if row_id(&row).as_deref() != Some(id) {
                return Err(SyncError::unexpected("another call than the one that was asked for"));
            }
            let listed = self.listed(vec![row]).await?;
            self.record(listed).await?;
        }
        Ok(())
    }

    /// Says of which span everything is known, and what of it nobody had delivered.
    async fn compare(self) -> Result<(), SyncError> {
        let Self { list, run, span, mut tally, .. } = self;
        let unlisted = run.view().await?.with(|tenant, _| {
            let calls = tenant.calls.rows.ended_between(span.from, span.to);
            let is_unlisted = |id: &str| list.own_id(id).is_some_and(|own| !tally.seen.contains(own));
            let unlisted = calls.filter(|(_, id)| is_unlisted(id));
            unlisted.map(|(began, id)| (began, id.to_owned())).collect::<Vec<_>>()
        });
        unlisted.iter().for_each(|(_, id)| tally.difference.unlisted(id));
        let mut facts = Vec::new();
        // What an earlier run has told is not told by each that follows.
        if tally.difference.lacks_deliveries() || unlisted.iter().any(|(began, _)| *began >= span.compared) {
            facts.push(tally.difference.fact(run, (span.from, span.to))?);
        }
        if span.to > span.from {
            let coverage = CoverageObserved {
                run_id: run.name().id.clone(),
                source: source_name(run)?,
                complete_from: span.from,
                complete_through: span.to,
            };
            let key = EngineKey::SyncCoverage { run: KeyPart::new(run.name().id.as_str()) };
            facts.push(fact_of_run(run, &key, SyncFact::Coverage(coverage))?);
        }
        run.hold(facts, Bytes::new());
        Ok(())
    }
}

impl Tally {
    /// What is said of a row names the member at fault, not what stands there: that may be personal.
    fn unreadable(&mut self, failure: &MappingFailure) {
        self.unreadable += 1;
        if self.why.is_empty() {
            let member = failure.detail.split(':').next().unwrap_or_default();
            self.why = format!("{} {member}", failure.reason.as_str());
        }
    }
}

/// The provider's id of a row.
fn row_id(row: &Value) -> Option<Box<str>> {
    ["id", "sid"].iter().find_map(|name| scalar(&row[*name])).map(Into::into)
}
