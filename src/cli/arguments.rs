//! Arguments that several commands share: names, roles, tenants, time spans.

use domain::facts::access::Role;
use domain::facts::{kind_named, kind_rule};
use domain::keys::TenantId;
use domain::members::{Email, Text};
use domain::record::KindTag;
use domain::rules::calendar::Bound;

use super::Failure;
use crate::config::Config;
use crate::engine::Offline;
use crate::views::export_scan::ExportSelection;

/// The member `by` of facts that the command line records.
pub const BY: &str = "cli";

/// A text of 1 to 1,024 bytes.
pub fn text(given: &str) -> Result<Text, String> {
    Text::new(given).ok_or_else(|| "must be a text of 1 to 1,024 bytes".to_owned())
}

/// A role by its word.
pub fn role(given: &str) -> Result<Role, String> {
    Role::parse(given).ok_or_else(|| "must be one of viewer agent auditor operator admin".to_owned())
}

/// An email address.
pub fn email(given: &str) -> Result<Email, String> {
    let email = Email::new(given).filter(Email::is_address);
    email.ok_or_else(|| format!("must be {}", Email::ADDRESS_RULE))
}

/// A tenant of `--tenant`, including the engine's own.
pub fn tenant(given: &str) -> Result<TenantId, String> {
    TenantId::stored(given).map_err(|error| error.to_string())
}

/// A kind of fact by its name.
pub fn kind(given: &str) -> Result<KindTag, String> {
    kind_named(given).ok_or_else(|| format!("must be {}", kind_rule(given)))
}

/// An instant or a day.
pub fn bound(given: &str) -> Result<Bound, String> {
    Bound::parse(given).ok_or_else(|| format!("must be {}", Bound::RULE))
}

/// A filter of one tenant's facts.
#[derive(Debug, Clone, clap::Args)]
pub struct Selection {
    /// Only facts of this kind, e.g. call_reported
    #[arg(long, value_parser = kind)]
    pub kind: Option<KindTag>,
    /// Only facts of this provider
    #[arg(long)]
    pub provider: Option<String>,
    /// Only facts that occurred at or after TIME: 2025-10-09T12:00:00Z, or a day such as 2025-10-09 in the tenant's zone
    #[arg(long, value_name = "TIME", value_parser = bound)]
    pub from: Option<Bound>,
    /// Only facts that occurred before TIME, or until the end of that day
    #[arg(long, value_name = "TIME", value_parser = bound)]
    pub to: Option<Bound>,
}

impl Selection {
    /// As an export takes it, of all tenants.
    pub fn selected(&self) -> ExportSelection {
        let Self { kind, provider, from, to } = self.clone();
        ExportSelection { kind, provider, from, to, ..ExportSelection::default() }
    }
}

/// Fails for the first name that is not a tenant of this data directory.
pub fn all_known<'n>(
    offline: &Offline,
    config: &Config,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<(), Failure> {
    for name in names {
        let named = TenantId::new(name).map_err(|error| Failure::Usage(format!("--tenant: {error}")))?;
        is_known(offline, config, &named)?;
    }
    Ok(())
}

/// Fails for a tenant that is none of this data directory.
pub fn is_known(offline: &Offline, config: &Config, tenant: &TenantId) -> Result<(), Failure> {
    match offline.knows(config, tenant)? {
        true => Ok(()),
        false => {
            Err(Failure::Usage(format!("--tenant: {tenant} is neither in the configuration nor in the log")))
        }
    }
}
