//! `factfold user`: users and their roles in a data directory; changed while no server has it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read};

use clap::Subcommand;
use domain::facts::access::Role;
use domain::keys::TenantId;
use domain::members::{Email, Text};
use serde_json::json;

use super::arguments::{BY, all_known, email, role, text};
use super::{Failure, Settings, output};
use crate::access::{Access, Person};
use crate::commands::{NewUser, UserChange};

/// The same by a running server.
const INSTEAD: &str = "the routes below /api/v1/users";
/// Longest password that is read.
const PASSWORD_BYTES_MAX: u64 = 4_096;

/// Add, list, change and remove users
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a user; the first line of standard input is the password
    #[command(after_help = "Examples:\n  \
        factfold user create ann@example.com --member acme=agent < password.txt\n  \
        read -rs WORD && printf '%s' \"$WORD\" | factfold user create root@example.com --role admin")]
    Create {
        /// Email for the login
        #[arg(value_parser = email)]
        email: Email,
        /// Name of the user
        #[arg(long, value_parser = text)]
        name: Option<Text>,
        /// Role in all tenants: auditor, operator or admin
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Role in one tenant, e.g. acme=viewer, as viewer, agent, auditor, operator or admin; can be repeated
        #[arg(long = "member", value_name = "TENANT=ROLE", value_parser = membership)]
        memberships: Vec<(TenantId, Role)>,
    },
    /// List users with their roles
    List,
    /// Change a user's password to the first line of standard input; every login ends
    Password {
        /// The user's email or id
        user: String,
    },
    /// Set a user's role in one tenant
    Grant {
        /// The user's email or id
        user: String,
        /// The tenant, and the role in it: viewer, agent, auditor, operator or admin; e.g. acme=agent
        #[arg(value_name = "TENANT=ROLE", value_parser = membership)]
        membership: (TenantId, Role),
    },
    /// Remove a user's role in one tenant
    Revoke {
        /// The user's email or id
        user: String,
        /// The tenant
        #[arg(value_parser = super::arguments::tenant)]
        tenant: TenantId,
    },
    /// Remove a user; every login ends
    Remove {
        /// The user's email or id
        user: String,
    },
}

fn membership(given: &str) -> Result<(TenantId, Role), String> {
    let (tenant, word) = given.split_once('=').ok_or("must be TENANT=ROLE, for example acme=viewer")?;
    Ok((TenantId::new(tenant).map_err(|error| error.to_string())?, role(word)?))
}

/// Adds, lists, changes or removes.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let access = || settings.offline(INSTEAD);
    let (done, id) = match &args.what {
        What::List => return list(settings),
        What::Create { email, name, role, memberships } => {
            let new =
                NewUser { email: email.clone(), name: name.clone(), password: password()?, role: *role };
            let (config, offline) = settings.offline_or_new(INSTEAD)?;
            all_known(&offline, &config, memberships.iter().map(|(tenant, _)| tenant.as_str()))?;
            let id = offline.commands.add_user(BY, &new)?;
            for (tenant, role) in memberships {
                offline.commands.grant(BY, id.as_str(), tenant, *role)?;
            }
            ("added", id)
        }
        What::Password { user } => {
            let change = UserChange { password: Some(password()?), ..UserChange::default() };
            let (_, offline) = access()?;
            let id = id_of(&offline.access, user)?;
            offline.commands.change_user(BY, id.as_str(), &change)?;
            ("changed", id)
        }
        What::Grant { user, membership: (tenant, role) } => {
            let (config, offline) = access()?;
            all_known(&offline, &config, [tenant.as_str()])?;
            let id = id_of(&offline.access, user)?;
            offline.commands.grant(BY, id.as_str(), tenant, *role)?;
            ("granted", id)
        }
        What::Revoke { user, tenant } => {
            let (_, offline) = access()?;
            let id = id_of(&offline.access, user)?;
            offline.commands.revoke_membership(BY, id.as_str(), tenant)?;
            ("revoked", id)
        }
        What::Remove { user } => {
            let (_, offline) = access()?;
            let id = id_of(&offline.access, user)?;
            offline.commands.remove_user(BY, id.as_str())?;
            ("removed", id)
        }
    };
    if settings.json {
        return output::json_line(&json!({"id": id.as_str(), "done": done}));
    }
    output::note(&format!("{done}: user {id}"));
    Ok(())
}

/// The user with this email or id.
fn id_of(access: &Access, user: &str) -> Result<Text, Failure> {
    let known = access.known();
    let by_id = Text::new(user).filter(|id| known.users.contains_key(id));
    let by_email = || Email::new(user).and_then(|email| known.by_email(&email).map(|(id, _)| id.clone()));
    by_id.or_else(by_email).ok_or_else(|| Failure::Failed(format!("user {user} not found")))
}

/// The first line of standard input. Never an argument: every user of the machine can see those.
fn password() -> Result<String, Failure> {
    let input = io::stdin();
    if input.is_terminal() {
        output::note("Type the password, then Enter (it will be visible; --help shows a hidden way):");
    }
    let mut line = String::new();
    let mut limited = io::BufReader::new(input.lock().take(PASSWORD_BYTES_MAX));
    io::BufRead::read_line(&mut limited, &mut line)
        .map_err(|error| Failure::Failed(format!("standard input: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::Usage(
            "the password is empty: it is read from the first line of standard input".into(),
        ));
    }
    Ok(password.to_owned())
}

fn list(settings: &Settings) -> Result<(), Failure> {
    let (_, offline) = settings.reading()?;
    let known = offline.access.known();
    let memberships = |user: &Person| -> BTreeMap<String, &'static str> {
        user.grants.tenants.iter().map(|(tenant, role)| (tenant.to_string(), role.as_str())).collect()
    };
    if settings.json {
        return known.users.iter().try_for_each(|(id, user)| {
            output::json_line(&json!({
                "id": id.as_str(), "email": user.email.as_ref().map(Email::as_str),
                "name": user.name.as_ref().map(Text::as_str), "role": user.grants.everywhere.map(Role::as_str),
                "memberships": memberships(user), "added_at": user.added_at.to_string(),
            }))
        });
    }
    if known.users.is_empty() {
        output::note("no users; factfold user create adds one");
        return Ok(());
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let row = |(id, user): (&Text, &Person)| {
        let everywhere = user.grants.everywhere.map(|role| format!("{} of all", role.as_str()));
        let of = memberships(user).into_iter().map(|(tenant, role)| format!("{role} of {tenant}"));
        let roles: Vec<String> = everywhere.into_iter().chain(of).collect();
        let (email, name) = (or_dash(user.email.as_ref().map(ToString::to_string)), user.name.as_ref());
        let name = or_dash(name.map(ToString::to_string));
        vec![id.to_string(), email, name, or_dash((!roles.is_empty()).then(|| roles.join(", ")))]
    };
    output::table(&["id", "email", "name", "roles"], known.users.iter().map(row))
}
