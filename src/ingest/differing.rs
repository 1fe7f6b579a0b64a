//! Resolves facts whose key is in the log with other content: the same content under another reading, a correction that
//! was accepted, or a conflict.

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::engine::HexDigest;
use domain::keys::{ExternalId, Position};

use super::Ingest;
use super::conflict::{Conflict, First, same_today};
use super::error::IngestError;
use super::verdict::ConflictVerdict;
use crate::log::Appended;

/// A fact whose key is in the log with other content.
pub(super) struct DifferingFact {
    /// Position of the first fact of the key.
    pub position: Position,
    pub second: Envelope,
    /// The bytes that the second fact was read from.
    pub original: Bytes,
}

/// What a source knows of two contents of one key.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'a> {
    /// The facts of an original by today's mapping.
    pub remap: &'a (dyn Fn(Bytes) -> Vec<Envelope> + Sync),
    /// Whether the second says what the first could not yet.
    pub completes: &'a (dyn Fn(&Fact, &Fact) -> bool + Sync),
}

/// How a fact relates to the one that has its key.
pub(super) enum KeyMatch {
    /// It completes the first, under a key of its own.
    Completion(Appended),
    /// Today's mapping reads this content from the first's original, or the content was accepted as a correction at this
    /// position.
    Same(Position),
    Conflict(Conflict),
}

/// What is still to come of a differing fact.
enum Next {
    Known(KeyMatch),
    Completion,
    Evidence,
}

impl Ingest {
    /// Answers each of `differing`, in order. Their evidence is appended in groups, so that thousands of conflicts of one
    /// import cost a few syncs.
    pub(super) async fn resolve_differing(
        &self,
        differing: Vec<DifferingFact>,
        comparison: Comparison<'_>,
    ) -> Result<Vec<KeyMatch>, IngestError> {
        let mut resolved = Vec::with_capacity(differing.len());
        let mut evidence = Vec::new();
        let drafter = self.drafter();
        for second in &differing {
            let digest = self.digest(&second.second)?;
            let first = First::read(&self.log, second.position, &second.second)?;
            let remapped = first.original.clone().map(comparison.remap).unwrap_or_default();
            let again = remapped.iter().find(|again| again.external_id == second.second.external_id);
            if same_today(again, &second.second, digest, &self.secret) {
                resolved.push(Next::Known(KeyMatch::Same(second.position)));
                continue;
            }
            let key = ExternalId::new(&format!("{}:{}", second.second.external_id, HexDigest(digest)));
            let (envelope, next) = match key {
                Ok(external_id) if (comparison.completes)(&first.fact, &second.second.fact) => {
                    (Envelope { external_id, ..second.second.clone() }, Next::Completion)
                }
                Ok(_) | Err(_) => (first.evidence(&second.second, digest, self.now())?, Next::Evidence),
            };
            evidence.push(drafter.draft(&envelope, &second.original)??);
            resolved.push(next);
        }
        let mut appended = self.log.append_all(evidence)?.await?.into_iter();
        let mut answers = Vec::with_capacity(resolved.len());
        let missing = || IngestError::Engine("the log answered too few facts".into());
        for (next, DifferingFact { position, second, .. }) in resolved.into_iter().zip(differing) {
            answers.push(match next {
                Next::Known(known) => known,
                Next::Completion => KeyMatch::Completion(appended.next().ok_or_else(missing)?),
                Next::Evidence => self.known(position, &second, appended.next().ok_or_else(missing)?)?,
            });
        }
        Ok(answers)
    }

    fn known(
        &self,
        position: Position,
        second: &Envelope,
        evidence: Appended,
    ) -> Result<KeyMatch, IngestError> {
        let digest = self.digest(second)?;
        let is_new = matches!(evidence, Appended::Recorded(_));
        if !is_new
            && let Some((verdict, decided)) = self.verdict(&second.tenant, position, &digest)?
            && verdict == ConflictVerdict::Accept
        {
            return Ok(KeyMatch::Same(decided));
        }
        let count = self.conflict_counter.one_more(position, digest, !is_new);
        let counted = (count, self.conflict_counter.counted_since());
        // Read again rather than kept: of thousands of conflicts all facts would lie in memory at once.
        let first = First::read(&self.log, position, second)?;
        Ok(KeyMatch::Conflict(first.conflict(second, digest, evidence.position(), counted)))
    }
}
