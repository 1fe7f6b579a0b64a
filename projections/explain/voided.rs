//! Of which figures a voided fact would be: it stands in no row, so it is folded alone.

use std::sync::Arc;

use domain::facts::sync::SyncFact;
use domain::facts::{Fact, Subject};
use domain::keys::PersonDigest;
use domain::members::Instant;
use domain::rules::configuration::Timeline;

use super::fields::StateSubject;
use super::refold::alone;
use super::tally::{FigureTally, TallyOf};
use crate::Recorded;

/// What a fact speaks of. A person who has no id has no name here.
fn subject_of(fact: &Fact) -> String {
    fact.subject(&|_| PersonDigest::default())
}

impl FigureTally {
    /// The subject by which a fact that was voided would be of the figure's span; none where it would not.
    pub fn subject_of_voided(&self, timeline: &Arc<Timeline>, voided: &Recorded<'_>) -> Option<String> {
        if let TallyOf::Records(records) = &self.of {
            // A part of a snapshot counts nowhere without its run.
            let Fact::Sync(SyncFact::Snapshot(part)) = voided.fact else { return None };
            return (part.resource == records.resource).then(|| subject_of(voided.fact));
        }
        let mut alone = alone(timeline);
        alone.fold(voided);
        self.subjects(&alone).first().map(|subject| subject.id.name(&alone))
    }
}

impl StateSubject {
    /// Whether a fact that was voided would be one of the subject's.
    pub fn would_have(&self, timeline: &Arc<Timeline>, voided: &Recorded<'_>) -> bool {
        let mut alone = alone(timeline);
        alone.fold(voided);
        !self.facts(&alone).is_empty()
    }
}

/// Whether a fact had happened by `until`, if that was asked for.
pub fn had_happened(fact: &Recorded<'_>, until: Option<Instant>) -> bool {
    until.is_none_or(|until| fact.occurred_at <= until)
}
