//! Sync runs as they are listed, and what they say of how old the CRM's figures are (B4, B11).

use std::collections::BTreeMap;

use domain::facts::part;
use domain::keys::Position;
use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use super::coverage::{Coverage, SourceCoverage};
use super::runs::{End, Run, SyncRuns, family, is_no_crm, reads_whole};
use crate::store::{Buckets, Cursor, Page, Pages, Symbol, Texts};

/// Figures are stale when the last success is older, in seconds.
pub const STALE_SECONDS: i64 = 2 * 3_600;

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
    /// Of which source.
    pub source: String,
    /// The first of them.
    pub first_run: String,
    /// When that ended.
    pub since: Instant,
    /// How many.
    pub runs: usize,
    /// What the last of them ended on.
    pub error: Option<String>,
}

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRuns {
    /// Where its last run stands: `never`, `running`, `success`, `failed`.
    pub state: &'static str,
    /// The last run.
    pub last_run: Option<String>,
    /// When that began.
    pub last_run_at: Option<Instant>,
    /// When the last successful run ended.
    pub last_success_at: Option<Instant>,
    /// Everything up to here is known: of a source that is read whole, the begin of its last successful run; of one that
    /// is read by spans, the end of the newest span that was read whole.
    pub complete_through: Option<Instant>,
    /// What the last run failed on.
    pub error: Option<String>,
}

impl Default for SourceRuns {
    /// A source without runs.
    fn default() -> Self {
        Self {
            state: "never",
            last_run: None,
            last_run_at: None,
            last_success_at: None,
            complete_through: None,
            error: None,
        }
    }
}

/// The last run of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// When it began.
    pub at: Instant,
    /// What it ended on, where it failed.
    pub error: Option<String>,
}

/// The runs of one moment.
#[derive(Debug, Clone)]
pub struct RunList {
    rows: Pages<Run>,
    order: Buckets,
    coverage: Coverage,
    texts: Texts,
}

impl SyncRuns {
    /// The runs as they are now, to be read while folding goes on.
    pub fn list(&self, texts: &Texts) -> RunList {
        let (rows, order, coverage) = (self.rows.clone(), self.order.clone(), self.coverage.clone());
        RunList { rows, order, coverage, texts: texts.clone() }
    }
}

impl RunList {
    /// One page, newest first.
    pub fn page(&self, position: Position, after: Option<&Cursor>, limit: usize) -> Page<RunItem> {
        let place = |at| {
            let run = self.rows.get(at);
            let name = format!("{}/{}", part(self.texts.get(run.source)), self.texts.get(run.id));
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

    /// The last run of a source, and how it ended if it did.
    pub fn last_of(&self, source: &str) -> Option<LastRun> {
        let of_source = self.rows.iter().filter(|run| self.texts.get(run.source) == source);
        let last = of_source.max_by_key(|run| (run.at(), self.texts.get(run.id)))?;
        let error = last.end.and_then(|end| self.texts.maybe(end.error).map(str::to_owned));
        Some(LastRun { at: last.at()?, error })
    }

    /// What the last main run failed on; none where it did not fail.
    pub fn failure(&self) -> Option<String> {
        let end = self.last_main()?.end?;
        self.texts.maybe(end.error).filter(|_| !end.success).map(str::to_owned)
    }

    /// How each source stands that has runs.
    pub fn by_source(&self) -> BTreeMap<String, SourceRuns> {
        let mut last: BTreeMap<&str, &Run> = BTreeMap::new();
        let mut success: BTreeMap<&str, &Run> = BTreeMap::new();
        let key = |run: &Run| (run.at(), self.texts.get(run.id).to_owned());
        let ended = |run: &Run| run.end.filter(|end| end.success).map(|end| end.at);
        for run in self.rows.iter() {
            let source = self.texts.get(run.source);
            let newest = last.entry(source).or_insert(run);
            if key(run) > key(newest) {
                *newest = run;
            }
            if ended(run).is_some() {
                let newest = success.entry(source).or_insert(run);
                if ended(run) > ended(newest) {
                    *newest = run;
                }
            }
        }
        let runs = |(source, run): (&str, &Run)| {
            let succeeded = success.get(source);
            let failed = run.end.filter(|end| !end.success);
            let runs = SourceRuns {
                state: run.status(),
                last_run: Some(self.texts.get(run.id).to_owned()),
                last_run_at: run.at(),
                last_success_at: succeeded.and_then(|run| ended(run)),
                complete_through: match reads_whole(source) {
                    true => succeeded.and_then(|run| run.at()),
                    false => self.coverage.newest(run.source).map(|(_, through)| through),
                },
                error: failed.and_then(|end| self.texts.maybe(end.error).map(str::to_owned)),
            };
            (source.to_owned(), runs)
        };
        last.into_iter().map(runs).collect()
    }

    /// Through when each source with runs is known completely, by name.
    pub fn complete_through(&self) -> Vec<SourceCoverage> {
        let mut successes: BTreeMap<Symbol, Option<(Instant, Option<Instant>)>> = BTreeMap::new();
        for run in self.rows.iter() {
            let newest = successes.entry(run.source).or_default();
            let ended = run.end.filter(|end| end.success).map(|end| (end.at, run.at()));
            *newest = (*newest).max(ended);
        }
        let coverage = |(source, success): (Symbol, Option<(Instant, Option<Instant>)>)| {
            let name = self.texts.get(source);
            let through = match reads_whole(name) {
                true => success.and_then(|(_, begun)| begun),
                false => self.coverage.newest(source).map(|(_, through)| through),
            };
            let complete_through = through.map(|through| through.to_string());
            SourceCoverage { source: name.to_owned(), complete_through }
        };
        let mut found: Vec<SourceCoverage> = successes.into_iter().map(coverage).collect();
        found.sort_by(|one, other| one.source.cmp(&other.source));
        found
    }

    /// Source and id of each run without an end.
    pub fn open(&self) -> Vec<(String, String)> {
        let open = self.rows.iter().filter(|run| run.end.is_none());
        let text = |symbol| self.texts.get(symbol).to_owned();
        open.map(|run| (text(run.source), text(run.id))).collect()
    }

    /// Of each source the runs that failed since its last success; none of a source whose last run that ended succeeded.
    pub fn failing(&self) -> Vec<Failing> {
        let mut ended: BTreeMap<&str, Vec<(End, &str)>> = BTreeMap::new();
        for run in self.rows.iter() {
            if let Some(end) = run.end {
                let of_source = ended.entry(self.texts.get(run.source)).or_default();
                of_source.push((end, self.texts.get(run.id)));
            }
        }
        let failing = |(source, mut ended): (&str, Vec<(End, &str)>)| {
            let success = ended.iter().filter(|(end, _)| end.success).map(|(end, _)| end.at).max();
            ended.retain(|(end, _)| !end.success && success.is_none_or(|at| end.at > at));
            ended.sort_by_key(|(end, id)| (end.at, *id));
            let ((first, id), (last, _)) = (ended.first()?, ended.last()?);
            Some(Failing {
                source: source.to_owned(),
                first_run: (*id).to_owned(),
                since: first.at,
                runs: ended.len(),
                error: self.texts.maybe(last.error).map(str::to_owned),
            })
        };
        ended.into_iter().filter_map(failing).collect()
    }

    /// Runs that read a CRM. The first pass over all contacts' notes takes its own time, and is no main run.
    fn main(&self) -> impl Iterator<Item = &Run> {
        let is_main = |run: &&Run| {
            let source = self.texts.get(run.source);
            family(source) == source && !is_no_crm(source)
        };
        self.rows.iter().filter(is_main)
    }

    fn last_main(&self) -> Option<&Run> {
        self.main().max_by_key(|run| (run.at(), self.texts.get(run.id)))
    }

    /// How old the figures are at `now`: of the main runs alone.
    pub fn status(&self, position: Position, now: Instant) -> SyncStatus {
        let status = self.last_main().map_or("never", Run::status);
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
