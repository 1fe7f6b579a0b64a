//! `factfold completions`: what a shell must know to complete commands and flags.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, output};

/// Print the completions of a shell: bash, zsh, fish, elvish, powershell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold completions bash > ~/.local/share/bash-completion/completions/factfold\n  \
    factfold completions zsh > \"${fpath[1]}/_factfold\"\n  \
    factfold completions fish > ~/.config/fish/completions/factfold.fish")]
pub struct Args {
    /// For which shell
    shell: Shell,
}

/// Prints them.
pub fn run(args: &Args) -> Result<(), Failure> {
    // Into memory first: the generator does not tell of a reader that went away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "factfold", &mut script);
    output::bytes(&script)
}
