//! What is known of calls, beside what a provider's own list says of them.

use domain::facts::call::CallReported;
use domain::keys::Position;
use domain::members::Instant;

use super::Calls;

/// What is known already of a call, or of a leg, that is reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownCall {
    /// Position of the last fact of the call; 0 where there is none.
    pub last: Position,
    /// Position of its first; 0 where there is none.
    pub first: Position,
    /// Whether it was reported before.
    pub is_reported: bool,
    /// Whether all that the report says is known.
    pub is_told: bool,
    /// Whether the recording of the given id is known.
    pub has_recording: bool,
}

impl Calls {
    /// What is known of the call that `report` is of, and of its recording of this id.
    pub fn known(&self, report: &CallReported, recording: Option<&str>) -> KnownCall {
        let id = report.parent_call_id.as_ref().unwrap_or(&report.call_id);
        let Some(row) = self.row(id.as_str()).map(|at| self.rows().get(at)) else {
            return KnownCall::default();
        };
        let texts = self.texts();
        let has = |id: &str| row.recordings().iter().any(|known| texts.get(known.id) == id);
        KnownCall {
            last: row.facts().iter().max().unwrap_or_default(),
            first: row.facts().iter().min().unwrap_or_default(),
            is_reported: row.has_reported(report, self.strings()),
            is_told: row.tells(report, self.strings()),
            has_recording: recording.is_some_and(has),
        }
    }

    /// Ids of the calls that began from `since` on and were last reported at `before` or earlier, and not as ended;
    /// the oldest first.
    pub fn unfinished(&self, since: Instant, before: Instant) -> Vec<String> {
        let mut unfinished: Vec<(Instant, u32)> = self
            .begun_between(since, before)
            .filter(|(_, at)| self.rows().get(*at).open_since().is_some_and(|last| last <= before))
            .collect();
        unfinished.sort_unstable();
        unfinished.into_iter().map(|(_, at)| self.texts().get(self.rows().get(at).id).to_owned()).collect()
    }

    /// Begin and id of the calls that began from `from` on and before `to`, and were reported as ended.
    pub fn ended_between(&self, from: Instant, to: Instant) -> impl Iterator<Item = (Instant, &str)> {
        let begun = self.begun_between(from, Instant(to.0.saturating_sub(1)));
        let ended = begun.filter(|(_, at)| self.rows().get(*at).has_ended());
        ended.map(|(begun, at)| (begun, self.texts().get(self.rows().get(at).id)))
    }

    fn begun_between(&self, from: Instant, to: Instant) -> impl Iterator<Item = (Instant, u32)> {
        let rows = self.order().newest_first(to, from).flatten();
        let begun = rows.map(|at| (self.rows().get(*at).begun(), *at));
        begun.filter(move |(begun, _)| (from..=to).contains(begun))
    }
}
