//! Entities: the facts of one subject folded into a row. A folder each: the table in `mod.rs`, its row, its lists.

pub mod alerts;
pub mod call_requests;
pub mod calls;
pub mod conflicts;
pub mod crm;
pub mod leads;
pub mod notes;
pub mod quarantine;
pub mod reports;
pub mod sender_accounts;
pub mod sessions;
pub mod spend;
pub mod targets;
pub mod voids;
