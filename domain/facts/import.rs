//! Facts of imports: a file was read to its end.

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::members::Text;
use crate::{body, group};

body! {
    /// `import_finished`: a file of facts was read to its end. Months that were over before the log began, and of which
    /// it brought facts, are closed from here on (RULINGS, Restatement causes).
    ImportFinished {
        public {
            /// SHA-256 of the file in hexadecimal digits. Its name may tell more than an auditor needs to know.
            required file: Text;
            /// Length of the file in bytes.
            required bytes: u64;
            /// Lines that are not blank.
            required lines: u64;
            /// Facts that are new.
            required recorded: u64;
            /// Facts that were known.
            required duplicates: u64;
            /// Facts whose key was known with other content.
            required conflicts: u64;
            /// Lines that are no facts, or none that may be imported.
            required rejected: u64;
            /// The lowest position of a fact of the file, known ones included.
            optional lowest_position: u64;
            /// The first position of a new fact.
            optional first_position: u64;
            /// The last position of a new fact.
            optional last_position: u64;
            /// Who imported it over a server; whoever has the data directory is nobody in particular.
            optional by: Text;
        }
    }
}

impl ImportFinished {
    /// The positions that it names.
    pub fn positions(&mut self) -> [&mut Option<u64>; 3] {
        [&mut self.lowest_position, &mut self.first_position, &mut self.last_position]
    }
}

group! {
    /// Facts of imports.
    ImportFact = 15 {
        1 "import_finished" Finished(ImportFinished),
    }
}

impl Subject for ImportFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let Self::Finished(body) = self;
        format!("import/{}", body.file)
    }
}
