//! Erasures on a log of several nodes: each is ordered by a fact, whose original says which facts are meant, as the register
//! does. Every node carries it out in its own files; what orders the log has the data until it is made anew from a journal.

use std::ops::ControlFlow;

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::{Position, TenantId};

use super::erasures::{Erasure, ErasureRegister};
use super::error::LogError;
use super::select::{GroupSet, Select};
use super::snapshot::LogSnapshot;
use super::stored_fact::decode;

impl LogSnapshot {
    /// The erasures that facts of `after < position <= up_to` order, oldest first. Those of a log of one node order nothing: it
    /// carried them out when it recorded them.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn ordered_erasures(&self, after: Position, up_to: Position) -> Result<Vec<Erasure>, LogError> {
        let mut positions = Vec::new();
        let groups = GroupSet::NONE.with(ControlFact::GROUP);
        let select = Select { from: after + 1, up_to, groups, ..Select::all() };
        self.for_each(&select, &mut |position, record| {
            // What cannot be decoded is the folds' to report.
            if let Ok(Fact::Control(ControlFact::PersonErased(_))) = decode(position, &record) {
                positions.push(position);
            }
            ControlFlow::Continue(())
        })?;
        let mut ordered = Vec::new();
        for position in positions {
            let Some(record) = self.read(position)? else { continue };
            let record = record.view().map_err(|error| LogError::Record { position, error })?;
            let original = self.original(&record)?;
            if original.is_empty() {
                continue;
            }
            // An imported fact may have any original.
            match serde_json::from_slice::<Erasure>(&original) {
                Ok(erasure) if TenantId::stored(&erasure.tenant).is_ok() => ordered.push(erasure),
                Ok(_) | Err(_) => {
                    tracing::warn!(position, "the fact orders no erasure that this release knows")
                }
            }
        }
        Ok(ordered)
    }

    /// The ordered erasures that this log's own register does not say to be carried out.
    ///
    /// # Errors
    /// Those of [`LogSnapshot::ordered_erasures`], and the register's.
    pub fn open_erasures(&self) -> Result<Vec<Erasure>, LogError> {
        let register = ErasureRegister::read(&*self.disk)?;
        let mut open = self.ordered_erasures(0, Position::MAX)?;
        open.retain(|erasure| register.find(&erasure.erasure_id).is_none());
        open.extend(register.pending().cloned());
        Ok(open)
    }
}
