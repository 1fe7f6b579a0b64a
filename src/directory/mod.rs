//! Tenants, endpoints, alert targets and leases: folds of the log, with the file's configuration as an input beside them.

mod alert_targets;
mod endpoint;
mod leases;
mod lookups;
mod registry;
mod runtime_endpoint;
pub mod secret;
mod state;
mod twilio_account;

pub use self::alert_targets::{AlertTarget, AlertTargets};
pub use self::endpoint::{ENDPOINT_ID_RULE, Endpoint, endpoint_reference, is_endpoint_id};
pub use self::leases::{Lease, Leases};
pub use self::lookups::{Directory, DirectoryError, TenantEntry, is_same_workspace};
pub use self::registry::{EndpointRow, FileConfig, TenantRegistry};
pub use self::runtime_endpoint::{EndpointName, RuntimeEndpoint};
pub use self::secret::Secret;
pub use self::state::{DirectoryState, TenantState};
pub use self::twilio_account::TwilioAccount;
