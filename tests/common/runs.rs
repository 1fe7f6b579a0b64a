//! Sync runs of a tenant's sources, asked for and watched over the API.

use std::time::{Duration, Instant};

use factfold::standins::{PlayedAnswer, StandInFault};
use serde_json::{Value, json};

use super::Server;

/// A 429 that asks to wait so many seconds.
pub fn too_many(seconds: u32) -> StandInFault {
    let headers = vec![("retry-after", seconds.to_string())];
    StandInFault::Answer(PlayedAnswer { headers, ..PlayedAnswer::json(429, "{}") })
}

/// Another body in the right one's place, with 200.
pub fn instead(body: impl ToString) -> StandInFault {
    StandInFault::Answer(PlayedAnswer::json(200, body))
}

impl Server {
    /// Runs a source of acme to its end; the run as it is listed.
    pub async fn run_source(&self, body: &Value) -> Value {
        let begun = self.command("acme", "sync/run", body).await;
        let id = begun.is(202).json["run_id"].as_str().expect("an id").to_owned();
        let deadline = Instant::now() + Duration::from_secs(300);
        loop {
            let runs = self.all_items("acme", "sync/runs").await;
            let run = runs.into_iter().find(|run| run["run_id"] == *id).expect("the run is listed");
            if run["status"] != "running" {
                return run;
            }
            assert!(Instant::now() < deadline, "expected an end of {id}; {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The same, which succeeds: how many records it updated.
    pub async fn run_succeeds(&self, source: &str) -> u64 {
        let run = self.run_source(&json!({"source": source})).await;
        assert_eq!((&run["status"], &run["error"]), (&json!("success"), &json!(null)), "{run}");
        let state = self.source(source).await;
        assert_eq!((&state["state"], &state["error"]), (&json!("success"), &json!(null)), "{state}");
        assert_eq!(state["last_run_id"], run["run_id"], "{state}");
        run["records_updated"].as_u64().expect("a number")
    }

    /// As [`Server::run_succeeds`], with what the run updated that a start makes up for: of all runs from `since` on.
    pub async fn updated_since(&self, source: &str, since: &str) -> u64 {
        self.run_succeeds(source).await;
        let runs = self.all_items("acme", "sync/runs").await;
        let since = since.trim_end_matches('Z');
        let is_it = |run: &&Value| {
            run["source"] == source && run["started_at"].as_str().is_some_and(|at| at >= since)
        };
        runs.iter().filter(is_it).filter_map(|run| run["records_updated"].as_u64()).sum()
    }

    /// The same, which fails with these words in its error, and changes nothing.
    pub async fn run_fails(&self, source: &str, words: &str) -> String {
        let success = self.source(source).await["last_success_at"].clone();
        let run = self.run_source(&json!({"source": source})).await;
        assert_eq!((&run["status"], &run["records_updated"]), (&json!("failed"), &json!(0)), "{run}");
        let error = run["error"].as_str().expect("an error");
        assert!(error.contains(words), "expected {words:?} in {run}");
        let state = self.source(source).await;
        assert_eq!((&state["state"], &state["error"]), (&json!("failed"), &run["error"]), "{state}");
        assert_eq!(state["last_success_at"], success, "{state}");
        error.to_owned()
    }

    /// How a source of acme stands.
    pub async fn source(&self, name: &str) -> Value {
        let sources = self.all_items("acme", "sync/sources").await;
        let found = sources.iter().find(|item| item["source"] == name);
        found.unwrap_or_else(|| panic!("expected {name} among {sources:?}")).clone()
    }
}
