//! What runs recorded that failed before they could tell that nobody had delivered it.
//!
//! A run records the events it finds at once and tells of the difference at its success. A run that fails in between, or
//! is killed, leaves events in the log that look delivered. The next run of their span tells of them.

use domain::keys::Position;
use domain::members::Instant;

use super::runs::{End, SyncRuns};
use crate::store::Symbol;

/// Where the failed runs of a source stand in the log, and what its successful ones told since.
#[derive(Debug, Clone, Default)]
pub struct Untold {
    /// First and last position of each failed run, in order; a source has one run at a time.
    failed: Vec<(Position, Position)>,
    /// Last position and span of each successful run since the first of those.
    told: Vec<(Position, (Instant, Instant))>,
}

impl SyncRuns {
    /// What the ended runs of a source left untold.
    pub fn untold(&self, source: Symbol) -> Untold {
        let mut untold = Untold::default();
        for run in self.rows.iter().filter(|run| run.source == source) {
            let Some(End { success, .. }) = run.end else { continue };
            let (first, last) = (run.facts.iter().min(), run.facts.iter().max());
            let (Some(first), Some(last)) = (first, last) else { continue };
            match run.span {
                _ if !success => untold.failed.push((first, last)),
                Some(span) => untold.told.push((last, span)),
                None => {}
            }
        }
        untold.failed.sort_unstable();
        let since = untold.failed.first().map(|(first, _)| *first);
        untold.told.retain(|(last, _)| since.is_some_and(|since| *last > since));
        untold
    }
}

impl Untold {
    /// Whether a fact stands among those of a failed run, and no run since has told of the span of `at`.
    pub fn holds(&self, fact: Position, at: Instant) -> bool {
        let before = self.failed.partition_point(|(first, _)| *first < fact);
        let is_of_failed = before.checked_sub(1).is_some_and(|run| fact < self.failed[run].1);
        let is_told =
            |(last, (from, to)): &(Position, (Instant, Instant))| *last > fact && (*from..*to).contains(&at);
        is_of_failed && !self.told.iter().any(is_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_run_recorded_is_untold_until_a_run_of_its_span_succeeds() {
        let at = |second: i64| Instant(second * 1_000_000);
        let untold = Untold { failed: vec![(10, 20), (30, 40)], told: vec![(25, (at(0), at(100)))] };
        for (fact, began, expected) in [
            (9, 200, false),
            (10, 200, false),
            (11, 200, true),
            (19, 200, true),
            (20, 200, false),
            (25, 200, false),
            (31, 200, true),
            (41, 200, false),
            // The run that ended at 25 told of it; not of what was recorded after.
            (11, 50, false),
            (31, 50, true),
            // Its span is without its end.
            (11, 100, true),
        ] {
            assert_eq!(untold.holds(fact, at(began)), expected, "fact {fact} of {began}");
        }
        assert!(!Untold::default().holds(11, at(200)));
    }
}
