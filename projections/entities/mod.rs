//! Entities: the facts of one subject folded into a row.

pub mod alerts;
pub mod attempts;
pub mod call;
pub mod call_list;
pub mod calls;
pub mod claims;
pub mod conflicts;
pub mod crm;
pub mod interests;
pub mod lead;
pub mod lead_list;
pub mod leads;
pub mod links;
pub mod notes;
pub mod quarantine;
pub mod recording_list;
pub mod reports;
pub mod sender_account;
pub mod sender_account_list;
pub mod sender_accounts;
pub mod session;
pub mod session_item;
pub mod sessions;
pub mod spend;
pub mod sync_runs;
pub mod targets;
