//! Entry point of the `factfold` binary.

fn main() {}
