//! Sync runs of the CRM: each with its begin and end, in whatever order they come (B4).

use domain::facts::sync::{CoverageObserved, RunStatus, SyncFinished, SyncStarted};
use domain::keys::Position;
use domain::members::Instant;

use crate::canonical::{Canonical, Digest};
use crate::entities::crm::coverage::Coverage;
use crate::store::{Buckets, Chain, Index, Pages, Strings, Symbol, Texts, heap_size};
use crate::{Order, Recorded};

/// A source of its own for the first pass over all contacts' notes; its data are those of the source before it.
const NOTES_PASS: &str = "_notes";

/// The source whose data a run reads.
pub fn family(source: &str) -> &str {
    source.strip_suffix(NOTES_PASS).unwrap_or(source)
}

/// Sources whose runs bring no snapshots of a CRM: mailboxes, spend and calls.
const NO_CRM: [&str; 6] = ["emailbison", "google_ads", "meta", "callrail", "ctm", "twilio"];

/// Whether a source is known to be none of a CRM.
pub(super) fn is_no_crm(source: &str) -> bool {
    NO_CRM.contains(&source)
}

/// Sources that are read by spans, each of which a fact names.
const READ_BY_SPANS: [&str; 4] = ["emailbison", "callrail", "ctm", "twilio"];

/// Whether a run of the source reads everything there is, so that its success says up to when all is known.
pub(super) fn reads_whole(source: &str) -> bool {
    family(source) == source && !READ_BY_SPANS.contains(&source)
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) success: bool,
    pub(super) at: Instant,
    pub(super) records_updated: Option<u64>,
    pub(super) error: Option<Symbol>,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    pub(super) source: Symbol,
    pub(super) id: Symbol,
    /// The first word of its begin.
    pub(super) started: Option<Order>,
    pub(super) end: Option<End>,
    /// The span that it told of.
    pub(super) span: Option<(Instant, Instant)>,
    pub(super) facts: Chain,
}

heap_size!(Run { facts; source, id, started, end, span });

impl Run {
    pub(super) fn at(&self) -> Option<Instant> {
        self.started.map(Order::occurred_at).or(self.end.map(|end| end.at))
    }

    /// The facts that made it.
    pub fn facts(&self) -> &Chain {
        &self.facts
    }

    pub(super) fn status(&self) -> &'static str {
        match self.end {
            None => "running",
            Some(End { success: true, .. }) => "success",
            Some(End { success: false, .. }) => "failed",
        }
    }
}

/// The runs of one tenant.
#[derive(Debug, Clone, Default)]
pub struct SyncRuns {
    pub(super) rows: Pages<Run>,
    pub(super) index: Index,
    pub(super) order: Buckets,
    pub(super) coverage: Coverage,
}

heap_size!(SyncRuns { rows, index, order, coverage });

impl SyncRuns {
    /// Folds the begin of a run. One that could not even begin has ended.
    pub fn started(&mut self, recorded: &Recorded<'_>, body: &SyncStarted, strings: &mut Strings) {
        let at = self.row(body.source.as_str(), body.run_id.as_str(), recorded.position, strings);
        let before = self.rows.get(at).at();
        let order = Order::new(recorded.occurred_at, 0, &recorded.content);
        let error = body.error.as_ref().map(|error| strings.intern(error.as_str()));
        let run = self.rows.get_mut(at);
        run.started = Some(run.started.map_or(order, |known| known.min(order)));
        if body.status == Some(RunStatus::Failed) {
            let (at, records_updated) = (recorded.occurred_at, body.records_updated);
            run.end.get_or_insert(End { success: false, at, records_updated, error });
        }
        self.order.place(at, before, self.rows.get(at).at());
    }

    /// Folds the end of a run. A run ends once: of two ends that contradict each other the one recorded first stands,
    /// as of two contents under one key, for what a failed run brought was let go.
    pub fn finished(&mut self, recorded: &Recorded<'_>, body: &SyncFinished, strings: &mut Strings) {
        let at = self.row(body.source.as_str(), body.run_id.as_str(), recorded.position, strings);
        let before = self.rows.get(at).at();
        let end = End {
            // An error is not data, whatever stands beside it (L8).
            success: body.status == Some(RunStatus::Success) && body.error.is_none(),
            at: recorded.occurred_at,
            records_updated: body.records_updated,
            error: body.error.as_ref().map(|error| strings.intern(error.as_str())),
        };
        self.rows.get_mut(at).end.get_or_insert(end);
        self.order.place(at, before, self.rows.get(at).at());
    }

    /// Folds what a run told of a span of its source, beside its begin and end.
    pub fn told(
        &mut self,
        recorded: &Recorded<'_>,
        (source, run): (&str, &str),
        (from, through): (Instant, Instant),
        strings: &mut Strings,
    ) {
        let at = self.row(source, run, recorded.position, strings);
        let span = &mut self.rows.get_mut(at).span;
        *span = Some(span.map_or((from, through), |known| (known.0.min(from), known.1.max(through))));
    }

    /// Folds a span of which a source is known completely.
    pub fn covered(&mut self, body: &CoverageObserved, strings: &mut Strings) {
        let source = strings.intern(body.source.as_str());
        self.coverage.add(source, (body.complete_from, body.complete_through));
    }

    /// Up to when the sources are known completely.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// One row a run.
    pub fn rows(&self) -> &Pages<Run> {
        &self.rows
    }

    /// Whether a run succeeded; none while it has no end.
    pub fn success(&self, source: Symbol, run: Symbol) -> Option<bool> {
        let at = self.find(source, run)?;
        self.rows.get(at).end.map(|end| end.success)
    }

    /// When a run ended; none while it has no end.
    pub fn ended_at(&self, source: Symbol, run: Symbol) -> Option<Instant> {
        self.rows.get(self.find(source, run)?).end.map(|end| end.at)
    }

    fn row(&mut self, source: &str, run: &str, fact: Position, strings: &mut Strings) -> u32 {
        let (source, id) = (strings.intern(source), strings.intern(run));
        let at = self.find(source, id).unwrap_or_else(|| {
            let run = Run { source, id, started: None, end: None, span: None, facts: Chain::default() };
            let at = self.rows.push(run);
            self.index.insert(Index::hash((source, id)), at);
            at
        });
        self.rows.get_mut(at).facts.push(fact);
        at
    }

    fn find(&self, source: Symbol, id: Symbol) -> Option<u32> {
        let is = |at: u32| self.rows.get(at).source == source && self.rows.get(at).id == id;
        self.index.find(Index::hash((source, id)), is)
    }

    /// The digest of the runs.
    pub fn digest(&self, tenant: &str, texts: &Texts) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for run in self.rows.iter() {
            row.start(tenant);
            row.text(Some(texts.get(run.source)));
            row.text(Some(texts.get(run.id)));
            row.maybe(run.started.map(|order| order.occurred_at().0));
            row.text(Some(run.status()));
            if let Some(end) = run.end {
                row.number(end.at.0);
                row.maybe(end.records_updated.map(|count| count as i64));
                row.text(texts.maybe(end.error));
            }
            row.positions(&run.facts);
            digest.add(row.bytes());
        }
        for (source, from, through) in self.coverage.spans() {
            row.start(tenant);
            row.text(Some(texts.get(source)));
            row.number(from.0);
            row.number(through.0);
            digest.add(row.bytes());
        }
        digest
    }
}
