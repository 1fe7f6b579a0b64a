//! `factfold man`: the manual pages, as troff.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_mangen::Man;

use super::{Cli, Failure, output};

/// Print the manual page, or write the pages of all commands to a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold man | man -l -\n  \
    factfold man --out /usr/local/share/man/man1")]
pub struct Args {
    /// Write one page per command to this directory, e.g. factfold-log-list.1
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints one page or writes all.
pub fn run(args: &Args) -> Result<(), Failure> {
    let Some(dir) = &args.out else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page).map_err(|error| Failure::Failed(error.to_string()))?;
        return output::bytes(&page);
    };
    let broken = |error: std::io::Error| Failure::Failed(format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(broken)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(broken)?;
    output::note(&format!("wrote the manual pages to {}", dir.display()));
    Ok(())
}
