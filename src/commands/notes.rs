//! Notes that people write here, and take back (B9).

use domain::facts::Fact;
use domain::facts::note::{Note, NoteFact};
use domain::keys::engine::EngineKey;
use domain::keys::{Position, TenantId};
use domain::members::{Instant, LongText, Text};
use domain::rules::decision::{Decision, NewFact};

use super::{CommandError, Commands, IdempotencyKey, Receipt, fresh_id};
use crate::views::TenantView;

/// A note to be written.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// Who writes it.
    pub author: Option<Text>,
    /// What it says.
    pub content: LongText,
    /// Whom it is about.
    pub contact: Option<Text>,
}

/// No note of this id was written here; notes of the CRM cannot be removed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such note of one's own")]
pub struct NoteNotFound;

impl Commands {
    /// Writes a note; answers its id and the position at which it stands.
    ///
    /// # Errors
    /// [`CommandError::Mismatch`], or one after which the command may be sent again.
    pub async fn write_note(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        new: NewNote,
    ) -> Result<(Text, Receipt<Position>), CommandError<NoteNotFound>> {
        let mut note_id = fresh_id()?;
        let receipt = self.once(tenant, key, |_, first| {
            if let Some(Fact::Note(NoteFact::Written(first))) = first {
                note_id.clone_from(&first.note_id);
            }
            let NewNote { author, content, contact } = new.clone();
            let note = Note { note_id: note_id.clone(), author, content: Some(content), contact };
            Ok(Some(Fact::Note(NoteFact::Written(note))))
        });
        let receipt = receipt.await?;
        Ok((note_id, receipt))
    }

    /// Removes a note that was written here; answers the position at which it is gone.
    ///
    /// # Errors
    /// [`NoteNotFound`].
    pub async fn remove_note(
        &self,
        tenant: &TenantId,
        note_id: &Text,
        by: Option<Text>,
    ) -> Result<Receipt<Position>, CommandError<NoteNotFound>> {
        let decide = |view: &TenantView, now: Instant| {
            view.with(|tenant, position| {
                let note = tenant.notes.rows.find(note_id.as_str()).ok_or(NoteNotFound)?;
                if note.date().is_none() {
                    return Ok(Decision::Stands(position));
                }
                let body =
                    Note { note_id: note_id.clone(), author: by.clone(), content: None, contact: None };
                Ok(Decision::Append(NewFact {
                    // Written again it can be removed again, so the key names the text that is taken back.
                    key: EngineKey::NoteRemoval { written: note.fact },
                    // A removal that happened before the text would not remove it: a clock may have been set back.
                    occurred_at: Some(note.last_at()).filter(|last| *last > now),
                    fact: Fact::Note(NoteFact::Removed(body)),
                }))
            })
        };
        self.decide(tenant, decide).await
    }
}
