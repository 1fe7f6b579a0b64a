//! Sync runs as they are listed, and what they say of how old the CRM's figures are (B4, B11).

use domain::facts::sync::{RunStatus, SyncFinished, SyncStarted};
use domain::keys::Position;
use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::canonical::{Canonical, Digest};
use crate::store::{Buckets, Chain, Cursor, Index, Page, Pages, Strings, Symbol, Texts};
use crate::{Order, Recorded};

/// Figures are stale when the last success is older, in seconds.
pub const STALE_SECONDS: i64 = 2 * 3_600;

/// A source of its own for the first pass over all contacts' notes; its data are those of the source before it.
const NOTES_PASS: &str = "_notes";

/// The source whose data a run reads.
pub fn family(source: &str) -> &str {
    source.strip_suffix(NOTES_PASS).unwrap_or(source)
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    success: bool,
    at: Instant,
    records_updated: Option<u64>,
    error: Option<Symbol>,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    source: Symbol,
    id: Symbol,
    /// The first word of its begin.
    started: Option<Order>,
    end: Option<End>,
    facts: Chain,
}

impl Run {
    fn at(&self) -> Option<Instant> {
        self.started.map(Order::occurred_at).or(self.end.map(|end| end.at))
    }

    /// The facts that made it.
    pub fn facts(&self) -> &Chain {
        &self.facts
    }

    fn status(&self) -> &'static str {
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
    rows: Pages<Run>,
    index: Index,
    order: Buckets,
}

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

    /// One row a run.
    pub fn rows(&self) -> &Pages<Run> {
        &self.rows
    }

    /// Whether a run succeeded; none while it has no end.
    pub fn success(&self, source: Symbol, run: Symbol) -> Option<bool> {
        let at = self.find(source, run)?;
        self.rows.get(at).end.map(|end| end.success)
    }

    fn row(&mut self, source: &str, run: &str, fact: Position, strings: &mut Strings) -> u32 {
        let (source, id) = (strings.intern(source), strings.intern(run));
        let at = self.find(source, id).unwrap_or_else(|| {
            let run = Run { source, id, started: None, end: None, facts: Chain::default() };
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
        digest
    }

    /// The runs as they are now, to be read while folding goes on.
    pub fn list(&self, texts: &Texts) -> RunList {
        RunList { rows: self.rows.clone(), order: self.order.clone(), texts: texts.clone() }
    }
}

/// A run as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunItem {
    /// The run.
    pub run_id: String,
    /// What was read.
    pub source: String,
    /// `running`, `success` or `failed`.
    pub status: &'static str,
    /// When it began; null while only its end is known.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Added, changed and removed.
    pub records_updated: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
}

/// Answer of `/sync/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SyncStatus {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// When the last successful run ended; null when there was none.
    pub last_sync_at: Option<String>,
    /// Where the last run stands: `never`, `running`, `success`, `failed`.
    pub status: &'static str,
    /// Whether the last success is more than two hours old, or there was none.
    pub is_stale: bool,
    /// How old the last success is; null when there was none.
    pub age_seconds: Option<i64>,
    /// What a banner says.
    pub message: String,
}

/// Runs that failed one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The first of them.
    pub first_run: String,
    /// When that ended.
    pub since: Instant,
    /// How many.
    pub runs: usize,
    /// What the last of them ended on.
    pub error: Option<String>,
}

/// The runs of one moment.
#[derive(Debug, Clone)]
pub struct RunList {
    rows: Pages<Run>,
    order: Buckets,
    texts: Texts,
}

impl RunList {
    /// One page, newest first.
    pub fn page(&self, position: Position, after: Option<&Cursor>, limit: usize) -> Page<RunItem> {
        let place = |at| {
            let run = self.rows.get(at);
            let name = format!("{}/{}", self.texts.get(run.source), self.texts.get(run.id));
            Some((run.at().unwrap_or(Instant(0)), name))
        };
        self.order.page(position, (after, limit), place, |at| Some(self.item(self.rows.get(at))))
    }

    fn item(&self, run: &Run) -> RunItem {
        RunItem {
            run_id: self.texts.get(run.id).to_owned(),
            source: self.texts.get(run.source).to_owned(),
            status: run.status(),
            started_at: run.started.map(|order| order.occurred_at().to_string()),
            finished_at: run.end.map(|end| end.at.to_string()),
            records_updated: run.end.and_then(|end| end.records_updated),
            error: run.end.and_then(|end| self.texts.maybe(end.error).map(str::to_owned)),
        }
    }

    /// The runs that failed since the last success, of the main ones; none where the last that ended did not fail.
    pub fn failing(&self) -> Option<Failing> {
        let ended = || self.main().filter_map(|run| run.end.map(|end| (end, run)));
        let success = ended().filter(|(end, _)| end.success).map(|(end, _)| end.at).max();
        let mut failed: Vec<_> =
            ended().filter(|(end, _)| !end.success && success.is_none_or(|at| end.at > at)).collect();
        failed.sort_by_key(|(end, run)| (end.at, self.texts.get(run.id)));
        let ((first, run), (last, _)) = (failed.first()?, failed.last()?);
        Some(Failing {
            first_run: self.texts.get(run.id).to_owned(),
            since: first.at,
            runs: failed.len(),
            error: self.texts.maybe(last.error).map(str::to_owned),
        })
    }

    /// The first pass over all contacts' notes takes its own time, and is no main run.
    fn main(&self) -> impl Iterator<Item = &Run> {
        let is_main = |run: &&Run| {
            let source = self.texts.get(run.source);
            family(source) == source
        };
        self.rows.iter().filter(is_main)
    }

    /// How old the figures are at `now`: of the main runs alone.
    pub fn status(&self, position: Position, now: Instant) -> SyncStatus {
        let last = self.main().max_by_key(|run| (run.at(), self.texts.get(run.id)));
        let status = last.map_or("never", Run::status);
        let success = self.main().filter_map(|run| run.end.filter(|end| end.success)).map(|end| end.at).max();
        let age = success.map(|at| (now.0.saturating_sub(at.0)).max(0) / 1_000_000);
        SyncStatus {
            position,
            last_sync_at: success.map(|at| at.to_string()),
            status,
            is_stale: is_stale(age),
            age_seconds: age,
            message: message(status, age),
        }
    }
}

fn is_stale(age: Option<i64>) -> bool {
    age.is_none_or(|age| age > STALE_SECONDS)
}

fn message(status: &str, age: Option<i64>) -> String {
    let ago = |count: i64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    match age {
        _ if status == "running" => "Sync in progress...".to_owned(),
        None => "No sync data available - sync may be delayed".to_owned(),
        Some(age) if is_stale(Some(age)) => {
            format!("Data is {} old - sync may be delayed", ago(age / 3_600, "hour"))
        }
        Some(age) if age < 60 => "Data last synced: less than a minute ago".to_owned(),
        Some(age) if age < 3_600 => format!("Data last synced: {} ago", ago(age / 60, "minute")),
        Some(age) => format!("Data last synced: {} ago", ago(age / 3_600, "hour")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_given_an_age_when_told_then_the_banners_words() {
        assert_eq!(message("success", Some(300)), "Data last synced: 5 minutes ago");
        assert_eq!(message("failed", Some(60)), "Data last synced: 1 minute ago");
        assert_eq!(message("success", Some(59)), "Data last synced: less than a minute ago");
        assert_eq!(message("success", Some(7_200)), "Data last synced: 2 hours ago");
        assert_eq!(message("failed", Some(7_201)), "Data is 2 hours old - sync may be delayed");
        assert_eq!(message("failed", Some(3 * 3_600)), "Data is 3 hours old - sync may be delayed");
        assert_eq!(message("never", None), "No sync data available - sync may be delayed");
        assert_eq!(message("running", None), "Sync in progress...");
        assert_eq!((is_stale(Some(7_200)), is_stale(Some(7_201)), is_stale(None)), (false, true, true));
    }
}
