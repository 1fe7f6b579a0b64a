//! The fact that a person's data was erased (E10). It names nobody.

use crate::body;
use crate::members::Text;

body! {
    /// `person_erased`: personal parts, salts and payloads of a person's facts are gone from the log (E10). It names nobody.
    PersonErased {
        public {
            /// Which erasure.
            required erasure_id: Text;
            /// How many facts had something to erase.
            required erased_facts: u64;
            /// Bytes that went: personal parts, payloads and salts.
            required bytes: u64;
            /// Who asked.
            optional by: Text;
        }
    }
}
