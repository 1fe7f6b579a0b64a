//! The log followed: what is made of facts alone is a [`Fold`], and a [`Follower`] hands it every new batch of facts.
//!
//! Each fold has a position of its own, its [`Checkpoint`]. Access, directory and alert targets are [`Ahead`] of the read
//! models, which take no batch that those have not folded: whoever waits for the read models has waited for access and
//! directory, too. A slow fold of read models never delays a revocation.

mod checkpoint;
mod decoded;
mod error;
mod follower;
mod replaced;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use domain::facts::control::ControlFact;
use domain::keys::{Position, Provider};
use domain::record::{KindTag, RecordRef};

pub use self::checkpoint::Checkpoint;
pub use self::decoded::Decoded;
pub use self::error::FoldError;
pub use self::follower::{Ahead, Follower};
pub use self::replaced::{Replaced, Supposed, alters, is_accepted, standing};
use crate::log::LogSnapshot;
use crate::log::select::{GroupSet, Select};

/// State in memory that facts alone make.
pub trait Fold: Send + Sync {
    /// Groups of the kinds that it needs decoded. Accepted conflicts are decoded for every fold, because they put
    /// another fact at an earlier place.
    fn groups(&self) -> GroupSet;

    /// Folds a batch and advances the checkpoint to its last position.
    ///
    /// # Errors
    /// What stops this fold for good; the others go on.
    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError>;

    /// How far it is.
    fn checkpoint(&self) -> &Checkpoint;
}

/// Facts that follow each other in the log.
#[derive(Debug)]
pub struct Batch<'r> {
    /// In the order of the log.
    pub entries: Vec<Entry<'r>>,
    /// The position that the log is folded to with them.
    pub last: Position,
}

/// A fact of a batch.
#[derive(Debug)]
pub struct Entry<'r> {
    /// Where it stands.
    pub position: Position,
    /// Whose it is.
    pub tenant: Cow<'r, str>,
    /// Whether the engine made it, not a provider or client.
    pub by_engine: bool,
    /// Its kind.
    pub kind: KindTag,
    /// The fact; none of a kind that no fold of the batch needs.
    pub decoded: Option<Decoded>,
}

impl<'r> Entry<'r> {
    fn of(position: Position, record: &RecordRef<'r>, needed: GroupSet) -> Result<Self, FoldError> {
        let header = &record.header;
        let is_needed = needed.contains(header.kind.group) || is_accepted(header.kind);
        Ok(Self {
            position,
            tenant: Cow::Borrowed(header.tenant),
            by_engine: header.provider == Provider::ENGINE,
            kind: header.kind,
            decoded: is_needed.then(|| Decoded::of(position, record)).transpose()?,
        })
    }

    fn into_owned(self) -> Entry<'static> {
        Entry { tenant: Cow::Owned(self.tenant.into_owned()), ..self }
    }
}

/// Folds the history of the log into `folds` that have only few groups: their facts are held in memory at once.
///
/// # Errors
/// What the log cannot read, or a fact that this release cannot decode.
pub fn fold_history(snapshot: &LogSnapshot, folds: &[Arc<dyn Fold>]) -> Result<(), FoldError> {
    let needed = folds.iter().fold(GroupSet::NONE, |all, fold| all.union(fold.groups()));
    let select = Select { groups: needed.with(ControlFact::GROUP), ..Select::all() };
    let (mut entries, mut failed) = (Vec::new(), None);
    snapshot.for_each(&select, &mut |position, record| {
        match Entry::of(position, &record, needed) {
            Ok(entry) if entry.decoded.is_some() => entries.push(entry.into_owned()),
            Ok(_) => {}
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let batch = Batch { entries, last: snapshot.head().position };
    folds.iter().try_for_each(|fold| fold.apply(&batch))
}
