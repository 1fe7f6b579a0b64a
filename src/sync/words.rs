//! The provider's own words in the errors of runs.

use serde_json::Value;

use super::error::SyncError;
use super::run::SyncRun;

/// Letters of the provider's words that an error quotes.
const WORDS_MAX: usize = 200;

/// Words as an error may quote them: masked before they are cut, since half a credential would not be found any more.
pub fn quoted(run: &SyncRun, words: &str) -> String {
    run.masked(words).chars().take(WORDS_MAX).collect()
}

/// The error with what was asked for, and with the words that `find` sees in the answer's body.
pub fn explained(
    run: &SyncRun,
    what: &str,
    error: SyncError,
    find: impl FnOnce(&Value) -> Option<String>,
) -> SyncError {
    error.with_words(|body| find(body).map(|words| quoted(run, &words))).at(what)
}
