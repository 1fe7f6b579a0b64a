//! `factfold config show`: the effective settings with their origins; secrets are masked.

use clap::Subcommand;
use serde_json::Value;

use super::{Failure, ServeArgs, Settings, output};
use crate::config::Config;
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
}

/// Prints the settings.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let What::Show(given) = &args.what;
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
