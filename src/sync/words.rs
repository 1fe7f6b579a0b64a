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

/// Code and words of an answer of success that is an error inside, whatever list stands beside it (L8): `error` or
/// `errors`, or a `code` with its `message`.
pub fn refusal(answer: &Value) -> Option<(String, String)> {
    let is_told = |told: &&Value| match told {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    let text = |told: &Value| told.as_str().map_or_else(|| told.to_string(), str::to_owned);
    let errors = ["error", "errors"].iter().filter_map(|name| answer.get(name)).find(is_told);
    match (errors, answer.get("code").filter(is_told), answer.get("message").filter(is_told)) {
        (Some(error), code, _) => Some((code.map_or_else(|| "error".to_owned(), text), text(error))),
        (None, Some(code), Some(message)) => Some((text(code), text(message))),
        (None, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_beside_an_empty_list_is_a_refusal_and_members_that_say_nothing_are_none() {
        for (answer, code) in [
            (json!({"calls": [], "error": "Account is suspended"}), "error"),
            (json!({"calls": [], "total_pages": 1, "errors": [{"detail": "no"}]}), "error"),
            (json!({"data": [], "errors": {"workspace": ["is gone"]}}), "error"),
            (json!({"code": 20003, "message": "Authenticate", "status": 401}), "20003"),
            (json!({"code": "E7", "error": "down"}), "E7"),
        ] {
            assert_eq!(refusal(&answer).map(|(code, _)| code).as_deref(), Some(code), "{answer}");
        }
        for answer in [
            json!({"calls": [], "error": null, "errors": []}),
            json!({"calls": [], "error": "", "errors": {}, "message": "Success"}),
            json!({"calls": [], "error": false, "code": 200}),
            json!([{"error": "of a row"}]),
        ] {
            assert_eq!(refusal(&answer), None, "{answer}");
        }
    }
}
