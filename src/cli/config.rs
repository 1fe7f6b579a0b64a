//! `factfold config`: the effective settings with their origins, secrets masked; and the reference of every key.

use clap::Subcommand;
use serde_json::Value;

use super::{Failure, ServeArgs, Settings, output};
use crate::config::Config;
use crate::config::reference::{reference, reference_lines};
use crate::config::shown::{Shown, shown};

/// Inspect the configuration
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every effective setting and its origin: a flag, a variable, file and line, or the default
    ///
    /// Accepts the flags of `serve` and checks the configuration as `serve` does; errors name file, line and key.
    /// Secrets are shown as `env:NAME` or `file:PATH`, and as *** where the file contains them.
    #[command(after_help = "Examples:\n  \
        factfold config show\n  \
        factfold config show --json --config /etc/factfold.toml")]
    Show(ServeArgs),
    /// Print every table and key of factfold.toml with type, default, example and meaning
    ///
    /// The output is itself a configuration file with every line commented out. Reads no configuration.
    #[command(after_help = "Examples:\n  \
        factfold config reference > factfold.toml\n  \
        factfold config reference --json | jq -c 'select(.required)'")]
    Reference,
}

/// Prints the settings, or the reference.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Show(given) => show(settings, given),
        What::Reference if settings.json => reference_lines().try_for_each(|line| output::json_line(&line)),
        What::Reference => output::bytes(reference().as_bytes()),
    }
}

fn show(settings: &Settings, given: &ServeArgs) -> Result<(), Failure> {
    let overrides = given.overrides(settings);
    let found = shown(&overrides)?;
    Config::load(&overrides)?.advice.iter().for_each(|advice| output::note(advice));
    if settings.json {
        return found.iter().try_for_each(output::json_line);
    }
    let row = |shown: Shown| vec![shown.key, in_words(&shown.value), shown.origin];
    output::table(&["setting", "value", "from"], found.into_iter().map(row))
}

/// A value for the table: texts without quotes, unset values as a dash.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
