//! Facts of the pull side as the worker writes them for `POST /facts`.

use serde_json::{Value, json};

use super::facts::{fact, with};

const SOURCE: &str = "clienttether";

/// A run that began.
pub fn started(run: &str, at: &str) -> Value {
    let fact = fact(SOURCE, &format!("{run}/started"), "sync_started", at);
    with(fact, json!({"run_id": run, "source": SOURCE, "status": "running"}))
}

/// A run that ended `success` or `failed`.
pub fn ended(run: &str, status: &str, at: &str) -> Value {
    let fact = fact(SOURCE, &format!("{run}/finished"), "sync_finished", at);
    with(fact, json!({"run_id": run, "source": SOURCE, "status": status}))
}

/// Page `part` of `parts` of what a run read.
pub fn page(run: &str, resource: &str, (part, parts): (u32, u32), at: &str, records: Value) -> Value {
    let fact = fact(SOURCE, &format!("{run}/{resource}/{part}"), "snapshot_taken", at);
    with(
        fact,
        json!({"run_id": run, "source": SOURCE, "resource": resource, "observed_at": at, "part": part,
            "parts": parts, "records": records}),
    )
}

/// A whole run that read one resource in one page and ended well.
pub fn good(run: &str, resource: &str, at: &str, records: Value) -> [Value; 3] {
    [started(run, at), page(run, resource, (1, 1), at, records), ended(run, "success", at)]
}
