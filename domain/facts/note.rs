//! Facts of notes that people write here; no sync touches them (B9).

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::{LongText, Text};
use crate::{body, group};

body! {
    /// The body of `note_written` and `note_removed`.
    Note {
        public {
            /// The note.
            required note_id: Text;
            /// Who wrote or removed it.
            optional author: Text;
        }
        personal {
            /// What it says.
            optional content: LongText;
            /// Whom it is about.
            optional contact: Text;
        }
    }
}

group! {
    /// Facts of notes.
    NoteFact = 7 {
        /// Somebody wrote a note here, or wrote it anew.
        1 "note_written" Written(Note),
        /// Somebody removed a note that was written here.
        2 "note_removed" Removed(Note),
    }
}

impl Subject for NoteFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let (Self::Written(body) | Self::Removed(body)) = self;
        format!("note/{}", body.note_id)
    }
}
