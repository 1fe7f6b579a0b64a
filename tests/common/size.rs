//! Sizes of the attacks: small in every run, full by `benches/torture`.

use std::env;

/// The small size, or the full one where the variable `FACTFOLD_FULL` is set.
pub fn sized<T>(small: T, full: T) -> T {
    if env::var_os("FACTFOLD_FULL").is_some() { full } else { small }
}

/// Rounds of kills: `FACTFOLD_KILLS`, where it is set.
pub fn kills(small: u64, full: u64) -> u64 {
    let given = env::var("FACTFOLD_KILLS").ok();
    given.and_then(|rounds| rounds.parse().ok()).unwrap_or_else(|| sized(small, full))
}
