//! `factfold erase`: a person's data, in the directory of a stopped server.

use domain::keys::TenantId;
use domain::members::{Email, Phone, Text};
use domain::rules::persons::PersonName;
use serde_json::json;

use super::arguments::{BY, all_known};
use super::{Failure, Settings, output};
use crate::engine::own_checkpoints;

/// Erase a person's data from the log and everything beside it; the hash tree and every figure stay
///
/// The data directory must be of a stopped server; a running one is asked by POST …/tenants/TENANT/erase, and by POST
/// /api/v1/erase for what no tenant owns. Backups are erased when they are restored.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold erase --tenant acme --person jo@example.org\n  \
    factfold erase --tenant acme --person +12025550100\n  \
    factfold erase --tenant acme --person lead:L7\n  \
    factfold erase --person jo@example.org            deliveries that belong to no tenant")]
pub struct Args {
    /// The tenant [default: none: deliveries in quarantine that belong to no tenant]
    #[arg(long, value_parser = super::arguments::tenant)]
    tenant: Option<TenantId>,
    /// An email, a phone (+ and digits), or a lead's id; email:, phone: or lead: before it says which
    #[arg(long, value_name = "WHO", value_parser = person)]
    person: PersonName,
}

fn person(given: &str) -> Result<PersonName, String> {
    let (kind, name) =
        match given.split_once(':').filter(|(kind, _)| ["email", "phone", "lead"].contains(kind)) {
            Some((kind, name)) => (kind, name),
            None if given.contains('@') => ("email", given),
            None if given.starts_with('+') => ("phone", given),
            None => ("lead", given),
        };
    let found = match kind {
        "email" => Email::new(name).filter(Email::is_address).map(PersonName::Email),
        "phone" => Phone::new(name).filter(Phone::is_e164).map(PersonName::Phone),
        _ => Text::new(name).map(PersonName::Lead),
    };
    found.ok_or_else(|| format!("{name:?} is not a {kind}"))
}

/// Erases.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let instead = match args.tenant {
        Some(_) => "POST /api/v1/tenants/TENANT/erase",
        None => "POST /api/v1/erase",
    };
    let (config, offline) = settings.offline(instead)?;
    all_known(&offline, &config, args.tenant.iter().map(TenantId::as_str))?;
    let tenant = args.tenant.clone().unwrap_or_else(TenantId::unassigned);
    let by = Text::new(BY).ok_or_else(|| Failure::Failed("no name".into()))?;
    let checkpoints = own_checkpoints(&offline, &config)?;
    let receipt = offline.erase(&tenant, &args.person, &by, checkpoints.as_ref());
    let receipt = receipt.map_err(|error| Failure::Failed(error.to_string()))?;
    if args.tenant.is_none() {
        output::note("of what no tenant owns; a tenant's own facts are erased with --tenant");
    }
    if receipt.pending_in_engine {
        output::note("the other nodes erase it, too; the engine has it until `factfold cluster reseed`");
    }
    if settings.json {
        return output::json_line(&json!({
            "erased_facts": receipt.erased_facts, "bytes": receipt.bytes, "position": receipt.position,
            "alert_targets": receipt.alert_targets, "checkpoint_before": receipt.checkpoint_before, "checkpoint_after": receipt.checkpoint_after,
            "pending_in_engine": receipt.pending_in_engine,
        }));
    }
    let rows = vec![
        vec!["facts".to_owned(), output::grouped(receipt.erased_facts)],
        vec!["bytes".to_owned(), output::grouped(receipt.bytes)],
        vec!["targets of alerts".to_owned(), output::grouped(receipt.alert_targets)],
        vec!["recorded at".to_owned(), receipt.position.to_string()],
    ];
    output::table(&["what", "erased"], rows)
}
