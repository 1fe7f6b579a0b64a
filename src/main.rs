//! Entry point of the `factfold` binary.

fn main() -> std::process::ExitCode {
    factfold::cli::run()
}
