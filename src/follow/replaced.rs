//! Facts that an accepted conflict replaced (RULINGS, Conflict): at their place in the log stands other content.

use std::collections::BTreeMap;
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

/// What stands in the place of replaced facts, by tenant and position.
#[derive(Debug, Default)]
pub struct Replaced(BTreeMap<Box<str>, BTreeMap<Position, Decoded>>);

impl Replaced {
    /// Those of the conflicts accepted up to a position; of several over one fact the last counts.
    ///
    /// # Errors
    /// What the log cannot read, or an accepted conflict that cannot be decoded.
    pub fn load(
        snapshot: &LogSnapshot,
        tenant: Option<&TenantId>,
        up_to: Position,
    ) -> Result<Self, FoldError> {
        let (mut accepted, mut failed) = (BTreeMap::new(), None);
        let groups = GroupSet::NONE.with(ControlFact::GROUP);
        let select = Select { tenant: tenant.cloned(), groups, up_to, ..Select::all() };
        snapshot.for_each(&select, &mut |position, record| {
            let header = &record.header;
            if is_accepted(header.kind) {
                match Fact::decode(header.kind, header.version, record.public, record.personal()) {
                    Ok(Fact::Control(ControlFact::ConflictAccepted(body))) => {
                        accepted
                            .insert((Box::<str>::from(header.tenant), body.first_position), (position, body));
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
        let mut replaced = Self::default();
        for ((tenant, first), (position, body)) in accepted {
            if let Some(stands) = stands_for(snapshot, &tenant, first, position, body)? {
                replaced.0.entry(tenant).or_default().insert(first, stands);
            }
        }
        Ok(replaced)
    }

    /// Of one tenant, by position.
    pub fn of(&self, tenant: &str) -> Option<&BTreeMap<Position, Decoded>> {
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
