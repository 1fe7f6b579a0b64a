//! `factfold token`: API tokens of a data directory; issued and revoked while no server has it.

use clap::Subcommand;
use domain::facts::access::Role;
use domain::members::Text;
use serde_json::json;

use super::arguments::{BY, all_known, role, text};
use super::{Failure, Settings, output};
use crate::access::AccessError;
use crate::commands::NewToken;

/// The same by a running server.
const INSTEAD: &str = "GET, POST and DELETE /api/v1/tokens";

/// Issue, list and revoke API tokens
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Issue a token; it is printed to stdout once and cannot be shown again
    ///
    /// A viewer reads figures and lists; an agent works the dialer, too; an auditor reads all, with evidence and metrics;
    /// an operator posts facts, retries and decides, too; an admin does everything, with tokens and users.
    #[command(after_help = "Examples:\n  \
        factfold token create dashboard --role viewer --tenant acme\n  \
        TOKEN=$(factfold token create nightly-audit --role auditor)")]
    Create {
        /// What the token is for
        #[arg(value_parser = text)]
        name: Text,
        /// Role: viewer, agent, auditor, operator or admin
        #[arg(long, value_parser = role)]
        role: Role,
        /// Tenant of the token; can be repeated. Without it the token is for all tenants, except as viewer or agent
        #[arg(long = "tenant", value_name = "TENANT")]
        tenants: Vec<String>,
    },
    /// List tokens, including revoked ones, without their secrets
    List,
    /// Revoke a token for ever
    Revoke {
        /// The token's id, from the list
        id: String,
    },
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Invalid { pointer, rule } => {
                let argument = match pointer {
                    "/tenants" => "--tenant",
                    "/password" => "the password",
                    other => return Self::Usage(format!("--{}: {rule}", other.trim_start_matches('/'))),
                };
                Self::Usage(format!("{argument}: {rule}"))
            }
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Issues, lists or revokes.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Create { name, role, tenants } => {
            let (config, offline) = settings.offline_or_new(INSTEAD)?;
            all_known(&offline, &config, tenants.iter().map(String::as_str).filter(|name| *name != "*"))?;
            let new = NewToken { name: name.clone(), role: *role, tenants: tenants.clone() };
            let issued = offline.commands.issue_token(BY, &new)?;
            if settings.json {
                return output::json_line(&json!({"id": issued.id.as_str(), "token": issued.token}));
            }
            output::line(&issued.token)?;
            output::note(&format!("token {}: keep it now, it cannot be shown again", issued.id));
            Ok(())
        }
        What::List => list(settings),
        What::Revoke { id } => {
            let (_, offline) = settings.offline(INSTEAD)?;
            offline.commands.revoke_token(BY, id)?;
            if settings.json {
                return output::json_line(&json!({"id": id, "revoked": true}));
            }
            output::note(&format!("token {id} revoked"));
            Ok(())
        }
    }
}

fn list(settings: &Settings) -> Result<(), Failure> {
    let (_, offline) = settings.reading()?;
    let known = offline.access.known();
    let tenants = |token: &crate::access::Token| -> Vec<String> {
        token.grants.tenants.keys().map(ToString::to_string).collect()
    };
    if settings.json {
        return known.tokens.iter().try_for_each(|(id, token)| {
            output::json_line(&json!({
                "id": id.as_str(), "name": token.name.as_str(), "role": token.role.as_str(),
                "tenants": tenants(token), "issued_by": token.by.as_ref().map(Text::as_str),
                "issued_at": token.issued_at.to_string(),
                "revoked_at": token.revoked_at.as_ref().map(ToString::to_string),
            }))
        });
    }
    if known.tokens.is_empty() {
        output::note("no tokens; factfold token create issues one");
        return Ok(());
    }
    let row = |(id, token): (&Text, &crate::access::Token)| {
        let tenants = tenants(token);
        let tenants = if tenants.is_empty() { "all".to_owned() } else { tenants.join(" ") };
        let revoked = token.revoked_at.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let (name, role) = (token.name.to_string(), token.role.as_str().to_owned());
        vec![id.to_string(), name, role, tenants, token.issued_at.to_string(), revoked]
    };
    let headings = ["id", "name", "role", "tenants", "issued_at", "revoked_at"];
    output::table(&headings, known.tokens.iter().map(row))
}
