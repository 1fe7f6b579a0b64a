//! Alert targets set and removed: the facts of it, and why a target is refused.

use domain::facts::setting::{AlertStyle, AlertTargetRemoved, AlertTargetSet, SettingFact};
use domain::keys::Position;
use domain::members::Text;

use super::client::OutboundError;
use crate::ingest::error::IngestError;

/// Targets at most: each alert goes to all that want it.
pub const TARGETS_MAX: usize = 100;

/// Why a target was not set or removed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TargetError {
    /// Its URL may not be called.
    #[error(transparent)]
    Url(#[from] OutboundError),
    /// There are [`TARGETS_MAX`].
    #[error("there are {TARGETS_MAX} targets, and that is the most")]
    TooMany,
    /// The change is recorded at this position and not folded in time.
    #[error("position {0} is not folded yet")]
    NotFolded(Position),
    /// The log's.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// A target that is to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTarget {
    /// Where messages go.
    pub url: Text,
    /// Format of the message.
    pub style: AlertStyle,
    /// Tenants whose alerts it gets; empty: every tenant's, and those of none.
    pub tenants: Vec<Text>,
    /// Rules whose alerts it gets; empty: every rule's.
    pub rules: Vec<Text>,
    /// Who sets it.
    pub by: Option<Text>,
}

/// The fact that sets a target of this id.
pub fn set(id: Text, new: NewTarget) -> SettingFact {
    let NewTarget { url, style, mut tenants, mut rules, by } = new;
    for list in [&mut tenants, &mut rules] {
        list.sort();
        list.dedup();
    }
    SettingFact::AlertTargetSet(AlertTargetSet { target_id: id, style, tenants, rules, by, url: Some(url) })
}

/// The fact that removes it.
pub fn removed(id: Text, by: Option<Text>) -> SettingFact {
    SettingFact::AlertTargetRemoved(AlertTargetRemoved { target_id: id, by })
}
