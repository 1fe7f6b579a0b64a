//! Sizes of the attacks: small in every run, full by `benches/torture`.

use std::env;

/// The small size, or the full one where the variable `FACTFOLD_FULL` is set.
pub fn sized<T>(small: T, full: T) -> T {
    if env::var_os("FACTFOLD_FULL").is_some() { full } else { small }
}

/// Rounds of kills: `FACTFOLD_KILLS`, where it is set.
pub fn kills(small: u64, full: u64) -> u64 {
    given("FACTFOLD_KILLS").unwrap_or_else(|| sized(small, full))
}

/// Rounds of what is random: `FACTFOLD_ROUNDS`, where it is set.
pub fn rounds(small: u64, full: u64) -> u64 {
    given("FACTFOLD_ROUNDS").unwrap_or_else(|| sized(small, full))
}

/// Leads of a large account: `FACTFOLD_LEADS`, where it is set.
pub fn leads(small: u64, full: u64) -> usize {
    given("FACTFOLD_LEADS").unwrap_or_else(|| sized(small, full)) as usize
}

fn given(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}
