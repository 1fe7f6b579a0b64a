//! The schedule by the tenant's clock: midnight, a day on which the clock is set, a month's end, runs that were missed.

use super::*;
use crate::common::shifted::Shifted;

/// The main runs, oldest first, once there are so many.
async fn runs(server: &Server, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut runs = main_runs(server).await;
        let is_over = runs.iter().all(|run| run["status"] != "running");
        if is_over && runs.len() >= count {
            runs.reverse();
            return runs;
        }
        assert!(Instant::now() < deadline, "expected {count} runs: {runs:?}; {}", server.stderr());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn began(run: &Value) -> &str {
    run["started_at"].as_str().expect("it began")
}

#[tokio::test]
async fn b2_midnight_is_the_tenants_also_where_its_clock_is_set_and_missed_runs_are_made_up_for_by_one() {
    let (crm, _) = played(3).await;
    let site = site(&crm.url());
    let daily = tables(&crm.url(), KEY).replace("0 0 1 1 *", "0 0 * * *");
    site.configure(&daily);
    let shifted = Shifted::on(site);
    // Chicago is 6 hours behind UTC, and 5 from the night of 8 March on.
    let server = shifted.start_at("2026-03-08T05:59:56Z").await;
    let first = runs(&server, 1).await;
    assert_eq!((first.len(), &began(&first[0])[..16]), (1, "2026-03-08T06:00"), "{first:?}");
    let next = source(&server, "clienttether").await["next_run_at"].clone();
    assert_eq!(next, "2026-03-09T05:00:00Z", "the next midnight comes after 23 hours");
    server.terminate();
    // Some 23 runs are missed: one makes up for them, and the month's end has its own.
    let server = shifted.start_at("2026-04-01T04:59:52Z").await;
    let all = runs(&server, 3).await;
    let began: Vec<&str> = all.iter().map(|run| &began(run)[..16]).collect();
    assert_eq!(began, ["2026-03-08T06:00", "2026-04-01T04:59", "2026-04-01T05:00"], "{all:?}");
}
