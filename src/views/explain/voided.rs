//! Voided facts among what does not count: each with why it was voided, and by which fact.

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::Position;
use domain::members::Instant;
use projections::explain::fields::StateSubject;
use projections::explain::reasons::NotCounted;
use projections::explain::subjects::CountedSubject;
use projections::explain::tally::FigureTally;
use projections::explain::voided::had_happened;

use super::{Contribution, ContributionCursor, ContributionPage, Explainer, Explanation, ReadFact};
use crate::follow::FoldError;

/// After every subject with the same first fact.
const LAST_PLACE: u32 = u32::MAX;

/// A fact that counts nowhere.
#[derive(Debug, Clone, Copy)]
pub struct VoidedFact {
    position: Position,
    voided_by: Position,
}

/// What a page tells of, in this order.
#[derive(Debug, Clone, Copy)]
pub enum ExplainEntry {
    /// A subject of the figure's span.
    Subject(CountedSubject),
    /// A fact that may be of the span.
    Voided(VoidedFact),
}

impl ExplainEntry {
    /// Its place.
    pub fn key(&self) -> (Position, u32) {
        match self {
            Self::Subject(subject) => (subject.first, subject.place),
            Self::Voided(fact) => (fact.position, LAST_PLACE),
        }
    }
}

impl Explainer {
    /// Every voided fact of the tenant, in no order.
    pub(super) fn voided_facts(&self) -> impl Iterator<Item = VoidedFact> + '_ {
        let voided = self.tenant.voids.rows.voided_facts();
        voided.map(|(position, voided_by)| VoidedFact { position, voided_by })
    }

    /// A voided fact, where it would be of the tally's span.
    pub(super) fn voided(
        &self,
        tally: &FigureTally,
        fact: VoidedFact,
        until: Option<Instant>,
    ) -> Result<Option<Contribution>, FoldError> {
        let Some(read) = self.read_voided(fact, until)? else { return Ok(None) };
        let timeline = &self.tenant.profile.timeline;
        let Some(subject) = tally.subject_of_voided(timeline, &read.decoded.recorded()) else {
            return Ok(None);
        };
        let why = self.why_voided(fact)?;
        Ok(Some(ReadFact { subject, ..read }.told(why, true)))
    }

    /// Voided facts that would be a state's.
    pub(super) fn voided_of_state(
        &self,
        subject: &StateSubject,
        page: &ContributionPage,
        answer: &mut Explanation,
    ) -> Result<(), FoldError> {
        let begin = page.after.map_or(0, |after| after.subject.0);
        let mut facts: Vec<VoidedFact> = self.voided_facts().filter(|fact| fact.position >= begin).collect();
        facts.sort_unstable_by_key(|fact| fact.position);
        for fact in facts {
            let Some(read) = self.read_voided(fact, page.until)? else { continue };
            if !subject.would_have(&self.tenant.profile.timeline, &read.decoded.recorded()) {
                continue;
            }
            if answer.contributions.len() == page.limit {
                let place = (fact.position, LAST_PLACE);
                let cursor = ContributionCursor { at: self.position, subject: place, told: 0 };
                answer.next_cursor = Some(cursor.to_string());
                break;
            }
            let read = ReadFact { subject: subject.name(&self.tenant), ..read };
            let told = read.told(self.why_voided(fact)?, true);
            answer.contributions.push(Contribution { delta: None, ..told });
        }
        Ok(())
    }

    fn read_voided(&self, fact: VoidedFact, until: Option<Instant>) -> Result<Option<ReadFact>, FoldError> {
        let read = self.read(fact.position, "")?;
        Ok(read.filter(|read| had_happened(&read.decoded.recorded(), until)))
    }

    /// In the words of whoever voided it.
    fn why_voided(&self, fact: VoidedFact) -> Result<NotCounted, FoldError> {
        let void = self.read(fact.voided_by, "")?;
        let words = void.and_then(|void| match void.decoded.fact {
            Fact::Control(ControlFact::FactVoided(body)) => Some(format!("it was voided: {}", body.reason)),
            _ => None,
        });
        let words = words.unwrap_or_else(|| "it was voided".to_owned());
        Ok(NotCounted { decided_by: Some(fact.voided_by), ..NotCounted::new("voided", words) })
    }
}
