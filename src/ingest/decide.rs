//! What a person decided of a conflict: the second content replaces the first, or the first stands (R1).

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::control::{ConflictAccepted, ConflictObserved, ConflictRejected, ControlFact};
use domain::keys::engine::{EngineKey, HexDigest};
use domain::keys::{ContentDigest, Position, Provider, TenantId};
use domain::members::{Instant, Text};
use domain::record::Private;

use super::Ingest;
use super::conflict::{Evidence, diff};
use super::error::IngestError;
use crate::log::{Appended, LogError};

/// A decision over a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The second content replaces the first in its entity.
    Accept,
    /// The first stands.
    Reject,
}

impl Decision {
    /// The conflict's state once it was decided so.
    pub fn state(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Reject => "rejected",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Accept => Self::Reject,
            Self::Reject => Self::Accept,
        }
    }
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It holds from this position on.
    Now(Position),
    /// The same was decided before, at this position.
    Already(Position),
    /// The other was decided before, at this position: it stands.
    Otherwise(Position),
    /// The tenant has no conflict there.
    Unknown,
}

impl Ingest {
    /// Decides over the conflict whose evidence stands at `evidence`. One key holds the decision, so of two that
    /// race one is recorded and the other is told of it.
    ///
    /// # Errors
    /// The log's.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        evidence: Position,
        decision: Decision,
        by: Option<Text>,
    ) -> Result<Decided, IngestError> {
        let Some((observed, original)) = self.observed(tenant, evidence)? else {
            return Ok(Decided::Unknown);
        };
        let (first, second) = (observed.first_position, observed.second_digest);
        let of_tenant = |fact: &Fact| matches!(fact, Fact::Tenant(_));
        let configures = decision == Decision::Accept
            && (of_tenant(&observed.brought.0) || self.fact_at(first)?.as_ref().is_some_and(of_tenant));
        let fact = match decision {
            Decision::Accept => ControlFact::ConflictAccepted(ConflictAccepted {
                first_position: first,
                second_digest: second,
                occurred_at: observed.occurred_at,
                time_source: observed.time_source,
                by,
                brought: observed.brought,
            }),
            Decision::Reject => ControlFact::ConflictRejected(ConflictRejected {
                first_position: first,
                second_digest: second,
                by,
            }),
        };
        // The correction is made of what the evidence was made of.
        let original = if decision == Decision::Accept { original } else { Bytes::new() };
        let key = EngineKey::ConflictDecision { first, second: HexDigest(second) };
        let envelope = Envelope::by_engine(tenant.clone(), &key, self.now(), Fact::Control(fact))?;
        let appended = self.append(&[envelope], &original)?.await?;
        match appended.first() {
            Some(Appended::Recorded(position)) => {
                // What is the tenant's follows its configuration at once.
                if configures {
                    self.follow_configurations()?;
                }
                Ok(Decided::Now(*position))
            }
            Some(Appended::Duplicate(position) | Appended::Differs(position)) => {
                match self.decision_at(*position)? {
                    known if known == decision => Ok(Decided::Already(*position)),
                    _ => Ok(Decided::Otherwise(*position)),
                }
            }
            None => Err(IngestError::Engine("the log gave no answer".into())),
        }
    }

    /// The evidence of the conflict at `evidence` with the fact at `first`. Reads the log's files; what was erased of
    /// either is no difference that can be shown.
    ///
    /// # Errors
    /// The log's.
    pub fn evidence(&self, first: Position, evidence: Position) -> Result<Evidence, IngestError> {
        let unreadable = |why: &str| IngestError::Unreadable { position: evidence, why: why.into() };
        let Some(Fact::Control(ControlFact::ConflictObserved(observed))) = self.fact_at(evidence)? else {
            return Err(unreadable("it is no conflict_observed"));
        };
        let record = self.log.read(first)?.ok_or_else(|| unreadable("its first fact is not there"))?;
        let view = record.view().map_err(|error| LogError::Record { position: first, error })?;
        let header = view.header;
        let stands = Fact::decode(header.kind, header.version, view.public, view.personal());
        let stands = stands.map_err(|error| unreadable(&error.to_string()))?;
        let first_at = (!header.time_received).then_some(Instant(header.occurred_at));
        let second_at = observed.time_source.is_none().then_some(observed.occurred_at);
        Ok(Evidence {
            diff: diff((first_at, &stands), (second_at, &observed.brought.0)),
            count: self.conflict_counter.of(first, observed.second_digest),
            counted_since: self.conflict_counter.counted_since(),
        })
    }

    /// What was decided of the content `second` under the key of the fact at `first`, and where it stands. Asks
    /// the index, which may wait for sled.
    pub(super) fn decision(
        &self,
        tenant: &TenantId,
        first: Position,
        second: &ContentDigest,
    ) -> Result<Option<(Decision, Position)>, IngestError> {
        let key = EngineKey::ConflictDecision { first, second: HexDigest(*second) }.to_string();
        let key = self.secret.key_hash(tenant.as_str(), Provider::ENGINE, &key);
        match self.log.find(&key)? {
            Some((position, _)) => Ok(Some((self.decision_at(position)?, position))),
            None => Ok(None),
        }
    }

    fn decision_at(&self, position: Position) -> Result<Decision, IngestError> {
        let unreadable = |why: &str| IngestError::Unreadable { position, why: why.into() };
        match self.fact_at(position)? {
            Some(Fact::Control(ControlFact::ConflictAccepted(_))) => Ok(Decision::Accept),
            Some(Fact::Control(ControlFact::ConflictRejected(_))) => Ok(Decision::Reject),
            Some(_) => Err(unreadable("it has a decision's key and is none")),
            None => Err(unreadable("it is not there")),
        }
    }

    fn observed(
        &self,
        tenant: &TenantId,
        position: Position,
    ) -> Result<Option<(ConflictObserved, Bytes)>, IngestError> {
        let Some(record) = self.log.read(position)? else { return Ok(None) };
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        let header = view.header;
        if header.tenant != tenant.as_str() || header.kind.group != ControlFact::GROUP {
            return Ok(None);
        }
        let fact = Fact::decode(header.kind, header.version, view.public, view.personal());
        let fact = fact.map_err(|error| IngestError::Unreadable { position, why: error.to_string() })?;
        let Fact::Control(ControlFact::ConflictObserved(observed)) = fact else { return Ok(None) };
        let original = match view.private {
            Private::Kept { .. } => self.log.original(&view)?,
            Private::None | Private::Erased { .. } => Bytes::new(),
        };
        Ok(Some((observed, original)))
    }
}
