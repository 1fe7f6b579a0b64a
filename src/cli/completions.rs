//! `factfold completions`: shell completions of commands and flags.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, output};

/// Print shell completions for bash, zsh, fish, elvish or powershell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold completions bash > ~/.local/share/bash-completion/completions/factfold\n  \
    factfold completions zsh > \"${fpath[1]}/_factfold\"\n  \
    factfold completions fish > ~/.config/fish/completions/factfold.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the completions.
pub fn run(args: &Args) -> Result<(), Failure> {
    // Into memory first: the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "factfold", &mut script);
    output::bytes(&script)
}
