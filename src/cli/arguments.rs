//! What several commands take: names, roles, tenants, stretches of time.

use domain::facts::access::Role;
use domain::keys::TenantId;
use domain::members::{Email, Text};

use super::Failure;
use crate::config::Config;
use crate::engine::Offline;

/// What `by` of a fact says that was made on the command line.
pub const BY: &str = "cli";

/// A text that is not blank.
pub fn text(given: &str) -> Result<Text, String> {
    Text::new(given).ok_or_else(|| "must be a text of 1 to 1,024 bytes".to_owned())
}

/// A role by its word.
pub fn role(given: &str) -> Result<Role, String> {
    Role::parse(given).ok_or_else(|| "must be one of viewer agent auditor operator admin".to_owned())
}

/// An email address.
pub fn email(given: &str) -> Result<Email, String> {
    let email = Email::new(given).filter(|email| email.as_str().contains('@'));
    email.ok_or_else(|| "must be an email address".to_owned())
}

/// The tenant of `--tenant`, the engine's own included.
pub fn tenant(given: &str) -> Result<TenantId, String> {
    TenantId::stored(given).map_err(|error| error.to_string())
}

/// Refuses the first name that is no tenant of this data directory.
pub fn all_known<'n>(
    offline: &Offline,
    config: &Config,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<(), Failure> {
    for name in names {
        let named = TenantId::new(name).map_err(|error| Failure::Usage(format!("--tenant: {error}")))?;
        if !offline.knows(config, &named)? {
            return Err(Failure::Usage(format!("--tenant: {named} is neither configured nor in the log")));
        }
    }
    Ok(())
}
