//! `factfold config show`: the settings that hold, each with where it comes from; secrets stay where they are.

use clap::Subcommand;
use serde_json::Value;

use super::{Failure, ServeArgs, Settings, output};
use crate::config::shown::{Shown, shown};

/// Look at the configuration: every setting and where it comes from.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every setting that holds, and where it comes from: a flag, a variable, file and line, or the default
    ///
    /// Takes the flags of `serve` and reads what it reads. A configuration that `serve` refuses is refused here, by
    /// file, line and key. Secrets are shown as `env:NAME` or `file:PATH`, one that is written out as ***.
    #[command(after_help = "Examples:\n  \
        factfold config show\n  \
        factfold config show --json --config /etc/factfold.toml")]
    Show(ServeArgs),
}

/// Shows them.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let What::Show(given) = &args.what;
    let found = shown(&given.overrides(settings))?;
    if settings.json {
        return found.iter().try_for_each(output::json_line);
    }
    let row = |shown: Shown| vec![shown.key, in_words(&shown.value), shown.origin];
    output::table(&["setting", "value", "from"], found.into_iter().map(row))
}

/// A text as it stands there, what is not set as a dash.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
