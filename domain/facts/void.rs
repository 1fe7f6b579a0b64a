//! Facts of undo: a fact counts as if it had never come, and counts again (E13).

use crate::body;
use crate::members::Text;

body! {
    /// `fact_voided`: the fact at a position counts nowhere from here on, as if it had never come.
    FactVoided {
        public {
            /// The fact that is voided.
            required voided_position: u64;
            /// How often it was voided before.
            required earlier: u64;
            /// Why.
            required reason: Text;
            /// Who decided.
            optional by: Text;
            /// The `Idempotency-Key` of the request.
            optional request: Text;
        }
    }
}

body! {
    /// `fact_restored`: a voided fact counts again, as if it had never been voided.
    FactRestored {
        public {
            /// The fact that counts again.
            required voided_position: u64;
            /// Which of its voids is taken back.
            required earlier: u64;
            /// Who decided.
            optional by: Text;
        }
    }
}
