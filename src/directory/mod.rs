//! What is configured in the log, folded: alert targets.

mod alert_targets;

pub use self::alert_targets::{AlertTarget, AlertTargets};
