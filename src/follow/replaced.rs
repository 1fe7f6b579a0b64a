//! Facts that an accepted conflict replaced (RULINGS, Conflict): at their place in the log stands other content. And those
//! that were voided (RULINGS, Void): there stands nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use domain::facts::control::{ConflictAccepted, ControlFact};
use domain::facts::{Fact, kind_name};
use domain::keys::{Position, TenantId};
use domain::members::Instant;
use domain::record::KindTag;

use super::{Decoded, FoldError};
use crate::log::select::{GroupSet, Select};
use crate::log::{LogError, LogSnapshot};

/// Whether facts of this kind replace others.
pub fn is_accepted(kind: KindTag) -> bool {
    kind.group == ControlFact::GROUP && kind_name(kind) == Some("conflict_accepted")
}

/// Whether facts of this kind change what stands at an earlier place: what was folded of their tenant is folded anew.
pub fn alters(kind: KindTag) -> bool {
    let is_void = || matches!(kind_name(kind), Some("fact_voided" | "fact_restored"));
    kind.group == ControlFact::GROUP && (is_accepted(kind) || is_void())
}

/// What stands in the place of replaced and voided facts, by tenant and position: none of those that are voided.
#[derive(Debug, Default)]
pub struct Replaced(BTreeMap<Box<str>, BTreeMap<Position, Option<Decoded>>>);

/// Facts of a tenant that are folded as if they had been voided, or restored, behind all that was decided.
#[derive(Debug, Clone)]
pub struct Supposed {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub positions: BTreeSet<Position>,
    /// Voided; else restored.
    pub voided: bool,
}

/// What was decided of the fact at a place, up to a position.
#[derive(Default)]
struct Place {
    accepted: Option<(Position, ConflictAccepted)>,
    is_voided: bool,
}

impl Place {
    fn decide(&mut self, position: Position, fact: ControlFact) {
        match fact {
            // A correction counts, also of a fact that was voided before.
            ControlFact::ConflictAccepted(body) => {
                *self = Self { accepted: Some((position, body)), is_voided: false };
            }
            ControlFact::FactVoided(_) => self.is_voided = true,
            ControlFact::FactRestored(_) => self.is_voided = false,
            ControlFact::Quarantined(_)
            | ControlFact::QuarantineResolved(_)
            | ControlFact::ConflictObserved(_)
            | ControlFact::ConflictRejected(_)
            | ControlFact::PersonErased(_) => {}
        }
    }
}

fn place_of(fact: &ControlFact) -> Option<Position> {
    match fact {
        ControlFact::ConflictAccepted(body) => Some(body.first_position),
        ControlFact::FactVoided(body) => Some(body.voided_position),
        ControlFact::FactRestored(body) => Some(body.voided_position),
        ControlFact::Quarantined(_)
        | ControlFact::QuarantineResolved(_)
        | ControlFact::ConflictObserved(_)
        | ControlFact::ConflictRejected(_)
        | ControlFact::PersonErased(_) => None,
    }
}

impl Replaced {
    /// As of a position: of several decisions over one fact the last counts.
    ///
    /// # Errors
    /// What the log cannot read, or a decision that cannot be decoded.
    pub fn load(
        snapshot: &LogSnapshot,
        tenant: Option<&TenantId>,
        up_to: Position,
        supposed: Option<&Supposed>,
    ) -> Result<Self, FoldError> {
        let (mut places, mut failed) = (BTreeMap::<(Box<str>, Position), Place>::new(), None);
        let groups = GroupSet::NONE.with(ControlFact::GROUP);
        let select = Select { tenant: tenant.cloned(), groups, up_to, ..Select::all() };
        snapshot.for_each(&select, &mut |position, record| {
            let header = &record.header;
            if alters(header.kind) {
                match Fact::decode(header.kind, header.version, record.public, record.personal()) {
                    Ok(Fact::Control(fact)) => {
                        if let Some(place) = place_of(&fact) {
                            let place = places.entry((header.tenant.into(), place)).or_default();
                            place.decide(position, fact);
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        failed = Some(FoldError::Fact { position, error });
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(Supposed { tenant, positions, voided }) = supposed {
            for position in positions {
                let place = places.entry((tenant.as_str().into(), *position)).or_default();
                place.is_voided = *voided;
            }
        }
        let mut replaced = Self::default();
        for ((tenant, first), Place { accepted, is_voided }) in places {
            let stands = match accepted.filter(|_| !is_voided) {
                Some((position, body)) => stands_for(snapshot, &tenant, first, position, body)?,
                None => None,
            };
            // A restored fact that nobody corrected stands as it stood.
            if is_voided || stands.is_some() {
                replaced.0.entry(tenant).or_default().insert(first, stands);
            }
        }
        Ok(replaced)
    }

    /// Of one tenant, by position: what stands there, none where the fact is voided.
    pub fn of(&self, tenant: &str) -> Option<&BTreeMap<Position, Option<Decoded>>> {
        self.0.get(tenant)
    }

    /// The tenants that have any.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|tenant| &**tenant)
    }
}

/// The fact at `first` with the content of the conflict accepted at `accepted_at`; none where one of them is no fact of
/// the tenant.
///
/// # Errors
/// What the log cannot read, or an accepted conflict that cannot be decoded.
pub fn standing(
    snapshot: &LogSnapshot,
    tenant: &str,
    first: Position,
    accepted_at: Position,
) -> Result<Option<Decoded>, FoldError> {
    let accepted = snapshot.view(accepted_at, |record| Decoded::of(accepted_at, &record))?.transpose()?;
    match accepted.map(|accepted| accepted.fact) {
        Some(Fact::Control(ControlFact::ConflictAccepted(body))) => {
            stands_for(snapshot, tenant, first, accepted_at, body)
        }
        Some(_) | None => Ok(None),
    }
}

/// The fact at `first` with the accepted content; none where it is no fact of the tenant.
fn stands_for(
    snapshot: &LogSnapshot,
    tenant: &str,
    first: Position,
    accepted_at: Position,
    body: ConflictAccepted,
) -> Result<Option<Decoded>, FoldError> {
    let Some(record) = snapshot.read(first)? else { return Ok(None) };
    let view = record.view().map_err(|error| LogError::Record { position: first, error })?;
    let header = &view.header;
    // A content that gave no time of its own happened when the first says that it did.
    let occurred_at = match body.time_source {
        None => body.occurred_at,
        Some(_) => Instant(header.occurred_at),
    };
    Ok((header.tenant == tenant).then_some(Decoded {
        position: first,
        content_at: accepted_at,
        recorded_at: Instant(header.recorded_at),
        occurred_at,
        content: body.second_digest,
        fact: *body.brought.0,
    }))
}
