//! `/calls`: calls newest first, as they are served.

use std::sync::Arc;

use domain::facts::tenant::CountedDirection;
use domain::keys::Position;
use domain::members::{Day, Email, Instant};
use domain::rules::configuration::{Configuration, Timeline};
use domain::rules::qualification::Verdict;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::calls::Calls;
use crate::entities::calls::row::CallRow;
use crate::store::cursor::page;
use crate::store::{Cursor, Page};
use crate::tenant::Tenant;

/// What of the calls is asked for.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Qualified or not.
    pub status: Option<Verdict>,
    /// Whether somebody answered.
    pub answered: Option<bool>,
    /// Whether the tenant's figures of answered and qualified count it.
    pub counted: Option<bool>,
    /// Who called whom.
    pub direction: Option<CountedDirection>,
    /// Whose.
    pub agent: Option<Email>,
    /// First local day.
    pub from: Option<Day>,
    /// Last local day, inclusive.
    pub to: Option<Day>,
}

/// A recording as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordingItem {
    /// The provider's id.
    pub recording_id: String,
    /// Whole seconds.
    pub duration_seconds: Option<u32>,
    /// Where it can be heard: personal, so not kept here; whoever serves it reads the fact at `fact`.
    pub url: Option<String>,
    /// The fact that holds the URL.
    #[serde(skip)]
    #[schema(ignore)]
    pub fact: Position,
}

/// A call as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallItem {
    /// Its id.
    pub call_id: String,
    /// `qualified` or `unqualified`.
    pub status: &'static str,
    /// `rules_satisfied`, `not_answered` or `short_duration`; `direction_not_counted` where the status is `qualified`
    /// and the tenant's figures do not count the direction.
    pub reason: &'static str,
    /// Whether it counts among answered and qualified: its direction is one that the tenant counts.
    pub counted: bool,
    /// The provider's last word.
    pub call_status: Option<&'static str>,
    /// Whether somebody answered.
    pub answered: bool,
    /// Whole seconds.
    pub duration_seconds: Option<u32>,
    /// Inbound or outbound.
    pub direction: Option<&'static str>,
    /// The caller.
    pub from: Option<String>,
    /// The called.
    pub to: Option<String>,
    /// Whose.
    pub agent: Option<String>,
    /// The lead.
    pub lead_id: Option<String>,
    /// The dialer session.
    pub session_id: Option<String>,
    /// Its earliest known start, else the earliest that is known of it: what places it in day and month.
    pub started_at: String,
    /// When it was answered.
    pub answered_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Where the caller came from, in the provider's words.
    pub source: Option<String>,
    /// The campaign, in the provider's words.
    pub campaign: Option<String>,
    /// The last disposition.
    pub outcome: Option<&'static str>,
    /// Oldest first.
    pub recordings: Vec<RecordingItem>,
}

/// The calls at one position. A clone of a few counters: read without a lock while folding goes on.
#[derive(Debug, Clone)]
pub struct CallList {
    calls: Calls,
    timeline: Arc<Timeline>,
}

const DAY: i64 = 86_400_000_000;

impl CallList {
    /// Takes the calls as they are now.
    pub fn new(calls: &Calls, timeline: &Arc<Timeline>) -> Self {
        Self { calls: calls.clone(), timeline: Arc::clone(timeline) }
    }

    /// One page, newest first by start, then by id.
    pub fn page(
        &self,
        position: Position,
        filter: &CallFilter,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<CallItem> {
        // Local days reach less than two days beyond those of UTC.
        let newest = filter.to.map_or(i64::MAX, |to| (i64::from(to.0) + 3) * DAY);
        let newest = Instant(after.map_or(newest, |after| newest.min(after.at.0)));
        let oldest = Instant(filter.from.map_or(0, |from| (i64::from(from.0) - 2) * DAY));
        let (rows, texts) = (self.calls.rows(), self.calls.texts());
        let buckets = self.calls.order().newest_first(newest, oldest).map(|bucket| {
            let wanted = bucket.iter().copied().filter(|row| self.is_wanted(rows.get(*row), filter));
            wanted.map(|row| (rows.get(row).begun(), texts.get(rows.get(row).id).to_owned(), row)).collect()
        });
        let (items, next_cursor) = page(buckets, after, limit, |row| item(&self.calls, row, &self.timeline));
        Page { position, items, next_cursor }
    }

    fn is_wanted(&self, call: &CallRow, filter: &CallFilter) -> bool {
        let agent = || filter.agent.as_ref().map(Email::as_str);
        if filter.agent.is_some() && self.calls.texts().maybe(call.agent()) != agent() {
            return false;
        }
        if filter.direction.is_some_and(|direction| direction != CountedDirection::of(call.direction()))
            || filter.answered.is_some_and(|answered| answered != call.answered())
        {
            return false;
        }
        if filter.status.is_none() && filter.counted.is_none() && filter.from.is_none() && filter.to.is_none()
        {
            return true;
        }
        let (configuration, day) = self.timeline.at(call.begun());
        filter.from.is_none_or(|from| from <= day)
            && filter.to.is_none_or(|to| day <= to)
            && filter.counted.is_none_or(|counted| counted == is_counted(call, configuration))
            && filter.status.is_none_or(|status| call.verdict(configuration).0 == status)
    }
}

impl Tenant {
    /// The calls as they are now, to be read while folding goes on.
    pub fn call_list(&self) -> CallList {
        CallList::new(&self.calls.rows, &self.profile.timeline)
    }

    /// One call as served.
    pub fn call(&self, id: &str) -> Option<CallItem> {
        let calls = &self.calls.rows;
        Some(item(calls, calls.row(id)?, &self.profile.timeline))
    }
}

/// Whether the figures of answered and qualified count the call.
fn is_counted(call: &CallRow, configuration: &Configuration) -> bool {
    call.exists() && configuration.counts(call.direction())
}

/// A call as served.
fn item(calls: &Calls, row: u32, timeline: &Timeline) -> CallItem {
    let (call, texts) = (calls.rows().get(row), calls.texts());
    let (configuration, _) = timeline.at(call.begun());
    let (verdict, reason) = call.verdict(configuration);
    let text = |symbol| texts.maybe(symbol).map(str::to_owned);
    let [answered_at, ended_at] = call.moments().map(|moment| moment.map(|at| at.to_string()));
    let [source, campaign] = call.from_where().map(text);
    let mut recordings: Vec<_> = call.recordings().iter().collect();
    recordings.sort_unstable_by_key(|recording| (recording.order(), texts.get(recording.id)));
    CallItem {
        call_id: texts.get(call.id).to_owned(),
        status: verdict.as_str(),
        reason: reason.of_figure(configuration.counts(call.direction())).as_str(),
        counted: is_counted(call, configuration),
        call_status: call.status().map(|status| status.as_str()),
        answered: call.answered(),
        duration_seconds: call.duration_seconds(),
        direction: call.direction().map(|direction| direction.as_str()),
        from: text(call.from()),
        to: text(call.to()),
        agent: text(call.agent()),
        lead_id: text(call.lead()),
        session_id: text(call.session()),
        started_at: call.begun().to_string(),
        answered_at,
        ended_at,
        source,
        campaign,
        outcome: calls.outcome(row).map(|outcome| outcome.as_str()),
        recordings: recordings
            .into_iter()
            .map(|recording| RecordingItem {
                recording_id: texts.get(recording.id).to_owned(),
                duration_seconds: recording.duration_seconds(),
                url: None,
                fact: recording.position,
            })
            .collect(),
    }
}
